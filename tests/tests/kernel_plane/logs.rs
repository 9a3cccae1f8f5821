//! What sessions of the kernel plane leave in the log.

use anyhow::{Context, Result, ensure};
use lbx_tests::lab::Family;
use lbx_tests::syslog::Syslog;

use crate::fixture::Fixture;

/// A session of the kernel plane is logged as one of the user plane is: once, when it has ended.
pub(crate) fn tcplog() -> Result<()> {
    let fixture = Fixture::echo(Family::V4)?;
    let syslog = fixture.lab.balancer.run(Syslog::start)??;
    let extra = format!("    option tcplog\n    log {} local0\n", syslog.address());
    let _daemon = fixture.start(&extra, "check")?;
    let mut echo = fixture.connect()?;
    echo.check(&[7; 1000])?;
    let client = echo.local_address()?;
    ensure!(!syslog.lines().iter().any(|line| line.contains(&client.to_string())), "it has not ended yet");
    let server = echo.server.clone();
    drop(echo);
    let line = syslog.wait_for(&format!(" {client} ["))?;
    let fields: Vec<_> = line.rsplit(' ').collect();
    // From the end: queues, connections, termination, bytes, timers, backend and server, frontend.
    let [queues, connections, termination, bytes, timers, upstream, frontend, ..] = fields[..] else {
        anyhow::bail!("{line}");
    };
    ensure!(queues == "0/0" && termination == "--", "{line}");
    ensure!(connections.ends_with("/0") && connections.matches('/').count() == 4, "{line}");
    ensure!(timers.starts_with("0/0/"), "{line}");
    ensure!(upstream == format!("service/{server}") && frontend == "service", "{line}");
    // What the echo sends: its name in a line, and what it got.
    let bytes: u64 = bytes.parse().with_context(|| line.clone())?;
    ensure!((1000..1300).contains(&bytes), "{line}");
    Ok(())
}
