//! `set server`.

use std::net::IpAddr;

use super::command::Call;
use super::servers::{apply, change, find, host_and_port, weigh};
use crate::change::{AdminState, Aim, ForcedHealth, Refused, ServerChange};

/// A word behind the server, and what it does with what follows.
struct Setting {
    word: &'static str,
    run: fn(&Call<'_, '_>, &str) -> String,
}

const SETTINGS: &[Setting] = &[
    Setting { word: "addr", run: set_address },
    Setting { word: "agent", run: set_agent },
    Setting { word: "agent-addr", run: set_agent_address },
    Setting { word: "agent-port", run: |call, port| aim_port(call, "agent-port", port, Aim::AgentPort) },
    Setting { word: "agent-send", run: |call, text| aim(call, Aim::AgentSend(text.to_owned())) },
    Setting { word: "check-addr", run: set_check_address },
    Setting { word: "check-port", run: |call, port| aim_port(call, "check-port", port, Aim::CheckPort) },
    Setting { word: "health", run: set_health },
    Setting { word: "state", run: set_state },
    Setting { word: "weight", run: |call, weight| weigh(call, 2, weight) },
];

pub(super) fn set_server(call: &mut Call<'_, '_>) -> String {
    if let Err(text) = find(call, 2) {
        return text.to_owned();
    }
    match SETTINGS.iter().find(|setting| setting.word == call.word(3)) {
        Some(setting) => (setting.run)(call, call.word(4)),
        None => {
            let words: Vec<_> = SETTINGS.iter().map(|setting| setting.word).collect();
            format!("usage: set server <backend>/<server> {}\n", words.join(" | "))
        }
    }
}

fn set_state(call: &Call<'_, '_>, wanted: &str) -> String {
    let wanted = match wanted {
        "ready" => AdminState::Ready,
        "drain" => AdminState::Drain,
        "maint" => AdminState::Maint,
        _ => return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n".into(),
    };
    change(call, 2, ServerChange::Admin(wanted))
}

fn set_health(call: &Call<'_, '_>, wanted: &str) -> String {
    let wanted = match wanted {
        "up" => ForcedHealth::Up,
        "stopping" => ForcedHealth::Stopping,
        "down" => ForcedHealth::Down,
        _ => return "'set server <srv> health' expects 'up', 'stopping', or 'down'.\n".into(),
    };
    change(call, 2, ServerChange::Health(wanted))
}

fn set_agent(call: &Call<'_, '_>, wanted: &str) -> String {
    let asked = find(call, 2).is_ok_and(|(_, server)| server.config.agent.is_some());
    match wanted {
        _ if !asked => "agent checks are not enabled on this server.\n".into(),
        "up" => change(call, 2, ServerChange::AgentHealth(true)),
        "down" => change(call, 2, ServerChange::AgentHealth(false)),
        _ => "'set server <srv> agent' expects 'up' or 'down'.\n".into(),
    }
}

/// Changes where checks go, in the words of these commands where there are none.
fn aim(call: &Call<'_, '_>, aim: Aim) -> String {
    let Ok((_, server)) = find(call, 2) else { return "No such server.\n".into() };
    match apply(call, &server, ServerChange::Aim(aim)) {
        Ok(_) => String::new(),
        Err(Refused::NoCheck) => "health checks are not enabled on this server\n".into(),
        Err(Refused::NoAgent) => "agent checks are not enabled on this server\n".into(),
        Err(refused) => format!("{refused}\n"),
    }
}

fn aim_port(call: &Call<'_, '_>, word: &str, port: &str, to: fn(u16) -> Aim) -> String {
    match port.parse() {
        Ok(port) => aim(call, to(port)),
        Err(_) if port.is_empty() => format!("set server <b>/<s> {word} requires a port.\n"),
        Err(_) => "provided port is not an integer\n".into(),
    }
}

fn set_check_address(call: &Call<'_, '_>, address: &str) -> String {
    aim_address(call, "check-addr", address, Aim::CheckAddress, Aim::CheckPort)
}

fn set_agent_address(call: &Call<'_, '_>, address: &str) -> String {
    aim_address(call, "agent-addr", address, Aim::AgentAddress, Aim::AgentPort)
}

// Both are looked at before one is set.
fn aim_address(
    call: &Call<'_, '_>,
    word: &str,
    address: &str,
    to_address: fn(IpAddr) -> Aim,
    to_port: fn(u16) -> Aim,
) -> String {
    if address.is_empty() {
        return format!("set server <b>/<s> {word} requires an address and optionally a port.\n");
    }
    let Ok(ip) = address.parse() else { return format!("Invalid addr '{address}'.\n") };
    let port = match (call.word(5), call.word(6).parse()) {
        ("", _) => None,
        ("port", Ok(port)) => Some(port),
        _ => return format!("set server <b>/<s> {word} requires an address and optionally a port.\n"),
    };
    let told = aim(call, to_address(ip));
    match port {
        Some(port) if told.is_empty() => aim(call, to_port(port)),
        _ => told,
    }
}

fn set_address(call: &Call<'_, '_>, address: &str) -> String {
    if address.is_empty() {
        return "set server <b>/<s> addr requires an address and optionally a port.\n".into();
    }
    let Ok(ip) = address.parse() else {
        return format!("Invalid addr '{address}' by 'stats socket command'\n");
    };
    let Ok((_, server)) = find(call, 2) else { return "No such server.\n".into() };
    let before = host_and_port(&server);
    let port = match (call.word(5), call.word(6)) {
        ("port", port) => match port.parse() {
            Ok(port) => Some(port),
            Err(_) => return difference("addr", "IP", &before.0, address) + &bad_port(port),
        },
        _ => None,
    };
    if let Err(refused) = apply(call, &server, ServerChange::Address { ip: Some(ip), port }) {
        return format!("{refused}\n");
    }
    let after = host_and_port(&server);
    let mut told = difference("addr", "IP", &before.0, &after.0);
    if port.is_some() {
        told += ", ";
        told += &difference("port", "port", &before.1, &after.1);
    }
    told + " by 'stats socket command'\n"
}

fn bad_port(port: &str) -> String {
    format!(", problem converting port '{port}' to an int by 'stats socket command'\n")
}

fn difference(what: &str, title: &str, before: &str, after: &str) -> String {
    match before == after {
        true => format!("no need to change the {what}"),
        false => format!("{title} changed from '{before}' to '{after}'"),
    }
}
