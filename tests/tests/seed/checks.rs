//! "Health Checks".

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::{STATUS, Side};
use lbx_tests::origin::Request;
use lbx_tests::suite::Case;
use lbx_tests::wait;

use crate::balancing::LEAST;
use crate::base::BASE;
use crate::sample::{HAPROXY, compared};

const POOL: &str = include_str!("../../../config/seed/health_checks.cfg");

pub(crate) fn cases() -> Vec<Case> {
    vec![
        compared("checks::http_status_through_rise_and_fall", BASE, by_status),
        compared("checks::http_body_through_rise_and_fall", POOL, by_body),
        compared("checks::tcp_through_rise_and_fall", LEAST, by_connection),
        Case::new("checks::agents", HAPROXY, || {
            [Program::Haproxy, Program::Lbx].into_iter().try_for_each(agent)
        }),
    ]
}

/// The statuses that a server has until it has the last of them.
fn statuses(side: &Side, server: &str, last: &str) -> Result<Vec<String>> {
    let mut seen: Vec<String> = Vec::new();
    wait::until(&format!("{server} to be {last}"), Duration::from_secs(60), || {
        // HAProxy counts in another thread than the one that prints, which may see a count below zero.
        if let Ok(status) = side.stat(server, STATUS)
            && seen.last() != Some(&status)
            && !status.contains('-')
        {
            seen.push(status);
        }
        seen.last().is_some_and(|status| status == last)
    })
    .with_context(|| format!("{seen:?}"))?;
    Ok(seen)
}

/// Lets a server fail and recover, and compares what `show stat` and the log say on the way.
fn fail_and_recover(
    side: &mut Side,
    server: &str,
    set: impl Fn(bool) -> Result<()>,
    way: [&[&str]; 2],
) -> Result<()> {
    // The first check is due before anything is changed.
    wait::until("the first check", wait::SOON, || {
        side.stat(server, CHECK_STATUS).is_ok_and(|s| s.starts_with('L'))
    })?;
    set(false)?;
    let down = statuses(side, server, "DOWN")?;
    ensure!(down == way[0], "{down:?}");
    set(true)?;
    let up = statuses(side, server, "UP")?;
    ensure!(up == way[1], "{up:?}");
    for column in [CHECK_STATUS, CHECK_CODE, WEIGHT] {
        side.note(side.stat(server, column)?);
    }
    for (what, priority) in [("is DOWN", "129"), ("is UP", "133")] {
        let line = side.log.wait_for(&format!("Server {server} {what}"))?;
        ensure!(line.starts_with(&format!("<{priority}>")), "{line}");
    }
    Ok(())
}

/// Columns of `show stat`.
const WEIGHT: usize = 18;
const CHECK_STATUS: usize = 36;
const CHECK_CODE: usize = 37;

fn note_check(side: &mut Side, check: &Request) {
    let lower = check.headers.0.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    side.note(format!("{} {:?}", check.line, lower.collect::<Vec<_>>()));
}

/// `check inter 3s rise 2 fall 3` with `http-check expect status 200`; the request is that of the old form.
fn by_status(side: &mut Side) -> Result<()> {
    let origin = side.origins.remove("s1").context("s1")?;
    let set = |healthy| {
        origin.set_healthy(healthy);
        Ok(())
    };
    let way: [&[&str]; 2] = [&["UP", "UP 2/3", "UP 1/3", "DOWN"], &["DOWN", "DOWN 1/2", "UP"]];
    fail_and_recover(side, "web_servers/web01", set, way)?;
    let check = origin.last_check().context("a check")?;
    note_check(side, &check);
    ensure!(
        check.line == "GET /healthz HTTP/1.1" && check.headers.get("host") == Some("solvethenetwork.com")
    );
    Ok(())
}

/// `inter 5s fall 2 rise 3` with `http-check expect rstring`: the body counts, whatever the status.
fn by_body(side: &mut Side) -> Result<()> {
    let origin = side.origins.remove("s2").context("s2")?;
    let set = |healthy| {
        origin.set_healthy(healthy);
        Ok(())
    };
    let way: [&[&str]; 2] = [&["UP", "UP 1/2", "DOWN"], &["DOWN", "DOWN 1/3", "DOWN 2/3", "UP"]];
    fail_and_recover(side, "app_pool/app02", set, way)?;
    note_check(side, &origin.last_check().context("a check")?);
    // In what words the log says that a body does not match is the program's own.
    side.only_log("is UP");
    Ok(())
}

