//! HAProxy's fetches that have nothing to look at here. They are known, so that diagnostics and the reference can say why.

use crate::place::Source::{self, ClientL5, Internal, Message, RequestHead, ServerL4};
use crate::sample::SampleType::{self, Bin, Bool, Sint, Str};
use crate::table::FetchRow;

const TASKS: &str = "tasks are not measured one by one";
const FASTCGI: &str = "there is no FastCGI";
const HTX: &str = "messages have no form of the daemon's own to look into";
const NPN: &str = "rustls has no NPN; ALPN took its place";
const GLITCHES: &str = "hyper does not count what is odd but allowed";
const H2: &str = "hyper does not tell what it agreed on";
const KERNEL: &str = "the kernel is asked about clients' connections only";
const SECRETS: &str = "rustls keeps secrets, randoms and session ids to itself";

const fn tasks(names: &'static [&'static str], doc: &'static str) -> FetchRow {
    FetchRow::refused(names, Sint, Internal, doc, TASKS)
}

const fn htx(names: &'static [&'static str], output: SampleType) -> FetchRow {
    FetchRow::refused(names, output, Message, "for developers of HAProxy", HTX)
}

const fn client(names: &'static [&'static str], output: SampleType, doc: &'static str) -> FetchRow {
    FetchRow::refused(names, output, ClientL5, doc, SECRETS)
}

const fn server(names: &'static [&'static str], doc: &'static str) -> FetchRow {
    FetchRow::refused(names, Bin, ServerL4, doc, SECRETS)
}

const fn newer(
    names: &'static [&'static str],
    source: Source,
    doc: &'static str,
    why: &'static str,
) -> FetchRow {
    FetchRow::refused(names, Sint, source, doc, why)
}

pub(super) static ROWS: &[FetchRow] = &[
    newer(&["bc_glitches"], ServerL4, "oddities of the server's connection", GLITCHES),
    newer(&["fc_glitches"], ClientL5, "oddities of the client's connection", GLITCHES),
    newer(&["bc_nb_streams"], ServerL4, "streams of the server's connection", H2),
    newer(&["fc_nb_streams"], ClientL5, "streams of the client's connection", H2),
    newer(&["bc_setting_streams_limit"], ServerL4, "the most streams of the server's connection", H2),
    newer(&["fc_settings_streams_limit"], ClientL5, "the most streams of the client's connection", H2),
    newer(&["bc_rtt"], ServerL4, "the round-trip time to the server", KERNEL),
    newer(&["bc_rttvar"], ServerL4, "the variance of the round-trip time to the server", KERNEL),
    tasks(&["cpu_calls"], "how often the stream's task ran"),
    tasks(&["cpu_ns_avg"], "nanoseconds of each run"),
    tasks(&["cpu_ns_tot"], "nanoseconds of all runs"),
    tasks(&["lat_ns_avg"], "nanoseconds that each run was waited for"),
    tasks(&["lat_ns_tot"], "nanoseconds that all runs were waited for"),
    FetchRow::refused(
        &["fcgi.docroot"],
        Str,
        RequestHead,
        "the document root of a FastCGI application",
        FASTCGI,
    ),
    FetchRow::refused(&["fcgi.index"], Str, RequestHead, "the index of a FastCGI application", FASTCGI),
    htx(&["internal.htx.data"], Sint),
    htx(&["internal.htx.free"], Sint),
    htx(&["internal.htx.free_data"], Sint),
    htx(&["internal.htx.has_eom"], Bool),
    htx(&["internal.htx.nbblks"], Sint),
    htx(&["internal.htx.size"], Sint),
    htx(&["internal.htx.used"], Sint),
    htx(&["internal.htx_blk.data"], Bin),
    htx(&["internal.htx_blk.hdrname"], Str),
    htx(&["internal.htx_blk.hdrval"], Str),
    htx(&["internal.htx_blk.size"], Sint),
    htx(&["internal.htx_blk.start_line"], Str),
    htx(&["internal.htx_blk.type"], Str),
    FetchRow::refused(&["internal.strm.is_htx"], Bool, Internal, "for developers of HAProxy", HTX),
    FetchRow::refused(&["ssl_fc_npn"], Str, ClientL5, "the protocol that NPN agreed on", NPN),
    FetchRow::refused(&["ssl_bc_npn"], Str, ServerL4, "the protocol that NPN agreed on", NPN),
    client(&["ssl_fc_client_early_traffic_secret"], Str, "a secret of TLS 1.3"),
    client(&["ssl_fc_client_handshake_traffic_secret"], Str, "a secret of TLS 1.3"),
    client(&["ssl_fc_client_traffic_secret_0"], Str, "a secret of TLS 1.3"),
    client(&["ssl_fc_early_exporter_secret"], Str, "a secret of TLS 1.3"),
    client(&["ssl_fc_exporter_secret"], Str, "a secret of TLS 1.3"),
    client(&["ssl_fc_server_handshake_traffic_secret"], Str, "a secret of TLS 1.3"),
    client(&["ssl_fc_server_traffic_secret_0"], Str, "a secret of TLS 1.3"),
    client(&["ssl_fc_client_random"], Bin, "the client's random bytes"),
    client(&["ssl_fc_server_random"], Bin, "the daemon's random bytes"),
    client(&["ssl_fc_session_id"], Bin, "the id of the session"),
    client(&["ssl_fc_session_key"], Bin, "the master key of the session"),
    client(&["ssl_fc_unique_id"], Bin, "the binding of the channel"),
    server(&["ssl_bc_client_random"], "the daemon's random bytes"),
    server(&["ssl_bc_server_random"], "the server's random bytes"),
    server(&["ssl_bc_session_id"], "the id of the session"),
    server(&["ssl_bc_session_key"], "the master key of the session"),
    server(&["ssl_bc_unique_id"], "the binding of the channel"),
];
