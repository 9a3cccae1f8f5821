//! What the reader sees, and the traffic that both forms of the demonstration send.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use lbx_tests::client::{Echo, From, Http};

/// Begins a step.
pub(crate) fn step(title: &str) {
    println!("\n== {title}");
}

/// Shows text that a program printed.
pub(crate) fn quote(text: &str) {
    for line in text.lines() {
        println!("    | {line}");
    }
}

/// How many connections or requests each server got.
pub(crate) type Spread = BTreeMap<String, u32>;

/// Shows a spread.
pub(crate) fn show(what: &str, spread: &Spread) {
    let parts: Vec<String> = spread.iter().map(|(server, n)| format!("{server} {n}")).collect();
    println!("{what}: {}", parts.join(", "));
}

/// Counts names.
pub(crate) fn spread(names: impl IntoIterator<Item = String>) -> Spread {
    names.into_iter().fold(Spread::new(), |mut spread, name| {
        *spread.entry(name).or_default() += 1;
        spread
    })
}

/// Opens connections from all of `sources`, and sends data on each.
pub(crate) fn connect_all<'a>(sources: impl Iterator<Item = From<'a>>, to: SocketAddr) -> Result<Vec<Echo>> {
    sources
        .map(|from| {
            let mut connection = Echo::connect(from, to)?;
            connection.check(&[1; 5000])?;
            Ok(connection)
        })
        .collect()
}

/// Sends requests on one connection; they must reach three servers.
pub(crate) fn browse(from: From<'_>, to: SocketAddr) -> Result<()> {
    let mut http = Http::connect_from(from, to)?;
    let answers = (0..30).map(|_| Ok(http.get("/")?.origin().to_owned())).collect::<Result<Vec<_>>>()?;
    let spread = spread(answers);
    show("30 requests on one connection", &spread);
    ensure!(spread.len() == 3, "not every web server was used");
    Ok(())
}

/// Sends requests that must all be answered, none of them by `absent`.
pub(crate) fn browse_without(from: From<'_>, to: SocketAddr, absent: &str) -> Result<()> {
    let mut http = Http::connect_from(from, to)?;
    for _ in 0..30 {
        let response = http.get("/")?;
        ensure!(
            response.status == 200 && response.origin() != absent,
            "{} of {:?}",
            response.line,
            response.origin()
        );
    }
    println!("30 requests on one connection: all answered, none by {absent}");
    Ok(())
}