/// `option tcp-check` without rules: a connection is enough, every two seconds, and three of them.
fn by_connection(side: &mut Side) -> Result<()> {
    let origin = side.origins.remove("t2").context("t2")?;
    let set = |healthy| match healthy {
        true => origin.revive(None),
        false => {
            origin.die();
            Ok(())
        }
    };
    let way: [&[&str]; 2] = [&["UP", "UP 2/3", "UP 1/3", "DOWN"], &["DOWN", "DOWN 1/2", "UP"]];
    fail_and_recover(side, "db_proxy/db02", set, way)
}

/// An agent that tells everybody the same.
struct Agent {
    port: u16,
    says: Arc<Mutex<&'static str>>,
}

impl Agent {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (port, says) = (listener.local_addr()?.port(), Arc::new(Mutex::new("up\n")));
        let words = Arc::downgrade(&says);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(words) = words.upgrade() else { return };
                let words = *words.lock().unwrap_or_else(PoisonError::into_inner);
                // A program that has just been stopped does not listen.
                let _ = (&stream).write_all(words.as_bytes());
            }
        });
        Ok(Self { port, says })
    }

    fn say(&self, words: &'static str) {
        *self.says.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}

/// A backend of the article's kind whose servers have agents.
const AGENT: &str = "
global
    stats socket {dir}/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
listen app_pool
    bind 127.0.0.1:{p80}
    server app01 {s1} check inter 100ms weight 80 agent-check agent-inter 100ms agent-addr 127.0.0.1 agent-port 1
";

/// What agents say, and the status, weight and limit that follow.
const WORDS: [(&str, &str, &str, &str); 18] = [
    ("50%\n", "UP", "40 (initial 80)", ""),
    ("100%\n", "UP", "80 (initial 80)", ""),
    ("drain\n", "DRAIN (agent)", "80 (initial 80)", ""),
    ("ready\n", "UP", "80 (initial 80)", ""),
    ("maint\n", "MAINT", "80 (initial 80)", ""),
    // A server that its agent has put into maintenance stays there until the agent says that it is ready.
    ("up\n", "MAINT", "80 (initial 80)", ""),
    ("ready up\n", "UP", "80 (initial 80)", ""),
    ("down # for a reason\n", "DOWN (agent)", "80 (initial 80)", ""),
    ("up\n", "UP", "80 (initial 80)", ""),
    ("fail\n", "DOWN (agent)", "80 (initial 80)", ""),
    ("up 25%\n", "UP", "20 (initial 80)", ""),
    ("stopped a text\n", "DOWN (agent)", "20 (initial 80)", ""),
    ("up 100%\n", "UP", "80 (initial 80)", ""),
    ("maxconn:7\n", "UP", "80 (initial 80)", "7"),
    ("maxconn:30 10%\n", "UP", "8 (initial 80)", "30"),
    ("drain 100%\n", "DRAIN (agent)", "80 (initial 80)", "30"),
    ("ready,50%\n", "UP", "40 (initial 80)", "30"),
    ("nonsense\n", "UP", "40 (initial 80)", "30"),
];

fn agent(program: Program) -> Result<()> {
    let agent = Agent::start()?;
    let side = Side::start(&AGENT.replace("agent-port 1", &format!("agent-port {}", agent.port)), program)?;
    for (words, status, weight, maxconn) in WORDS {
        agent.say(words);
        let state = || -> Result<[String; 3]> {
            let weight = side.daemon.cli("get weight app_pool/app01")?;
            let stat = |column| side.stat("app_pool/app01", column);
            Ok([stat(STATUS)?, weight.trim().to_owned(), stat(SESSION_LIMIT)?])
        };
        let expected = [status, weight, maxconn];
        let reached = wait::until(words, wait::SOON, || state().is_ok_and(|s| s == expected));
        reached.with_context(|| format!("{program:?}: {:?}", state()))?;
    }
    Ok(())
}

/// Column of `show stat`.
const SESSION_LIMIT: usize = 6;
