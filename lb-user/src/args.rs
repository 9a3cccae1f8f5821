//! The command line: HAProxy's flags (management.txt, section 3) and the daemon's own commands.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

/// HAProxy's flags of several letters behind one dash, which the argument parser knows by long names.
const SPELLINGS: &[(&str, &str)] = &[
    ("-cc", "--condition"),
    ("-db", "--foreground"),
    ("-dD", "--diagnose"),
    ("-dW", "--warnings-fatal"),
    ("-sf", "--finish"),
    ("-st", "--terminate"),
    ("-vv", "--build-info"),
];

/// A load balancer that reads HAProxy's configuration and forwards TCP in the kernel.
#[derive(Debug, Parser)]
#[command(name = "lbx", disable_version_flag = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) run: Run,
}

/// Load a configuration, and check it or serve it.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// A configuration file, or a folder whose *.cfg files are read in order; may be repeated.
    #[arg(short = 'f', value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// More configuration files, behind "--".
    #[arg(last = true, value_name = "FILE")]
    pub(crate) more_files: Vec<PathBuf>,
    /// Check the configuration and exit: 0 if it can be served, 1 if not.
    #[arg(short = 'c')]
    pub(crate) check: bool,
    /// How diagnostics are written.
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub(crate) format: Format,
    /// -cc COND: exit with 0 if the condition of an .if line holds, with 1 if not.
    #[arg(long, value_name = "COND")]
    pub(crate) condition: Option<String>,
    /// With -c: print the configuration as it was understood, every default filled in.
    #[arg(long)]
    pub(crate) dump: bool,
    /// Change to this folder before reading files.
    #[arg(short = 'C', value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Go to the background once everything is ready.
    #[arg(short = 'D')]
    pub(crate) daemon: bool,
    /// Stay in the foreground and say everything, whatever the configuration and other flags say.
    #[arg(short = 'd')]
    pub(crate) debug: bool,
    /// -db: stay in the foreground whatever the configuration says.
    #[arg(long)]
    pub(crate) foreground: bool,
    /// Say nothing on the terminal but errors.
    #[arg(short = 'q')]
    pub(crate) quiet: bool,
    /// Undo -q.
    #[arg(short = 'V')]
    pub(crate) verbose: bool,
    /// -dD: also report what is allowed but looks wrong.
    #[arg(long)]
    pub(crate) diagnose: bool,
    /// -dW: refuse to start on a warning.
    #[arg(long)]
    pub(crate) warnings_fatal: bool,
    /// Write the process id here; overrides "pidfile".
    #[arg(short = 'p', value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Connections of the whole process; overrides "maxconn" of the global section.
    #[arg(short = 'n', value_name = "LIMIT")]
    pub(crate) maxconn: Option<u32>,
    /// -sf: once ready, ask these processes to finish their connections and stop (SIGUSR1).
    #[arg(long, value_name = "PID", num_args = 0..)]
    pub(crate) finish: Vec<i32>,
    /// -st: once ready, stop these processes at once (SIGTERM).
    #[arg(long, value_name = "PID", num_args = 0..)]
    pub(crate) terminate: Vec<i32>,
    /// Show the version.
    #[arg(short = 'v')]
    pub(crate) version: bool,
    /// -vv: show the version and what this build contains.
    #[arg(long)]
    pub(crate) build_info: bool,
}

/// The form of diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people: the line, the words in question, a hint.
    Text,
    /// One JSON object a line.
    Json,
}

impl CommandLine {
    /// Reads the process's arguments, the program's name first.
    ///
    /// # Errors
    /// What the parser says of a flag that is unknown or lacks its value, and requests for help.
    pub(crate) fn parse_from_os(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(respell(args))
    }
}

impl Run {
    /// Every configuration file and folder in the order of the command line.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.more_files).cloned().collect()
    }
}

/// Gives HAProxy's flags of several letters the names that the parser knows; what follows `--` is left alone.
fn respell(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut rest_is_files = false;
    args.into_iter()
        .map(|arg| {
            rest_is_files |= arg == "--";
            if rest_is_files {
                return arg;
            }
            SPELLINGS.iter().find(|(short, _)| arg == *short).map_or(arg, |(_, long)| OsString::from(long))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::parse_from_os(std::iter::once("lbx").chain(line.split_whitespace()).map(OsString::from))
    }

    #[test]
    fn flags_of_several_letters_are_whole_words() {
        let run = parse("-f a.cfg -db -dW -p /run/x.pid -sf 12 34 -- b.cfg -dW").unwrap().run;
        assert!(run.foreground && run.warnings_fatal);
        assert_eq!(run.finish, [12, 34]);
        assert_eq!(run.paths(), ["a.cfg", "b.cfg", "-dW"].map(PathBuf::from));
    }

    #[test]
    fn finishing_no_process_is_allowed() {
        // Start scripts pass the output of `cat pidfile`, which may be empty.
        assert!(parse("-f a.cfg -sf").unwrap().run.finish.is_empty());
    }

    #[test]
    fn unknown_flags_are_refused() {
        for line in ["-dX", "-Z", "--no-such", "-f", "-x sock", "-W"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_version_needs_no_file() {
        assert!(parse("-v").unwrap().run.version);
        assert!(parse("-vv").unwrap().run.build_info);
    }
}
