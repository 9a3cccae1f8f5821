//! The `global` section.

use std::ops::{Deref, DerefMut};

use super::tls::TlsDefaults;
use crate::model::Global;

/// What needs no resolving, and what lines elsewhere begin with.
#[derive(Debug, Default)]
pub(crate) struct GlobalDraft {
    pub(crate) model: Global,
    pub(crate) tls: TlsDefaults,
}

impl Deref for GlobalDraft {
    type Target = Global;

    fn deref(&self) -> &Global {
        &self.model
    }
}

impl DerefMut for GlobalDraft {
    fn deref_mut(&mut self) -> &mut Global {
        &mut self.model
    }
}
