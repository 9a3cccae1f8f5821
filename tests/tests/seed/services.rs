//! "TCP mode … TLS pass-through, MySQL, PostgreSQL, Redis, and SMTP", with Debian's servers, on both planes at once:
//! one proxy is the kernel's, another one, with the same server, stays in user space. Each server is also checked in
//! its own protocol, by HAProxy too.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lbx_tests::daemon::{self, Daemon, Program, Setup};
use lbx_tests::lab::{Family, Lab};
use lbx_tests::pki::{Kind, Pki};
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::tool::{self, Tool};
use lbx_tests::{client, maps, wait};

use crate::sample::SITE;

/// How long a server may take to start, which for a database includes making its files.
const START: Duration = Duration::from_secs(60);

/// How long a client may take.
const ANSWER: Duration = Duration::from_secs(20);

/// A server of Debian's.
struct Service {
    port: u16,
    /// How it is checked.
    check: &'static str,
    /// What a check that passes is called.
    passed: &'static str,
    /// Starts it on all addresses of its namespace.
    start: fn(&Lab, &Path) -> Result<Tool>,
    /// Uses it by way of the balancer.
    client: fn(&Lab, SocketAddr, &Path) -> Result<()>,
}

macro_rules! needs {
    ($($program:literal),*) => {
        &[
            Need::Namespaces, Need::Bpf, Need::BpfObject, Need::Program("ip"), Need::Program("ethtool"),
            Need::Program("bpftool"), Need::Program("haproxy"), $(Need::Program($program)),*
        ]
    };
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("services::mysql", needs!("mariadbd", "mariadb-install-db", "mariadb"), || {
            both_planes(&MYSQL)
        }),
        Case::new(
            "services::postgresql",
            needs!("/usr/lib/postgresql/15/bin/postgres", "psql", "setpriv"),
            || both_planes(&POSTGRESQL),
        ),
        Case::new("services::redis", needs!("redis-server", "redis-cli"), || both_planes(&REDIS)),
        Case::new("services::smtp", needs!("aiosmtpd", "swaks"), || both_planes(&SMTP)),
        Case::new("services::tls_pass_through", needs!("openssl"), || both_planes(&TLS)),
        Case::new("services::ldap", needs!("slapd", "python3"), || both_planes(&LDAP)),
    ]
}

/// The kernel's proxy, the one of user space, and the same server for HAProxy to check.
fn config(service: &Service) -> (String, String) {
    let Service { port, check, .. } = service;
    let server = SocketAddr::new(Family::V4.server(1), *port);
    let address = Family::V4.service();
    let defaults = "
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout check 2s
    default-server inter 200ms fall 5 rise 2
";
    let proxy = |name: &str, port: u16, plane: &str| {
        format!(
            "listen {name}\n    bind {address}:{port}\n{plane}    {check}\n    server s1 {server} check\n"
        )
    };
    let xdp = "    xdp-interface front\n    xdp-interface back\n    xdp-pin-path {pins}\n";
    let socket = "\nglobal\n    stats socket {dir}/sock level admin\n";
    let planes = proxy("kernel", *port, "") + &proxy("user", port + 1, "    no option xdp\n");
    (
        format!("{socket}{xdp}{defaults}{planes}"),
        format!("{socket}{defaults}{}", proxy("kernel", port + 2, "")),
    )
}

fn both_planes(service: &Service) -> Result<()> {
    let lab = Lab::new()?;
    let dir = tempfile::tempdir()?;
    let mut server = (service.start)(&lab, dir.path())?;
    let direct = SocketAddr::new(Family::V4.server(1), service.port);
    server.wait_until("the server to listen", START, || {
        lab.servers.run(|| std::net::TcpStream::connect(direct).is_ok()).unwrap_or(false)
    })?;
    let at = |port| SocketAddr::new(Family::V4.service(), port);
    let (kernel, user) = (at(service.port), at(service.port + 1));
    let (ours, theirs) = config(service);
    let start = |program, text: &str, address| {
        Setup::new(program, text)?.netns(&lab.balancer).ready_on(address).start()
    };
    let haproxy = start(Program::Haproxy, &theirs, at(service.port + 2))?;
    let daemon = start(Program::Lbx, &ours, kernel)?;
    agree(&daemon, &haproxy, |status| status.starts_with(service.passed), "the checks to pass")?;
    let flows = || maps::count(daemon.home().pins(), "FLOWS").unwrap_or(0);
    wait::until("a flow in the kernel", daemon::START, || {
        client::connect(lab.from_client(), kernel).is_ok() && flows() > 0
    })
    .with_context(|| daemon.output())?;
    for address in [kernel, user] {
        let used = (service.client)(&lab, address, dir.path());
        used.with_context(|| format!("by way of {address}; the server: {}", server.output()))?;
    }
    drop(server);
    agree(&daemon, &haproxy, |status| status.starts_with("L4"), "the checks to fail")
}

