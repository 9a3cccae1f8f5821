use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{self, Column, CommandLevel, KeyType};

use super::*;
use crate::fixture::{Fixture, TestHost, backend, checked, server, table};

pub(crate) struct Cli {
    pub(crate) fixture: Fixture,
    pub(crate) host: TestHost,
    session: Session,
}

impl Cli {
    pub(crate) fn new(level: CommandLevel) -> Self {
        let servers =
            vec![checked("s1", 1001), model::Server { weight: 2, backup: true, ..server("s2", 1002) }];
        let fixture = Fixture::new(backend("b", servers));
        Self { fixture, host: TestHost, session: Session::new(level) }
    }

    pub(crate) fn ask(&mut self, line: &str) -> Output {
        let context = Context { runtime: &self.fixture.runtime, host: &self.host, now: self.fixture.now };
        execute(line, &mut self.session, &context)
    }

    pub(crate) fn text(&mut self, line: &str) -> String {
        self.ask(line).text
    }
}

#[test]
fn every_command_has_a_row_that_it_is_found_by() {
    for (index, row) in COMMANDS.iter().enumerate() {
        let twins = COMMANDS[..index].iter().filter(|other| other.words == row.words);
        assert_eq!(twins.count(), 0, "{:?}", row.words);
        assert!(!row.doc.is_empty() && !row.doc.ends_with('.'), "{:?}", row.words);
    }
    let mut admin = Cli::new(CommandLevel::Admin);
    let help = admin.text("help");
    for row in COMMANDS {
        assert!(help.contains(&format!("  {} ", row.words.join(" "))), "{:?}", row.words);
    }
}

#[test]
fn levels_are_kept() {
    for row in COMMANDS {
        let mut cli = Cli::new(CommandLevel::User);
        let denied = cli.text(&row.words.join(" ")) == "Permission denied\n\n";
        // Neither word raises a level.
        let lowers = matches!(row.words, ["operator"]);
        assert_eq!(denied, row.level > CommandLevel::User || lowers, "{:?}", row.words);
    }
    let mut cli = Cli::new(CommandLevel::Admin);
    assert_eq!(
        cli.text("show cli level;operator;show cli level;user;show cli level"),
        "admin\n\n\noperator\n\n\nuser\n\n"
    );
    assert_eq!(cli.text("operator"), "Permission denied\n\n");
}

#[test]
fn answers_end_with_an_empty_line_and_close() {
    let mut cli = Cli::new(CommandLevel::Admin);
    let open = |text: &str| Output { text: text.into(), close: false };
    let shut = |text: &str| Output { text: text.into(), close: true };
    assert_eq!(cli.ask("get weight b/s2\n"), shut("2 (initial 2)\n\n"));
    assert_eq!(cli.ask("quit"), shut(""));
    assert_eq!(cli.ask("prompt"), open("\n> "));
    assert_eq!(cli.ask("show backend;show version"), open("# name\nb\n\n> 1.2.3\n\n> "));
    assert_eq!(cli.ask("prompt"), shut("\n"));
    assert_eq!(cli.ask("prompt;quit;show version"), shut("\n> "));
}

