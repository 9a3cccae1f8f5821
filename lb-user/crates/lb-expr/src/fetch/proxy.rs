//! Fetches from frontends, backends and servers.

use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::ctx::Ctx;
use crate::place::Source::{Backend, Frontend, Internal, Server};
use crate::sample::Sample;
use crate::sample::SampleType::{Bool, Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};
use crate::world::{BackendStat, FrontendStat, ServerStat};

type Built = Result<Box<dyn Fetch>, ArgError>;

const FRONTEND: &[Arg] = &[opt("frontend", ArgKind::Frontend)];
const BACKEND: &[Arg] = &[opt("backend", ArgKind::Backend)];
const SERVER: &[Arg] = &[need("server", ArgKind::Server)];

const fn frontend(
    names: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(names, FRONTEND, Sint, Internal, doc, build).example(example)
}

const fn backend(
    names: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(names, BACKEND, Sint, Internal, doc, build).example(example)
}

const fn server(
    names: &'static [&'static str],
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> FetchRow {
    FetchRow::with(names, SERVER, Sint, Internal, doc, build).example(example)
}

pub(super) static ROWS: &[FetchRow] = &[
    backend(&["avg_queue"], "waiting requests for each usable server of a backend", "avg_queue(be)", |a| {
        of_backend(a, BackendStat::AverageQueue)
    }),
    backend(&["be_conn"], "connections of a backend that are open", "be_conn(be)", |a| {
        of_backend(a, BackendStat::Connections)
    }),
    backend(
        &["be_conn_free"],
        "connections that the servers of a backend could still take; -1 without limit",
        "be_conn_free(be)",
        |a| of_backend(a, BackendStat::ConnectionsFree),
    ),
    backend(
        &["be_sess_rate"],
        "sessions that a backend opened in the last second",
        "be_sess_rate(be)",
        |a| of_backend(a, BackendStat::SessionRate),
    ),
    backend(
        &["connslots"],
        "connections and queue places that the servers of a backend could still take; -1 without limit",
        "connslots(be)",
        |a| of_backend(a, BackendStat::Slots),
    ),
    backend(&["nbsrv"], "usable servers of a backend", "nbsrv(be)", |a| {
        of_backend(a, BackendStat::UsableServers)
    }),
    backend(&["queue"], "requests that wait in a backend and for its servers", "queue(be)", |a| {
        of_backend(a, BackendStat::Queue)
    }),
    FetchRow::plain(&["be_id"], Sint, Backend, "the id of the backend", |c| current(c, BackendStat::Id)),
    FetchRow::plain(&["be_name"], Str, Backend, "the name of the backend", |c| {
        c.world.backend_name(c.backend?).map(Sample::str)
    }),
    FetchRow::plain(
        &["be_server_timeout"],
        Sint,
        Backend,
        "timeout server of the backend, milliseconds",
        |c| current(c, BackendStat::ServerTimeout),
    ),
    FetchRow::plain(
        &["be_tunnel_timeout"],
        Sint,
        Backend,
        "timeout tunnel of the backend, milliseconds",
        |c| current(c, BackendStat::TunnelTimeout),
    ),
    FetchRow::plain(&["cur_server_timeout"], Sint, Backend, "timeout server in effect, milliseconds", |c| {
        match c.kept.and_then(|k| k.server_timeout) {
            Some(time) => i64::try_from(time.as_millis()).ok().map(Sample::Int),
            None => current(c, BackendStat::ServerTimeout),
        }
    }),
    FetchRow::plain(&["cur_tunnel_timeout"], Sint, Backend, "timeout tunnel in effect, milliseconds", |c| {
        match c.kept.and_then(|k| k.tunnel_timeout) {
            Some(time) => i64::try_from(time.as_millis()).ok().map(Sample::Int),
            None => current(c, BackendStat::TunnelTimeout),
        }
    }),
    FetchRow::plain(
        &["fe_client_timeout"],
        Sint,
        Frontend,
        "timeout client of the frontend, milliseconds",
        |c| c.world.frontend(c.frontend?, FrontendStat::ClientTimeout).map(Sample::Int),
    ),
    frontend(&["fe_conn"], "connections of a frontend that are open", "fe_conn(fe)", |a| {
        of_frontend(a, FrontendStat::Connections)
    }),
    FetchRow::plain(&["fe_defbe"], Str, Frontend, "the default backend of the frontend", |c| {
        c.world.default_backend_name(c.frontend?).map(Sample::str)
    }),
    FetchRow::plain(&["fe_id"], Sint, Frontend, "the id of the frontend", |c| {
        c.world.frontend(c.frontend?, FrontendStat::Id).map(Sample::Int)
    }),
    FetchRow::plain(&["fe_name"], Str, Frontend, "the name of the frontend", |c| {
        c.world.frontend_name(c.frontend?).map(Sample::str)
    }),
    frontend(&["fe_req_rate"], "requests to a frontend in the last second", "fe_req_rate(fe)", |a| {
        of_frontend(a, FrontendStat::RequestRate)
    }),
    frontend(
        &["fe_sess_rate"],
        "sessions that a frontend opened in the last second",
        "fe_sess_rate(fe)",
        |a| of_frontend(a, FrontendStat::SessionRate),
    ),
    server(&["srv_conn"], "connections to a server that are open", "srv_conn(be/srv)", |a| {
        of_server(a, ServerStat::Connections)
    }),
    server(
        &["srv_conn_free"],
        "connections that a server could still take; -1 without limit",
        "srv_conn_free(be/srv)",
        |a| of_server(a, ServerStat::ConnectionsFree),
    ),
    FetchRow::plain(&["srv_id"], Sint, Server, "the id of the server", |c| {
        c.world.server(c.server?, ServerStat::Id).map(Sample::Int)
    }),
    FetchRow::with(&["srv_is_up"], SERVER, Bool, Internal, "whether a server is up", is_up)
        .example("srv_is_up(be/srv)"),
    server(&["srv_iweight"], "the weight of a server in the configuration", "srv_iweight(be/srv)", |a| {
        of_server(a, ServerStat::InitialWeight)
    }),
    FetchRow::plain(&["srv_name"], Str, Server, "the name of the server", |c| {
        c.world.server_name(c.server?).map(Sample::str)
    }),
    server(&["srv_queue"], "requests that wait for a server", "srv_queue(be/srv)", |a| {
        of_server(a, ServerStat::Queue)
    }),
    server(
        &["srv_sess_rate"],
        "sessions that a server opened in the last second",
        "srv_sess_rate(be/srv)",
        |a| of_server(a, ServerStat::SessionRate),
    ),
    server(&["srv_uweight"], "the weight of a server as the operator set it", "srv_uweight(be/srv)", |a| {
        of_server(a, ServerStat::UserWeight)
    }),
    server(&["srv_weight"], "the weight of a server in effect", "srv_weight(be/srv)", |a| {
        of_server(a, ServerStat::Weight)
    }),
];

fn of_frontend(args: &mut Args<'_>, stat: FrontendStat) -> Built {
    let id = args.frontend(0)?;
    Ok(fetch_with((id, stat), |(id, stat), ctx| ctx.world.frontend(*id, *stat).map(Sample::Int)))
}

fn of_backend(args: &mut Args<'_>, stat: BackendStat) -> Built {
    let id = args.backend(0)?;
    Ok(fetch_with((id, stat), |(id, stat), ctx| ctx.world.backend(*id, *stat).map(Sample::Int)))
}

fn of_server(args: &mut Args<'_>, stat: ServerStat) -> Built {
    let id = args.server(0)?;
    Ok(fetch_with((id, stat), |(id, stat), ctx| ctx.world.server(*id, *stat).map(Sample::Int)))
}

fn is_up(args: &mut Args<'_>) -> Built {
    let id = args.server(0)?;
    Ok(fetch_with(id, |id, ctx| Some(Sample::Bool(ctx.world.server(*id, ServerStat::IsUp)? != 0))))
}

fn current<'a>(ctx: &Ctx<'a>, stat: BackendStat) -> Option<Sample<'a>> {
    ctx.world.backend(ctx.backend?, stat).map(Sample::Int)
}
