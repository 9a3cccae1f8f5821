//! "Load Balancing Algorithms".

use anyhow::Result;
use lbx_tests::oracle::Side;
use lbx_tests::suite::Case;

use crate::sample::compared;

const ROUND_ROBIN: &str = include_str!("../../../config/seed/round_robin.cfg");

pub(crate) fn cases() -> Vec<Case> {
    vec![compared("balancing::round_robin_by_weights", ROUND_ROBIN, round_robin)]
}

/// With weights 1, 1 and 2 the order is 03, 01, 03, 02, again and again.
fn round_robin(side: &mut Side) -> Result<()> {
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let servers = (0..8).map(|_| Ok(side.exchange("p80", request)?.text())).collect::<Result<Vec<_>>>()?;
    anyhow::ensure!(servers == ["s3", "s1", "s3", "s2", "s3", "s1", "s3", "s2"], "{servers:?}");
    Ok(())
}
