//! The `global` section.

use super::writer::{Words, Writer};
use crate::keyword::{LOG_FORMATS, show_bind_address};
use crate::model::{
    CommandLevel, Global, LogAddress, LogLevel, LogTarget, Sampling, StatsSocket, XdpInterface, XdpMode,
};

pub(super) fn write(global: &Global, out: &mut Writer) {
    out.section("global", "");
    for (name, value) in &global.environment {
        match value {
            Some(value) => out.line(Words::new("setenv").word(name).word(value).text()),
            None => out.value("unsetenv", name),
        }
    }
    out.optional("maxconn", global.maxconn);
    out.optional("nbthread", global.nbthread);
    global.xdp_interfaces.iter().for_each(|i| interface(i, out));
    out.optional("xdp-pin-path", global.xdp_pin_path.as_ref().map(|p| p.display()));
    out.optional("xdp-flows", global.xdp_flows);
    out.optional("xdp-syn-rate", global.xdp_syn_rate);
    out.flag("daemon", global.daemon);
    out.optional("pidfile", global.pidfile.as_ref().map(|p| p.display()));
    out.optional("uid", global.uid);
    out.optional("gid", global.gid);
    out.optional("chroot", global.chroot.as_ref().map(|p| p.display()));
    global.logs.iter().for_each(|log| out.line(log_line(log).text()));
    out.optional("log-tag", global.log_tag.as_ref());
    out.optional("log-send-hostname", global.log_hostname.as_ref());
    global.stats_sockets.iter().for_each(|s| stats_socket(s, out));
    out.time("stats timeout", global.stats_timeout);
    out.optional("stats maxconn", global.stats_maxconn);
    out.time("hard-stop-after", global.hard_stop_after);
    out.optional("ulimit-n", global.ulimit_n);
    out.optional("node", global.node.as_ref());
    out.optional("description", global.description.as_ref());
    global.lines.iter().for_each(|line| out.line(line));
}

fn interface(interface: &XdpInterface, out: &mut Writer) {
    let mode = match interface.mode {
        XdpMode::Native => "native",
        XdpMode::Generic => "generic",
        XdpMode::Auto => "auto",
    };
    out.line(Words::new("xdp-interface").word(&interface.name).word(mode).text());
}

/// `log ADDRESS …`
pub(super) fn log_line(log: &LogTarget) -> Words {
    let mut words = Words::new("log");
    match &log.address {
        LogAddress::Udp(address) => words.word(address),
        LogAddress::Unix(path) => words.word(path.display()),
        LogAddress::Fd(fd) => words.word(format!("fd@{fd}")),
        LogAddress::Ring(name) => words.word(format!("ring@{name}")),
    };
    words.word("len").word(log.max_len);
    words.pair("format", LOG_FORMATS.iter().find(|(_, f)| *f == log.format).map(|(name, _)| *name));
    words.pair("sample", log.sample.as_ref().map(sampling));
    words.word(log.facility.name());
    words.word(level(log.level)).word(level(log.min_level));
    words
}

fn sampling(sample: &Sampling) -> String {
    let ranges: Vec<_> = sample.ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
    format!("{}:{}", ranges.join(","), sample.size)
}

fn level(level: LogLevel) -> &'static str {
    LogLevel::ALL.iter().find(|(_, l)| *l == level).map_or("debug", |(name, _)| *name)
}

fn stats_socket(socket: &StatsSocket, out: &mut Writer) {
    let level = match socket.level {
        CommandLevel::User => "user",
        CommandLevel::Operator => "operator",
        CommandLevel::Admin => "admin",
    };
    let mut words = Words::new("stats socket");
    words.word(show_bind_address(&socket.address)).word("level").word(level);
    let file = socket.file;
    words.pair("mode", file.mode.map(|m| format!("{m:o}"))).pair("uid", file.uid).pair("gid", file.gid);
    out.line(words.text());
}
