//! `lbx xdp flows`.

use std::collections::BTreeMap;

use anyhow::Result;
use lb_xdp::inspect::{FlowFilter, FlowInfo};
use serde::Serialize;

use super::args::Flows;
use super::table::Table;
use super::{print, print_json};

/// What flows are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Kind {
    frontend: String,
    backend: String,
    server: String,
    state: &'static str,
}

/// How many there are of a kind.
#[derive(Debug, Serialize)]
struct Counted {
    #[serde(flatten)]
    kind: Kind,
    flows: usize,
}

/// Shows or counts connections.
pub(super) fn run(flows: &Flows) -> Result<()> {
    let filter = FlowFilter {
        client: flows.client,
        frontend: flows.frontend.clone(),
        backend: flows.backend.clone(),
        server: flows.server.clone(),
        state: flows.state.clone(),
    };
    if flows.count { count(flows, &filter) } else { list(flows, &filter) }
}

fn list(flows: &Flows, filter: &FlowFilter) -> Result<()> {
    let mut found = Vec::new();
    let limit = flows.limit.unwrap_or(usize::MAX);
    flows.look.place.inspect()?.flows(filter, |flow| {
        if found.len() < limit {
            found.push(flow);
        }
        found.len() < limit
    })?;
    if flows.look.json {
        return found.iter().try_for_each(print_json);
    }
    print(&table(&found).to_string())
}

fn table(flows: &[FlowInfo]) -> Table {
    let titles =
        ["PROTO", "CLIENT", "SERVICE", "FROM", "SERVER", "ADDRESS", "STATE", "AGE", "IDLE", "IN", "OUT"];
    let mut table = Table::new(&titles);
    for flow in flows {
        table.row([
            flow.protocol.to_owned(),
            flow.client.to_string(),
            flow.service.to_string(),
            flow.source.to_string(),
            format!("{}/{}", flow.backend, flow.server),
            flow.server_address.to_string(),
            flow.state.to_owned(),
            format!("{:.1}s", flow.age),
            format!("{:.1}s", flow.idle),
            flow.to_server.1.to_string(),
            flow.to_client.1.to_string(),
        ]);
    }
    table
}

fn count(flows: &Flows, filter: &FlowFilter) -> Result<()> {
    let mut kinds = BTreeMap::<Kind, usize>::new();
    flows.look.place.inspect()?.flows(filter, |flow| {
        let FlowInfo { frontend, backend, server, state, .. } = flow;
        *kinds.entry(Kind { frontend, backend, server, state }).or_default() += 1;
        true
    })?;
    if flows.look.json {
        let counted = kinds.into_iter().map(|(kind, flows)| Counted { kind, flows });
        return print_json(&counted.collect::<Vec<_>>());
    }
    let mut table = Table::new(&["FRONTEND", "SERVER", "STATE", "FLOWS"]);
    let all: usize = kinds.values().sum();
    for (kind, flows) in kinds {
        let server = format!("{}/{}", kind.backend, kind.server);
        table.row([kind.frontend, server, kind.state.to_owned(), flows.to_string()]);
    }
    print(&format!("{table}{all} in all\n"))
}
