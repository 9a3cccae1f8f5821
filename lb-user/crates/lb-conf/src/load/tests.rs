use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::*;

const WHOLE: &str = r#"
global
    maxconn 1000
    nbthread 2
    xdp-interface eth0 native
    daemon
    pidfile /run/lbx.pid
    log 127.0.0.1 local0 notice
    log stdout format raw daemon
    stats socket /run/lbx.sock mode 660 level admin
    stats timeout 30s
    hard-stop-after 1m

defaults
    log global
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    retries 2
    default-server inter 5s fall 2

frontend web
    bind 10.0.0.1:80,[::1]:80 name both
    bind unix@/run/web
    maxconn 500
    default_backend app

backend app
    balance roundrobin
    option redispatch
    option httpchk
    http-check send meth GET uri /health ver HTTP/1.1 hdr Host example.org
    http-check expect status 200-299,304
    server a 10.1.0.1:80 check weight 10
    server b 10.1.0.2:80 check inter 1s rise 1 maxconn 5 id 7
    server c 10.1.0.3:80 backup disabled

listen sql from tcp
    bind :3306
    option xdp
    server one 10.2.0.1 check port 3307

defaults tcp
"#;

fn messages(text: &str) -> Vec<String> {
    let text = format!("{TIMEOUTS}{text}");
    load_text("t.cfg", &text)
        .diagnostics
        .iter()
        .map(|d| format!("{}: {}", d.severity.name(), d.message))
        .collect()
}

const TIMEOUTS: &str = "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n";

fn config(text: &str) -> Config {
    let outcome = load_text("t.cfg", text);
    let alerts: Vec<_> = outcome.diagnostics.iter().map(|d| &d.message).collect();
    outcome.config.unwrap_or_else(|| panic!("{alerts:?}"))
}

#[test]
fn a_whole_configuration_is_resolved() {
    let text = WHOLE.replace("listen sql from tcp", "defaults tcp\n timeout client 1s\n timeout connect 2s\n timeout server 3s\n balance source\n hash-type consistent\nlisten sql from tcp");
    let config = config(text.trim_end_matches("\ndefaults tcp\n"));
    assert_eq!(
        (config.global.maxconn, config.global.nbthread, config.global.daemon),
        (Some(1000), Some(2), true)
    );
    assert_eq!(config.global.xdp_interfaces, [XdpInterface { name: "eth0".into(), mode: XdpMode::Native }]);
    let socket = &config.global.stats_sockets[0];
    assert_eq!((socket.file.mode, socket.level), (Some(0o660), CommandLevel::Admin));

    let web = &config.frontends[0];
    assert_eq!(
        (web.proxy.mode, web.maxconn, web.default_backend),
        (Mode::Http, Some(500), Some(BackendId(0)))
    );
    assert_eq!(web.proxy.logs.len(), 2);
    assert_eq!(web.proxy.logs[0].level, LogLevel::Notice);
    let addresses: Vec<_> = web.binds.iter().map(|b| (b.id, b.address.clone())).collect();
    let inet = |s: &str| BindAddress::Inet(s.parse().unwrap());
    assert_eq!(
        addresses,
        [(1, inet("10.0.0.1:80")), (2, inet("[::1]:80")), (3, BindAddress::Unix("/run/web".into()))]
    );

    let app = &config.backends[0];
    assert_eq!((app.retries, app.redispatch), (2, Some(Redispatch::Last)));
    let CheckProtocol::Http(check) = &app.check.protocol else { panic!("{:?}", app.check) };
    assert_eq!(
        (check.method.as_str(), check.uri.as_str(), check.version.as_str()),
        ("GET", "/health", "HTTP/1.1")
    );
    assert_eq!(check.headers, [("Host".to_owned(), "example.org".to_owned())]);
    assert_eq!(check.expect[0].what, HttpMatch::Status(vec![(200, 299), (304, 304)]));
    let (a, b, c) = (&app.servers[0], &app.servers[1], &app.servers[2]);
    assert_eq!((a.id, b.id, c.id), (1, 7, 3));
    let times = |s: &Server| s.check.as_ref().map(|c| (c.inter, c.rise, c.fall));
    assert_eq!(times(a), Some((Duration::from_secs(5), 2, 2)));
    assert_eq!(times(b), Some((Duration::from_secs(1), 1, 2)));
    assert_eq!((times(c), c.backup, c.disabled), (None, true, true));

    let sql = config.backend_named("sql").unwrap();
    assert_eq!((sql.algorithm.clone(), sql.hash_type.kind), (Algorithm::Source, HashKind::Consistent));
    assert_eq!(sql.servers[0].address, ServerAddress::Inet([10, 2, 0, 1].into(), PortSpec::Offset(0)));
    assert_eq!(sql.servers[0].check.as_ref().unwrap().target, Some("10.2.0.1:3307".parse().unwrap()));
    assert_eq!(config.frontends[1].default_backend, Some(sql.id));
    assert_eq!(config.frontends[1].xdp, XdpUse::Required);
}

