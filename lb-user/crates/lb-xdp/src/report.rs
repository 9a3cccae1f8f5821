//! From the kernel plane's state to its status.

use std::collections::BTreeMap;

use lb_common::value::{Server, ServerState};

use crate::control::Control;
use crate::plan::ServerName;
use crate::status::{ServerStatus, ServiceStatus, Status};
use crate::steward::message::AttachedTo;
use crate::store::Store;

/// One line about an interface.
pub(crate) fn attachment(name: &str, attachment: &AttachedTo) -> String {
    let how = if attachment.adopted { "took over the link to" } else { "attached to" };
    let reason =
        attachment.fallback.iter().map(|reason| format!(", not native: {reason}")).collect::<String>();
    format!("{how} {name}, {}{reason}", attachment.hook)
}

/// The status, but for what the agent alone knows: interfaces, pins, troubles.
pub(crate) fn status<S: Store>(control: &Control<S>) -> Status {
    Status {
        services: services(control),
        servers: control.servers().map(|(number, name)| server(control, number, name)).collect(),
        open_flows: control.open_flows(),
        flow_entries: control.census().entries,
        flow_room: control.maps().store.room().flows,
        ..Status::default()
    }
}

fn services<S: Store>(control: &Control<S>) -> Vec<ServiceStatus> {
    let maps = control.maps();
    let mut services = BTreeMap::new();
    for (at, service) in &maps.contents().plan.services {
        let Some(name) = control.planner().services.key(service.id) else { continue };
        let entry = services.entry(service.id).or_insert_with(|| ServiceStatus {
            number: service.id,
            frontend: name.frontend.to_string(),
            addresses: Vec::new(),
            active: control
                .tallies()
                .services
                .get(&service.id)
                .map_or(0, |tally| service.active(&tally.load)),
        });
        entry.addresses.push(at.address);
    }
    services.into_values().collect()
}

fn server<S: Store>(control: &Control<S>, number: u16, name: &ServerName) -> ServerStatus {
    let maps = control.maps();
    let entry = maps.contents().plan.servers.get(&number).copied().unwrap_or_default();
    ServerStatus {
        number,
        backend: name.backend.to_string(),
        server: name.server.to_string(),
        address: name.address,
        state: state(&entry),
        unreachable: control.planned().unreachable.get(name).map(ToString::to_string),
        active: control.tallies().servers.get(&number).map_or(0, |tally| entry.active(&tally.load)),
    }
}

fn state(server: &Server) -> &'static str {
    match server.state {
        ServerState::Up => "up",
        ServerState::Drain => "drain",
        ServerState::Down => "down",
    }
}
