//! The line that a stream leaves in the log.

use std::net::SocketAddr;
use std::time::Duration;

use lb_conf::model::{Frontend, LogLevel, Mode, ProxyOption};
use lb_core::event::EndedBy;
use lb_core::{Backend, Server};
use lb_expr::logformat::{Connections, FactSource, LogFacts, Termination, Timers};
use tokio::time::Instant;

use super::LocalTime;
use crate::eval::View;
use crate::net::timer::now;
use crate::session::{Front, Session};
use crate::stream::{Cause, Stage, Stream};

/// Writes the line of a stream that has ended, if its frontend wants one.
pub(crate) fn write(stream: &Stream) {
    let front = &stream.front;
    if front.log.is_silent() || !is_wanted(stream) {
        return;
    }
    let config = &front.frontend.config;
    let journal = &stream.session.worker.journal;
    let level = level(stream);
    let mut line = Vec::with_capacity(256);
    let format = config.log_formats.format.as_ref();
    let format = match has_no_request(stream) {
        true => config.log_formats.error.as_ref().or(format),
        false => format,
    };
    match format {
        // What never came to be a request is nobody's connection.
        None if has_no_request(stream) => return,
        Some(format) => {
            let view = View::of(stream);
            format.write(&view.ctx(stream), &mut line);
        }
        None => bare(stream, &mut line),
    }
    front.frontend.count_log_line();
    let structured = structured(stream, front);
    journal.write_with(&front.log, level, structured.as_deref(), &line);
}

/// Whether nothing came that is a request, where requests are expected.
fn has_no_request(stream: &Stream) -> bool {
    stream.is_http && stream.kept.request.is_none()
}

/// `log-format-sd`, where somebody reads it.
fn structured(stream: &Stream, front: &Front) -> Option<Vec<u8>> {
    let format = front.frontend.config.log_formats.structured.as_ref()?;
    let view = View::of(stream);
    Some(format.format(&view.ctx(stream)))
}

/// Writes the line of a client that did not get as far as a stream, where lines have a format at all.
pub(crate) fn refused(session: &Session, front: &Front, reason: &str) {
    let config = &front.frontend.config;
    if front.log.is_silent() || config.log_formats.format.is_none() && config.log_formats.error.is_none() {
        return;
    }
    let separate = config.proxy.options.has(ProxyOption::LogSeparateErrors);
    let level = if separate { LogLevel::Err } else { LogLevel::Info };
    if let Some(format) = &config.log_formats.error {
        let view = View::new(session, front);
        let line = format.format(&view.session(session, front));
        return session.worker.journal.write(&front.log, level, &line);
    }
    let (at, t) = (session.accepted_at, LocalTime::of(session.accepted_at.as_secs()));
    let line = format!(
        "{} [{:02}/{}/{}:{:02}:{:02}:{:02}.{:03}] {}/{}: {reason}",
        address(session.client.get()),
        t.day,
        t.month_name(),
        t.year,
        t.hour,
        t.minute,
        t.second,
        at.subsec_millis(),
        config.proxy.name,
        front.listener,
    );
    session.worker.journal.write(&front.log, level, line.as_bytes());
}

fn address(addr: Option<SocketAddr>) -> String {
    match addr {
        Some(addr) => format!("{}:{}", addr.ip(), addr.port()),
        None => "unix:1".to_owned(),
    }
}

/// What is logged where no format says more: who came from where.
fn bare(stream: &Stream, line: &mut Vec<u8>) {
    connect_line(&stream.front.frontend.config, stream.client(), stream.asked(), line);
}

/// That somebody came from there to here.
pub(super) fn connect_line(
    config: &Frontend,
    from: Option<SocketAddr>,
    to: Option<SocketAddr>,
    line: &mut Vec<u8>,
) {
    let mode = match config.proxy.mode {
        Mode::Http => "HTTP",
        Mode::Tcp => "TCP",
    };
    let (from, to) = (address(from), address(to));
    line.extend_from_slice(format!("Connect from {from} to {to} ({}/{mode})", config.proxy.name).as_bytes());
}

fn is_wanted(stream: &Stream) -> bool {
    let options = stream.front.frontend.config.proxy.options;
    let nothing = stream.received == 0 && stream.sent == 0 && stream.times.head.is_none() && stream.is_null;
    stream.log_level.is_some()
        && !(nothing && options.has(ProxyOption::DontLogNull))
        && (has_failed(stream) || !options.has(ProxyOption::DontLogNormal))
}

/// Whether something went wrong. That a rule answers is in order, unless it answers with an error of the server's.
fn has_failed(stream: &Stream) -> bool {
    !matches!(stream.cause, Cause::Normal | Cause::Local)
        || stream.status.is_some_and(|s| s.as_u16() >= 500)
        || stream.retries > 0
        || stream.redispatched
}

