//! What the kernel plane does, for people and programs.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;

/// What the kernel plane does now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The folder of pins.
    pub pins: String,
    /// The maps are those of a daemon before this one.
    pub adopted: bool,
    /// The interfaces that are configured.
    pub interfaces: Vec<InterfaceStatus>,
    /// What clients can connect to.
    pub services: Vec<ServiceStatus>,
    /// Where flows go.
    pub servers: Vec<ServerStatus>,
    /// Flows that are open.
    pub open_flows: u64,
    /// Entries of the tables of flows that the last walk saw, two for each flow.
    pub flow_entries: u32,
    /// Entries that each of the tables takes.
    pub flow_room: u32,
    /// What does not fit, or does not work.
    pub troubles: Vec<String>,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// `native`, `generic`; none if the program is not on it.
    pub hook: Option<String>,
    /// Why the program is not on it, or not in the driver.
    pub reason: Option<String>,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// Its number in the maps.
    pub number: u16,
    /// The frontend.
    pub frontend: String,
    /// Where clients connect to.
    pub addresses: Vec<SocketAddr>,
    /// Open flows.
    pub active: u32,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// Its number in the maps.
    pub number: u16,
    /// The backend.
    pub backend: String,
    /// Its name.
    pub server: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// `up`, `drain`, `down`.
    pub state: &'static str,
    /// Why the kernel plane cannot reach it.
    pub unreachable: Option<String>,
    /// Open flows.
    pub active: u32,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "pins       {}{}", self.pins, if self.adopted { " (taken over)" } else { "" })?;
        let (open, entries, room) = (self.open_flows, self.flow_entries, self.flow_room);
        writeln!(f, "flows      {open} open, {entries} entries, room for {room}")?;
        for interface in &self.interfaces {
            let hook = interface.hook.as_deref().unwrap_or("not attached");
            let reason = interface.reason.iter().map(|r| format!(": {r}")).collect::<String>();
            writeln!(f, "interface  {} {hook}{reason}", interface.name)?;
        }
        for service in &self.services {
            let addresses: Vec<_> = service.addresses.iter().map(ToString::to_string).collect();
            let (number, frontend) = (service.number, &service.frontend);
            writeln!(
                f,
                "service    {number} {frontend} at {}, {} open",
                addresses.join(" "),
                service.active
            )?;
        }
        for server in &self.servers {
            let ServerStatus { number, backend, server: name, address, state, active, unreachable } = server;
            let reason = unreachable.iter().map(|r| format!(", in user space: {r}")).collect::<String>();
            writeln!(f, "server     {number} {backend}/{name} at {address} {state}, {active} open{reason}")?;
        }
        self.troubles.iter().try_for_each(|trouble| writeln!(f, "trouble    {trouble}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            pins: "/sys/fs/bpf/lbx".into(),
            adopted: true,
            interfaces: vec![
                InterfaceStatus { name: "eth0".into(), hook: Some("native".into()), reason: None },
                InterfaceStatus {
                    name: "eth1".into(),
                    hook: None,
                    reason: Some("there is no such interface".into()),
                },
            ],
            services: vec![ServiceStatus {
                number: 1,
                frontend: "front".into(),
                addresses: vec!["10.0.0.1:80".parse().unwrap(), "[fd00::1]:80".parse().unwrap()],
                active: 3,
            }],
            servers: vec![ServerStatus {
                number: 2,
                backend: "back".into(),
                server: "s1".into(),
                address: "127.0.0.1:80".parse().unwrap(),
                state: "up",
                unreachable: Some("it is on this host".into()),
                active: 0,
            }],
            open_flows: 3,
            flow_entries: 6,
            flow_room: 131_072,
            troubles: vec!["no room".into()],
        }
    }

    #[test]
    fn it_reads_line_by_line() {
        let expected = "\
pins       /sys/fs/bpf/lbx (taken over)
flows      3 open, 6 entries, room for 131072
interface  eth0 native
interface  eth1 not attached: there is no such interface
service    1 front at 10.0.0.1:80 [fd00::1]:80, 3 open
server     2 back/s1 at 127.0.0.1:80 up, 0 open, in user space: it is on this host
trouble    no room
";
        assert_eq!(status().to_string(), expected);
    }

    #[test]
    fn it_is_json_too() {
        let json = serde_json::to_value(status()).unwrap();
        assert_eq!(json["services"][0]["addresses"][1], "[fd00::1]:80");
        assert_eq!(json["interfaces"][1]["hook"], serde_json::Value::Null);
    }
}
