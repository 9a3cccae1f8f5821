//! Rings of log messages: what log servers are sent, and what the runtime socket shows.

use std::collections::HashMap;
use std::io::Read;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::oracle::{self, Side};
use lbx_tests::wait;
use parking_lot::Mutex;

const CONFIG: &str = "
global
    stats socket {dir}/sock level admin
    log ring@counted format rfc5424 local0
    log ring@lines local0
    log ring@small local0
    log ring@lines len 80 local0 notice
ring counted
    description \"those with lengths\"
    server s {counted} log-proto octet-count
    timeout connect 1s
    timeout server 1s
ring lines
    format short
    size 20000
    server s {lines}
    timeout connect 1s
    timeout server 1s
ring small
    maxlen 10
defaults
    timeout connect 1s
    timeout client 2s
    timeout server 1s
    log global
listen l
    bind 127.0.0.1:{l}
    log-format \"frontend %f, counter %lc\"
    server s {t1}
";

/// Longer than a message takes on the most loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Sessions, each of which leaves a line.
const SESSIONS: usize = 3;

/// What each line has once.
const LINE: &str = "frontend l";

/// What a log server was sent so far.
type Received = Arc<Mutex<Vec<u8>>>;

/// A log server that never ends a connection.
fn log_server() -> Result<(std::net::SocketAddr, Received)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let (address, received) = (listener.local_addr()?, Received::default());
    let heard = Arc::clone(&received);
    // It ends with the daemon's connections or with the test.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut bytes) {
                heard.lock().extend_from_slice(&bytes[..count]);
            }
        }
    });
    Ok((address, received))
}

/// Both programs send log servers the same bytes, and show the same messages.
pub(crate) fn forwarded() -> Result<()> {
    let servers: Mutex<HashMap<u32, [Received; 2]>> = Mutex::default();
    oracle::compare_sides(
        |program| {
            let ((counted, counted_bytes), (lines, lines_bytes)) = (log_server()?, log_server()?);
            let side = Side::start_with(CONFIG, program, |setup| {
                Ok(setup.set("counted", counted).set("lines", lines))
            })?;
            servers.lock().insert(side.daemon.pid(), [counted_bytes, lines_bytes]);
            Ok(side)
        },
        |side| {
            let [counted, lines] = servers.lock().remove(&side.daemon.pid()).context("log servers")?;
            traffic(side, &counted, &lines)
        },
    )
}

fn traffic(side: &mut Side, counted: &Received, lines: &Received) -> Result<()> {
    side.without_requests();
    side.without_log();
    for number in 1..=SESSIONS {
        drop(side.connect("l")?);
        // One after the other, so that threads log in order.
        wait::until("a line in the ring", LIMIT, || {
            side.daemon.cli("show events counted").is_ok_and(|shown| shown.matches(LINE).count() >= number)
        })?;
    }
    for (name, received) in [("counted", counted), ("lines", lines)] {
        wait::until("the last line at the log server", LIMIT, || {
            String::from_utf8_lossy(&received.lock()).matches(LINE).count() >= SESSIONS
        })?;
        let text = String::from_utf8_lossy(&received.lock()).into_owned();
        // HAProxy sends the line feed behind the last line with the next one.
        side.note(format!("{name}: {:?}", text.trim_end_matches('\n')));
    }
    for ring in ["counted", "lines", "small", "nonsense"] {
        let shown = side.daemon.cli(&format!("show events {ring}"))?;
        side.note(format!("{ring} shows {:?}", shown.trim_end_matches('\n')));
    }
    let list = side.daemon.cli("show events")?;
    for ring in ["counted", "lines", "small"] {
        let row = list.lines().find(|line| line.trim_start().starts_with(ring));
        side.note(row.context("a row of the list")?);
    }
    ensure!(list.starts_with("Supported events sinks are listed below."), "{list}");
    Ok(())
}
