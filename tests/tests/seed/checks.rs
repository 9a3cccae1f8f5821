//! "Health Checks".

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::{self, STATUS, Side};
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
        Case::new("checks::agents", HAPROXY, agents),
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
    let line = side.log.wait_for("Server app_pool/app02 is DOWN")?;
    let (before, info) = line.split_once(", info: \"").with_context(|| line.clone())?;
    let after = info.split_once(". ").with_context(|| line.clone())?.1;
    side.note(format!("{} {after}", before.split_once("]: ").with_context(|| line.clone())?.1));
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

/// A backend of the article's kind whose server has an agent.
const AGENT: &str = "
global
    stats socket {dir}/sock level admin
    log {log} local0
defaults
    log global
    mode http
    timeout connect 1s
    timeout check 5s
    timeout client 2s
    timeout server 2s
listen app_pool
    bind 127.0.0.1:{p80}
    server app01 {s1} check inter 100ms weight 80 agent-check agent-inter 100ms agent-addr 127.0.0.1 agent-port {agent}
";

/// What an agent says, and the status, weight and limit that follow, and what the statistics say that it said.
///
/// No row is that of the state before it: each is reached only if the agent's words were understood.
const WORDS: &[[&str; 5]] = &[
    ["50%\n", "UP", "40", "", ""],
    ["100%\n", "UP", "80", "", ""],
    ["drain\n", "DRAIN (agent)", "80", "", ""],
    ["ready\n", "UP", "80", "", ""],
    ["maint\n", "MAINT", "80", "", ""],
    // A server that its agent has put into maintenance stays there until the agent says that it is ready.
    ["up # and running\n", "MAINT", "80", "", "via agent : up (and running)"],
    ["up 30%\n", "MAINT", "24", "", "via agent : up"],
    ["up 100% ready\n", "UP", "80", "", "via agent : up"],
    ["down # for a reason\n", "DOWN (agent)", "80", "", "via agent : down (for a reason)"],
    ["up\n", "UP", "80", "", "via agent : up"],
    ["fail\n", "DOWN (agent)", "80", "", "via agent : fail"],
    ["UP 25%\n", "UP", "20", "", "via agent : UP"],
    ["stopped a text\n", "DOWN (agent)", "20", "", "via agent : stopped (a)"],
    ["up 100%\n", "UP", "80", "", "via agent : up"],
    ["maxconn:7\n", "UP", "80", "7", ""],
    ["maxconn:30 10%\n", "UP", "8", "30", ""],
    ["100%\n", "UP", "80", "30", ""],
    ["maxconn:20 drain\n", "DRAIN (agent)", "80", "20", ""],
    ["ready,50%\n", "UP", "40", "20", ""],
    // What is no answer changes nothing, and is told.
    ["nonsense\n", "UP", "40", "20", "agent reports an error : nonsense"],
    ["up odd # down drain maint 10%\n", "UP", "40", "20", "via agent : up (odd)"],
    ["10% -20% maint%\n", "UP", "8", "20", "agent reports an error : -20%"],
    ["up # maint drain down\n", "UP", "8", "20", "via agent : up (maint drain down)"],
];

fn agents() -> Result<()> {
    let agents = [(Program::Haproxy, Agent::start()?), (Program::Lbx, Agent::start()?)];
    let start = |program| {
        let (_, agent) = agents.iter().find(|(of, _)| *of == program).context("an agent")?;
        Side::start_with(AGENT, program, |setup| Ok(setup.set("agent", agent.port)))
    };
    oracle::compare_sides(start, |side| {
        let port = side.daemon.address("agent").port();
        let (_, agent) = agents.iter().find(|(_, agent)| agent.port == port).context("an agent")?;
        says(side, agent)
    })
}

fn says(side: &mut Side, agent: &Agent) -> Result<()> {
    let mut before = Vec::new();
    for [words, expected @ ..] in WORDS {
        ensure!(before != *expected, "{words:?} is to change something");
        agent.say(words);
        let reached = wait::until(words, wait::SOON, || {
            state(side).is_ok_and(|state| state.iter().map(String::as_str).eq(*expected))
        });
        reached.with_context(|| format!("{words:?}: {:?}", state(side)))?;
        // While it is asked again, a star says so.
        let status = side.stat("app_pool/app01", AGENT_STATUS)?;
        let description = side.stat("app_pool/app01", AGENT_DESCRIPTION)?;
        side.note(format!("{words:?}: {} {description}", status.trim_start_matches("* ")));
        before = expected.to_vec();
    }
    Ok(())
}

/// Status, weight, limit, and what the agent said.
fn state(side: &Side) -> Result<[String; 4]> {
    let weight = side.daemon.cli("get weight app_pool/app01")?;
    let weight = weight.split(' ').next().unwrap_or_default().to_owned();
    let stat = |column| side.stat("app_pool/app01", column);
    Ok([stat(STATUS)?, weight, stat(SESSION_LIMIT)?, stat(LAST_AGENT)?.trim_matches('"').to_owned()])
}

/// Columns of `show stat`.
const SESSION_LIMIT: usize = 6;
const LAST_AGENT: usize = 57;
const AGENT_STATUS: usize = 62;
const AGENT_DESCRIPTION: usize = 66;