#[test]
fn commands_answer_as_scripts_expect() {
    let rows = [
        ("set weight b/s1 300", "Absolute weight can only be between 0 and 256 inclusive.\n\n"),
        ("set weight b/s1 x", "Require <weight> or <weight%>.\n\n"),
        ("set weight b 1", "Require 'backend/server'.\n\n"),
        ("set weight zz/s1 3", "No such backend.\n\n"),
        ("set server b/s9 state maint", "No such server.\n\n"),
        ("set weight b/s1 50%", "\n"),
        ("get weight b/s1", "0 (initial 1)\n\n"),
        ("set server b/s1 weight 3", "\n"),
        ("get weight b/s1", "3 (initial 1)\n\n"),
        (
            "set server b/s1 foo",
            "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | \
             check-port | health | state | weight\n\n",
        ),
        ("set server b/s1 state foo", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n"),
        ("set server b/s1 agent up", "agent checks are not enabled on this server.\n\n"),
        (
            "set server b/s1 addr 127.0.0.1 port 1001",
            "no need to change the addr, no need to change the port by 'stats socket command'\n\n",
        ),
        (
            "set server b/s1 addr ::1 port 99",
            "IP changed from '127.0.0.1' to '::1', port changed from '1001' to '99' by 'stats socket command'\n\n",
        ),
        ("set server b/s1 addr foo", "Invalid addr 'foo' by 'stats socket command'\n\n"),
        (
            "set server b/s1 addr ::1 port +1x",
            "no need to change the addr, problem converting port '+1x' to an int by 'stats socket command'\n\n",
        ),
        ("disable agent b/s1", "\n"),
        ("enable agent b/s1", "Agent was not configured on this server, cannot enable.\n\n"),
        ("disable health b/s2", "\n"),
        ("enable health b/s2", "Health check was not configured on this server, cannot enable.\n\n"),
        ("set maxconn server b/s1 10", "\n"),
        ("set maxconn server b/s1", "Require <maxconn>.\n\n"),
        ("disable frontend f", "\n"),
        ("disable frontend f", "All sockets are already disabled.\n\n"),
        ("enable frontend f", "\n"),
        ("set maxconn frontend f 10", "\n"),
        ("shutdown frontend f", "\n"),
        ("enable frontend f", "Frontend was previously shut down, cannot enable.\n\n"),
        ("disable frontend zz", "No such frontend.\n\n"),
        ("shutdown session 1", "No such session (use 'show sess').\n\n"),
        ("shutdown session 0x7", "\n"),
        ("shutdown sessions server b/s1", "\n"),
        ("set server b/s1 check-port 99", "\n"),
        ("set server b/s1 check-addr ::2 port 98", "\n"),
        ("set server b/s2 check-port 99", "health checks are not enabled on this server\n\n"),
        ("set server b/s1 agent-send hello", "agent checks are not enabled on this server\n\n"),
        ("set maxconn global 10", "\n"),
        ("set rate-limit sessions global 10", "\n"),
        ("set timeout cli 0", "Invalid timeout value.\n\n"),
        ("set timeout cli 1m", "\n"),
        ("reload", "Success=1\n\n"),
        ("@1 set timeout cli 1m", "\n"),
        ("show sess", "0x7: proto=tcpv4 src=192.0.2.1:5000 fe=f be=b srv=<none> age=5s\n\n"),
        ("show sess 8", "\n"),
    ];
    let mut cli = Cli::new(CommandLevel::Admin);
    for (line, answer) in rows {
        assert_eq!(cli.text(line), answer, "{line}");
    }
}

#[test]
fn states_are_dumped_with_their_numbers() {
    let mut cli = Cli::new(CommandLevel::User);
    cli.fixture.pass(7);
    let text = cli.text("show servers state b");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "1");
    assert_eq!(lines[1].split(' ').count(), 26);
    assert_eq!(lines[2], "3 b 1 s1 127.0.0.1 2 0 1 1 7 1 0 2 6 0 0 0 - 1001 - 0 0 - - 0");
    assert_eq!(lines[3], "3 b 2 s2 127.0.0.1 2 0 2 2 7 1 0 0 0 0 0 0 - 1002 - 0 0 - - 0");
    assert_eq!(cli.text("show servers state zz"), "Can't find backend.\n\n");
    assert_eq!(
        cli.text("show servers conn 3").lines().nth(1),
        Some("b/s1 3/1 127.0.0.1 1001 - 0 0 0 0 0 0 -1 0 0")
    );
}

