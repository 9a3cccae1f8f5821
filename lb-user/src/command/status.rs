//! `lbx xdp status`.

use anyhow::Result;
use lb_xdp::inspect::{InterfaceInfo, Overview, ReasonCount, RuleInfo, ServerInfo, ServiceInfo};

use super::args::Look;
use super::table::{Table, or_dash};
use super::{print, print_json};

/// Shows what there is.
pub(super) fn run(look: &Look) -> Result<()> {
    let overview = look.place.inspect()?.overview()?;
    if look.json { print_json(&overview) } else { print(&tables(&overview)) }
}

fn tables(overview: &Overview) -> String {
    let daemon =
        if overview.daemon { "a daemon follows it up" } else { "no daemon: everything stays as it is" };
    let open: u64 = overview.services.iter().map(|service| u64::from(service.active)).sum();
    let mut parts = vec![
        format!(
            "pins  {} ({daemon})\nflows {open} open, room for {} of each family\n",
            overview.pins, overview.flow_room
        ),
        interfaces(&overview.interfaces).to_string(),
        services(&overview.services).to_string(),
        servers(&overview.servers).to_string(),
        reasons(overview).to_string(),
    ];
    if !overview.rules.is_empty() {
        parts.push(rules(&overview.rules).to_string());
    }
    parts.join("\n")
}

fn interfaces(interfaces: &[InterfaceInfo]) -> Table {
    let mut table = Table::new(&["INTERFACE", "INDEX", "PROGRAM"]);
    for interface in interfaces {
        let index = interface.index.map_or_else(|| "gone".to_owned(), |index| index.to_string());
        table.row([interface.name.clone(), index, interface.program.to_string()]);
    }
    table
}

fn services(services: &[ServiceInfo]) -> Table {
    let mut table = Table::new(&["FRONTEND", "ADDRESS", "BALANCE", "OPEN", "EVER", "MAXCONN"]);
    for service in services {
        let addresses: Vec<_> = service.addresses.iter().map(ToString::to_string).collect();
        table.row([
            service.frontend.clone(),
            addresses.join(","),
            service.algorithm.to_owned(),
            service.active.to_string(),
            service.opened.to_string(),
            or_dash((service.maxconn > 0).then_some(service.maxconn)),
        ]);
    }
    table
}

fn servers(servers: &[ServerInfo]) -> Table {
    let titles = ["SERVER", "ADDRESS", "STATE", "WEIGHT", "OPEN", "EVER", "MAXCONN", "INTERFACE", "NEXT HOP"];
    let mut table = Table::new(&titles);
    for server in servers {
        table.row([
            format!("{}/{}", server.backend, server.server),
            or_dash(server.address),
            server.state.to_owned(),
            server.weight.to_string(),
            server.active.to_string(),
            server.opened.to_string(),
            or_dash((server.maxconn > 0).then_some(server.maxconn)),
            or_dash(server.interface),
            server.next_hop.clone().unwrap_or_else(|| "unknown: in user space".to_owned()),
        ]);
    }
    table
}

fn rules(rules: &[RuleInfo]) -> Table {
    let mut table = Table::new(&["FRONTEND", "LINE", "RULE", "CONNECTIONS"]);
    for rule in rules {
        let (line, connections) = (rule.line.to_string(), rule.connections.to_string());
        table.row([rule.frontend.clone(), line, rule.action.to_owned(), connections]);
    }
    table
}

fn reasons(overview: &Overview) -> Table {
    let mut table = Table::new(&["FRONTEND", "REASON", "PACKETS", "BYTES", "WHAT"]);
    let services = overview.services.iter().map(|service| (service.frontend.as_str(), &service.reasons));
    for (frontend, counts) in services.chain([("-", &overview.elsewhere)]) {
        for ReasonCount { reason, text, packets, bytes } in counts {
            table.row([
                frontend.to_owned(),
                (*reason).to_owned(),
                packets.to_string(),
                bytes.to_string(),
                (*text).to_owned(),
            ]);
        }
    }
    table
}
