//! What concerns the process, and who may do what.

use crate::script::Script;

const CONFIG: &str = "
global
    stats socket {dir}/sock level admin
    maxconn 1000
    node n1
    description a test
    set-var proc.text str(abc)
    set-var proc.number int(5)
    set-var proc.address ipv4(1.2.3.4)
    set-var proc.truth bool(true)
    setenv FOR_A_TEST some\\ words
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 1s
frontend fe
    bind 127.0.0.1:{web}
    http-request set-header x %[var(proc.text)]
    default_backend be
backend be
    server s1 {s1}
";

/// Every value; the names of the fields are what is compared.
const VALUES: &[(&str, &str)] = &[(r#"(?m)^(\d+\.)?([^:]+?)(\.1:...:...)?: ?[^"\n]*?(:".*")?$"#, "$1$2$3 V")];

pub(crate) fn scripts() -> Vec<Script> {
    let script =
        |name, lines, blotted: &'static [_]| Script { name, config: CONFIG, files: &[], lines, blotted };
    vec![
        script("process::fields_of_show_info", &["show info", "show info typed", "show info desc"], VALUES),
        script(
            "process::limits",
            &[
                "set maxconn global",
                "set maxconn global 500",
                "set maxconn global 5000",
                "set maxconn global 0",
                "set maxconn frontend",
                "set maxconn frontend nope",
                "set maxconn frontend fe",
                "set maxconn frontend fe 20",
                "set maxconn frontend nope 5",
                "set maxconn server",
                "set maxconn server be/s1",
                "set maxconn server be/s1 10",
                "set maxconn server be/nope 10",
                "set rate-limit",
                "set rate-limit connections",
                "set rate-limit connections global",
                "set rate-limit connections global 100",
                "set rate-limit connections local 100",
                "set rate-limit sessions global 200",
                "set rate-limit ssl-sessions global 300",
                "set rate-limit http-compression global 400",
                "set rate-limit foo global 1",
            ],
            &[],
        ),
        script(
            "process::variables",
            &[
                "get var",
                "get var proc.text",
                "get var proc.number",
                "get var proc.address",
                "get var proc.truth",
                "get var proc.nope",
                "get var txn.x",
                "show env FOR_A_TEST",
                "show env NOT_FOR_A_TEST",
            ],
            &[],
        ),
        script(
            "process::the_connection_itself",
            &[
                "show cli level",
                "show cli sockets",
                "set timeout",
                "set timeout cli",
                "set timeout cli x",
                "set timeout cli 30",
                "enable frontend",
                "disable frontend",
                "shutdown frontend",
                "shutdown frontend nope",
                "shutdown session",
                "shutdown session nope",
                "shutdown sessions",
                "operator;show cli level;disable frontend fe;set maxconn global 5;user;show cli level;operator",
                "user;show env;show sess;clear counters;get var proc.text;shutdown session 1",
                "operator;clear counters;clear counters all",
            ],
            &[],
        ),
    ]
}
