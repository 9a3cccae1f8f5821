//! What the daemon says on the terminal: one line a message on standard error, labelled as HAProxy labels it.
//!
//! Whoever listens there may leave, as `head` does; that ends nothing here.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use lb_conf::model::LogLevel;

// Read by every message and written by the command line only: -q.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on only errors are written (`-q`).
pub(crate) fn quiet() {
    QUIET.store(true, Relaxed);
}

/// Whether only errors are written.
pub(crate) fn is_quiet() -> bool {
    QUIET.load(Relaxed)
}

/// Hands what the planes' code reports through the `log` crate to [`say`].
struct Reports;

impl log::Log for Reports {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            log::Level::Error => LogLevel::Err,
            log::Level::Warn => LogLevel::Warning,
            _ => LogLevel::Notice,
        };
        say(level, record.args());
    }

    fn flush(&self) {}
}

/// From now on the planes' reports are said.
pub(crate) fn take_reports() {
    log::set_max_level(log::LevelFilter::Info);
    // Fails only where it was done before.
    let _ = log::set_logger(&Reports);
}

/// Writes one message. Notices and warnings are for people: `-q` silences them.
pub(crate) fn say(level: LogLevel, text: impl Display) {
    if level <= LogLevel::Err || !is_quiet() {
        complain(format_args!("{}({}) : {text}", label(level), std::process::id()));
    }
}

/// Writes a line on standard error as it is.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes what was asked for on standard output.
pub(crate) fn answer(text: impl Display) {
    let _ = write!(io::stdout().lock(), "{text}");
}

fn label(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Emerg | LogLevel::Alert | LogLevel::Crit | LogLevel::Err => "[ALERT]    ",
        LogLevel::Warning => "[WARNING]  ",
        LogLevel::Notice | LogLevel::Info | LogLevel::Debug => "[NOTICE]   ",
    }
}
