//! The runtime socket's own clients: hatop on a terminal, and socat.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::Side;
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::tool::{self, Tool};
use lbx_tests::wait;

use crate::page::STATS;
use crate::sample::start;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "tools::hatop_shows_and_changes_servers",
            &[Need::Program("hatop"), Need::Program("script")],
            hatop,
        ),
        Case::new("tools::socat_asks", &[Need::Program("socat")], socat),
        Case::new("tools::fields_are_those_of_haproxy", &[Need::Program("haproxy")], fields),
    ]
}

fn socket(side: &Side) -> String {
    side.daemon.home().dir().join("sock").display().to_string()
}

/// The terminal's size is what hatop needs for all of its columns.
fn hatop() -> Result<()> {
    let side = start(STATS, Program::Lbx)?;
    let line = format!("stty rows 40 cols 160; exec hatop -s {} -i 1", socket(&side));
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]).env("TERM", "xterm");
    let (mut hatop, mut keys) = Tool::interactive(&mut command)?;
    let shows = |hatop: &mut Tool, text: &str| {
        let output = hatop.output_handle();
        hatop.wait_until(&format!("{text:?} on the screen"), wait::SOON, move || output().contains(text))
    };
    for text in ["web_servers", "web01", "web02", "web03", "http_in", "BACKEND"] {
        shows(&mut hatop, text)?;
    }
    // Key 5 is its command line.
    keys.type_in("5")?;
    std::thread::sleep(Duration::from_millis(500));
    keys.type_in("disable server web_servers/web02\r")?;
    wait::until("the server to be in maintenance", wait::SOON, || {
        side.daemon.cli("show stat").is_ok_and(|text| {
            text.lines().any(|line| line.starts_with("web_servers,web02,") && line.contains(",MAINT,"))
        })
    })?;
    // The next screen is the first one again.
    keys.type_in("\t")?;
    shows(&mut hatop, "MAINT")?;
    keys.type_in("q")?;
    ensure!(hatop.wait_end(wait::SOON)?.success(), "{}", hatop.output());
    Ok(())
}

fn socat() -> Result<()> {
    let side = start(STATS, Program::Lbx)?;
    let ask = |commands: &str| {
        let line = format!("printf '{commands}' | socat -t 5 STDIO UNIX-CONNECT:{}", socket(&side));
        tool::run(Command::new("sh").args(["-c", &line]), wait::SOON)
    };
    ensure!(ask("show info\\n")?.contains("\nUptime_sec: "));
    ensure!(ask("help\\n")?.contains("set server "));
    let both = ask("show info;get weight web_servers/web01\\n")?;
    ensure!(both.contains("\nUptime_sec: ") && both.contains("1 (initial 1)"), "{both}");
    let prompt = ask(
        "prompt\\nget weight web_servers/web01\\nset weight web_servers/web01 7\\nget weight web_servers/web01\\nquit\\n",
    )?;
    ensure!(prompt.starts_with("\n> 1 (initial 1)\n\n> \n> 7 (initial 1)\n"), "{prompt:?}");
    Ok(())
}

/// Names of the columns of `show stat`: what reads them as a table finds what it knows where it was.
fn fields() -> Result<()> {
    let columns = |program| -> Result<Vec<String>> {
        let side = start(STATS, program)?;
        let text = side.daemon.cli("show stat")?;
        Ok(text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end_matches(',')
            .split(',')
            .map(str::to_owned)
            .collect())
    };
    let (theirs, ours) = (columns(Program::Haproxy)?, columns(Program::Lbx)?);
    ensure!(ours.starts_with(&theirs), "{theirs:?}\n{ours:?}");
    Ok(())
}
