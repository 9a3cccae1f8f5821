//! States of servers that files hold at the start.

use anyhow::{Context, Result};
use lbx_tests::daemon::Setup;
use lbx_tests::oracle::{self, Side};

/// A configuration, and the files that it reads.
pub(crate) struct Files {
    config: &'static str,
    /// Names and, behind the head, lines.
    files: &'static [(&'static str, &'static str)],
}

/// One file for all backends; a backend that does not ask for it begins as it is configured.
pub(crate) static GLOBAL: Files = Files {
    config: "
global
    stats socket {dir}/sock level admin
    server-state-base {dir}
    server-state-file states
defaults
    timeout connect 1s
    timeout client 2s
    timeout server 1s
    load-server-state-from-file global
frontend fe
    bind 127.0.0.1:{web}
    default_backend be
backend be
    server down {s1} weight 10 check inter 1h rise 2
    server maint 127.0.0.1:1 weight 10
    server drain 127.0.0.1:1 weight 10
    server heavier 127.0.0.1:1 weight 10
    server configured 127.0.0.1:1 weight 20
    server moved 127.0.0.1:1 weight 10
    server new 127.0.0.1:1 weight 10
backend other
    load-server-state-from-file none
    server maint 127.0.0.1:1 weight 10
",
    files: &[(
        "states",
        "3 be 1 down 127.0.0.1 0 0 10 10 100 8 2 0 6 0 0 0 - 1 - 0 0 - - 0
3 be 2 maint 127.0.0.1 0 1 10 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
3 be 3 drain 127.0.0.1 2 8 10 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
3 be 4 heavier 127.0.0.1 2 0 50 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
3 be 5 configured 127.0.0.1 2 0 50 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
3 be 6 moved 127.0.0.1 2 0 10 10 100 1 0 0 0 0 0 0 - 2 - 0 0 - - 0
3 be 8 gone 127.0.0.1 0 1 10 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
4 other 1 maint 127.0.0.1 0 1 10 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
",
    )],
};

/// A file for each backend, by its own name and by another; a line that is wrong is passed over.
pub(crate) static LOCAL: Files = Files {
    config: "
global
    stats socket {dir}/sock level admin
    server-state-base {dir}
defaults
    timeout connect 1s
    timeout client 2s
    timeout server 1s
    load-server-state-from-file local
frontend fe
    bind 127.0.0.1:{web}
    default_backend be
backend be
    server maint 127.0.0.1:1 weight 10
    server wrong 127.0.0.1:1 weight 10
backend other
    server-state-file-name others
    server maint 127.0.0.1:1 weight 10
backend absent
    server-state-file-name no-such-file
    server s 127.0.0.1:1 weight 10
",
    files: &[
        (
            "be",
            "3 be 1 maint 127.0.0.1 0 1 10 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
3 be 2 wrong 127.0.0.1 2 9 50 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0
",
        ),
        ("others", "4 other 1 maint 127.0.0.1 0 1 10 10 100 1 0 0 0 0 0 0 - 1 - 0 0 - - 0\n"),
    ],
};

/// The head of a file.
const HEAD: &str = "1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state \
bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr \
srv_agent_port
";

/// Columns of `show servers state` that are compared: the names, the states, the weights and the port.
const COLUMNS: [usize; 7] = [1, 3, 5, 6, 7, 8, 18];

/// The port of an origin is another for each program.
const ORIGIN: &str = "down";

/// Starts both programs with the files, and compares the states of their servers.
pub(crate) fn restored(files: &Files) -> Result<()> {
    let write = |setup: Setup<'static>| {
        for (name, lines) in files.files {
            std::fs::write(setup.dir().join(name), format!("{HEAD}{lines}"))?;
        }
        Ok(setup)
    };
    oracle::compare_sides(|program| Side::start_with(files.config, program, write), states)
}

fn states(side: &mut Side) -> Result<()> {
    side.without_log();
    let table = side.daemon.cli("show servers state")?;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split(' ').collect();
        let Some(name) = columns.get(3) else { continue };
        let wanted = COLUMNS.iter().filter(|column| *name != ORIGIN || **column != 18);
        let values: Option<Vec<_>> = wanted.map(|column| columns.get(*column).copied()).collect();
        side.note(values.with_context(|| line.to_owned())?.join(" "));
    }
    Ok(())
}
