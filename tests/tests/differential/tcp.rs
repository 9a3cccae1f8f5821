//! TCP mode.

use anyhow::{Context, Result};
use lbx_tests::client::{Echo, From};
use lbx_tests::oracle::Side;

pub(crate) const RELAY: &str = "
defaults
    timeout connect 1s
    timeout client 2s
    timeout server 2s
listen relay
    bind 127.0.0.1:{relay}
    balance roundrobin
    server t1 {t1}
    server t2 {t2}
    server t3 {t3}
";

pub(crate) const SOURCE: &str = "
defaults
    timeout connect 1s
    timeout client 2s
    timeout server 2s
listen relay
    bind 127.0.0.1:{relay}
    balance source
    server t1 {t1}
    server t2 {t2} weight 2
    server t3 {t3}
";

pub(crate) const WEIGHTS: &str = "
defaults
    timeout connect 1s
    timeout client 2s
    timeout server 2s
listen relay
    bind 127.0.0.1:{relay}
    balance static-rr
    server t1 {t1} weight 1
    server t2 {t2} weight 3
    server t3 {t3} weight 0
";

pub(crate) const BACKUP: &str = "
defaults
    timeout connect 1s
    timeout client 2s
    timeout server 2s
    default-server check inter 300ms fall 3 rise 1
listen relay
    bind 127.0.0.1:{relay}
    server t1 {t1}
    server t2 {t2} backup
    server t3 {t3} backup
";

fn connect(side: &mut Side, from: From<'_>) -> Result<()> {
    let server = Echo::connect(from, side.daemon.address("relay")).map(|echo| echo.server);
    side.note(server.unwrap_or_else(|_| "closed".into()));
    Ok(())
}

pub(crate) fn round_robin(side: &mut Side) -> Result<()> {
    (0..9).try_for_each(|_| connect(side, From::default()))
}

pub(crate) fn sources(side: &mut Side) -> Result<()> {
    (1..100).try_for_each(|i| connect(side, From::default().source([127, 0, 0, i].into())))
}

pub(crate) fn weights(side: &mut Side) -> Result<()> {
    (0..16).try_for_each(|_| connect(side, From::default()))
}

pub(crate) fn backup(side: &mut Side) -> Result<()> {
    connect(side, From::default())?;
    side.origins.get("t1").context("t1")?.die();
    side.daemon.wait_output("t1 is DOWN")?;
    (0..4).try_for_each(|_| connect(side, From::default()))
}
