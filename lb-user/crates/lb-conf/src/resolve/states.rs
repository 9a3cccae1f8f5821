//! The files that states of servers are taken from.

use std::path::PathBuf;

use crate::diag::{Code, Diagnostic};
use crate::draft::{GlobalDraft, Placed, ProxyDraft, StateSource};
use crate::host::Host;

/// The file of a proxy. One that cannot be read is worth a warning: servers then begin as the configuration has them.
pub(super) fn file(
    proxy: &ProxyDraft,
    global: &GlobalDraft,
    host: &dyn Host,
    notes: &mut Vec<Diagnostic>,
) -> Option<PathBuf> {
    let own;
    let name = match proxy.load_states? {
        StateSource::Global => global.state_file.as_ref()?,
        StateSource::Local => match &proxy.state_file {
            Some(name) => name,
            None => {
                own = Placed::new(proxy.name.clone(), proxy.span);
                &own
            }
        },
    };
    // An absolute path replaces the base.
    let path = global.state_base.as_ref().map_or_else(|| (&name.value).into(), |base| base.join(&name.value));
    match host.read(&path) {
        Ok(_) => Some(path),
        Err(e) => {
            let message = format!("cannot read states of servers from '{}': {e}", path.display());
            notes.push(Diagnostic::warning(Code::File, message).at(name.span));
            None
        }
    }
}
