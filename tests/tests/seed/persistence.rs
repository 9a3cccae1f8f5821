//! "Stick Tables and Session Persistence".

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From};
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::oracle::{self, Side};
use lbx_tests::suite::Case;

use crate::sample::{self, HAPROXY, compared, start, template};
use crate::tables::note_table;

const STICKY: &str = include_str!("../../../config/seed/persistence.cfg");

pub(crate) fn cases() -> Vec<Case> {
    vec![
        compared("persistence::a_cookie_names_the_server", STICKY, cookie),
        compared("persistence::a_server_that_is_gone_is_replaced", STICKY, replaced),
        compared("persistence::the_table_stays_empty_behind_indirect", STICKY, empty_table),
        Case::new("persistence::the_diagnostic_tells_it", &[], diagnostic),
        Case::new("persistence::a_table_binds_an_applications_cookie", HAPROXY, || {
            oracle::compare_sides(|program| start(&by_application(), program), application)
        }),
        compared("persistence::keys_may_be_addresses_and_ports", BY_CLIENT, by_client),
        Case::new("persistence::entries_expire", HAPROXY, || {
            let file = by_application().replace("expire 30m", "expire 1s");
            oracle::compare_sides(|program| start(&file, program), expire)
        }),
    ]
}

/// A request with some header lines, on a connection of its own.
fn get(side: &mut Side, headers: &str) -> Result<(String, Option<String>)> {
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}connection: close\r\n\r\n");
    let response = side.exchange("p80", &request)?;
    Ok((response.text(), response.headers.get("set-cookie").map(str::to_owned)))
}

/// Set on the first answer only, and none of the server's business.
fn cookie(side: &mut Side) -> Result<()> {
    let (server, set) = get(side, "")?;
    ensure!(server == "s1" && set.as_deref() == Some("SERVERID=node01; path=/"), "{server} {set:?}");
    for headers in [
        "cookie: SERVERID=node01\r\n",
        "cookie: a=1; SERVERID=node01; b=2\r\n",
        "cookie: SERVERID=node01; SESSION=x\r\n",
        "cookie: a=1\r\ncookie: SERVERID=node01\r\n",
    ] {
        let (server, set) = get(side, headers)?;
        ensure!(server == "s1" && set.is_none(), "{headers}: {server} {set:?}");
    }
    let (_, set) = get(side, "cookie: SERVERID=unknown\r\n")?;
    ensure!(set.is_some(), "a server that is none");
    let (server, set) = get(side, "cookie: SERVERID=node03\r\n")?;
    ensure!(server == "s3" && set.is_none(), "{server} {set:?}");
    // What a cache might keep and give to others is private if it sets a cookie.
    let fresh = "GET /fresh HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
    let first = side.exchange("p80", &format!("{fresh}\r\n"))?.headers;
    ensure!(first.all("cache-control") == ["max-age=60", "private"], "{first:?}");
    let second = side.exchange("p80", &format!("{fresh}cookie: SERVERID=node01\r\n\r\n"))?.headers;
    ensure!(second.all("cache-control") == ["max-age=60"], "{second:?}");
    let seen: Vec<_> = side.origins.values().flat_map(|origin| origin.requests()).collect();
    for request in seen {
        let cookies = request.headers.all("cookie").join(" ");
        ensure!(!cookies.contains("node0"), "a server sees {cookies}");
    }
    Ok(())
}

/// A server in maintenance, and one that is dead.
fn replaced(side: &mut Side) -> Result<()> {
    side.command("set server sticky_app/node02 state maint")?;
    let (server, set) = get(side, "cookie: SERVERID=node02\r\n")?;
    ensure!(server != "s2" && set.is_some_and(|set| !set.contains("node02")), "{server}");
    side.command("set server sticky_app/node02 state ready")?;
    side.origins.get("s3").context("s3")?.refuse();
    side.wait_status("sticky_app/node03", "DOWN")?;
    let (server, set) = get(side, "cookie: SERVERID=node03\r\n")?;
    ensure!(server != "s3" && set.is_some_and(|set| !set.contains("node03")), "{server}");
    side.command("set server sticky_app/node01 state drain")?;
    let (server, set) = get(side, "cookie: SERVERID=node01\r\n")?;
    ensure!(server == "s1" && set.is_none(), "who is bound to a draining server stays: {server}");
    Ok(())
}

