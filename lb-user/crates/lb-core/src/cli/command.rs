//! The table of commands.

use std::fmt::Write as _;

use lb_conf::model::CommandLevel;

use super::{Context, Session, admin, explain, patterns, servers, set_server, show, ssl, stats, tables};

/// A command.
#[derive(Clone, Copy)]
pub struct Command {
    /// The words that it begins with.
    pub words: &'static [&'static str],
    /// What follows them.
    pub arguments: &'static str,
    /// Who may give it.
    pub level: CommandLevel,
    /// What it does, in a line.
    pub doc: &'static str,
    run: fn(&mut Call<'_, '_>) -> String,
}

/// A command that was given.
pub(super) struct Call<'a, 'c> {
    /// What followed it in lines of its own, until an empty one. None: nothing was announced by `<<`.
    pub(super) payload: Option<&'a str>,
    /// All its words.
    pub(super) words: &'a [&'a str],
    /// Who gave it.
    pub(super) session: &'a mut Session,
    /// What it works on.
    pub(super) context: Context<'c>,
}

impl Call<'_, '_> {
    /// The word at this position; empty where there is none.
    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).copied().unwrap_or_default()
    }
}

macro_rules! rows {
    ($([$($word:literal)*] $arguments:literal $level:ident $run:expr, $doc:literal;)*) => {
        /// All commands, in the order in which `help` lists them.
        pub const COMMANDS: &[Command] = &[$(Command {
            words: &[$($word),*], arguments: $arguments, level: CommandLevel::$level, doc: $doc, run: $run,
        }),*];
    };
}

rows! {
    ["abort" "ssl" "cert"] "<certfile>" Admin ssl::abort, "forget a certificate that was set";
    ["add" "acl"] "[@<version>] <acl> <pattern>" Operator patterns::add_acl, "add a pattern to those of an ACL";
    ["add" "map"] "[@<version>] <map> <key> <value>" Operator patterns::add_map, "add an entry to a map, or those of a payload";
    ["clear" "acl"] "[@<version>] <acl>" Operator patterns::clear_acl, "drop all patterns of an ACL";
    ["clear" "counters"] "[all]" Operator stats::clear, "forget the highest values, or all counts";
    ["clear" "map"] "[@<version>] <map>" Operator patterns::clear_map, "drop all entries of a map";
    ["clear" "table"] "<table> [key <key> | data.<type> <op> <value>]" Admin tables::clear, "drop entries of a stick table";
    ["commit" "acl"] "@<version> <acl>" Operator patterns::commit_acl, "put prepared patterns in force";
    ["commit" "map"] "@<version> <map>" Operator patterns::commit_map, "put prepared entries in force";
    ["commit" "ssl" "cert"] "<certfile>" Admin ssl::commit, "show a certificate that was set to clients";
    ["del" "acl"] "<acl> [<pattern> | #<number>]" Operator patterns::del_acl, "drop patterns of an ACL";
    ["del" "map"] "<map> [<key> | #<number>]" Operator patterns::del_map, "drop entries of a map";
    ["disable" "agent"] "<bk>/<srv>" Admin servers::disable_agent, "stop asking a server's agent";
    ["disable" "frontend"] "<frontend>" Admin admin::disable_frontend, "stop accepting on a frontend";
    ["disable" "health"] "<bk>/<srv>" Admin servers::disable_health, "stop checking a server's health";
    ["disable" "server"] "<bk>/<srv>" Admin servers::disable_server, "put a server into maintenance";
    ["enable" "agent"] "<bk>/<srv>" Admin servers::enable_agent, "ask a server's agent again";
    ["enable" "frontend"] "<frontend>" Admin admin::enable_frontend, "accept on a frontend again";
    ["enable" "health"] "<bk>/<srv>" Admin servers::enable_health, "check a server's health again";
    ["enable" "server"] "<bk>/<srv>" Admin servers::enable_server, "end a server's maintenance";
    ["explain"] "<client> <address>:<port>" User explain::explain, "say what would become of a connection, and why";
    ["get" "acl"] "<acl> <text>" User patterns::get_acl, "say which pattern of an ACL a text matches";
    ["get" "map"] "<map> <text>" User patterns::get_map, "say which entry of a map a text matches";
    ["get" "var"] "<name>" Operator show::variable, "print a variable of the process";
    ["get" "weight"] "<bk>/<srv>" User servers::get_weight, "print a server's weight";
    ["help"] "[<command>]" User help, "list all commands, or those that begin so";
    ["operator"] "" User admin::operator, "become an operator";
    ["prepare" "acl"] "<acl>" Operator patterns::prepare_acl, "begin another version of an ACL's patterns";
    ["prepare" "map"] "<map>" Operator patterns::prepare_map, "begin another version of a map";
    ["prompt"] "" User prompt, "stay connected, with a prompt, or no longer";
    ["quit"] "" User quit, "close the connection";
    ["reload"] "" Admin admin::reload, "read the configuration again and take it over";
    ["set" "map"] "<map> [<key> | #<number>] <value>" Operator patterns::set_map, "change the value of entries of a map";
    ["set" "maxconn" "frontend"] "<frontend> <value>" Admin admin::set_maxconn_frontend, "limit a frontend";
    ["set" "maxconn" "global"] "<value>" Admin admin::set_maxconn_global, "limit the process, at most to what the configuration says";
    ["set" "maxconn" "server"] "<bk>/<srv> <value>" Admin servers::set_maxconn, "limit a server";
    ["set" "rate-limit"] "<what> global <value>" Admin admin::set_rate_limit, "limit connections, sessions, TLS or compression by the second";
    ["set" "server"] "<bk>/<srv> <what> <value>" Admin set_server::set_server, "change a server: its state, health, weight, addresses";
    ["set" "ssl" "cert"] "<certfile> <payload>" Admin ssl::set, "replace a certificate, once it is committed";
    ["set" "ssl" "ocsp-response"] "<response | payload>" Admin ssl::ocsp, "send this OCSP response with its certificate";
    ["set" "table"] "<table> key <key> [data.<type> <value>]*" Admin tables::set, "set an entry of a stick table";
    ["set" "timeout"] "cli <delay>" User admin::set_timeout, "set the longest silence of this connection";
    ["set" "weight"] "<bk>/<srv> <weight>[%]" Admin servers::set_weight, "change a server's weight";
    ["show" "acl"] "[[@<version>] <acl>]" User patterns::show_acl, "list the sets of patterns of ACLs, or those of one";
    ["show" "backend"] "" User show::backends, "list the backends";
    ["show" "cli" "level"] "" User show::cli_level, "print what this connection may do";
    ["show" "cli" "sockets"] "" Operator show::cli_sockets, "list the runtime sockets";
    ["show" "env"] "[<name>]" Operator show::environment, "print variables of the environment";
    ["show" "events"] "[<ring>]" Operator show::events, "list the rings, or what one holds";
    ["show" "info"] "[typed|json] [desc]" User stats::info, "print what is known of the process";
    ["show" "map"] "[[@<version>] <map>]" User patterns::show_map, "list the maps, or the entries of one";
    ["show" "proc"] "" Operator show::processes, "list the processes, as HAProxy's master does";
    ["show" "resolvers"] "[<section>]" User show::resolvers, "print what name servers answered";
    ["show" "servers" "conn"] "[<backend>]" User servers::show_conn, "print the servers' connections";
    ["show" "servers" "state"] "[<backend>]" User servers::show_state, "print the servers' states";
    ["show" "sess"] "[<id>]" Operator show::sessions, "list the sessions";
    ["show" "ssl" "cert"] "" Operator ssl::show, "list the certificates";
    ["show" "stat"] "[<proxy> <type> <sid>] [typed|json] [no-maint] [up]" User stats::stat, "print the statistics";
    ["show" "table"] "[<table> [key <key> | data.<type> <op> <value>]]" Operator tables::show, "print stick tables, or entries of one";
    ["show" "version"] "" User show::version, "print the version";
    ["shutdown" "frontend"] "<frontend>" Admin admin::shutdown_frontend, "stop a frontend for good";
    ["shutdown" "session"] "<id>" Admin admin::shutdown_session, "end a session";
    ["shutdown" "sessions" "server"] "<bk>/<srv>" Admin servers::shutdown_sessions, "end a server's sessions";
    ["user"] "" User admin::user, "become a user";
}

