//! The relay of TCP mode.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use lbx_tests::client::{self, Echo, From};
use lbx_tests::daemon::Daemon;
use lbx_tests::origin::Origin;
use lbx_tests::wait;

use crate::lbx;

const ONE: &str = "
listen relay
    mode tcp
    bind 127.0.0.1:{relay}
    server s1 {s1}
";

pub(crate) fn relays() -> Result<()> {
    let origin = Origin::tcp("s1")?;
    let daemon = lbx(ONE)?.port("relay").set("s1", origin.address()).start()?;
    let mut connections = (0..20)
        .map(|_| Echo::connect(From::default(), daemon.address("relay")))
        .collect::<Result<Vec<_>>>()?;
    for connection in &mut connections {
        ensure!(connection.server == "s1");
        // Not more than fits into the buffers between: the echo is read only when all is sent.
        connection.check(&[9; 50_000])?;
    }
    ensure!(origin.connections() == 20);
    Ok(())
}

/// A client that has sent everything still gets everything.
pub(crate) fn half_closed() -> Result<()> {
    let origin = Origin::tcp("s1")?;
    let daemon = lbx(ONE)?.port("relay").set("s1", origin.address()).start()?;
    let mut stream = client::connect(From::default(), daemon.address("relay"))?;
    stream.write_all(b"the last words")?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer == "s1\nthe last words", "{answer:?}");
    Ok(())
}

/// A server that refuses costs no connection where another one is allowed to take it.
pub(crate) fn redispatch() -> Result<()> {
    let (dead, origin) = (Origin::tcp("s1")?, Origin::tcp("s2")?);
    dead.die();
    let config = format!("{ONE}    server s2 {{s2}}\n    retries 2\n    option redispatch 1\n");
    let setup = lbx(&config)?.port("relay").set("s1", dead.address()).set("s2", origin.address());
    let daemon = setup.start()?;
    for _ in 0..6 {
        ensure!(Echo::connect(From::default(), daemon.address("relay"))?.server == "s2");
    }
    Ok(())
}

/// A client that takes and takes is gone by its own silence where streams are independent: its server finds that out in
/// the middle of what it sends, which has no end of its own.
pub(crate) fn independent_streams() -> Result<()> {
    let config = "
defaults
    mode tcp
    timeout connect 5s
    timeout client 300ms
    timeout server 60s
listen relay
    bind 127.0.0.1:{relay}
    option independent-streams
    server s1 {s1}
";
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let daemon = lbx(config)?.port("relay").set("s1", listener.local_addr()?).start()?;
    let server = thread::spawn(move || -> Result<usize> {
        let (mut stream, _) = listener.accept()?;
        let mut sent = 0;
        while sent < 6000 && stream.write_all(b"x").is_ok() {
            sent += 1;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(sent)
    });
    let mut taken = Vec::new();
    // A reset ends it as well as an end.
    let _ = client::connect(From::default(), daemon.address("relay"))?.read_to_end(&mut taken);
    let sent = server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
    ensure!(!taken.is_empty() && sent < 6000, "{} taken, {sent} sent", taken.len());
    Ok(())
}

/// Bulk transfers are moved by splice(2), for which pipes are kept; without it there are none.
pub(crate) fn splices() -> Result<()> {
    let origin = Origin::tcp("s1")?;
    for (words, splices) in [("", true), ("global\n    nosplice\n", false)] {
        let config = format!("{words}{ONE}");
        let daemon = lbx(&config)?.port("relay").set("s1", origin.address()).start()?;
        let before = pipes(&daemon)?;
        let transfer = || -> Result<bool> {
            bulk(&daemon)?;
            Ok(pipes(&daemon)? > before)
        };
        if splices {
            wait::until("a pipe", Duration::from_secs(30), || transfer().is_ok_and(|found| found))?;
        } else {
            ensure!(!transfer()?, "pipes with nosplice");
        }
    }
    Ok(())
}

/// Sends some megabytes to an echo and takes them back.
fn bulk(daemon: &Daemon) -> Result<()> {
    const BYTES: usize = 8 << 20;
    let mut stream = client::connect(From::default(), daemon.address("relay"))?;
    let mut sender = stream.try_clone()?;
    let sending = thread::spawn(move || -> std::io::Result<()> {
        sender.write_all(&vec![7; BYTES])?;
        sender.shutdown(Shutdown::Write)
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back)?;
    sending.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    ensure!(back.len() == BYTES + "s1\n".len(), "{} bytes came back", back.len());
    Ok(())
}

/// Ends of pipes that the daemon holds.
fn pipes(daemon: &Daemon) -> Result<usize> {
    let files = fs::read_dir(format!("/proc/{}/fd", daemon.pid()))?;
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    Ok(targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count())
}