/// Waits until both programs see the server alike, and as `wanted`.
fn agree(daemon: &Daemon, haproxy: &Daemon, wanted: impl Fn(&str) -> bool, what: &str) -> Result<()> {
    let mut seen = Vec::new();
    let result = wait::until(what, wait::SOON, || {
        let status = |daemon, proxy| check_status(daemon, proxy).unwrap_or_default();
        seen = vec![status(haproxy, "kernel"), status(daemon, "kernel"), status(daemon, "user")];
        seen.iter().all(|status| *status == seen[0] && wanted(status))
    });
    result.with_context(|| format!("HAProxy, kernel, user: {seen:?}\n{}", daemon.output()))
}

/// `check_status/check_code` of the server.
fn check_status(daemon: &Daemon, proxy: &str) -> Result<String> {
    let text = daemon.cli("show stat")?;
    let mut lines = text.lines();
    let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
    let row = lines.find(|line| line.starts_with(&format!("{proxy},s1,"))).context("no row")?;
    let value = |name| {
        let at = names.iter().position(|column| *column == name);
        at.and_then(|at| row.split(',').nth(at)).unwrap_or_default()
    };
    Ok(format!("{}/{}", value("check_status"), value("check_code")))
}

fn listening(lab: &Lab, program: &str) -> Command {
    lab.servers.command(program)
}

/// A client's answer.
fn ask(lab: &Lab, program: &str, arguments: &[&str]) -> Result<String> {
    tool::run(lab.client.command(program).args(arguments), ANSWER)
}

static MYSQL: Service = Service {
    port: 3306,
    check: "option mysql-check user checker",
    passed: "L7OK",
    start: |lab, dir| {
        let data = format!("--datadir={}", dir.join("data").display());
        let install = [
            "--no-defaults",
            "--user=root",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            &data,
        ];
        tool::run(Command::new("mariadb-install-db").args(install), START)?;
        let users = dir.join("users.sql");
        fs::write(&users, "CREATE USER checker@'%';\nCREATE USER lbx@'%' IDENTIFIED BY 'secret';\n")?;
        let socket = dir.join("mysql.sock");
        Tool::start(
            listening(lab, "mariadbd")
                .args(["--no-defaults", "--user=root", "--bind-address=*", "--port=3306"])
                .args([
                    data,
                    format!("--socket={}", socket.display()),
                    format!("--init-file={}", users.display()),
                    "--skip-name-resolve".into(),
                    "--innodb-flush-log-at-trx-commit=0".into(),
                ]),
        )
    },
    client: |lab, address, _| {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let login = ["--no-defaults", "-h", &host, "-P", &port, "-u", "lbx", "-psecret", "--skip-ssl", "-N"];
        let answer = ask(lab, "mariadb", &[&login[..], &["-e", "SELECT 6 * 7"]].concat())?;
        ensure!(answer.trim() == "42", "{answer}");
        Ok(())
    },
};