/// The answer to those who may not give a command.
pub(super) const DENIED: &str = "Permission denied\n";

/// Answers a command.
pub(super) fn run(call: &mut Call<'_, '_>) -> String {
    let [first, ..] = call.words else { return listing("", call.session.level, &[]) };
    // Scripts of HAProxy's may ask for more than one thing at once with `-`; the longest row that fits is meant.
    let fits = |command: &&Command| call.words.starts_with(command.words);
    let Some(command) = COMMANDS.iter().filter(fits).max_by_key(|command| command.words.len()) else {
        return unknown(first, call);
    };
    if command.level > call.session.level {
        return DENIED.into();
    }
    (command.run)(call)
}

fn unknown(first: &str, call: &Call<'_, '_>) -> String {
    let similar = |command: &Command| command.words.first() == Some(&first);
    if !COMMANDS.iter().any(similar) {
        return listing("Unknown command. These are known:\n", call.session.level, &[]);
    }
    listing("Unknown command. These begin alike:\n", call.session.level, &[first])
}

// The commands that begin with these words and may be given.
fn listing(head: &str, level: CommandLevel, prefix: &[&str]) -> String {
    let mut text = head.to_owned();
    let begins = |command: &&Command| command.words.iter().zip(prefix).all(|(a, b)| a.starts_with(b));
    for command in COMMANDS.iter().filter(begins).filter(|command| command.level <= level) {
        let usage = format!("{} {}", command.words.join(" "), command.arguments);
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {:<40}: {}", usage.trim_end(), command.doc);
    }
    text
}

fn help(call: &mut Call<'_, '_>) -> String {
    let prefix = call.words.get(1..).unwrap_or_default();
    listing("The following commands are valid at this level:\n", call.session.level, prefix)
}

fn prompt(call: &mut Call<'_, '_>) -> String {
    call.session.interactive = !call.session.interactive;
    String::new()
}

// Met only with arguments: without, the session ends before it comes here.
fn quit(_: &mut Call<'_, '_>) -> String {
    "'quit' takes no arguments.\n".into()
}
