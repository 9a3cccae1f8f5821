//! `explain`: what would become of a connection, as the configuration and the servers' states have it.

use std::net::{IpAddr, SocketAddr};

use lb_common::value::Algorithm as Method;
use lb_common::{address, select};
use lb_conf::model::{BindAddress, HashKind, Mode};

use super::command::Call;
use crate::backend::Backend;
use crate::balance::Slots;
use crate::frontend::Frontend;
use crate::placement::{Placement, place};
use crate::runtime::Snapshot;

/// The port of a client that none is named of.
const ANY_PORT: u16 = 50_000;

pub(super) fn explain(call: &mut Call<'_, '_>) -> String {
    let alone = |text: &str| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, ANY_PORT));
    let client = call.word(1).parse::<SocketAddr>().ok().or_else(|| alone(call.word(1)));
    let (Some(client), Ok(service)) = (client, call.word(2).parse::<SocketAddr>()) else {
        return "Two addresses are expected: a client's, and with its port the one that it connects to.\n"
            .into();
    };
    let snapshot = call.context.runtime.snapshot();
    let Some((frontend, index)) = listener(&snapshot, service) else {
        return format!("nothing listens at {service}\n");
    };
    let placements = place(&snapshot.config);
    let placement = placements.iter().find(|placement| placement.name == frontend.config.proxy.name);
    let mut lines = vec![format!("frontend {}, {}", frontend.config.proxy.name, plane(placement, index))];
    let rules = frontend.config.use_backend.len();
    if rules > 0 {
        lines.push(format!("{rules} use_backend rules are asked before the default backend"));
    }
    match frontend.config.default_backend.and_then(|id| snapshot.backend(id)) {
        None => lines.push("it has no default backend".to_owned()),
        Some(backend) => lines.extend(target(backend, frontend, client.ip())),
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// The frontend that listens at an address, and with which of its binds; an exact one before a wildcard.
fn listener(snapshot: &Snapshot, at: SocketAddr) -> Option<(&Frontend, usize)> {
    let matches = |address: &BindAddress, exact: bool| match address {
        BindAddress::Inet(bind) if exact => *bind == at,
        BindAddress::Inet(bind) => {
            let family = bind.is_ipv6() || at.is_ipv4();
            bind.ip().is_unspecified() && bind.port() == at.port() && family
        }
        BindAddress::Unix(_) | BindAddress::Inherited(_) => false,
    };
    [true, false].into_iter().find_map(|exact| {
        snapshot.frontends.iter().find_map(|frontend| {
            let index = frontend.config.binds.iter().position(|bind| matches(&bind.address, exact))?;
            Some((&**frontend, index))
        })
    })
}

/// Which plane takes the bind, and what keeps it in user space.
fn plane(placement: Option<&Placement>, bind: usize) -> String {
    let Some(placement) = placement else { return "served in user space".to_owned() };
    let own = placement.binds.get(bind).and_then(Option::as_ref);
    match placement.obstacles.iter().chain(own).next() {
        Some(obstacle) => format!("served in user space: {}", obstacle.kind),
        None => "served in the kernel, and in user space what falls through".to_owned(),
    }
}

fn target(backend: &Backend, frontend: &Frontend, client: IpAddr) -> Vec<String> {
    let name = &backend.config.proxy.name;
    let (active, backup) = backend.usable_by_kind();
    let mut lines = vec![format!("backend {name}, {active} active and {backup} backup servers usable")];
    if active + backup == 0 {
        lines.push("no server is usable: the connection waits, and fails".to_owned());
    } else if frontend.config.proxy.mode == Mode::Http {
        lines.push("the server depends on the request".to_owned());
    } else {
        lines.push(choice(backend, client));
    }
    lines
}

/// The server, where the client's address alone decides.
fn choice(backend: &Backend, client: IpAddr) -> String {
    let selection = backend.selection();
    let name = &backend.config.proxy.name;
    match selection.slots() {
        Some(Slots::Source(slots)) => {
            let method = match backend.config.hash_type.kind {
                HashKind::MapBased => Method::SourceModulo,
                HashKind::Consistent => Method::SourceHash,
            };
            let slot = slots.get(start(method, client, slots.len())).copied().unwrap_or_default();
            match selection.candidates().get(usize::from(slot)) {
                Some(candidate) => {
                    format!("server {name}/{}, by the client's address", candidate.server.config.name)
                }
                None => "no server is usable".to_owned(),
            }
        }
        Some(Slots::Turn(_)) => format!("the next in turn of {} servers", selection.candidates().len()),
        Some(Slots::Least(_)) => format!("the least loaded of {} servers", selection.candidates().len()),
        Some(Slots::First(_)) => format!("the first with room of {} servers", selection.candidates().len()),
        Some(Slots::Draw(..)) | None => "the server depends on what happens until then".to_owned(),
    }
}

fn start(method: Method, client: IpAddr, slots: usize) -> usize {
    let slots = u32::try_from(slots).unwrap_or(u32::MAX);
    let (_, wide) = address::to_wide(client);
    let slot = match client {
        IpAddr::V4(_) => {
            select::start(method, <address::V4 as address::Address>::from_wide(&wide), || 0, slots)
        }
        IpAddr::V6(_) => select::start(method, wide, || 0, slots),
    };
    slot as usize
}