/// With `indirect`, the cookie is gone when the rule looks for it.
fn empty_table(side: &mut Side) -> Result<()> {
    for _ in 0..3 {
        get(side, "")?;
        get(side, "cookie: SERVERID=node02\r\n")?;
    }
    let table = note_table(side, "sticky_app")?;
    ensure!(table.contains("type: string, size:102400, used:0"), "{table}");
    Ok(())
}

fn diagnostic() -> Result<()> {
    let setup = Setup::new(Program::Lbx, &template(STICKY))?.set("log", "127.0.0.1:9").argument("-c");
    let setup = ["s1", "s2", "s3"].iter().fold(setup, |s, name| s.set(name, "127.0.0.1:80"));
    let ended = sample::files(setup.set("p80", 80))?.run_to_end()?;
    ensure!(ended.status.success(), "{ended:?}");
    ensure!(ended.output.contains("requests do not have the cookie 'SERVERID' any more"), "{}", ended.output);
    Ok(())
}

/// The file with the cookie of an application instead of one of the proxy's.
fn by_application() -> String {
    let file = STICKY.replace("    cookie      SERVERID insert indirect nocache\n", "");
    file.replace("cookie(SERVERID)", "cookie(APPSESSION)")
}

/// The first request chooses, the others follow, until the server is gone.
fn application(side: &mut Side) -> Result<()> {
    for session in ["one", "two", "three", "four"] {
        let headers = format!("cookie: other=1; APPSESSION={session}\r\n");
        let first = get(side, &headers)?.0;
        for _ in 0..3 {
            ensure!(get(side, &headers)?.0 == first, "{session} was on {first}");
        }
    }
    get(side, "cookie: APPSESSION=a-name-that-is-longer-than-thirty-two-characters\r\n")?;
    get(side, "")?;
    let table = note_table(side, "sticky_app")?;
    ensure!(table.contains("used:5"), "{table}");
    side.command("set server sticky_app/node01 state maint")?;
    let moved = get(side, "cookie: APPSESSION=one\r\n")?.0;
    ensure!(moved != "s1", "{moved}");
    ensure!(get(side, "cookie: APPSESSION=one\r\n")?.0 == moved);
    note_table(side, "sticky_app")?;
    Ok(())
}

const BY_CLIENT: &str = "
global
    stats socket {dir}/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 2s
frontend web
    bind 127.0.0.1:{p80}
    use_backend ports if { path /port }
    default_backend addresses
backend addresses
    balance roundrobin
    stick-table type ip size 100 expire 30m
    stick on src
    server s1 {s1}
    server s2 {s2}
backend ports
    balance roundrobin
    stick-table type integer size 100 expire 30m
    stick on src_port
    server s1 {s1}
    server s2 {s2}
";

/// All requests of an address go to one server, and all of a source port, which is one connection.
fn by_client(side: &mut Side) -> Result<()> {
    for host in [1, 2, 3] {
        let from = From::default().source([127, 0, 5, host].into());
        let servers = (0..4)
            .map(|_| Ok(client::get(from, side.daemon.address("p80"), "/address")?.text()))
            .collect::<Result<Vec<_>>>()?;
        ensure!(servers.windows(2).all(|pair| pair[0] == pair[1]), "{servers:?}");
        side.note(format!("{servers:?}"));
    }
    note_table(side, "addresses")?;
    for _ in 0..3 {
        let mut http = side.connect("p80")?;
        let servers = (0..4).map(|_| Ok(http.get("/port")?.text())).collect::<Result<Vec<_>>>()?;
        ensure!(servers.windows(2).all(|pair| pair[0] == pair[1]), "{servers:?}");
        side.note(format!("{servers:?}"));
    }
    Ok(())
}

/// What nobody asks for is forgotten.
fn expire(side: &mut Side) -> Result<()> {
    get(side, "cookie: APPSESSION=one\r\n")?;
    let empty = || side.daemon.cli("show table sticky_app").is_ok_and(|table| table.contains("used:0"));
    lbx_tests::wait::until("the entry to expire", lbx_tests::wait::SOON, empty)
}
