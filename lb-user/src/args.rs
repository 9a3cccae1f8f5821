//! The command line: HAProxy's flags (management.txt, section 3) and the daemon's own commands.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use lb_conf::quote;

use crate::command::args::Command;

/// HAProxy's flags of several letters behind one dash, which the argument parser knows by long names.
const SPELLINGS: &[(&str, &str)] = &[
    ("-cc", "--condition"),
    ("-db", "--foreground"),
    ("-dD", "--diagnose"),
    ("-dL", "--libraries"),
    ("-dr", "--any-address"),
    ("-dS", "--no-splice"),
    ("-dV", "--trust-servers"),
    ("-dW", "--warnings-fatal"),
    ("-sf", "--finish"),
    ("-st", "--terminate"),
    ("-vv", "--build-info"),
    ("-Ws", "-W"),
];

/// The flag whose value follows it without a blank.
const KEYWORDS: (&str, &str) = ("-dK", "--keywords=");

/// HAProxy's flags that mean nothing here, and why. One that ends with `*` has its value behind it without a blank.
const IDLE: &[(&str, &str)] = &[
    ("-de", "there is no other event loop than epoll"),
    ("-dG", "names are looked up as the system does it"),
    ("-dk", "Linux has no kqueue"),
    ("-dM*", "memory is not pooled, and what is freed is out of reach"),
    ("-dp", "the event loop is epoll"),
    ("-dR", "each worker has a listening socket of its own, which needs SO_REUSEPORT"),
];

/// Flags that came after HAProxy 2.6, and one that ends with `*` with its value behind it.
const NEWER: &[&str] = &["-dA*", "-dC*", "-dF", "-dI", "-dt*", "-dv", "-dZ"];

/// A load balancer that reads HAProxy's configuration and forwards TCP in the kernel.
#[derive(Debug, Parser)]
#[command(name = "lbx", disable_version_flag = true, disable_help_subcommand = true)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    /// One of the daemon's own commands; None: what HAProxy does.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
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
    /// -cc COND: exit with 0 if the condition of an .if line holds, with 1 if not, with 2 if it is wrong.
    #[arg(long, value_name = "COND", allow_hyphen_values = true)]
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
    /// Say nothing about the configuration; the exit status tells whether it is good.
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
    /// Take part in HAProxy's master-worker mode, also as -Ws: there is one process, which reloads itself on SIGUSR2 and
    /// tells systemd when it is ready.
    #[arg(short = 'W')]
    pub(crate) master_worker: bool,
    /// With -W: another runtime socket for administrators, settings behind commas.
    #[arg(short = 'S', value_name = "ADDRESS[,SETTING...]")]
    pub(crate) master_socket: Option<String>,
    /// HAProxy takes listening sockets over from an old process by this socket; here processes share addresses.
    #[arg(short = 'x', value_name = "SOCKET")]
    pub(crate) old_process: Option<PathBuf>,
    /// This instance's name among its peers; overrides the host's name.
    #[arg(short = 'L', value_name = "NAME")]
    pub(crate) local_peer: Option<String>,
    /// Connections of a frontend that has no "maxconn".
    #[arg(short = 'N', value_name = "LIMIT")]
    pub(crate) frontend_maxconn: Option<u32>,
    /// Megabytes of memory that the process may have.
    #[arg(short = 'm', value_name = "MEGABYTES")]
    pub(crate) memory: Option<u64>,
    /// -dKCLASS,...: list the words that are known: acl, cfg, cli, cnv, flt, smp, svc, all or help.
    #[arg(long, value_name = "CLASSES")]
    pub(crate) keywords: Option<String>,
    /// -dL: list the shared libraries that are loaded.
    #[arg(long)]
    pub(crate) libraries: bool,
    /// -dr: a server whose name has no address is no error.
    #[arg(long)]
    pub(crate) any_address: bool,
    /// -dS: copy bulk transfers instead of splicing them.
    #[arg(long)]
    pub(crate) no_splice: bool,
    /// -dV: trust the certificates of servers.
    #[arg(long)]
    pub(crate) trust_servers: bool,
    /// Flags that have no effect, each with its reason.
    #[arg(skip)]
    pub(crate) idle: Vec<(OsString, &'static str)>,
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
        let mut idle = Vec::new();
        let args = respell(args, &mut idle);
        if let Some(flag) = args.iter().take_while(|arg| *arg != "--").find(|arg| is_newer(arg)) {
            let message = format!("{} came after HAProxy 2.6, whose flags these are\n", flag.display());
            return Err(clap::Error::raw(clap::error::ErrorKind::UnknownArgument, message));
        }
        let mut line = Self::try_parse_from(args)?;
        line.run.idle = idle;
        Ok(line)
    }
}