static POSTGRESQL: Service = Service {
    port: 5432,
    check: "option pgsql-check user postgres",
    passed: "L7OK",
    start: |lab, dir| {
        let postgres = nix::unistd::User::from_name("postgres")?.context("no user postgres")?;
        nix::unistd::chown(dir, Some(postgres.uid), Some(postgres.gid))?;
        let data = dir.join("data").display().to_string();
        let as_postgres = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"];
        let bin = "/usr/lib/postgresql/15/bin";
        tool::run(
            Command::new("setpriv").current_dir("/").args(as_postgres).args([
                &format!("{bin}/initdb"),
                "--auth=trust",
                "--no-sync",
                "-D",
                &data,
            ]),
            START,
        )?;
        fs::write(dir.join("data/pg_hba.conf"), "host all all 0.0.0.0/0 trust\n")?;
        Tool::start(listening(lab, "setpriv").current_dir("/").args(as_postgres).args([
            &format!("{bin}/postgres"),
            "-D",
            &data,
            "-c",
            "listen_addresses=*",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]))
    },
    client: |lab, address, _| {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let answer = ask(
            lab,
            "psql",
            &["-h", &host, "-p", &port, "-U", "postgres", "-d", "postgres", "-Atc", "SELECT 6 * 7"],
        )?;
        ensure!(answer.trim() == "42", "{answer}");
        Ok(())
    },
};

static REDIS: Service = Service {
    port: 6379,
    check: "option redis-check",
    passed: "L7OK",
    start: |lab, dir| {
        Tool::start(listening(lab, "redis-server").current_dir(dir).args([
            "--port",
            "6379",
            "--bind",
            "0.0.0.0",
            "--protected-mode",
            "no",
            "--save",
            "",
        ]))
    },
    client: |lab, address, _| {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let cli = |words: &[&str]| ask(lab, "redis-cli", &[&["-h", &host, "-p", &port][..], words].concat());
        ensure!(cli(&["SET", "answer", "42"])?.trim() == "OK");
        ensure!(cli(&["GET", "answer"])?.trim() == "42");
        Ok(())
    },
};

static SMTP: Service = Service {
    port: 2525,
    check: "option smtpchk EHLO balancer.example.org",
    passed: "L7OK",
    start: |lab, _| Tool::start(listening(lab, "aiosmtpd").args(["-n", "-l", "0.0.0.0:2525"])),
    client: |lab, address, _| {
        let server = address.to_string();
        let mail =
            ["--server", &server, "--from", "a@example.org", "--to", "b@example.org", "--body", "hello"];
        let talk = ask(lab, "swaks", &mail)?;
        ensure!(talk.contains("250 OK") && talk.contains("221 Bye"), "{talk}");
        Ok(())
    },
};

static TLS: Service = Service {
    port: 4433,
    check: "option ssl-hello-chk",
    passed: "L6OK",
    start: |lab, dir| {
        Pki::new(dir)?.issue("site.pem", &[SITE], Kind::Ec)?;
        Tool::start(listening(lab, "openssl").current_dir(dir).args([
            "s_server",
            "-accept",
            "0.0.0.0:4433",
            "-cert",
            "site.pem",
            "-key",
            "site.pem",
            "-www",
            "-quiet",
        ]))
    },
    client: |lab, address, dir| {
        let resolve = format!("{SITE}:{}:{}", address.port(), address.ip());
        let url = format!("https://{SITE}:{}/", address.port());
        let ca = dir.join("ca.pem").display().to_string();
        let page = ask(lab, "curl", &["-sS", "--cacert", &ca, "--resolve", &resolve, &url])?;
        ensure!(page.contains("Ciphers supported in s_server"), "{page}");
        Ok(())
    },
};

static LDAP: Service = Service {
    port: 3389,
    check: "option ldap-check",
    passed: "L7OK",
    start: |lab, dir| {
        let config = format!(
            "include /etc/ldap/schema/core.schema\npidfile {0}/pid\ndatabase ldif\nsuffix \"o=x\"\ndirectory {0}\n",
            dir.display()
        );
        fs::write(dir.join("slapd.conf"), config)?;
        Tool::start(listening(lab, "slapd").current_dir(dir).args([
            "-d",
            "0",
            "-h",
            "ldap://0.0.0.0:3389",
            "-f",
            "slapd.conf",
        ]))
    },
    client: |lab, address, _| {
        // A bind without a name, and the answer that says 0.
        let script = format!(
            "import socket; s = socket.create_connection(('{}', {})); s.settimeout(5); \
             s.sendall(bytes.fromhex('300c020101600702010304008000')); print(s.recv(99)[7:10].hex())",
            address.ip(),
            address.port()
        );
        let answer = ask(lab, "python3", &["-c", &script])?;
        ensure!(answer.trim() == "0a0100", "{answer}");
        Ok(())
    },
};
