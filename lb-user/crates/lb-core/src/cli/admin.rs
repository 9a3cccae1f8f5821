//! Commands for frontends, sessions and the connection itself.

use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::CommandLevel;

use super::command::{Call, DENIED};
use crate::change::{Applied, Change, FrontendChange, Refused};
use crate::frontend::Frontend;
use crate::process::LimitChange;

pub(super) fn enable_frontend(call: &mut Call<'_, '_>) -> String {
    change_frontend(call, 2, FrontendChange::Enable, "All sockets are already enabled.")
}

pub(super) fn disable_frontend(call: &mut Call<'_, '_>) -> String {
    change_frontend(call, 2, FrontendChange::Disable, "All sockets are already disabled.")
}

pub(super) fn shutdown_frontend(call: &mut Call<'_, '_>) -> String {
    change_frontend(call, 2, FrontendChange::Shutdown, "")
}

pub(super) fn set_maxconn_frontend(call: &mut Call<'_, '_>) -> String {
    if let Err(text) = frontend(call, 3) {
        return text;
    }
    match call.word(4).parse() {
        Ok(limit) => change_frontend(call, 3, FrontendChange::Maxconn(limit), ""),
        Err(_) => "Integer value expected.\n".into(),
    }
}

pub(super) fn set_maxconn_global(call: &mut Call<'_, '_>) -> String {
    limit(call, call.word(3), LimitChange::Maxconn)
}

/// What `set rate-limit` limits.
struct RateLimit {
    word: &'static str,
    doc: &'static str,
    change: fn(u32) -> LimitChange,
}

const RATE_LIMITS: &[RateLimit] = &[
    RateLimit { word: "connections", doc: "connection rate", change: LimitChange::ConnectionRate },
    RateLimit { word: "sessions", doc: "session rate", change: LimitChange::SessionRate },
    RateLimit { word: "ssl-sessions", doc: "SSL session rate", change: LimitChange::TlsRate },
    RateLimit {
        word: "http-compression",
        doc: "compression speed in kB/s",
        change: |kilobytes| LimitChange::CompressionRate(kilobytes.saturating_mul(1024)),
    },
];

pub(super) fn set_rate_limit(call: &mut Call<'_, '_>) -> String {
    let known = RATE_LIMITS.iter().find(|limit| limit.word == call.word(2));
    match known.filter(|_| call.word(3) == "global") {
        Some(known) => limit(call, call.word(4), known.change),
        None => {
            let line = |limit: &RateLimit| {
                format!("   - '{} global' to set the per-process maximum {}\n", limit.word, limit.doc)
            };
            let lines: String = RATE_LIMITS.iter().map(line).collect();
            format!("'set rate-limit' only supports :\n{lines}")
        }
    }
}

fn limit(call: &Call<'_, '_>, number: &str, change: fn(u32) -> LimitChange) -> String {
    let Ok(number) = number.parse() else { return "Expects an integer value.\n".into() };
    match call.context.runtime.apply(Change::Limit(change(number)), call.context.now) {
        Ok(_) => String::new(),
        Err(refused) => format!("{refused}\n"),
    }
}

fn frontend(call: &Call<'_, '_>, at: usize) -> Result<Arc<Frontend>, String> {
    if call.word(at).is_empty() {
        return Err("A frontend name is expected.\n".into());
    }
    let snapshot = call.context.runtime.snapshot();
    snapshot.frontend_named(call.word(at)).cloned().ok_or_else(|| "No such frontend.\n".into())
}

fn change_frontend(call: &Call<'_, '_>, at: usize, change: FrontendChange, unchanged: &str) -> String {
    let frontend = match frontend(call, at) {
        Ok(frontend) => frontend,
        Err(text) => return text,
    };
    match call.context.runtime.apply(Change::Frontend(frontend.config.id, change), call.context.now) {
        Ok(Applied::Changed) => String::new(),
        Ok(Applied::Unchanged) => unchanged.to_owned(),
        Err(Refused::FrontendStopped) => format!("Frontend was {}.\n", stopped(change)),
        Err(refused) => format!("{refused}\n"),
    }
}

/// Why a frontend that has stopped cannot be changed so.
fn stopped(change: FrontendChange) -> &'static str {
    match change {
        FrontendChange::Enable => "previously shut down, cannot enable",
        FrontendChange::Disable => "previously shut down, cannot disable",
        FrontendChange::Shutdown => "already shut down",
        FrontendChange::Maxconn(_) => "previously shut down, cannot be changed",
    }
}

pub(super) fn shutdown_session(call: &mut Call<'_, '_>) -> String {
    let id = u64::from_str_radix(call.word(2).trim_start_matches("0x"), 16);
    match id.map(|id| call.context.host.shutdown_session(id)) {
        Err(_) => "Session pointer expected (use 'show sess').\n".into(),
        Ok(true) => String::new(),
        Ok(false) => "No such session (use 'show sess').\n".into(),
    }
}

pub(super) fn reload(call: &mut Call<'_, '_>) -> String {
    match call.context.host.reload() {
        Ok(()) => "Success=1\n".into(),
        Err(text) => format!("Success=0\n--\n{text}"),
    }
}

pub(super) fn set_timeout(call: &mut Call<'_, '_>) -> String {
    if call.word(2) != "cli" {
        return "'set timeout' only supports 'cli'.\n".into();
    }
    if call.word(3).is_empty() {
        return "Expects an integer value.\n".into();
    }
    match lb_conf::units::time(call.word(3), Duration::from_secs(1)) {
        Ok(timeout) if !timeout.is_zero() => {
            call.session.timeout = timeout;
            String::new()
        }
        _ => "Invalid timeout value.\n".into(),
    }
}

pub(super) fn operator(call: &mut Call<'_, '_>) -> String {
    lower(call, CommandLevel::Operator)
}

pub(super) fn user(call: &mut Call<'_, '_>) -> String {
    lower(call, CommandLevel::User)
}

fn lower(call: &mut Call<'_, '_>, level: CommandLevel) -> String {
    if level > call.session.level {
        return DENIED.into();
    }
    call.session.level = level;
    String::new()
}