fn level(stream: &Stream) -> LogLevel {
    let options = stream.front.frontend.config.proxy.options;
    let level = stream.log_level.unwrap_or(LogLevel::Info);
    match has_failed(stream) && options.has(ProxyOption::LogSeparateErrors) && level == LogLevel::Info {
        true => LogLevel::Err,
        false => level,
    }
}

impl FactSource for Session {
    fn log_facts(&self) -> LogFacts<'_> {
        LogFacts {
            accepted: self.accepted_at,
            requested: self.accepted_at,
            connections: connections(self, &self.endpoint.front(), None, None),
            pid: std::process::id(),
            hostname: &self.worker.shared.hostname,
            ..LogFacts::default()
        }
    }
}

impl FactSource for Stream {
    fn log_facts(&self) -> LogFacts<'_> {
        let session = &self.session;
        let since_accept = self.times.first_byte.saturating_duration_since(session.accepted);
        LogFacts {
            accepted: session.accepted_at,
            requested: session.accepted_at + since_accept,
            timers: timers(self),
            bytes_out: self.sent,
            bytes_in: self.received,
            // Connections have none, which HAProxy writes as zero.
            status: self.status.map(|s| s.as_u16()).or((!self.is_http).then_some(0)),
            retries: self.retries,
            redispatched: self.redispatched,
            server_queue: self.queued_behind.server,
            backend_queue: self.queued_behind.backend,
            connections: connections(session, &self.front, self.backend.as_deref(), self.server.as_deref()),
            termination: termination(self),
            early: self.front.frontend.config.proxy.options.has(ProxyOption::LogAsap),
            log_counter: self.front.frontend.log_lines(),
            request_counter: self.number,
            pid: std::process::id(),
            hostname: &session.worker.shared.hostname,
            service: self.service,
        }
    }
}

fn connections(
    session: &Session,
    front: &Front,
    backend: Option<&Backend>,
    server: Option<&Server>,
) -> Connections {
    let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Connections {
        process: count(session.worker.shared.places.current()),
        frontend: count(front.frontend.traffic().sessions.get()),
        backend: backend.map_or(0, |b| count(b.traffic().sessions.get())),
        server: server.map_or(0, |s| count(s.active())),
    }
}

fn timers(stream: &Stream) -> Timers {
    let (t, end) = (&stream.times, stream.ended.unwrap_or_else(now));
    let span = |from: Instant, to: Option<Instant>| to.map(|to| to.saturating_duration_since(from));
    let http = stream.is_http;
    // In TCP mode the connection itself is the request.
    let request = match stream.stage {
        // As in HAProxy, a request that was held back never came to be one.
        Stage::Tarpit | Stage::Body => None,
        // Nor did one that a rule left unanswered.
        Stage::Request if stream.cause == Cause::Proxy && stream.status.is_none() => None,
        _ if http => span(t.first_byte, t.head),
        _ => Some(Duration::ZERO),
    };
    let queued_from = t.head.unwrap_or(t.first_byte);
    let known = t.head.is_some() || !http;
    Timers {
        handshake: known.then_some(stream.handshake()),
        idle: known
            .then(|| t.first_byte.saturating_duration_since(t.ready).saturating_sub(stream.handshake())),
        request,
        queue: span(queued_from, t.queued),
        connect: t.queued.and_then(|queued| span(queued, t.connected)),
        response: t.connected.and_then(|connected| span(connected, t.response)),
        total: Some(end.saturating_duration_since(t.ready)),
    }
}

fn termination(stream: &Stream) -> Termination {
    let cause = match stream.cause {
        Cause::Normal => b'-',
        Cause::Client => b'C',
        Cause::Server => b'S',
        Cause::Proxy => b'P',
        Cause::Local => b'L',
        Cause::ClientTimeout => b'c',
        Cause::ServerTimeout => b's',
        Cause::Ended(EndedBy::Operator) => b'K',
        Cause::Ended(EndedBy::ServerDown) => b'D',
        Cause::Ended(EndedBy::ServerUp) => b'U',
    };
    let state = match stream.stage {
        Stage::Request | Stage::Body => b'R',
        Stage::Tarpit => b'T',
        Stage::Queue => b'Q',
        Stage::Connect => b'C',
        Stage::Headers => b'H',
        Stage::Data => b'D',
        Stage::Done => b'-',
    };
    let state = if cause == b'-' { b'-' } else { state };
    Termination { cause, state, client_cookie: stream.cookie.client, server_cookie: stream.cookie.server }
}
