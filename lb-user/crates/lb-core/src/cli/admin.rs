//! Commands for frontends, sessions and the connection itself.

use std::time::Duration;

use lb_conf::model::CommandLevel;

use super::command::Call;
use crate::change::{Applied, Change, FrontendChange, Refused};

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
    match call.word(4).parse() {
        Ok(limit) => change_frontend(call, 3, FrontendChange::Maxconn(limit), ""),
        Err(_) => "A number of connections is expected.\n".into(),
    }
}

fn change_frontend(call: &Call<'_, '_>, at: usize, change: FrontendChange, unchanged: &str) -> String {
    let snapshot = call.context.runtime.snapshot();
    let Some(frontend) = snapshot.frontend_named(call.word(at)) else {
        return "No such frontend.\n".into();
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
        Ok(true) => String::new(),
        _ => "No such session (use 'show sess').\n".into(),
    }
}

pub(super) fn reload(call: &mut Call<'_, '_>) -> String {
    match call.context.host.reload() {
        Ok(()) => "Success=1\n".into(),
        Err(text) => format!("Success=0\n--\n{text}"),
    }
}

pub(super) fn set_timeout(call: &mut Call<'_, '_>) -> String {
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
        return "Permission denied\n".into();
    }
    call.session.level = level;
    String::new()
}
