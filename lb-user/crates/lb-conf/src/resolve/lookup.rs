//! Servers whose names are looked up while the daemon runs.

use std::sync::Arc;

use crate::diag::{Code, Diagnostic};
use crate::draft::{Placed, ProxyDraft};
use crate::host::Host;
use crate::keyword;
use crate::model::{Lookup, Resolvers, Server};

/// The section that is there without being written: the system's name servers.
const DEFAULT: &str = "default";

/// Finds the sections that the servers of a proxy name.
pub(super) fn fill(
    draft: &ProxyDraft,
    host: &dyn Host,
    sections: &mut Vec<Arc<Resolvers>>,
    servers: &mut [Arc<Server>],
    notes: &mut Vec<Diagnostic>,
) {
    for (draft, server) in draft.servers.iter().zip(servers) {
        let settings = &draft.settings;
        let Some(name) = &settings.resolvers else { continue };
        // What is not looked up needs no name servers, but a name that nothing has is a mistake all the same.
        if draft.hostname.is_none() && name.value == DEFAULT {
            continue;
        }
        let Some(resolvers) = section(name, host, sections) else {
            let message = format!("there is no resolvers section '{}'", name.value);
            let known = sections.iter().map(|s| &*s.name);
            notes.push(
                Diagnostic::alert(Code::UnknownName, message).at(name.span).nearest(&name.value, known),
            );
            continue;
        };
        if draft.hostname.is_none() {
            continue;
        }
        Arc::make_mut(server).lookup = Some(Lookup {
            resolvers,
            prefer_v4: settings.prefer_v4,
            allow_duplicates: settings.allow_duplicates,
            networks: settings.networks.clone(),
        });
    }
}

fn section(name: &Placed<String>, host: &dyn Host, sections: &mut Vec<Arc<Resolvers>>) -> Option<usize> {
    let found = sections.iter().position(|s| *s.name == *name.value);
    if found.is_some() || name.value != DEFAULT {
        return found;
    }
    let servers = keyword::system_servers(host).ok()?;
    sections.push(Arc::new(Resolvers { servers, ..Resolvers::new(DEFAULT, name.span) }));
    Some(sections.len() - 1)
}
