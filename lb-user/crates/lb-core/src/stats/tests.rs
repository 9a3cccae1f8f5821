use std::time::Duration;

use lb_conf::model::{self, CommandLevel};

use super::*;
use crate::change::{AdminState, ServerChange};
use crate::check::CheckStatus;
use crate::cli::tests::Cli;
use crate::counters::Phases;
use crate::fixture::{Fixture, backend, checked, report, server};

/// The columns of HAProxy 2.6, in their order.
const HAPROXYS: &str = "pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,\
    status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,\
    rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,\
    hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,\
    last_agt,qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,\
    check_fall,check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,\
    conn_tot,intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,\
    ctime_max,rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,\
    agg_server_status,agg_server_check_status,agg_check_status,-,ssl_sess,ssl_reused_sess,ssl_failed_handshake,\
    h2_headers_rcvd,h2_data_rcvd,h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,\
    h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,h2_rst_stream_resp,h2_goaway_resp,\
    h2_open_connections,h2_backend_open_streams,h2_total_connections,h2_backend_total_streams,h1_open_connections,\
    h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,h1_bytes_out,h1_spliced_bytes_in,\
    h1_spliced_bytes_out,";

fn all(fixture: &Fixture) -> Vec<Row> {
    rows(&fixture.runtime.load(), &Filter::default(), 1000, fixture.now)
}

// The values of a row by the names of their columns, those that are there.
fn named(row: &Row) -> Vec<(&'static str, String)> {
    let values = COLUMNS.iter().map(|column| (column.name, column.value(row)));
    values.filter(|(_, value)| *value != Value::None).map(|(name, value)| (name, value.to_string())).collect()
}

fn get(row: &Row, name: &str) -> String {
    let value = named(row).into_iter().find(|(column, _)| *column == name);
    value.map_or_else(|| "-".into(), |(_, value)| value)
}

