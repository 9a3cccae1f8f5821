//! Commands, one after the other, and what makes the answers of two programs comparable.

use std::fs;
use std::sync::LazyLock;

use anyhow::Result;
use lbx_tests::daemon::Program;
use lbx_tests::oracle::Side;
use regex::Regex;

/// Commands on a configuration.
pub(crate) struct Script {
    /// The name of the test.
    pub(crate) name: &'static str,
    /// The configuration.
    pub(crate) config: &'static str,
    /// Files of `{dir}`: name and text.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// Commands, a line each; `\n` begins what follows in lines of its own.
    pub(crate) lines: &'static [&'static str],
    /// What else is not to be compared: patterns, and what they are replaced with.
    pub(crate) blotted: &'static [(&'static str, &'static str)],
}

impl Script {
    /// Starts a program.
    pub(crate) fn start(&self, program: Program) -> Result<Side> {
        Side::start_with(self.config, program, |setup| {
            for (name, text) in self.files {
                fs::write(setup.dir().join(name), text)?;
            }
            Ok(setup)
        })
    }

    /// Gives the commands and writes the answers down.
    pub(crate) fn run(&self, side: &mut Side) -> Result<()> {
        side.without_log();
        side.without_requests();
        let dir = side.daemon.home().dir().display().to_string();
        for line in self.lines {
            let command = line.replace("{dir}", &dir).replace("\\n", "\n");
            let answer = side.daemon.cli(&command)?.replace(&dir, "{dir}");
            side.note(format!("$ {line}"));
            for line in self.comparable(&answer).trim_end().lines() {
                side.note(line);
            }
        }
        Ok(())
    }

    fn comparable(&self, answer: &str) -> String {
        // What is listed instead is each program's own.
        if answer.trim_start().starts_with("Unknown command") {
            return "Unknown command".to_owned();
        }
        let mut answer = POINTER.replace_all(answer, "POINTER").into_owned();
        for (pattern, with) in self.blotted {
            let pattern = Regex::new(pattern).expect("a pattern of a test");
            answer = pattern.replace_all(&answer, *with).into_owned();
        }
        answer
    }
}

/// Where things are in memory, or the numbers that this program has for them.
static POINTER: LazyLock<Regex> = LazyLock::new(|| Regex::new("0x[0-9a-f]+").expect("a pattern"));
