//! Both planes, in network namespaces.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lbx_tests::client::Echo;
use lbx_tests::daemon::{self, Daemon, Home, Program, Setup};
use lbx_tests::load::{self, Attempt};
use lbx_tests::{maps, wait};

use crate::network::{Network, SOURCES};
use crate::tell::{self, step};

const CONFIG: &str = include_str!("../../../../config/demo.cfg");
/// The section `database`, which the kernel serves.
const DATABASE: ([u8; 4], u16) = ([10, 1, 0, 1], 5432);
/// The section `relayed`.
const RELAYED: ([u8; 4], u16) = ([10, 1, 0, 1], 5433);
/// The section `web`.
const WEB: ([u8; 4], u16) = ([10, 1, 0, 1], 8080);

/// The longest that the configuration's checks take to find a dead server: two failures, half a second apart, and the
/// time to notice each; on a machine that is busy.
const FOUND: Duration = Duration::from_secs(3);

/// Connections in a map dump that a reader wants to see.
const SHOWN: usize = 2;

/// Shows everything; an error if something did not happen.
pub(crate) fn run() -> Result<()> {
    let network = lay_out()?;
    let home = Home::new()?;
    let daemon = start(&network, &home)?;
    let connections = send_traffic(&network, &daemon)?;
    show_maps(&home)?;
    kill_a_server(&network)?;
    kill_the_daemon(&network, daemon, connections)
}

fn lay_out() -> Result<Network> {
    step("A network in namespaces of its own");
    let network = Network::new()?;
    tell::quote(
        "client 10.1.0.2 ---- front 10.1.0.1 [balancer] 10.2.0.1 back ---- switch --+-- db1, web1 10.2.0.11",
    );
    tell::quote(
        "                                                                           +-- db2, web2 10.2.0.12",
    );
    tell::quote(
        "                                                                           +-- db3, web3 10.2.0.13",
    );
    Ok(network)
}

fn setup<'a>(network: &'a Network, home: &Home) -> Result<Setup<'a>> {
    // Two demonstrations at the same time must not share pins.
    let config = CONFIG.replace("/sys/fs/bpf/lbx-demo", "{pins}");
    let setup = Setup::new(Program::Lbx, &config)?.home(home).netns(&network.balancer);
    Ok([DATABASE, RELAYED, WEB].into_iter().fold(setup, |setup, address| setup.ready_on(address.into())))
}

fn start(network: &Network, home: &Home) -> Result<Daemon> {
    step("Which plane serves what, and why: lbx -c -f config/demo.cfg");
    let checked = setup(network, home)?.argument("-c").run_to_end()?;
    // The copy has the same lines; the original is where the reader finds them.
    let copy = home.dir().join("test.cfg").display().to_string();
    tell::quote(&checked.output.replace(&copy, "config/demo.cfg"));
    ensure!(checked.status.success(), "the configuration is refused");

    step("The daemon: lbx -f config/demo.cfg");
    let daemon = setup(network, home)?.start()?;
    // The first connections may fall through to user space: the balancer does not know its neighbours yet.
    wait::until("the kernel to serve", daemon::START, || {
        Echo::connect(network.from(0), DATABASE.into()).is_ok() && flows(home).is_ok_and(|flows| flows > 0)
    })
    .with_context(|| format!("the daemon said:\n{}", daemon.output()))?;
    tell::quote(&daemon.output());
    Ok(daemon)
}

/// Entries in the kernel's map of flows, two for each connection.
fn flows(home: &Home) -> Result<usize> {
    maps::count(home.pins(), "FLOWS")
}

fn send_traffic(network: &Network, daemon: &Daemon) -> Result<Vec<Echo>> {
    step("TCP from thirty addresses to the section `database`: through the kernel");
    let (before, cpu) = (flows(daemon.home())?, daemon.cpu_time()?);
    let kernel = tell::connect_all((0..SOURCES).map(|i| network.from(i)), DATABASE.into())?;
    let (after, cpu) = (flows(daemon.home())?, daemon.cpu_time()?.saturating_sub(cpu));
    tell::show("connections", &tell::spread(kernel.iter().map(|echo| echo.server.clone())));
    println!(
        "The kernel's map of flows went from {before} to {after} entries; the daemon computed for {cpu:?}."
    );
    ensure!(after >= before + 2 * kernel.len(), "not every connection went through the kernel");

    step("The same addresses to the section `relayed`: through the daemon, to the same servers");
    let user = tell::connect_all((0..SOURCES).map(|i| network.from(i)), RELAYED.into())?;
    tell::show("connections", &tell::spread(user.iter().map(|echo| echo.server.clone())));
    let same = kernel.iter().zip(&user).all(|(kernel, user)| kernel.server == user.server);
    ensure!(same, "the planes sent one address to different servers");
    println!("Every address got the same server from both planes.");

    step("HTTP to the section `web`: through the daemon");
    tell::browse(network.from(0), WEB.into())?;
    Ok(kernel)
}