#[test]
fn columns_stand_where_scripts_expect_them() {
    let fixture = Fixture::new(backend("b", vec![checked("s1", 1)]));
    let text = csv(&all(&fixture));
    let head = text.lines().next().unwrap();
    assert!(head.starts_with(&format!("# {HAPROXYS}ttime_p50,")), "{head}");
    for line in text.lines() {
        assert_eq!(line.matches(',').count(), head.matches(',').count());
    }
    let order: Vec<_> =
        text.lines().skip(1).map(|line| line.splitn(3, ',').take(2).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(order, ["f,FRONTEND", "b,s1", "b,BACKEND"]);
}

#[test]
fn a_fresh_server_reads_as_haproxys() {
    let mut s1 = checked("s1", 18501);
    (s1.weight, s1.maxconn, s1.maxqueue, s1.cookie) = (5, Some(7), Some(3), Some("abc".into()));
    let mut fixture = Fixture::new(backend("b", vec![s1, server("s2", 18502)]));
    fixture.pass(4);
    let rows = all(&fixture);
    let wanted = [
        ("status", "UP 1/3"),
        ("weight", "5"),
        ("act", "1"),
        ("bck", "0"),
        ("slim", "7"),
        ("qlimit", "3"),
        ("lastchg", "4"),
        ("check_status", "INI"),
        ("check_health", "2"),
        ("lastsess", "-1"),
        ("addr", "127.0.0.1:18501"),
        ("cookie", "abc"),
        ("mode", "http"),
        ("iid", "3"),
        ("sid", "1"),
        ("type", "2"),
        ("throttle", "-"),
        ("req_rate", "-"),
    ];
    for (name, value) in wanted {
        assert_eq!(get(&rows[1], name), value, "{name}");
    }
    for (name, value) in [("status", "no check"), ("chkfail", "-"), ("check_status", "-"), ("slim", "-")] {
        assert_eq!(get(&rows[2], name), value, "{name}");
    }
    for (name, value) in
        [("status", "UP"), ("weight", "6"), ("act", "2"), ("algo", "roundrobin"), ("slim", "1")]
    {
        assert_eq!(get(&rows[3], name), value, "{name}");
    }
    for (name, value) in [("status", "OPEN"), ("slim", "1000"), ("weight", "-"), ("type", "0")] {
        assert_eq!(get(&rows[0], name), value, "{name}");
    }
}

#[test]
fn what_was_counted_is_shown() {
    let mut fixture = Fixture::new(backend("b", vec![checked("s1", 1)]));
    let lease = fixture.runtime.load().backends[0].servers[0].lease_if_free(fixture.now).unwrap();
    let traffic = &lease.counters().traffic;
    traffic.request_came(fixture.now);
    traffic.responses.count(204);
    traffic.finished(Phases {
        connect: Some(Duration::from_millis(40)),
        total: Duration::from_millis(100),
        ..Phases::default()
    });
    fixture
        .apply("s1", ServerChange::Check(report(CheckStatus::L7Status, Some(500), "no, \"really\"")))
        .unwrap();
    fixture.pass(2);
    let rows = all(&fixture);
    let wanted = [
        ("status", "DOWN"),
        ("scur", "1"),
        ("stot", "1"),
        ("lbtot", "1"),
        ("hrsp_2xx", "1"),
        ("req_tot", "1"),
        ("rate_max", "1"),
        ("lastsess", "2"),
        ("chkfail", "1"),
        ("chkdown", "1"),
        ("downtime", "2"),
        ("check_code", "500"),
        ("ctime", "1"),
        ("ctime_max", "40"),
        ("ttime_p99", "100"),
    ];
    for (name, value) in wanted {
        assert_eq!(get(&rows[1], name), value, "{name}");
    }
    for (name, value) in
        [("status", "DOWN"), ("chkdown", "1"), ("downtime", "2"), ("lastchg", "2"), ("lastsess", "2")]
    {
        assert_eq!(get(&rows[2], name), value, "{name}");
    }
    assert!(csv(&rows).contains(",\"no, \"\"really\"\"\","));
}

#[test]
fn rows_are_filtered() {
    let mut cli = Cli::new(CommandLevel::Admin);
    cli.fixture.apply("s1", ServerChange::Admin(AdminState::Maint)).unwrap();
    let mut shown = |line: &str| -> Vec<String> {
        let text = cli.text(line);
        let lines = text.lines().skip(1).filter(|line| !line.is_empty());
        lines.map(|line| line.split(',').take(2).collect::<Vec<_>>().join("/")).collect()
    };
    assert_eq!(shown("show stat"), ["f/FRONTEND", "b/s1", "b/s2", "b/BACKEND"]);
    assert_eq!(shown("show stat no-maint"), ["f/FRONTEND", "b/s2", "b/BACKEND"]);
    assert_eq!(shown("show stat up b"), ["f/FRONTEND", "b/s2", "b/BACKEND"]);
    assert_eq!(shown("show stat b 4 -1"), ["b/s1", "b/s2"]);
    assert_eq!(shown("show stat 3 6 2"), ["b/s2", "b/BACKEND"]);
    assert_eq!(shown("show stat -1 1 -1"), ["f/FRONTEND"]);
    assert!(cli.text("show stat up").contains("b,BACKEND,0,0,0,0,1,0,0,0,0,0,,0,0,0,0,UP (1/2),"));
}

#[test]
fn typed_and_json_tell_the_same() {
    let fixture = Fixture::new(backend("b", vec![checked("s1", 1)]));
    let rows = all(&fixture);
    let typed = typed(&rows);
    assert!(typed.contains("F.2.0.5.smax.1:MMP:u32:0\n"));
    assert!(typed.contains("S.3.1.36.check_status.1:MOP:str:INI\n"));
    let json = json(&rows);
    assert_eq!(json.matches("\"objType\"").count(), typed.lines().filter(|line| !line.is_empty()).count());
    assert!(json.starts_with(
        "[[{\"objType\":\"Frontend\",\"proxyId\":2,\"id\":0,\"field\":{\"pos\":0,\"name\":\"pxname\"},\"processNum\":1,\
         \"tags\":{\"origin\":\"Key\",\"nature\":\"Name\",\"scope\":\"Service\"},\"value\":{\"type\":\"str\",\"value\":\"f\"}}"
    ));
}

#[test]
fn counters_are_cleared() {
    let mut cli = Cli::new(CommandLevel::Admin);
    let now = cli.fixture.now;
    let server = cli.fixture.server("s1");
    drop(server.lease_if_free(now));
    cli.text("clear counters");
    assert_eq!(
        (server.counters().traffic.session_total.get(), server.counters().traffic.sessions.max()),
        (1, 0)
    );
    cli.text("clear counters all");
    assert_eq!(server.counters().traffic.session_total.get(), 0);
}

#[test]
fn the_process_is_described() {
    let mut cli = Cli::new(CommandLevel::User);
    let text = cli.text("show info");
    // What hatop reads.
    for name in
        ["Name", "Version", "Release_date", "Nbproc", "Process_num", "Pid", "Uptime", "Maxconn", "CurrConns"]
    {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}");
    }
    for name in ["Maxpipes", "PipesUsed", "Tasks", "Run_queue", "node"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}");
    }
    assert!(text.contains("Pid: 42\n"));
    assert!(cli.text("show info typed").contains("6.Pid.1:SGP:u32:42\n"));
    assert!(cli.text("show info desc").contains("Pid: 42:\"The process id\"\n"));
    assert!(cli.text("show info json").contains("{\"field\":{\"pos\":6,\"name\":\"Pid\"},\"processNum\":1,"));
    let places: Vec<_> = FIELDS.iter().map(|field| field.place).collect();
    assert!(places.is_sorted_by(|a, b| a < b));
}

#[test]
fn the_share_of_a_server_that_starts_is_shown() {
    let slow = model::Server { slowstart: Some(Duration::from_secs(100)), weight: 8, ..server("s1", 1) };
    let mut fixture = Fixture::new(backend("b", vec![slow]));
    for state in [AdminState::Maint, AdminState::Ready] {
        fixture.apply("s1", ServerChange::Admin(state)).unwrap();
    }
    fixture.pass(25);
    fixture.apply("s1", ServerChange::SlowStartStep).unwrap();
    let rows = all(&fixture);
    let shown = ["throttle", "weight", "uweight"].map(|name| get(&rows[1], name));
    assert_eq!(shown, ["25", "2", "8"]);
}
