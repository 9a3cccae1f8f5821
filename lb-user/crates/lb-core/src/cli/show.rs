//! Commands that show what there is.

use std::fmt::Write as _;

use lb_conf::model::CommandLevel;

use super::command::Call;
use crate::frontend::address_text;
use crate::host::{RingInfo, SessionInfo};

pub(super) fn version(call: &mut Call<'_, '_>) -> String {
    format!("{}\n", call.context.host.process().version)
}

/// HAProxy's master lists itself and its workers; here one process is both.
pub(super) fn processes(call: &mut Call<'_, '_>) -> String {
    let process = call.context.host.process();
    let secs = process.uptime.as_secs();
    let uptime = format!("{}d{:02}h{:02}m{:02}s", secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60);
    let row = |kind: &str| {
        format!("{:<15} {kind:<15} 0               {uptime:<15} {}\n", process.pid, process.version)
    };
    let head = "#<PID>          <type>          <reloads>       <uptime>        <version>\n";
    format!("{head}{}# workers\n{}# programs\n", row("master"), row("worker"))
}

pub(super) fn resolvers(call: &mut Call<'_, '_>) -> String {
    let wanted = call.word(2);
    let all = call.context.host.resolvers();
    if !wanted.is_empty() && !all.iter().any(|section| section.name == wanted) {
        return "Can't find that resolvers section\n".to_owned();
    }
    let mut text = String::new();
    for section in all.iter().filter(|section| wanted.is_empty() || section.name == wanted) {
        // Writing to a String does not fail.
        let _ = writeln!(text, "Resolvers section {}", section.name);
        for server in &section.servers {
            let _ = writeln!(text, " nameserver {}:", server.name);
            for (name, count) in &server.counters {
                let _ = writeln!(text, "  {:<12} {count}", format!("{name}:"));
            }
        }
    }
    text
}

pub(super) fn events(call: &mut Call<'_, '_>) -> String {
    let (name, rings) = (call.word(2), call.context.host.rings());
    if name.is_empty() {
        let head = "Supported events sinks are listed below.\n".to_owned();
        let row = |ring: &RingInfo| {
            let about = if ring.description.is_empty() { &ring.name } else { &ring.description };
            format!("    {:<10} : type=buffer, 0 dropped, {about}\n", ring.name)
        };
        return head + &rings.iter().map(row).collect::<String>();
    }
    match rings.iter().find(|ring| ring.name == name) {
        Some(_) if !call.word(3).is_empty() => format!("unsupported option '{}'\n", call.word(3)),
        Some(ring) => ring.events.iter().map(|event| format!("{event}\n")).collect(),
        None => "No such event sink\n".to_owned(),
    }
}

pub(super) fn backends(call: &mut Call<'_, '_>) -> String {
    let snapshot = call.context.runtime.snapshot();
    let names = snapshot.backends.iter().map(|backend| format!("{}\n", backend.config.proxy.name));
    std::iter::once("# name\n".to_owned()).chain(names).collect()
}

fn level_name(level: CommandLevel) -> &'static str {
    match level {
        CommandLevel::User => "user",
        CommandLevel::Operator => "operator",
        CommandLevel::Admin => "admin",
    }
}

pub(super) fn cli_level(call: &mut Call<'_, '_>) -> String {
    format!("{}\n", level_name(call.session.level))
}

pub(super) fn cli_sockets(call: &mut Call<'_, '_>) -> String {
    let snapshot = call.context.runtime.snapshot();
    let mut text = "# socket lvl processes\n".to_owned();
    for socket in &snapshot.config.global.stats_sockets {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} {} all", address_text(&socket.address), level_name(socket.level));
    }
    text
}

pub(super) fn environment(call: &mut Call<'_, '_>) -> String {
    let variables = call.context.host.environment();
    let line = |(name, value): &(String, String)| format!("{name}={value}\n");
    match call.word(2) {
        "" => variables.iter().map(line).collect(),
        wanted => {
            let found = variables.iter().find(|(name, _)| name == wanted);
            found.map_or_else(|| "Variable not found\n".into(), line)
        }
    }
}

pub(super) fn variable(call: &mut Call<'_, '_>) -> String {
    let name = call.word(2);
    if name.is_empty() {
        return "Missing process-wide variable identifier.\n".into();
    }
    match call.context.host.variable(name) {
        Some((kind, value)) => format!("{name}: type={} value=<{value}>\n", kind.name()),
        None => "Variable not found.\n".into(),
    }
}

pub(super) fn sessions(call: &mut Call<'_, '_>) -> String {
    let wanted = u64::from_str_radix(call.word(2).trim_start_matches("0x"), 16).ok();
    let all = call.context.host.sessions();
    let lines = all.iter().filter(|session| wanted.is_none_or(|id| id == session.id)).map(session_line);
    lines.collect()
}

fn session_line(session: &SessionInfo) -> String {
    let source = session.source.map_or("unix".to_owned(), |source| source.to_string());
    format!(
        "{:#x}: proto={} src={source} fe={} be={} srv={} age={}\n",
        session.id,
        session.protocol,
        session.frontend,
        session.backend.as_deref().unwrap_or("<NONE>"),
        session.server.as_deref().unwrap_or("<none>"),
        format_args!("{}s", session.age.as_secs()),
    )
}
