//! "Logging and Syslog Integration": Debian's rsyslog with the article's file, in a namespace in which nobody else has
//! port 514, and the article's base configuration as it is.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use lbx_tests::client::{From, Http};
use lbx_tests::daemon::{Program, Setup};
use lbx_tests::netns::Netns;
use lbx_tests::oracle;
use lbx_tests::origin::Origin;
use lbx_tests::privilege::Need;
use lbx_tests::suite::Case;
use lbx_tests::tool::Tool;
use lbx_tests::wait;

use crate::base::BASE;
use crate::sample::{prepare, template};

const RSYSLOG: &str = include_str!("../../../config/seed/49-haproxy.conf");

const NEEDS: &[Need] =
    &[Need::Root, Need::Namespaces, Need::Program("ip"), Need::Program("haproxy"), Need::Program("rsyslogd")];

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("syslog::rsyslog_writes_both_files_as_with_haproxy", NEEDS, || {
        let (theirs, ours) = (two_files(Program::Haproxy)?, two_files(Program::Lbx)?);
        ensure!(theirs == ours, "HAProxy: {theirs:#?}\nlbx: {ours:#?}");
        Ok(())
    })]
}

fn rsyslog(netns: &Netns, dir: &Path) -> Result<Tool> {
    let file = dir.join("rsyslog.conf");
    fs::write(&file, RSYSLOG.replace("/var/log/haproxy", &dir.display().to_string()))?;
    let mut command = netns.command("rsyslogd");
    command.arg("-n").arg("-f").arg(&file).arg("-i").arg(dir.join("rsyslog.pid"));
    let mut rsyslog = Tool::start(&mut command)?;
    let bound = netns.run(|| {
        let taken = || std::net::UdpSocket::bind("127.0.0.1:514").is_err();
        rsyslog.wait_until("rsyslog to listen", wait::SOON, taken)
    })?;
    bound.map(|()| rsyslog)
}

/// What is in access.log and in error.log about a request and about a server, in an order of its own.
fn two_files(program: Program) -> Result<[Vec<String>; 2]> {
    let netns = Netns::new("host")?;
    let dir = tempfile::tempdir()?;
    let _rsyslog = rsyslog(&netns, dir.path())?;
    let origins: Vec<_> = (1..=3)
        .map(|i| Origin::http_on(&format!("s{i}"), &netns, SocketAddr::from(([127, 0, 0, 1], 8080 + i))))
        .collect::<Result<_>>()?;
    // Its checks are too slow for a test, and port 80 only sends clients elsewhere.
    let file = BASE
        .replace("inter 3s rise 2 fall 3", "inter 100ms rise 2 fall 3")
        .replace(
            "    timeout     connect  5s\n",
            "    timeout     connect  5s\n    timeout     check    5s\n",
        )
        .replace("    http-request redirect scheme https unless { ssl_fc }\n", "");
    let web = SocketAddr::from(([127, 0, 0, 1], 80));
    let setup = Setup::new(program, &template(&file))?.netns(&netns).set("p80", 80).set("p443", 443);
    let setup = origins.iter().fold(setup, |setup, origin| setup.set(origin.name(), origin.address()));
    let daemon = prepare(setup.set("log", "127.0.0.1"), program)?.ready_on(web).start()?;
    let mut http = Http::connect_from(From::netns(&netns), web)?;
    let answer = http.get("/a/page")?;
    ensure!(answer.status == 200, "{}: {}", answer.line, daemon.output());
    drop(http);
    origins[0].die();
    let read = |file: &str| fs::read_to_string(dir.path().join(file)).unwrap_or_default();
    let has = |file: &str, text: &str| {
        wait::until(&format!("{text} in {file}"), wait::SOON, || read(file).contains(text)).with_context(
            || {
                format!(
                    "access.log: {}\nerror.log: {}\n{}",
                    read("access.log"),
                    read("error.log"),
                    daemon.output()
                )
            },
        )
    };
    has("error.log", "Server web_servers/web01 is DOWN")?;
    origins[0].revive(Some(&netns))?;
    has("error.log", "Server web_servers/web01 is UP")?;
    // Everything goes to local0; only what is a notice or more to local1.
    for text in
        ["\"GET /a/page HTTP/1.1\"", "Server web_servers/web01 is DOWN", "Server web_servers/web01 is UP"]
    {
        has("access.log", text)?;
    }
    ensure!(!read("error.log").contains("GET /a/page"), "{}", read("error.log"));
    let access = read("access.log");
    let line = access.lines().find(|line| line.contains("/a/page")).context("a request")?;
    ensure!(line.contains(" haproxy[") || line.contains(" lbx["), "no tag: {line}");
    Ok(["access.log", "error.log"].map(|file| known(&read(file))))
}

/// The lines that both programs write, without what changes from run to run.
fn known(file: &str) -> Vec<String> {
    let told = |line: &&str| line.contains("/a/page") || line.contains("Server web_servers/web01");
    let mut lines: Vec<_> = file.lines().filter(told).map(oracle::comparable).collect();
    lines.sort();
    lines
}