#[test]
fn tables_are_shown_set_and_cleared() {
    let rows = [
        (
            "show table",
            "# table: t1, type: ip, size:204800, used:0\n# table: t2, type: string, size:100, used:0\n\n",
        ),
        ("show table zz", "No such table\n\n"),
        ("set table t1 key 1.2.3.4 data.gpc0 5 data.http_req_rate 7", "\n"),
        ("set table t1 key 1.2.3.4 data.foo 5", "Unknown data type\n\n"),
        ("set table t1 key 1.2.3.4 data.conn_cnt 5", "Data type not stored in this table\n\n"),
        ("set table t1 key xx", "Invalid key\n\n"),
        ("set table t1 key 1.2.3.4 data.gpc0 x", "Require a valid integer value to store\n\n"),
        (
            "show table t1",
            "# table: t1, type: ip, size:204800, used:1\n\
             0x1: key=1.2.3.4 use=0 exp=60000 gpc0=5 http_req_rate(10000)=7\n\n",
        ),
        ("show table t1 data.gpc0 gt 5", "# table: t1, type: ip, size:204800, used:1\n\n"),
        (
            "show table t1 data.gpc0 ge 5 data.http_req_rate lt 9",
            "# table: t1, type: ip, size:204800, used:1\n\
             0x1: key=1.2.3.4 use=0 exp=60000 gpc0=5 http_req_rate(10000)=7\n\n",
        ),
        (
            "show table t1 data.gpc0 xx 3",
            "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"\n\n",
        ),
        ("show table t1 data.gpt0 gt 0", "Filter entry #1: Data type not stored in this table\n\n"),
        (
            "show table t1 foo",
            "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n\n",
        ),
        ("show table t1 key 1.2.3.5", "\n"),
        ("clear table t1 key 1.2.3.5", "\n"),
        ("clear table t1 data.gpc0 gt 5", "\n"),
        ("clear table t1 data.gpc0 eq 5", "\n"),
        ("show table t1", "# table: t1, type: ip, size:204800, used:0\n\n"),
        ("set table t2 key a\\ b data.gpc_rate 3 data.gpc1_rate 4", "\n"),
        (
            "show table t2 key a\\ b",
            "# table: t2, type: string, size:100, used:1\n\
             0x1: key=a\\ b use=0 exp=0 gpc0_rate(10000)=3 gpc1_rate(10000)=4\n\n",
        ),
        ("clear table t2", "\n"),
        ("show table t2", "# table: t2, type: string, size:100, used:0\n\n"),
        ("clear table zz", "No such table\n\n"),
        ("set table zz key 1", "No such table\n\n"),
    ];
    let mut cli = Cli::new(CommandLevel::Admin);
    let ten = Duration::from_secs(10);
    let columns = [Column::HttpReqRate(ten), Column::Gpc0];
    let t1 = table("t1", KeyType::Ipv4, 204_800, Some(Duration::from_secs(60)), &columns);
    let t2 = table("t2", KeyType::String(32), 100, None, &[Column::GpcRate(2, ten)]);
    let config = model::Config { tables: vec![t1, t2], ..(*cli.fixture.runtime.load().config).clone() };
    cli.fixture.runtime.reconfigure(Arc::new(config), cli.fixture.now);
    for (line, answer) in rows {
        assert_eq!(cli.text(line), answer, "{line}");
    }
}

#[test]
fn odd_input_is_answered() {
    let mut cli = Cli::new(CommandLevel::Admin);
    for line in ["", ";;;", "\\", "set", "show", "foo bar", "quit now", "set server", "get weight", "é\u{0}"]
    {
        assert!(cli.text(line).ends_with('\n'), "{line:?}");
    }
    assert!(cli.text("show").starts_with("Unknown command. These begin alike:\n  show "));
}

#[test]
fn a_connection_is_explained() {
    let mut cli = Cli::new(CommandLevel::User);
    assert_eq!(cli.text("explain 10.0.0.1 192.0.2.1:99"), "nothing listens at 192.0.2.1:99\n\n");
    for line in ["explain", "explain 10.0.0.1", "explain 10.0.0.1 10.0.0.2", "explain x 10.0.0.2:80"] {
        assert!(cli.text(line).starts_with("Two addresses are expected"), "{line}");
    }
}
