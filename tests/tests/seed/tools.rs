//! The runtime socket's own clients: hatop on a terminal, and socat.

use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::Program;
use lbx_tests::oracle::{STATUS, Side};
use lbx_tests::privilege::{self, Need};
use lbx_tests::suite::Case;
use lbx_tests::tool::{self, Keys, Tool};
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

/// hatop gives a balancer one second for each answer. A busy machine may need more, which says nothing of either.
const PATIENT: &str = "
import runpy, socket, sys
settimeout = socket.socket.settimeout
socket.socket.settimeout = lambda self, seconds: settimeout(self, 60)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
";

/// How long a key may take to show its effect: Python is slow to start where everything else runs, too.
const SCREEN: Duration = Duration::from_secs(60);

/// Rows and columns of hatop's terminal, which all of its columns find room in.
const SIZE: [NonZero<u16>; 2] = [NonZero::new(40).expect("rows"), NonZero::new(160).expect("columns")];

/// hatop and the terminal that it runs on.
struct Hatop {
    tool: Tool,
    keys: Keys,
}

impl Hatop {
    fn start(side: &Side) -> Result<Self> {
        let patient = side.daemon.home().dir().join("patient.py");
        fs::write(&patient, PATIENT)?;
        let hatop = privilege::find_program("hatop").context("hatop")?;
        let [rows, columns] = SIZE;
        let line = format!(
            "stty rows {rows} cols {columns}; exec python3 {} {} -s {} -i 1",
            patient.display(),
            hatop.display(),
            socket(side)
        );
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
            .env("TERM", "xterm");
        let (tool, keys) = Tool::interactive(&mut command)?;
        Ok(Self { tool, keys })
    }

    /// Waits until a row of the screen has all of these words.
    fn shows(&mut self, words: &[&str]) -> Result<()> {
        let output = self.tool.output_handle();
        let shown = move || screen(&output()).lines().any(|row| words.iter().all(|word| row.contains(word)));
        let came = self.tool.wait_until(&format!("{words:?} on the screen"), SCREEN, shown);
        came.with_context(|| screen(&self.tool.output()))
    }

    /// Types a line where a prompt is, and ends it when it is there.
    fn enter(&mut self, line: &str) -> Result<()> {
        self.keys.type_in(line)?;
        self.shows(&[&format!("> {line}")])?;
        self.keys.type_in("\r")
    }
}

/// What a terminal shows that was sent this.
fn screen(output: &str) -> String {
    let mut terminal = vt100::Parser::new(SIZE[0], SIZE[1], 0);
    terminal.process(output.as_bytes());
    terminal.screen().contents()
}

fn hatop() -> Result<()> {
    let side = start(STATS, Program::Lbx)?;
    let mut hatop = Hatop::start(&side)?;
    // Servers that nobody checks have no status.
    for words in
        [["web_servers", ""], ["web02", " - "], ["BACKEND", "UP"], ["http_in", ""], ["FRONTEND", "OPEN"]]
    {
        hatop.shows(&words)?;
    }
    // Key 5 is its command line.
    hatop.keys.type_in("5")?;
    hatop.shows(&["haproxy command line"])?;
    hatop.enter("disable server web_servers/web02")?;
    wait::until("the server to be in maintenance", SCREEN, || {
        side.stat("web_servers/web02", STATUS).is_ok_and(|status| status == "MAINT")
    })?;
    // The next screen is the first one again.
    hatop.keys.type_in("\t")?;
    hatop.shows(&["web02", "MAINT"])?;
    hatop.shows(&["web03", " - "])?;
    hatop.keys.type_in("q")?;
    ensure!(hatop.tool.wait_end(SCREEN)?.success(), "{}", hatop.tool.output());
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
