//! Whose the numbers in the maps are.

use lb_common::value::{ServerId, ServiceId};

use crate::label::Owner;
use crate::plan::{ServerName, ServiceName};
use crate::store::Contents;

/// Looks names up.
#[derive(Clone, Copy)]
pub(super) struct Names<'a>(pub(super) &'a Contents);

impl<'a> Names<'a> {
    pub(super) fn service(self, id: ServiceId) -> Option<&'a ServiceName> {
        // Labels of services have keys that are their numbers.
        match self.0.owners.get(&u32::from(id))? {
            Owner::Service(name) => Some(name),
            Owner::Server(_) => None,
        }
    }

    pub(super) fn server(self, id: ServerId) -> Option<&'a ServerName> {
        match self.0.owners.get(&(1 << 16 | u32::from(id)))? {
            Owner::Server(name) => Some(name),
            Owner::Service(_) => None,
        }
    }

    /// The frontend; what has no label is told by its number.
    pub(super) fn frontend(self, id: ServiceId) -> String {
        self.service(id).map_or_else(|| format!("#{id}"), |name| name.frontend.to_string())
    }

    /// Backend and server; what has no label is told by its number.
    pub(super) fn backend_server(self, id: ServerId) -> (String, String) {
        match self.server(id) {
            Some(name) => (name.backend.to_string(), name.server.to_string()),
            None => (String::new(), format!("#{id}")),
        }
    }
}
