//! The columns of `show stat`: names and places are HAProxy's up to where ours begin, at the end.

use lb_conf::model::{Algorithm, Mode};

use super::row::{Row, Subject};
use super::value::{Tags, Value};
use crate::backend::Backend;
use crate::check::CheckStatus;
use crate::frontend::FrontendState;
use crate::server::{FULL_THROTTLE, Operational, Probe, Server, State, Status};

/// A column.
#[derive(Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub tags: Tags,
    kinds: &'static str,
    value: fn(&Row) -> Value,
}

impl Column {
    /// The value of a row; None where its kind of rows has none, or this one not now.
    pub fn value(&self, row: &Row) -> Value {
        if self.kinds.contains(row.letter()) { (self.value)(row) } else { Value::None }
    }
}

macro_rules! rows {
    ($($name:literal $tags:literal $kinds:literal |$row:pat_param| $value:expr;)*) => {
        /// All columns. A column of no kind of rows (`-`) keeps the places of those behind it.
        pub const COLUMNS: &[Column] = &[$(Column {
            name: $name, tags: Tags($tags), kinds: $kinds, value: |$row| $value,
        }),*];
    };
}

rows! {
    "pxname" "KNS" "FSB" |row| Value::text(&*row.proxy().name);
    "svname" "KNS" "FSB" |row| service_name(row);
    "qcur" "MGP" "SB" |row| Value::small(row.traffic().waiting.get());
    "qmax" "MMP" "SB" |row| Value::small(row.traffic().waiting.max());
    "scur" "MGP" "FSB" |row| Value::small(row.traffic().sessions.get());
    "smax" "MMP" "FSB" |row| Value::small(row.traffic().sessions.max());
    "slim" "CLP" "FSB" |row| limit(row);
    "stot" "MCP" "FSB" |row| row.traffic().session_total.get().into();
    "bin" "MCP" "FSB" |row| row.traffic().bytes_in.get().into();
    "bout" "MCP" "FSB" |row| row.traffic().bytes_out.get().into();
    "dreq" "MCP" "FB" |row| row.traffic().denied_requests.get().into();
    "dresp" "MCP" "FSB" |row| row.traffic().denied_responses.get().into();
    "ereq" "MCP" "F" |row| row.traffic().request_errors.get().into();
    "econ" "MCP" "SB" |row| row.traffic().connect_errors.get().into();
    "eresp" "MCP" "SB" |row| row.traffic().response_errors.get().into();
    "wretr" "MCP" "SB" |row| row.traffic().retries.get().into();
    "wredis" "MCP" "SB" |row| row.traffic().redispatches.get().into();
    "status" "SGP" "FSB" |row| Value::text(status(row));
    "weight" "MaP" "SB" |row| weight(row);
    "act" "SGP" "SB" |row| count(row,false);
    "bck" "SGP" "SB" |row| count(row,true);
    "chkfail" "MCP" "S" |row| checked(row).map(|(server,_)|server.counters().check_failures.get()).into();
    "chkdown" "MCP" "SB" |row| downs(row);
    "lastchg" "MAP" "SB" |row| last_change(row);
    "downtime" "MCP" "SB" |row| downtime(row);
    "qlimit" "CLS" "S" |row| server(row).and_then(|(server,_)|server.config.maxqueue).into();
    "pid" "KGP" "FSB" |_| Value::U32(1);
    "iid" "KGS" "FSB" |row| row.proxy().id.0.into();
    "sid" "KGS" "FSB" |row| row.numbers().1.into();
    "throttle" "MGP" "S" |row| throttle(row);
    "lbtot" "MCP" "SB" |row| row.traffic().chosen.get().into();
    "tracked" "KNS" "-" |_| Value::None;
    "type" "CGS" "FSB" |row| row.numbers().0.into();
    "rate" "MRP" "FSB" |row| row.traffic().session_rate.get(row.now).into();
    "rate_lim" "CLP" "F" |_| Value::U32(0);
    "rate_max" "MMP" "FSB" |row| row.traffic().session_rate.max().into();
    "check_status" "MOP" "S" |row| checked(row).map(|(_,check)|probe_status(check)).into();
    "check_code" "MOP" "S" |row| checked(row).and_then(|(_,check)|check.last.code).map(u32::from).into();
    "check_duration" "MDP" "S" |row| checked(row).and_then(|(_,check)|probe_duration(check)).into();
    "hrsp_1xx" "MCP" "FSB" |row| class(row,0);
    "hrsp_2xx" "MCP" "FSB" |row| class(row,1);
    "hrsp_3xx" "MCP" "FSB" |row| class(row,2);
    "hrsp_4xx" "MCP" "FSB" |row| class(row,3);
    "hrsp_5xx" "MCP" "FSB" |row| class(row,4);
    "hrsp_other" "MCP" "FSB" |row| class(row,5);
    "hanafail" "SGP" "-" |_| Value::None;
    "req_rate" "MRP" "F" |row| row.traffic().request_rate.get(row.now).into();
    "req_rate_max" "MMP" "F" |row| row.traffic().request_rate.max().into();
    "req_tot" "MCP" "FSB" |row| request_total(row);
    "cli_abrt" "MCP" "SB" |row| row.traffic().client_aborts.get().into();
    "srv_abrt" "MCP" "SB" |row| row.traffic().server_aborts.get().into();
    "comp_in" "MCP" "FB" |row| row.traffic().compressed_in.get().into();
    "comp_out" "MCP" "FB" |row| row.traffic().compressed_out.get().into();
    "comp_byp" "MCP" "FB" |row| row.traffic().compress_bypassed.get().into();
    "comp_rsp" "MCP" "FB" |row| row.traffic().compressed_responses.get().into();
    "lastsess" "MAP" "SB" |row| last_session(row);
    "last_chk" "MOP" "S" |row| checked(row).map(|(_,check)|Value::text(&*check.last.info)).into();
    "last_agt" "MOP" "S" |row| asked(row).map(|agent|Value::text(&*agent.last.info)).into();
    "qtime" "MaP" "SB" |row| Value::small(row.traffic().times.queue.millis());
    "ctime" "MaP" "SB" |row| Value::small(row.traffic().times.connect.millis());
    "rtime" "MaP" "SB" |row| Value::small(row.traffic().times.response.millis());
    "ttime" "MaP" "SB" |row| Value::small(row.traffic().times.total.millis());
    "agent_status" "MOP" "S" |row| asked(row).map(probe_status).into();
    "agent_code" "MOP" "S" |row| asked(row).and_then(|agent|agent.last.code).map(u32::from).into();
    "agent_duration" "MDP" "S" |row| asked(row).and_then(probe_duration).into();
    "check_desc" "MOP" "S" |row| checked(row).map(|(_,check)|Value::text(check.last.status.description())).into();
    "agent_desc" "MOP" "S" |row| asked(row).map(|agent|Value::text(agent.last.status.description())).into();
    "check_rise" "CGS" "S" |row| checked(row).map(|(_,check)|check.rise).into();
    "check_fall" "CGS" "S" |row| checked(row).map(|(_,check)|check.fall).into();
    "check_health" "CGS" "S" |row| checked(row).map(|(_,check)|check.health).into();
    "agent_rise" "CGS" "S" |row| asked(row).map(|agent|agent.rise).into();
    "agent_fall" "CGS" "S" |row| asked(row).map(|agent|agent.fall).into();
    "agent_health" "CGS" "S" |row| asked(row).map(|agent|agent.health).into();
    "addr" "CGS" "S" |row| server(row).map(|(server,_)|Value::text(server.address_text())).into();
    "cookie" "CNS" "SB" |row| cookie(row);
    "mode" "CGS" "FSB" |row| Value::text(mode(row));
    "algo" "CGS" "B" |row| row.backend().map(|backend|Value::text(algorithm(backend))).into();
    "conn_rate" "MRP" "F" |row| row.traffic().connection_rate.get(row.now).into();
    "conn_rate_max" "MMP" "F" |row| row.traffic().connection_rate.max().into();
    "conn_tot" "MCP" "F" |row| row.traffic().connections.get().into();
    "intercepted" "MCP" "F" |row| in_http(row,row.traffic().intercepted.get());
    "dcon" "MCP" "F" |row| row.traffic().denied_connections.get().into();
    "dses" "MCP" "F" |row| row.traffic().denied_sessions.get().into();
    "wrew" "MCP" "FSB" |row| row.traffic().rewrite_errors.get().into();
    "connect" "MCP" "SB" |row| row.traffic().connects.get().into();
    "reuse" "MCP" "SB" |row| row.traffic().reuses.get().into();
    "cache_lookups" "MCP" "-" |_| Value::None;
    "cache_hits" "MCP" "-" |_| Value::None;
    "srv_icur" "MGP" "S" |row| idle(row);
    "src_ilim" "CLP" "-" |_| Value::None;
    "qtime_max" "MMP" "SB" |row| row.traffic().times.queue.max_millis().into();
    "ctime_max" "MMP" "SB" |row| row.traffic().times.connect.max_millis().into();
    "rtime_max" "MMP" "SB" |row| row.traffic().times.response.max_millis().into();
    "ttime_max" "MMP" "SB" |row| row.traffic().times.total.max_millis().into();
    "eint" "MCP" "FSB" |row| row.traffic().internal_errors.get().into();
    "idle_conn_cur" "MGP" "S" |row| idle(row);
    "safe_conn_cur" "MGP" "-" |_| Value::None;
    "used_conn_cur" "MGP" "S" |row| Value::small(row.traffic().sessions.get());
    "need_conn_est" "MGP" "S" |row| Value::small(row.traffic().sessions.max());
    "uweight" "MaP" "SB" |row| user_weight(row);
    "agg_server_status" "MGP" "-" |_| Value::None;
    "agg_server_check_status" "MGP" "-" |_| Value::None;
    "agg_check_status" "MGP" "-" |_| Value::None;
    "ssl_sess" "MCP" "FSB" |row| row.traffic().tls_handshakes.get().into();
    "ssl_reused_sess" "MCP" "FSB" |row| row.traffic().tls_resumed.get().into();
    "ssl_failed_handshake" "MCP" "FSB" |row| row.traffic().tls_failed.get().into();
    "h2_headers_rcvd" "MCP" "-" |_| Value::None;
    "h2_data_rcvd" "MCP" "-" |_| Value::None;
    "h2_settings_rcvd" "MCP" "-" |_| Value::None;
    "h2_rst_stream_rcvd" "MCP" "-" |_| Value::None;
    "h2_goaway_rcvd" "MCP" "-" |_| Value::None;
    "h2_detected_conn_protocol_errors" "MCP" "-" |_| Value::None;
    "h2_detected_strm_protocol_errors" "MCP" "-" |_| Value::None;
    "h2_rst_stream_resp" "MCP" "-" |_| Value::None;
    "h2_goaway_resp" "MCP" "-" |_| Value::None;
    "h2_open_connections" "MGP" "-" |_| Value::None;
    "h2_backend_open_streams" "MGP" "-" |_| Value::None;
    "h2_total_connections" "MCP" "-" |_| Value::None;
    "h2_backend_total_streams" "MCP" "-" |_| Value::None;
    "h1_open_connections" "MGP" "-" |_| Value::None;
    "h1_open_streams" "MGP" "-" |_| Value::None;
    "h1_total_connections" "MCP" "-" |_| Value::None;
    "h1_total_streams" "MCP" "-" |_| Value::None;
    "h1_bytes_in" "MCP" "-" |_| Value::None;
    "h1_bytes_out" "MCP" "-" |_| Value::None;
    "h1_spliced_bytes_in" "MCP" "-" |_| Value::None;
    "h1_spliced_bytes_out" "MCP" "-" |_| Value::None;
    "ttime_p50" "MDP" "FSB" |row| percentile(row,5000);
    "ttime_p75" "MDP" "FSB" |row| percentile(row,7500);
    "ttime_p90" "MDP" "FSB" |row| percentile(row,9000);
    "ttime_p95" "MDP" "FSB" |row| percentile(row,9500);
    "ttime_p99" "MDP" "FSB" |row| percentile(row,9900);
    "ttime_p999" "MDP" "FSB" |row| percentile(row,9990);
}

