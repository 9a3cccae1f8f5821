//! Fetches from connections, layers 3 and 4.

use std::net::SocketAddr;

use crate::args::{Arg, ArgError, ArgKind, Args, opt};
use crate::ctx::{Connection, Ctx, TcpInfo};
use crate::place::Source::{ClientL4, Frontend, ServerL4};
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{Addr, Bool, Sint, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

const UNIT: &[Arg] = &[opt("unit", ArgKind::Word(&["ms", "us"]))];

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::plain(&["src"], Addr, ClientL4, "the client's address", |c| ip(client(c)?.src())),
    FetchRow::plain(&["src_port"], Sint, ClientL4, "the client's port", |c| port(client(c)?.src())),
    FetchRow::plain(&["src_is_local"], Bool, ClientL4, "whether the client's address is this host's", |c| {
        local(c, client(c)?.src())
    }),
    FetchRow::plain(&["dst"], Addr, ClientL4, "the address that the client connected to", |c| {
        ip(client(c)?.dst())
    }),
    FetchRow::plain(&["dst_port"], Sint, ClientL4, "the port that the client connected to", |c| {
        port(client(c)?.dst())
    }),
    FetchRow::plain(
        &["dst_is_local"],
        Bool,
        ClientL4,
        "whether the address that the client connected to is this host's",
        |c| local(c, client(c)?.dst()),
    ),
    FetchRow::plain(&["dst_conn"], Sint, Frontend, "connections that are open on the same bind line", |c| {
        number(client(c)?.listener_connections())
    }),
    FetchRow::plain(&["so_id"], Sint, Frontend, "the id of the bind line", |c| {
        number(client(c)?.listener_id())
    }),
    FetchRow::plain(&["so_name"], Str, Frontend, "the name of the bind line", |c| {
        client(c)?.listener_name().map(Sample::str)
    }),
    FetchRow::plain(
        &["fc_src"],
        Addr,
        ClientL4,
        "the address of the connection's other end, whatever the PROXY protocol or later rules say",
        |c| ip(client(c)?.original_src()),
    ),
    FetchRow::plain(
        &["fc_src_port"],
        Sint,
        ClientL4,
        "the port of the connection's other end, likewise",
        |c| port(client(c)?.original_src()),
    ),
    FetchRow::plain(&["fc_src_is_local"], Bool, ClientL4, "whether fc_src is an address of this host", |c| {
        local(c, client(c)?.original_src())
    }),
    FetchRow::plain(
        &["fc_dst"],
        Addr,
        ClientL4,
        "the address that the connection was made to, likewise",
        |c| ip(client(c)?.original_dst()),
    ),
    FetchRow::plain(
        &["fc_dst_port"],
        Sint,
        ClientL4,
        "the port that the connection was made to, likewise",
        |c| port(client(c)?.original_dst()),
    ),
    FetchRow::plain(&["fc_dst_is_local"], Bool, ClientL4, "whether fc_dst is an address of this host", |c| {
        local(c, client(c)?.original_dst())
    }),
    FetchRow::plain(
        &["fc_err"],
        Sint,
        ClientL4,
        "the number of what went wrong on the client's connection; 0 for nothing",
        |c| Some(Sample::Int(client(c)?.error().0.into())),
    ),
    FetchRow::plain(&["fc_err_str"], Str, ClientL4, "what went wrong on the client's connection", |c| {
        Some(Sample::str(client(c)?.error().1))
    }),
    FetchRow::plain(
        &["fc_http_major"],
        Sint,
        ClientL4,
        "the version of HTTP on the client's wire: 1 or 2",
        |c| number(client(c)?.http_major().map(u32::from)),
    ),
    FetchRow::plain(
        &["fc_rcvd_proxy"],
        Bool,
        ClientL4,
        "whether a PROXY protocol header was received",
        |c| Some(Sample::Bool(client(c)?.proxy_header().is_some())),
    ),
    FetchRow::plain(&["fc_pp_authority"], Str, ClientL4, "the authority of the PROXY protocol header", |c| {
        client(c)?.proxy_header()?.authority.map(Sample::str)
    })
    .needs(&[Layer::ProxyProtocol]),
    FetchRow::plain(&["fc_pp_unique_id"], Str, ClientL4, "the unique id of the PROXY protocol header", |c| {
        client(c)?.proxy_header()?.unique_id.map(Sample::str)
    })
    .needs(&[Layer::ProxyProtocol]),
    FetchRow::with(
        &["fc_rtt"],
        UNIT,
        Sint,
        ClientL4,
        "the round-trip time that the kernel measured, milliseconds by default",
        |a| timed(a, |t| t.rtt_us),
    )
    .example("fc_rtt(us)"),
    FetchRow::with(
        &["fc_rttvar"],
        UNIT,
        Sint,
        ClientL4,
        "the variance of the round-trip time, milliseconds by default",
        |a| timed(a, |t| t.rttvar_us),
    )
    .example("fc_rttvar(us)"),
    FetchRow::plain(&["fc_fackets"], Sint, ClientL4, "segments forward-acknowledged", |c| {
        measured(c, |t| t.fackets)
    }),
    FetchRow::plain(&["fc_lost"], Sint, ClientL4, "segments lost", |c| measured(c, |t| t.lost)),
    FetchRow::plain(&["fc_reordering"], Sint, ClientL4, "the reordering that was seen", |c| {
        measured(c, |t| t.reordering)
    }),
    FetchRow::plain(&["fc_retrans"], Sint, ClientL4, "segments retransmitted", |c| {
        measured(c, |t| t.retrans)
    }),
    FetchRow::plain(&["fc_sacked"], Sint, ClientL4, "segments acknowledged selectively", |c| {
        measured(c, |t| t.sacked)
    }),
    FetchRow::plain(&["fc_unacked"], Sint, ClientL4, "segments not acknowledged", |c| {
        measured(c, |t| t.unacked)
    }),
    FetchRow::plain(&["bc_src"], Addr, ServerL4, "the address that the server was connected from", |c| {
        ip(upstream(c)?.src())
    }),
    FetchRow::plain(&["bc_src_port"], Sint, ServerL4, "the port that the server was connected from", |c| {
        port(upstream(c)?.src())
    }),
    FetchRow::plain(&["bc_dst"], Addr, ServerL4, "the server's address", |c| ip(upstream(c)?.dst())),
    FetchRow::plain(&["bc_dst_port"], Sint, ServerL4, "the server's port", |c| port(upstream(c)?.dst())),
    FetchRow::plain(
        &["bc_err"],
        Sint,
        ServerL4,
        "the number of what went wrong on the server's connection; 0 for nothing",
        |c| Some(Sample::Int(upstream(c)?.error().0.into())),
    ),
    FetchRow::plain(&["bc_err_str"], Str, ServerL4, "what went wrong on the server's connection", |c| {
        Some(Sample::str(upstream(c)?.error().1))
    }),
    FetchRow::plain(
        &["bc_http_major"],
        Sint,
        ServerL4,
        "the version of HTTP on the server's wire: 1 or 2",
        |c| number(upstream(c)?.http_major().map(u32::from)),
    ),
];

