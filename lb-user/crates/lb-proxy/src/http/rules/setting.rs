//! What rules set of a stream and of its connections.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lb_conf::model::{Action, Number, RequestTimeout};
use lb_expr::sample::Sample;
use lb_expr::{Ctx, Expr};

use crate::net::option;
use crate::session::Session;
use crate::stream::Stream;

/// The classes of the queue (configuration.txt, `set-priority-class`).
const CLASSES: (i64, i64) = (-2047, 2047);

/// Milliseconds by which a request may be earlier or later in the queue.
const OFFSETS: (i64, i64) = (-524_287, 524_287);

/// A part of an address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Ip(IpAddr),
    Port(u16),
}

/// Something that is set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Setting {
    /// `set-src` and `set-src-port`.
    Source(Part),
    /// `set-dst` and `set-dst-port`.
    Destination(Part),
    /// `set-mark`.
    Mark(u32),
    /// `set-tos`.
    Tos(u8),
    /// `set-bc-mark`.
    ServerMark(u32),
    /// `set-bc-tos`.
    ServerTos(u8),
    /// `set-timeout`.
    Timeout(RequestTimeout, Duration),
    /// `set-priority-class`.
    Class(i32),
    /// `set-priority-offset`.
    Offset(i32),
    /// `set-retries`.
    Retries(u32),
    /// `disable-l7-retry`.
    NoRetry,
    /// `strict-mode`.
    Strict(bool),
}

impl Setting {
    /// What an action sets. None: it sets nothing of this kind. In it None: what it would set cannot be found.
    pub(crate) fn of<'a>(action: &'a Action, ctx: &Ctx<'a>) -> Option<Option<Self>> {
        Some(match action {
            Action::SetSrc(expr) => ip(expr, ctx).map(Self::Source),
            Action::SetSrcPort(expr) => port(expr, ctx).map(Self::Source),
            Action::SetDst(expr) => ip(expr, ctx).map(Self::Destination),
            Action::SetDstPort(expr) => port(expr, ctx).map(Self::Destination),
            Action::SetMark(mark) => Some(Self::Mark(*mark)),
            Action::SetTos(tos) => Some(Self::Tos(*tos)),
            Action::SetServerMark(mark) => Some(Self::ServerMark(*mark)),
            Action::SetServerTos(tos) => Some(Self::ServerTos(*tos)),
            Action::SetTimeout { timeout, value } => {
                duration(value, ctx).filter(|d| !d.is_zero()).map(|d| Self::Timeout(*timeout, d))
            }
            Action::SetPriorityClass(expr) => integer(expr, ctx).map(|n| Self::Class(within(n, CLASSES))),
            Action::SetPriorityOffset(expr) => integer(expr, ctx).map(|n| Self::Offset(within(n, OFFSETS))),
            Action::SetRetries(value) => {
                number(value, ctx).map(|n| Self::Retries(u32::try_from(n).unwrap_or(0)))
            }
            Action::DisableRetry => Some(Self::NoRetry),
            Action::StrictMode(on) => Some(Self::Strict(*on)),
            _ => return None,
        })
    }

    /// Sets it for a stream.
    pub(crate) fn apply(self, stream: &mut Stream) {
        match self {
            Self::Source(part) => stream.src = Some(changed(stream.client(), part)),
            Self::Destination(part) => stream.dst = Some(changed(stream.asked(), part)),
            Self::ServerMark(mark) => stream.server_options.mark = Some(mark),
            Self::ServerTos(tos) => stream.server_options.tos = Some(tos),
            Self::Timeout(RequestTimeout::Server, time) => stream.kept.server_timeout = Some(time),
            Self::Timeout(RequestTimeout::Tunnel, time) => stream.kept.tunnel_timeout = Some(time),
            Self::Class(class) => stream.kept.priority_class = class,
            Self::Offset(offset) => stream.kept.priority_offset = offset,
            Self::Retries(retries) => stream.max_retries = Some(retries),
            Self::NoRetry => stream.retry_responses = false,
            Self::Strict(on) => stream.lenient = !on,
            Self::Mark(_) | Self::Tos(_) => self.apply_to_session(&stream.session),
        }
    }

    /// Sets it for a connection that has no stream yet.
    pub(crate) fn apply_to_session(self, session: &Session) {
        match self {
            Self::Source(part) => session.client.set(changed(session.client.get(), part)),
            Self::Destination(part) => session.local.set(changed(session.local.get(), part)),
            Self::Mark(mark) => session.with_socket(|fd| option::set_mark(fd, mark)),
            Self::Tos(tos) => session.with_socket(|fd| option::set_tos(fd, tos)),
            // Loading refuses the others where there is no stream.
            _ => {}
        }
    }
}

fn within(n: i64, (least, most): (i64, i64)) -> i32 {
    i32::try_from(n.clamp(least, most)).unwrap_or(0)
}

/// An address with one of its parts replaced. A port without an address belongs to none.
fn changed(address: Option<SocketAddr>, part: Part) -> Option<SocketAddr> {
    match part {
        Part::Ip(ip) => Some(SocketAddr::new(ip, address.map_or(0, |a| a.port()))),
        Part::Port(port) => address.map(|a| SocketAddr::new(a.ip(), port)),
    }
}

fn ip<'a>(expr: &'a Expr, ctx: &Ctx<'a>) -> Option<Part> {
    let sample = expr.eval(ctx)?;
    let text = || std::str::from_utf8(sample.data()?).ok()?.parse().ok();
    sample.ip().or_else(text).map(Part::Ip)
}

fn integer<'a>(expr: &'a Expr, ctx: &Ctx<'a>) -> Option<i64> {
    match expr.eval(ctx)? {
        Sample::Int(n) => Some(n),
        other => std::str::from_utf8(other.data()?).ok()?.trim().parse().ok(),
    }
}

fn port<'a>(expr: &'a Expr, ctx: &Ctx<'a>) -> Option<Part> {
    u16::try_from(integer(expr, ctx)?).ok().map(Part::Port)
}

/// A number that an action takes.
pub(crate) fn number<'a>(value: &'a Number, ctx: &Ctx<'a>) -> Option<i64> {
    match value {
        Number::Fixed(n) => Some(*n),
        Number::Computed(expr) => integer(expr, ctx),
    }
}

/// A number of milliseconds that an action takes.
pub(crate) fn duration<'a>(value: &'a Number, ctx: &Ctx<'a>) -> Option<Duration> {
    Some(Duration::from_millis(u64::try_from(number(value, ctx)?).ok()?))
}
