//! Files that a line names and nothing reads, for want of `ssl` or `verify`: they must be there all the same.

use std::path::{Path, PathBuf};

use super::based;
use crate::diag::{Code, Diagnostic};
use crate::draft::{BindTlsDraft, ServerDraft, TlsDefaults, TlsWords, Verify};
use crate::host::Host;
use crate::span::Span;

/// Files of a `bind` line.
pub(super) fn of_bind(
    draft: &BindTlsDraft,
    defaults: &TlsDefaults,
    span: Span,
    host: &dyn Host,
    notes: &mut Vec<Diagnostic>,
) {
    let mut files = Vec::new();
    if draft.enabled.is_none() {
        let certificates = draft.certificates.iter();
        files.extend(certificates.map(|c| based(defaults.crt_base.as_deref(), &c.path.value)));
        files.extend(draft.ticket_keys.clone());
    }
    if draft.enabled.is_none() || !verifies(&draft.words, false) {
        files.extend(authorities(&draft.words, defaults));
        files.extend(draft.ca_verify_file.as_deref().and_then(|file| authority(file, defaults)));
    }
    check(files, span, host, notes);
}

/// Files of a `server` line, of which TLS is or is not used.
pub(super) fn of_server(
    draft: &ServerDraft,
    is_used: bool,
    defaults: &TlsDefaults,
    host: &dyn Host,
    notes: &mut Vec<Diagnostic>,
) {
    let tls = &draft.settings.tls;
    if !is_used || !verifies(&tls.words, !defaults.trust_servers) {
        check(authorities(&tls.words, defaults).collect(), draft.span, host, notes);
    }
}

fn verifies(words: &TlsWords, otherwise: bool) -> bool {
    words.verify.map_or(otherwise, |verify| verify.value != Verify::None)
}

fn authorities(words: &TlsWords, defaults: &TlsDefaults) -> impl Iterator<Item = PathBuf> {
    let ca_file = words.ca_file.as_deref().and_then(|file| authority(file, defaults));
    let crl_file = words.crl_file.as_deref().map(|file| based(defaults.ca_base.as_deref(), file));
    ca_file.into_iter().chain(crl_file)
}

fn authority(file: &str, defaults: &TlsDefaults) -> Option<PathBuf> {
    (file != "@system-ca").then(|| based(defaults.ca_base.as_deref(), file))
}

fn check(files: Vec<PathBuf>, span: Span, host: &dyn Host, notes: &mut Vec<Diagnostic>) {
    for file in files {
        if let Err(e) = read(&file, host) {
            let message = format!("cannot read '{}': {e}", file.display());
            notes.push(Diagnostic::alert(Code::File, message).at(span));
        }
    }
}

fn read(file: &Path, host: &dyn Host) -> std::io::Result<()> {
    match host.list(file)? {
        Some(_) => Ok(()),
        None => host.read(file).map(|_| ()),
    }
}