impl Run {
    /// What flags say that words of the global section can say: it is read before all files.
    pub(crate) fn prelude(&self) -> String {
        let socket =
            self.master_socket.as_ref().map(|s| s.replacen(',', " level admin ", 1).replace(',', " "));
        let socket = socket.map(|s| if s.contains(' ') { s } else { s + " level admin" });
        let lines = [
            socket.map(|s| format!("stats socket {s}")),
            self.local_peer.as_ref().map(|name| format!("localpeer {}", quote::word(name))),
            self.no_splice.then(|| "nosplice".to_owned()),
            self.trust_servers.then(|| "ssl-server-verify none".to_owned()),
        ];
        let lines: String = lines.into_iter().flatten().map(|line| format!("    {line}\n")).collect();
        if lines.is_empty() { lines } else { format!("global\n{lines}") }
    }

    /// Every configuration file and folder in the order of the command line.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.more_files).cloned().collect()
    }
}

/// Gives HAProxy's flags of several letters the names that the parser knows, and takes out those that mean nothing; what
/// follows `--` is left alone.
fn respell(
    args: impl IntoIterator<Item = OsString>,
    idle: &mut Vec<(OsString, &'static str)>,
) -> Vec<OsString> {
    let mut rest_is_files = false;
    let mut kept = Vec::new();
    for arg in args {
        rest_is_files |= arg == "--";
        match why_idle(&arg).filter(|_| !rest_is_files) {
            Some(reason) => idle.push((arg, reason)),
            None if rest_is_files => kept.push(arg),
            None => kept.push(spelling(arg)),
        }
    }
    kept
}

/// Whether an argument is this flag, with its value if it has one.
fn means(arg: &OsStr, flag: &str) -> bool {
    let arg = arg.to_str().unwrap_or_default();
    flag.strip_suffix('*').map_or(arg == flag, |begin| arg.starts_with(begin))
}

fn why_idle(arg: &OsStr) -> Option<&'static str> {
    IDLE.iter().find(|(flag, _)| means(arg, flag)).map(|(_, reason)| *reason)
}

fn is_newer(arg: &OsStr) -> bool {
    NEWER.iter().any(|flag| means(arg, flag))
}

fn spelling(arg: OsString) -> OsString {
    let long = SPELLINGS.iter().find(|(short, _)| arg == *short).map(|(_, long)| OsString::from(long));
    let classes = || arg.to_str()?.strip_prefix(KEYWORDS.0).map(|c| format!("{}{c}", KEYWORDS.1).into());
    long.or_else(classes).unwrap_or(arg)
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
        for line in ["-dX", "-Z", "-dF", "-dt", "-dtall", "-dZ", "-dv", "--no-such", "-f", "-S", "-m many"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_debian_unit_starts_it() {
        let run = parse("-Ws -f a.cfg -p /run/x.pid -S /run/master.sock,level,operator").unwrap().run;
        assert!(run.master_worker);
        assert_eq!(run.prelude(), "global\n    stats socket /run/master.sock level admin level operator\n");
        let run = parse("-f a.cfg -dS -dV -L me -dKcfg,smp").unwrap().run;
        assert_eq!(run.prelude(), "global\n    localpeer me\n    nosplice\n    ssl-server-verify none\n");
        assert_eq!(run.keywords.as_deref(), Some("cfg,smp"));
    }

    #[test]
    fn a_condition_may_begin_with_a_hyphen() {
        assert_eq!(parse("-cc -1").unwrap().run.condition.as_deref(), Some("-1"));
    }

    #[test]
    fn flags_of_another_architecture_are_taken() {
        let run = parse("-f a.cfg -de -dM42 -dp").unwrap().run;
        assert_eq!(run.idle.iter().map(|(flag, _)| flag).collect::<Vec<_>>(), ["-de", "-dM42", "-dp"]);
    }

    #[test]
    fn commands_stand_beside_the_flags() {
        assert!(matches!(parse("xdp status --json").unwrap().command, Some(Command::Xdp(_))));
        assert!(parse("xdp flows --client 10.0.0.1 --count").unwrap().command.is_some());
        assert!(parse("explain 10.0.0.1 10.0.0.2:80").unwrap().command.is_some());
        assert!(parse("explain [fd00::1]:9 [fd00::2]:80").unwrap().command.is_some());
        assert!(parse("trace --reason no_server -n 1").unwrap().command.is_some());
        assert!(parse("doctor eth0").unwrap().command.is_some());
        for line in [
            "xdp",
            "xdp attach",
            "explain 10.0.0.1 10.0.0.2",
            "trace --reason nonsense",
            "-f a.cfg xdp status",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        let run = parse("-f xdp -sf 1 -- doctor").unwrap();
        assert!(run.command.is_none() && run.run.paths() == ["xdp", "doctor"].map(PathBuf::from));
    }

    #[test]
    fn the_version_needs_no_file() {
        assert!(parse("-v").unwrap().run.version);
        assert!(parse("-vv").unwrap().run.build_info);
    }
}
