//! "HAProxy handles hundreds of thousands of concurrent connections on commodity hardware": a hundred thousand, held at
//! once, each of them whole afterwards.
//!
//! In the kernel a connection costs the daemon no file, only an entry in a table. In user space it costs two files, and
//! where the limit of files can't be raised to twice a hundred thousand, that is how many connections are held.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lbx_tests::crowd::{self, Clients, Echoes};
use lbx_tests::daemon::{self, Daemon, Program, Setup};
use lbx_tests::lab::{Family, Lab};
use lbx_tests::privilege::KERNEL;
use lbx_tests::suite::Case;
use lbx_tests::{client, maps, wait};

/// Connections to be held at once.
const CONNECTIONS: u64 = 100_000;

/// Files that the daemon needs beside those of connections.
const OTHER_FILES: u64 = 500;

/// Servers: a server's address has ports for some ten thousand connections from the balancer's.
const SERVERS: u8 = 9;

/// Processes of clients, each with an address of its own.
const CROWDS: u8 = 8;

/// How long each step may take on a machine that has other work.
const STEP: Duration = Duration::from_secs(100);

/// The longest that all of it takes.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("many::a_hundred_thousand_in_the_kernel", KERNEL, || held("", CONNECTIONS)).within(LIMIT),
        Case::new("many::as_many_as_files_allow_in_user_space", KERNEL, || {
            let files = crowd::files(2 * CONNECTIONS + OTHER_FILES)?;
            held("    no option xdp\n", (files.saturating_sub(OTHER_FILES) / 2).min(CONNECTIONS))
        })
        .within(LIMIT),
    ]
}

fn config(words: &str) -> String {
    let service = Family::V4.service();
    let mut text = format!(
        "
global
    stats socket {{dir}}/sock level admin
    xdp-interface front
    xdp-interface back
    xdp-pin-path {{pins}}
    xdp-flows {}
defaults
    mode tcp
    timeout connect 30s
    timeout client 10m
    timeout server 10m
listen many
    bind {service}:80
    balance roundrobin
{words}",
        CONNECTIONS + CONNECTIONS / 10
    );
    for number in 1..=SERVERS {
        text.push_str(&format!("    server s{number} {}:80\n", Family::V4.server(number)));
    }
    text
}

fn held(words: &str, connections: u64) -> Result<()> {
    let lab = Lab::new()?;
    let servers = (1..=SERVERS).map(|n| SocketAddr::new(Family::V4.server(n), 80));
    let _servers = servers.map(|at| Echoes::start(&lab.servers, at)).collect::<Result<Vec<_>>>()?;
    let service = SocketAddr::new(Family::V4.service(), 80);
    let daemon = Setup::new(Program::Lbx, &config(words))?.netns(&lab.balancer).ready_on(service).start()?;
    if words.is_empty() {
        wait::until("a flow in the kernel", daemon::START, || {
            client::connect(lab.from_client(), service).is_ok()
                && maps::count(daemon.home().pins(), "FLOWS").is_ok_and(|flows| flows > 0)
        })?;
    }
    let began = Instant::now();
    let mut clients = (0..CROWDS)
        .map(|crowd| {
            let (first, next) = (share(connections, crowd), share(connections, crowd + 1));
            Clients::start(&lab.client, service, Family::V4.source(crowd), first, next - first)
        })
        .collect::<Result<Vec<_>>>()?;
    clients.iter_mut().try_for_each(|clients| clients.wait_open(STEP)).with_context(|| daemon.output())?;
    let opened = began.elapsed();
    let mut counted = 0;
    // The kernel's connections are counted when the daemon next looks.
    wait::until("all connections to be counted", wait::SOON, || {
        counted = sessions(&daemon).unwrap_or(0);
        counted >= connections
    })
    .with_context(|| format!("{counted} of {connections}"))?;
    if words.is_empty() {
        let files = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid()))?.count() as u64;
        ensure!(files < OTHER_FILES, "the daemon has {files} files open for connections of the kernel's");
    }
    let memory = memory(&daemon)?;
    clients.iter_mut().try_for_each(Clients::ask)?;
    clients.iter_mut().try_for_each(|clients| clients.wait_whole(STEP))?;
    ensure!(sessions(&daemon)? >= connections, "some are gone");
    eprintln!(
        "{connections} connections: open after {opened:.1?}, whole after {:.1?}; the daemon has {memory}",
        began.elapsed()
    );
    Ok(())
}

/// Where the numbers of a crowd begin.
fn share(connections: u64, crowd: u8) -> u64 {
    connections * u64::from(crowd) / u64::from(CROWDS)
}

/// `scur` of the frontend.
fn sessions(daemon: &Daemon) -> Result<u64> {
    let text = daemon.cli("show stat")?;
    let row = text.lines().find(|row| row.starts_with("many,FRONTEND,")).context("no row")?;
    Ok(row.split(',').nth(4).context("no column")?.parse()?)
}

fn memory(daemon: &Daemon) -> Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    Ok(line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
}