fn server(row: &Row) -> Option<(&Server, &State)> {
    row.server().map(|(server, state)| (&**server, state))
}

// The server and its health check, if that runs and is not paused.
fn checked(row: &Row) -> Option<(&Server, &Probe)> {
    let (server, state) = server(row)?;
    let check = state.check.as_ref().filter(|check| check.enabled && !state.admin.maint())?;
    Some((server, check))
}

fn asked(row: &Row) -> Option<&Probe> {
    server(row)?.1.agent.as_ref().filter(|agent| agent.enabled)
}

fn service_name(row: &Row) -> Value {
    Value::text(match &row.subject {
        Subject::Frontend(_) => "FRONTEND",
        Subject::Backend(_) => "BACKEND",
        Subject::Server(_, server, _) => &*server.config.name,
    })
}

fn limit(row: &Row) -> Value {
    match &row.subject {
        Subject::Frontend(frontend) => Value::small(frontend.maxconn().map_or(row.global_maxconn, u64::from)),
        Subject::Backend(backend) => Value::small(backend.fullconn()),
        Subject::Server(_, server, _) => server.maxconn().into(),
    }
}

fn status(row: &Row) -> String {
    match &row.subject {
        Subject::Frontend(frontend) => match frontend.state() {
            FrontendState::Open => "OPEN".into(),
            FrontendState::Paused => "PAUSED".into(),
            FrontendState::Stopped => "STOP".into(),
        },
        Subject::Server(_, _, state) => Status::of(state).to_string(),
        Subject::Backend(backend) => backend_status(backend, row.counted),
    }
}