fn client<'a>(ctx: &Ctx<'a>) -> Option<&'a dyn Connection> {
    ctx.client
}

fn upstream<'a>(ctx: &Ctx<'a>) -> Option<&'a dyn Connection> {
    ctx.upstream
}

fn ip<'a>(at: Option<SocketAddr>) -> Option<Sample<'a>> {
    // On a socket of IPv6 that takes both families, IPv4 addresses come mapped.
    Some(Sample::addr(at?.ip().to_canonical()))
}

fn port<'a>(at: Option<SocketAddr>) -> Option<Sample<'a>> {
    Some(Sample::Int(at?.port().into()))
}

fn local<'a>(ctx: &Ctx<'a>, at: Option<SocketAddr>) -> Option<Sample<'a>> {
    Some(Sample::Bool(ctx.world.is_local(at?.ip().to_canonical())))
}

fn number<'a>(n: Option<u32>) -> Option<Sample<'a>> {
    Some(Sample::Int(n?.into()))
}

fn measured<'a>(ctx: &Ctx<'a>, read: fn(&TcpInfo) -> u32) -> Option<Sample<'a>> {
    Some(Sample::Int(read(&client(ctx)?.tcp_info()?).into()))
}

fn timed(args: &mut Args<'_>, read: fn(&TcpInfo) -> u32) -> Built {
    let divisor = if args.str(0) == "us" { 1 } else { 1000 };
    Ok(fetch_with((read, divisor), |(read, divisor), ctx| {
        let micros = read(&client(ctx)?.tcp_info()?);
        Some(Sample::Int((micros / divisor).into()))
    }))
}
