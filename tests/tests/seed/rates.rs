//! "Rate Limiting with Stick Tables".

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{self, From, Http};
use lbx_tests::oracle::{self, Side};
use lbx_tests::suite::Case;
use lbx_tests::wait;

use crate::sample::{HAPROXY, compared, start};
use crate::tables::note_table;

pub(crate) const LIMITED: &str = include_str!("../../../config/seed/rate_limit.cfg");

pub(crate) fn cases() -> Vec<Case> {
    vec![
        compared("rates::request_101_is_the_first_denied", LIMITED, denied),
        compared("rates::each_request_pushes_the_expiry_on", LIMITED, expiry),
        Case::new("rates::a_table_never_grows_beyond_its_size", HAPROXY, || {
            let file = LIMITED.replace("size 200k", "size 20");
            oracle::compare_sides(|program| start(&file, program), bounded)
        }),
    ]
}

/// A hundred requests are served. The next is not, nor are those behind it, which count, too; other clients are.
fn denied(side: &mut Side) -> Result<()> {
    let request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut http = side.connect("p80")?;
    for number in 1..=100 {
        http.send(request)?;
        ensure!(http.response_to("GET")?.status == 200, "request {number}");
    }
    for _ in 0..5 {
        let response =
            side.exchange("p80", "GET /denied HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
        ensure!(
            response.status == 429 && response.line.ends_with(" 429 Too Many Requests"),
            "{}",
            response.line
        );
    }
    let other = From::default().source([127, 0, 0, 2].into());
    ensure!(client::get(other, side.daemon.address("p80"), "/")?.status == 200);
    let requests: usize = side.origins.values().map(|origin| origin.requests().len()).sum();
    ensure!(requests == 101, "{requests} requests reached the servers");
    let table = note_table(side, "http_ratelimit")?;
    ensure!(table.contains("type: ip, size:204800, used:2"), "{table}");
    ensure!(table.contains("key=127.0.0.1 ") && table.contains("http_req_rate(10000)=105"), "{table}");
    Ok(())
}

/// The milliseconds that the only entry has left.
fn left(side: &Side) -> Result<u64> {
    let table = side.daemon.cli("show table http_ratelimit")?;
    let exp = table.split("exp=").nth(1).and_then(|rest| rest.split(' ').next());
    exp.context("an entry")?.parse().context("its expiry")
}

fn expiry(side: &mut Side) -> Result<()> {
    let mut http: Http = side.connect("p80")?;
    http.get("/")?;
    ensure!(left(side)? <= 60_000);
    wait::until("the expiry to come nearer", wait::SOON, || left(side).is_ok_and(|ms| ms < 59_000))?;
    let before = left(side)?;
    http.get("/")?;
    let after = left(side)?;
    ensure!(after > before && after <= 60_000, "{before} {after}");
    Ok(())
}

/// The oldest entries make room for new ones.
fn bounded(side: &mut Side) -> Result<()> {
    side.without_requests();
    side.without_log();
    for host in 1..=60 {
        let from = From::default().source([127, 0, 3, host].into());
        ensure!(client::get(from, side.daemon.address("p80"), "/")?.status == 200);
        let used = side
            .daemon
            .cli("show table http_ratelimit")?
            .lines()
            .filter(|line| line.contains("key="))
            .count();
        ensure!(used <= 20, "{used} entries");
    }
    let table = side.daemon.cli("show table http_ratelimit")?;
    ensure!(table.contains("size:20, used:20"), "{table}");
    ensure!(table.contains("key=127.0.3.60 "), "the newest is missing: {table}");
    Ok(())
}
