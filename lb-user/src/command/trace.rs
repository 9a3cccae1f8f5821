//! `lbx trace`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use lb_xdp::inspect::{self, TraceFilter, Tracer};
use tokio::time::{interval, sleep};

use super::args::Trace;
use super::{print, print_json};

/// How often reports are asked for anew; well within their lease.
const RENEWAL: Duration = Duration::from_secs(1);

/// Prints decisions until there were enough, the time is up, or somebody interrupts.
pub(super) fn run(trace: &Trace) -> Result<()> {
    let filter = TraceFilter {
        frontend: trace.frontend.clone(),
        address: trace.address,
        port: trace.port,
        reasons: trace.reason.clone(),
    };
    let inspector = trace.look.place.inspect()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("event loop")?;
    runtime.block_on(async {
        let tracer = inspector.trace(&filter)?;
        follow(tracer, trace).await
    })
}

async fn follow(mut tracer: Tracer, trace: &Trace) -> Result<()> {
    let mut renewals = interval(RENEWAL);
    let end = sleep(trace.seconds.map_or(Duration::MAX, Duration::from_secs));
    tokio::pin!(end);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    let mut left = trace.count.unwrap_or(usize::MAX);
    while left > 0 {
        let decisions = tokio::select! {
            decisions = tracer.next() => decisions.context("reading the ring buffer")?,
            _ = renewals.tick() => { tracer.renew()?; continue }
            () = &mut end => return Ok(()),
            _ = &mut interrupted => return Ok(()),
        };
        for decision in decisions.iter().take(left) {
            if trace.look.json { print_json(decision)? } else { print(&line(decision))? }
        }
        left = left.saturating_sub(decisions.len());
    }
    Ok(())
}

fn line(decision: &inspect::Trace) -> String {
    let ends = match (decision.client, decision.service_address) {
        (Some(client), Some(service)) if decision.direction == "to-client" => format!("{client} < {service}"),
        (Some(client), Some(service)) => format!("{client} > {service}"),
        _ => "no IP".to_owned(),
    };
    let flags = if decision.flags.is_empty() { String::new() } else { format!(" [{}]", decision.flags) };
    let frontend = decision.frontend.iter().map(|name| format!(" frontend {name}")).collect::<String>();
    let server = decision.server.iter().map(|(backend, server)| format!(" server {backend}/{server}"));
    format!(
        "{} {ends}{flags} {} bytes: {} ({}){frontend}{}\n",
        decision.protocol,
        decision.length,
        decision.verdict,
        decision.reason,
        server.collect::<String>()
    )
}
