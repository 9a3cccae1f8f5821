//! The accepting half of a proxy.

use std::mem::take;

use super::Numbers;
use crate::compile::{Compiled, Names};
use crate::diag::{Code, Diagnostic};
use crate::draft::{BindDraft, GlobalDraft, Placed, ProxyDraft, UnixDefaults};
use crate::keyword::section::SectionKind;
use crate::model::{BackendId, Bind, BindSocket, Frontend, FrontendId, Mode, Proxy, XdpUse};

pub(super) fn resolve(
    draft: &ProxyDraft,
    proxy: Proxy,
    id: FrontendId,
    names: &Names<'_>,
    global: &GlobalDraft,
    compiled: &mut Compiled,
    notes: &mut Vec<Diagnostic>,
) -> Frontend {
    // A disabled proxy holds no address: another process may have it.
    let binds = if draft.disabled { &[] } else { draft.binds.as_slice() };
    let mut numbers = Numbers::new(binds.iter().filter_map(|b| b.settings.id));
    Frontend {
        binds: binds.iter().map(|b| bind(b, draft.backlog, &global.unix, &mut numbers)).collect(),
        maxconn: draft.maxconn,
        default_backend: default_backend(draft, names, notes),
        xdp: draft.xdp.as_ref().map_or(XdpUse::Auto, |x| x.value),
        timeout_client: draft.timeouts.client,
        timeout_client_fin: draft.timeouts.client_fin,
        timeout_http_request: draft.timeouts.http_request,
        timeout_http_keep_alive: draft.timeouts.http_keep_alive,
        keep_alive: draft.client_keep_alive,
        backlog: draft.backlog,
        disabled: draft.disabled,
        request_captures: take(&mut compiled.request_captures),
        response_captures: take(&mut compiled.response_captures),
        use_backend: take(&mut compiled.use_backend),
        log_formats: take(&mut compiled.log_formats),
        monitor_fail: take(&mut compiled.monitor_fail),
        cookie_capture: draft.cookie_capture.clone(),
        monitor_uri: draft.monitor_uri.as_ref().map(|u| u.value.clone()),
        rate_limit: draft.rate_limit,
        ..Frontend::new(proxy, id)
    }
}

fn bind(draft: &BindDraft, backlog: Option<u32>, unix: &UnixDefaults, numbers: &mut Numbers) -> Bind {
    let settings = &draft.settings;
    let (address, file) = unix.apply(draft.address.clone(), settings.file);
    Bind {
        id: numbers.of(settings.id),
        name: settings.name.as_deref().map(Into::into),
        maxconn: settings.maxconn,
        socket: BindSocket { backlog: settings.socket.backlog.or(backlog), ..settings.socket.clone() },
        file,
        accept_proxy: settings.accept_proxy,
        speaks_h2: settings.speaks_h2,
        words: settings.words.clone(),
        span: draft.span,
        ..Bind::new(address)
    }
}

fn default_backend(draft: &ProxyDraft, names: &Names<'_>, notes: &mut Vec<Diagnostic>) -> Option<BackendId> {
    match &draft.default_backend {
        None if draft.kind == SectionKind::Listen => names.backend_draft(&draft.name).map(|(id, _)| id),
        None => None,
        Some(name) => backend_of(names, name, draft).map_err(|e| notes.push(*e)).ok(),
    }
}

/// A backend leads to no other; one that it names all the same must be there.
pub(super) fn check_misplaced(draft: &ProxyDraft, names: &Names<'_>, notes: &mut Vec<Diagnostic>) {
    let named = draft.default_backend.as_ref().filter(|_| !draft.is_frontend());
    notes.extend(named.and_then(|name| backend_of(names, name, draft).err()).map(|error| *error));
}

/// The backend that traffic of `from` is sent to by name.
pub(crate) fn backend_of(
    names: &Names<'_>,
    name: &Placed<String>,
    from: &ProxyDraft,
) -> Result<BackendId, Box<Diagnostic>> {
    let Some((id, target)) = names.backend_draft(&name.value) else {
        let message = format!("there is no backend '{}'", name.value);
        let error = Diagnostic::alert(Code::UnknownName, message).at(name.span);
        return Err(Box::new(error.nearest(&name.value, names.backend_names())));
    };
    if from.is_backend() && name.value == from.name {
        let message = format!("'{}' cannot lead to itself", from.name);
        let error = Diagnostic::alert(Code::Conflict, message).at(name.span);
        return Err(Box::new(error.help("without a backend it uses servers of its own")));
    }
    // A TCP frontend may lead to an HTTP backend: the connection is then upgraded.
    if from.mode == Mode::Http && target.mode == Mode::Tcp {
        let message =
            format!("'{}' is in HTTP mode, but its backend '{}' in TCP mode", from.name, name.value);
        let error = Diagnostic::alert(Code::Conflict, message).at(name.span);
        return Err(Box::new(error.related(target.span, "in TCP mode")));
    }
    Ok(id)
}