#[test]
fn what_is_wrong_is_said() {
    let rows: &[(&str, &[&str])] = &[
        ("defaults\n bind :80\nbackend z", &["alert: 'bind' has no meaning in a 'defaults' section"]),
        ("frontend a\n bind :80\n default_backend b", &["alert: there is no backend 'b'"]),
        (
            "frontend a\n bind :80\n mode http\n default_backend b\nbackend b",
            &["alert: 'a' is in HTTP mode, but its backend 'b' in TCP mode"],
        ),
        ("frontend a\n bind :80\n default_backend b\nbackend b\n mode http", &[]),
        ("frontend a\n", &["warning: frontend 'a' has no 'bind' line, so nothing reaches it"]),
        ("frontend\n bind :80", &["alert: a 'frontend' section needs a name"]),
        ("frontend a b\n bind :80", &["alert: a 'frontend' section takes no argument 'b'"]),
        ("backend a%b", &["alert: character '%' is not permitted in a name"]),
        ("backend a from x", &["alert: there is no defaults section 'x' before"]),
        ("backend a\nbackend a", &["alert: there are two sections 'a' that do the same"]),
        ("listen a\n bind :1\nlisten a\n bind :2", &["alert: there are two sections 'a' that do the same"]),
        ("backend a\nfrontend a\n bind :1", &[]),
        ("backend a\n server s 1.1.1.1:1\n server s 1.1.1.1:2", &["alert: there are two servers 's' in 'a'"]),
        (
            "backend a\n server s 1.1.1.1:1 id 3\n server t 1.1.1.1:2 id 3",
            &["alert: another server has the number 3 already"],
        ),
        ("backend a\n server s nowhere:1", &["alert: cannot resolve the host name 'nowhere'"]),
        ("backend a\n server s 1.1.1.1:1 inter 0", &["alert: the interval must not be zero"]),
        ("backend a\n retries 1 2", &["alert: 'retries' takes no argument '2'"]),
        ("backend a\n retries", &["alert: an argument is missing behind 'retries'"]),
        ("backend a\n retries x", &["alert: 'x' is not a number from 0 to 4294967295"]),
        ("backend a\n no retries", &["alert: 'no' does not go with 'retries'"]),
        ("backend a\n timeout", &["alert: 'timeout' needs an argument"]),
        ("backend a\n bind :80", &["warning: 'bind' has no meaning in a 'backend' section"]),
        (
            "backend a\n timeout queue 1s\n timeout queue 2s",
            &["warning: 'timeout queue' overwrites an earlier value of this section"],
        ),
        (
            "backend a\n http-check expect status 200",
            &["warning: 'http-check' rules have no effect without 'option httpchk'"],
        ),
        (
            "backend a\n option httpchk\n http-check expect status 99",
            &["alert: '99' is not a list of statuses"],
        ),
        (
            "backend a\n option httpchk\n http-check expect rstring (",
            &["alert: '(' is not a regular expression"],
        ),
        ("backend a\n lua-load x", &["alert: unknown word 'lua-load' in a 'backend' section"]),
        ("program p\n command x", &["alert: 'program' sections are not supported by lbx"]),
    ];
    for (text, expected) in rows {
        let expected: Vec<_> = expected.iter().map(|m| (*m).to_owned()).collect();
        assert_eq!(messages(text), expected, "{text}");
    }
}

#[test]
fn timeouts_that_are_missing_are_warned_of_once_for_each_proxy() {
    let outcome = load_text("t", "listen a\n bind :80\n server s 1.1.1.1:1\nbackend b\n");
    let found: Vec<_> = outcome.diagnostics.iter().map(|d| (d.code, d.message.as_str())).collect();
    let message = "listen 'a' has no 'timeout client', 'timeout connect', 'timeout server'";
    assert_eq!(found, [(Code::MissingTimeout, message)]);
}