// Where servers may be hidden from the reader, how many of all are in use.
fn backend_status(backend: &Backend, counted: bool) -> String {
    let (active, backup) = backend.usable_by_kind();
    let (up, all) = (active + backup, backend.servers.len());
    let status = if up > 0 || all == 0 { "UP" } else { "DOWN" };
    if counted && up != all { format!("{status} ({up}/{all})") } else { status.into() }
}

fn weight(row: &Row) -> Value {
    let shown = |weight: u32| weight.div_ceil(FULL_THROTTLE);
    match &row.subject {
        Subject::Server(_, _, state) => shown(state.effective_weight()).into(),
        Subject::Backend(backend) => shown(backend.weight()).into(),
        Subject::Frontend(_) => Value::None,
    }
}

fn user_weight(row: &Row) -> Value {
    match &row.subject {
        Subject::Server(_, _, state) => state.weight.into(),
        Subject::Backend(backend) => backend.full_weight().div_ceil(FULL_THROTTLE).into(),
        Subject::Frontend(_) => Value::None,
    }
}

fn count(row: &Row, backup: bool) -> Value {
    match &row.subject {
        Subject::Server(_, server, _) => Value::U32(u32::from(server.config.backup == backup)),
        Subject::Backend(backend) => {
            let (active, backups) = backend.usable_by_kind();
            Value::small(if backup { backups } else { active } as u64)
        }
        Subject::Frontend(_) => Value::None,
    }
}