fn show_maps(home: &Home) -> Result<()> {
    step("The maps, as bpftool prints them");
    for map in ["SERVICES", "FLOWS", "RATES"] {
        let entries = maps::dump(home.pins(), map)?;
        println!("bpftool map dump pinned {} ({} entries)", home.pins().join(map).display(), entries.len());
        ensure!(!entries.is_empty(), "{map} is empty");
        entries.iter().take(SHOWN).for_each(|entry| tell::quote(&entry.to_string()));
    }
    Ok(())
}

/// Opens connections all the time, from every address in turn.
fn under_load(network: &Network, work: impl FnOnce() -> Result<()>) -> Result<Vec<Attempt>> {
    let next = std::sync::atomic::AtomicU8::new(0);
    let open = || {
        let source = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % SOURCES;
        Ok(Echo::connect(network.from(source), SocketAddr::from(DATABASE))?.server)
    };
    load::during(open, work)
}

fn kill_a_server(network: &Network) -> Result<()> {
    step("db2 and web2 die under load");
    let machine = network.machines.get(1).context("three machines")?;
    let mut killed = None;
    let attempts = under_load(network, || {
        thread::sleep(Duration::from_secs(1));
        machine.kill();
        killed = Some(Instant::now());
        thread::sleep(FOUND + Duration::from_secs(2));
        Ok(())
    })?;
    let killed = killed.context("nobody died")?;
    let last_lost = attempts.iter().filter(|a| a.server.is_err()).map(|a| a.start).max();
    let lost = attempts.iter().filter(|a| a.server.is_err()).count();
    println!("{} connections were opened; {lost} of them found db2 dead", attempts.len());
    if let Some(last) = last_lost {
        let after = last.saturating_duration_since(killed);
        println!("the last of these {after:.1?} after its death, before the checks had found out");
        ensure!(after < FOUND, "connections were lost after the checks' fall threshold");
    }
    let (before, after): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|a| a.start < killed);
    let names = |list: Vec<Attempt>| tell::spread(list.into_iter().filter_map(|a| a.server.ok()));
    tell::show("before", &names(before));
    let after = names(after.into_iter().filter(|a| a.start > killed + FOUND).collect());
    tell::show("after", &after);
    ensure!(after.len() == 2 && !after.contains_key("db2"), "traffic did not move on");
    tell::browse_without(network.from(0), WEB.into(), "web2")?;

    step("db2 and web2 are back");
    machine.revive()?;
    wait::until("db2 to be used again", wait::SOON, || {
        (0..SOURCES)
            .any(|i| Echo::connect(network.from(i), DATABASE.into()).is_ok_and(|echo| echo.server == "db2"))
    })?;
    let connections = tell::connect_all((0..SOURCES).map(|i| network.from(i)), DATABASE.into())?;
    tell::show("connections", &tell::spread(connections.into_iter().map(|echo| echo.server)));
    Ok(())
}

fn kill_the_daemon(network: &Network, daemon: Daemon, connections: Vec<Echo>) -> Result<()> {
    // Connections to the dead server died with it.
    let mut open: Vec<Echo> = connections.into_iter().filter(|echo| echo.server != "db2").collect();
    let home = daemon.home().clone();
    let attempts = under_load(network, || {
        step("The daemon is killed (SIGKILL) under load");
        let pid = daemon.pid();
        daemon.kill()?;
        load::talk(&mut open, Duration::from_secs(2)).context("an open connection broke")?;
        println!(
            "Process {pid} is gone; {} open connections still carry data, new ones are accepted.",
            open.len()
        );
        println!("{} entries are in the map of flows.", flows(&home)?);

        step("The daemon is back");
        let daemon = setup(network, &home)?.start()?;
        load::talk(&mut open, Duration::from_secs(2)).context("an open connection broke")?;
        let now = flows(&home)?;
        ensure!(now >= 2 * open.len(), "flows are missing: {now}");
        println!("Process {} has taken over {now} flow entries.", daemon.pid());
        tell::quote(&daemon.output());
        Ok(())
    })?;
    let lost: Vec<_> = attempts.iter().filter_map(|attempt| attempt.server.as_ref().err()).collect();
    println!("{} connections were opened meanwhile, {} of them lost.", attempts.len(), lost.len());
    ensure!(
        lost.is_empty(),
        "a connection was lost: {:#}",
        lost.first().map_or_else(String::new, |e| format!("{e:#}"))
    );
    Ok(())
}
