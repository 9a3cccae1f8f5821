//! The line that a session of the kernel plane leaves in the log.

use std::net::SocketAddr;
use std::time::Duration;

use lb_conf::model::{Frontend, LogLevel, ProxyOption};
use lb_core::{Backend, FlowEnd, Server, Snapshot};
use lb_expr::Ctx;
use lb_expr::ctx::Connection;
use lb_expr::logformat::{Connections, LogFacts, Termination, Timers};
use lb_expr::world::{BackendId, FrontendId, ServerId};

use super::{access, wall_clock};
use crate::eval::View;
use crate::track::Counters;
use crate::worker::Worker;

/// Nothing went wrong.
const NORMAL: [u8; 2] = *b"--";

/// One side of a flow.
struct Side {
    from: SocketAddr,
    to: SocketAddr,
}

impl Connection for Side {
    fn src(&self) -> Option<SocketAddr> {
        Some(self.from)
    }

    fn dst(&self) -> Option<SocketAddr> {
        Some(self.to)
    }
}

/// Writes the line of a flow, if its frontend wants one.
pub(crate) fn write(worker: &Worker, flow: &FlowEnd) {
    let snapshot = worker.shared.runtime.snapshot();
    let Some(frontend) = snapshot.frontend_named(&flow.frontend) else { return };
    let config = &frontend.config;
    if !is_wanted(config, flow) {
        return;
    }
    let log = worker.journal.open(&config.proxy, &snapshot.config.global, &worker.shared.rings);
    let mut line = Vec::with_capacity(256);
    match &config.log_formats.format {
        Some(format) => {
            let backend = snapshot.backend_named(&flow.backend);
            let server = backend.and_then(|backend| backend.server(&flow.server));
            let facts = facts(flow, &snapshot, backend.map(|b| &**b), server.map(|s| &**s));
            let client = Side { from: flow.client, to: flow.service };
            let upstream = Side { from: flow.source, to: flow.server_address };
            let tracked = Counters::default();
            let view = View::apart(&snapshot, worker, &tracked);
            let mut ctx = Ctx::new(&view, wall_clock());
            ctx.frontend = Some(FrontendId(config.id.0));
            ctx.backend = backend.map(|b| BackendId(b.config.id.0));
            ctx.server = server.map(|s| ServerId { backend: BackendId(s.at.backend.0), index: s.at.index });
            ctx.client = Some(&client);
            ctx.upstream = Some(&upstream);
            ctx.facts = Some(&facts);
            format.write(&ctx, &mut line);
        }
        None => access::connect_line(config, Some(flow.client), Some(flow.service), &mut line),
    }
    worker.journal.write(&log, level(config, flow), &line);
}

fn is_wanted(config: &Frontend, flow: &FlowEnd) -> bool {
    let options = config.proxy.options;
    let nothing = flow.bytes_in == 0 && flow.bytes_out == 0;
    let unwanted =
        [(nothing, ProxyOption::DontLogNull), (flow.termination == NORMAL, ProxyOption::DontLogNormal)];
    !unwanted.iter().any(|(is, option)| *is && options.has(*option))
}

fn level(config: &Frontend, flow: &FlowEnd) -> LogLevel {
    let separate = config.proxy.options.has(ProxyOption::LogSeparateErrors);
    if separate && flow.termination != NORMAL { LogLevel::Err } else { LogLevel::Info }
}

fn facts(
    flow: &FlowEnd,
    snapshot: &Snapshot,
    backend: Option<&Backend>,
    server: Option<&Server>,
) -> LogFacts<'static> {
    let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let accepted = wall_clock().saturating_sub(flow.age);
    let process = snapshot.frontends.iter().map(|frontend| frontend.traffic().sessions.get()).sum();
    let frontend = snapshot.frontend_named(&flow.frontend);
    LogFacts {
        accepted,
        requested: accepted,
        timers: timers(flow),
        bytes_out: flow.bytes_out,
        bytes_in: flow.bytes_in,
        status: Some(0),
        connections: Connections {
            process: count(process),
            frontend: frontend.map_or(0, |f| count(f.traffic().sessions.get())),
            backend: backend.map_or(0, |b| count(b.traffic().sessions.get())),
            server: server.map_or(0, |s| count(s.active())),
        },
        termination: Termination {
            cause: flow.termination[0],
            state: flow.termination[1],
            ..Termination::default()
        },
        pid: std::process::id(),
        ..LogFacts::default()
    }
}

/// The kernel plane queues nothing, and its packets wait for nothing: a connection is the server's from its first one.
fn timers(flow: &FlowEnd) -> Timers {
    let connected = flow.termination[1] != b'C';
    Timers {
        handshake: Some(Duration::ZERO),
        idle: Some(Duration::ZERO),
        request: Some(Duration::ZERO),
        queue: Some(Duration::ZERO),
        connect: connected.then_some(Duration::ZERO),
        response: None,
        total: Some(flow.age),
    }
}
