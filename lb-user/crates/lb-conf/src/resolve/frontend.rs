//! The accepting half of a proxy.

use super::{Numbers, Scope};
use crate::diag::{Code, Diagnostic};
use crate::draft::{BindDraft, Placed, ProxyDraft};
use crate::keyword::section::SectionKind;
use crate::model::{BackendId, Bind, Frontend, FrontendId, Mode, Proxy, XdpUse};

pub(super) fn resolve(
    draft: &ProxyDraft,
    proxy: Proxy,
    id: FrontendId,
    scope: &Scope<'_>,
    notes: &mut Vec<Diagnostic>,
) -> Frontend {
    let mut numbers = Numbers::new(draft.binds.iter().filter_map(|b| b.settings.id));
    Frontend {
        binds: draft.binds.iter().map(|b| bind(b, &mut numbers)).collect(),
        maxconn: draft.maxconn,
        default_backend: default_backend(draft, scope, notes),
        xdp: xdp(draft, scope, notes),
        timeout_client: draft.timeouts.client,
        timeout_client_fin: draft.timeouts.client_fin,
        timeout_http_request: draft.timeouts.http_request,
        timeout_http_keep_alive: draft.timeouts.http_keep_alive,
        backlog: draft.backlog,
        disabled: draft.disabled,
        request_captures: draft.request_captures.clone(),
        response_captures: draft.response_captures.clone(),
        cookie_capture: draft.cookie_capture.clone(),
        monitor_uri: draft.monitor_uri.as_ref().map(|u| u.value.clone()),
        rate_limit: draft.rate_limit,
        ..Frontend::new(proxy, id)
    }
}

fn bind(draft: &BindDraft, numbers: &mut Numbers) -> Bind {
    let settings = &draft.settings;
    Bind {
        id: numbers.of(settings.id),
        name: settings.name.as_deref().map(Into::into),
        maxconn: settings.maxconn,
        backlog: settings.backlog,
        interface: settings.interface.clone(),
        v6_only: settings.v6_only,
        transparent: settings.transparent,
        mode: settings.mode,
        uid: settings.uid,
        gid: settings.gid,
        span: draft.span,
        ..Bind::new(draft.address.clone())
    }
}

fn default_backend(draft: &ProxyDraft, scope: &Scope<'_>, notes: &mut Vec<Diagnostic>) -> Option<BackendId> {
    let own = || scope.backends.get(draft.name.as_str()).map(|(id, _)| *id);
    match &draft.default_backend {
        None if draft.kind == SectionKind::Listen => own(),
        None => None,
        Some(name) => match scope.backend(name, draft) {
            Ok(id) => Some(id),
            Err(error) => {
                notes.push(*error);
                None
            }
        },
    }
}

impl Scope<'_> {
    /// The backend that traffic of `from` is sent to by name.
    pub(super) fn backend(
        &self,
        name: &Placed<String>,
        from: &ProxyDraft,
    ) -> Result<BackendId, Box<Diagnostic>> {
        let Some((id, target)) = self.backends.get(name.value.as_str()) else {
            let message = format!("there is no backend '{}'", name.value);
            let error = Diagnostic::alert(Code::UnknownName, message).at(name.span);
            return Err(Box::new(error.nearest(&name.value, self.backends.keys().copied())));
        };
        // A TCP frontend may lead to an HTTP backend: the connection is then upgraded.
        if from.mode == Mode::Http && target.mode == Mode::Tcp {
            let message =
                format!("'{}' is in HTTP mode, but its backend '{}' in TCP mode", from.name, name.value);
            let error = Diagnostic::alert(Code::Conflict, message).at(name.span);
            return Err(Box::new(error.related(target.span, "in TCP mode")));
        }
        Ok(*id)
    }
}

fn xdp(draft: &ProxyDraft, scope: &Scope<'_>, notes: &mut Vec<Diagnostic>) -> XdpUse {
    let Some(xdp) = &draft.xdp else { return XdpUse::Auto };
    let reason = match xdp.value {
        XdpUse::Required if draft.mode == Mode::Http => Some("the proxy is in HTTP mode"),
        XdpUse::Required if scope.global.xdp_interfaces.is_empty() => {
            Some("no 'xdp-interface' is named in 'global'")
        }
        _ => None,
    };
    if let Some(reason) = reason {
        let message = format!("'{}' cannot be served in the kernel: {reason}", draft.name);
        notes.push(Diagnostic::alert(Code::Xdp, message).at(xdp.span));
    }
    xdp.value
}
