//! The relay of TCP mode.

use std::io::{Read, Write};
use std::net::Shutdown;

use anyhow::{Result, ensure};
use lbx_tests::client::{self, Echo, From};
use lbx_tests::origin::Origin;

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