#[test]
fn errors_of_all_files_come_in_one_run() {
    let mut host = MemoryHost::with_file("/etc/lbx/b.cfg", "backend b\n blance x\n");
    host.files.insert("/etc/lbx/a.cfg".into(), b"backend a\n 'open\n mode htpt\n".to_vec());
    host.files.insert("/etc/lbx/.hidden.cfg".into(), b"nonsense".to_vec());
    host.files.insert("/etc/lbx/readme".into(), b"nonsense".to_vec());
    let outcome = load(&host, &["/etc/lbx".into(), "missing.cfg".into()]);
    let places: Vec<_> = outcome
        .diagnostics
        .iter()
        .map(|d| {
            (d.code, d.span.map(|s| (outcome.sources.path(s.file).display().to_string(), s.line, s.start)))
        })
        .collect();
    let at = |file: &str, line, column| Some((file.to_owned(), line, column));
    assert_eq!(
        places,
        [
            (Code::Syntax, at("/etc/lbx/a.cfg", 2, 2)),
            (Code::InvalidArgument, at("/etc/lbx/a.cfg", 3, 7)),
            (Code::UnknownWord, at("/etc/lbx/b.cfg", 2, 2)),
            (Code::File, None),
        ]
    );
    assert!(outcome.config.is_none());
}

#[test]
fn a_file_ends_its_last_section() {
    let mut host = MemoryHost::with_file("a", "backend a\n");
    host.files.insert("b".into(), b"mode http\n".to_vec());
    let outcome = load(&host, &["a".into(), "b".into()]);
    assert_eq!(outcome.diagnostics[0].message, "'mode' stands before any section");
}

#[test]
fn the_environment_is_seen_and_changed() {
    let text = "global\n setenv PORT 8080\n presetenv PORT 1\n unsetenv GONE\nbackend b\n server \"s${.LINE}\" \"$IP:$PORT\"\n server \"${GONE-none}\" 1.1.1.1:1\n.if defined(IP) && !defined(GONE)\n retries 7\n.else\n nonsense quote\n.endif\n";
    let mut host = MemoryHost::with_file("t", text);
    host.variables.insert("IP".into(), "10.0.0.9".into());
    host.variables.insert("GONE".into(), "x".into());
    let config = load(&host, &["t".into()]).config.unwrap();
    let backend = &config.backends[0];
    assert_eq!(backend.servers[0].address, ServerAddress::Inet([10, 0, 0, 9].into(), PortSpec::Fixed(8080)));
    let names: Vec<_> = backend.servers.iter().map(|s| &*s.name).collect();
    assert_eq!((names, backend.retries), (vec!["s6", "none"], 7));
    assert!(config.global.environment.contains(&("PORT".into(), Some("8080".into()))));
}

#[test]
fn joined_lines_are_taken_with_one_notice() {
    let outcome = load_text("t", "backend b\n retries \\\n 5\n fullconn \\\n 6\n");
    let config = outcome.config.unwrap();
    assert_eq!((config.backends[0].retries, config.backends[0].fullconn), (5, Some(6)));
    let found: Vec<_> = outcome.diagnostics.iter().map(|d| (d.severity, d.span.map(|s| s.line))).collect();
    assert_eq!(found, [(Severity::Notice, Some(2))]);
}

#[test]
fn the_old_form_of_httpchk_is_taken_with_the_modern_one_shown() {
    let text = "backend b\n option httpchk GET /x HTTP/1.1\\r\\nHost:\\ example.org\n";
    let outcome = load_text("t", text);
    let [warning] = &outcome.diagnostics[..] else { panic!("{:?}", outcome.diagnostics) };
    assert_eq!((warning.severity, warning.code), (Severity::Warning, Code::Deprecated));
    assert_eq!(
        warning.help,
        ["write 'option httpchk' and 'http-check send meth GET uri /x ver HTTP/1.1 hdr Host example.org'"]
    );
    let CheckProtocol::Http(check) = &outcome.config.unwrap().backends[0].check.protocol.clone() else {
        panic!()
    };
    assert_eq!(check.headers, [("Host".to_owned(), "example.org".to_owned())]);
}

#[test]
fn every_row_is_whole() {
    for table in keyword::tables() {
        let mut names = HashSet::new();
        for row in table.rows {
            assert!(names.insert((row.name, row.sections)), "{} stands twice in {}", row.name, table.title);
            assert!(!row.doc.is_empty() && !row.doc.ends_with('.'), "{}", row.name);
            assert!(!row.sections.names().is_empty(), "{}", row.name);
        }
    }
}

proptest! {
    #[test]
    fn loading_never_panics(text in proptest::collection::vec(any::<u8>(), 0..300)) {
        load(&MemoryHost::with_file("t", text), &["t".into()]);
    }

    #[test]
    fn loading_a_damaged_configuration_never_panics(at in 0..WHOLE.len(), cut in 0..20usize, put in ".{0,8}") {
        let end = (at + cut).min(WHOLE.len());
        let text = format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]);
        load_text("t", &text);
    }
}