fn downs(row: &Row) -> Value {
    match row.backend() {
        Some(backend) => backend.standing().downs.into(),
        None => checked(row).map(|(server, _)| server.counters().downs.get()).into(),
    }
}

fn last_change(row: &Row) -> Value {
    let changed = server(row).map(|(_, state)| state.changed).or(row.backend().map(|b| b.standing().changed));
    changed.map(|changed| Value::small(row.now.since(changed).as_secs())).into()
}

fn downtime(row: &Row) -> Value {
    let of_server = checked(row).and_then(|_| server(row)).map(|(_, state)| state.downtime(row.now));
    let downtime = of_server.or(row.backend().map(|backend| backend.standing().downtime(row.now)));
    downtime.map(|downtime| Value::small(downtime.as_secs())).into()
}

fn throttle(row: &Row) -> Value {
    let starting = server(row).filter(|(_, state)| state.operational == Operational::Starting);
    starting.map(|(_, state)| state.throttle * 100 / FULL_THROTTLE).into()
}

// A check that is under way is marked.
fn probe_status(probe: &Probe) -> Value {
    let mark = if probe.in_progress { "* " } else { "" };
    Value::text(format!("{mark}{}", probe.last.status.name()))
}

fn probe_duration(probe: &Probe) -> Option<u64> {
    let ended = !matches!(probe.last.status, CheckStatus::Unknown | CheckStatus::Initializing);
    ended.then(|| u64::try_from(probe.last.duration.as_millis()).unwrap_or(u64::MAX))
}

fn in_http(row: &Row, count: u64) -> Value {
    if row.http() { count.into() } else { Value::None }
}

fn class(row: &Row, class: usize) -> Value {
    in_http(row, row.traffic().responses.get().get(class).copied().unwrap_or_default())
}

fn request_total(row: &Row) -> Value {
    match row.subject {
        Subject::Frontend(_) => row.traffic().requests.get().into(),
        _ => in_http(row, row.traffic().requests.get()),
    }
}

// The latest choice of any of the servers, for a backend.
fn last_session(row: &Row) -> Value {
    let last = match &row.subject {
        Subject::Server(_, server, _) => server.counters().last_session(),
        Subject::Backend(backend) => backend.servers.iter().filter_map(|s| s.counters().last_session()).max(),
        Subject::Frontend(_) => return Value::None,
    };
    let age = last.map(|last| row.now.since(last).as_secs());
    Value::S32(age.map_or(-1, |age| i32::try_from(age).unwrap_or(i32::MAX)))
}

fn cookie(row: &Row) -> Value {
    server(row).and_then(|(server, _)| server.config.cookie.as_deref()).map(Value::text).into()
}

fn mode(row: &Row) -> &'static str {
    match row.proxy().mode {
        Mode::Tcp => "tcp",
        Mode::Http => "http",
    }
}

fn algorithm(backend: &Backend) -> &'static str {
    match backend.config.algorithm {
        Algorithm::RoundRobin => "roundrobin",
        Algorithm::StaticRr => "static-rr",
        Algorithm::LeastConn => "leastconn",
        Algorithm::First => "first",
        Algorithm::Random(_) => "random",
        Algorithm::Source => "source",
        Algorithm::Key(ref key) => key.name(),
    }
}

fn idle(row: &Row) -> Value {
    server(row).map(|(server, _)| Value::small(server.counters().idle.get())).into()
}

// In milliseconds, of the time of whole sessions; the share in ten thousandths.
fn percentile(row: &Row, share: u32) -> Value {
    let time = row.traffic().times.distribution.quantiles([share]);
    time.map(|[time]| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).into()
}
