//! What `-c` says of a configuration without errors: the plane of every proxy, and that it is valid.

use std::process::ExitCode;

use lb_conf::model::Bind;
use lb_core::placement::{self, Obstacle, Placement};
use lb_xdp::loader::Settings;
use serde::Serialize;

use crate::args::Format;
use crate::load::Loaded;
use crate::messages::{self, answer};

/// The exit status of `-c` for a configuration without errors that would not start (management.txt, section 3).
const WOULD_NOT_START: u8 = 2;

/// Something that keeps a proxy, or an address of it, in user space.
#[derive(Serialize)]
struct Reason {
    message: String,
    place: String,
}

/// An address that is kept in user space.
#[derive(Serialize)]
struct Address {
    place: String,
    reason: Reason,
}

/// Where a proxy is served.
#[derive(Serialize)]
struct Plane {
    proxy: String,
    plane: &'static str,
    reasons: Vec<Reason>,
    addresses: Vec<Address>,
}

/// What the kernel plane's maps have room for, and the memory that they take of the kernel.
#[derive(Serialize)]
struct Room {
    flows: u32,
    mebibytes: u64,
}

/// The last line in JSON.
#[derive(Serialize)]
struct Verdict {
    valid: bool,
    warnings: bool,
    listens: bool,
}

/// Says that a configuration is valid: HAProxy's lines and, where there is an XDP interface, each proxy's plane; or all
/// of it as JSON lines. The result is the exit status.
pub(crate) fn valid(loaded: &Loaded, format: Format) -> ExitCode {
    let listens = loaded.config.listens();
    if !messages::is_quiet() {
        match format {
            Format::Text => text(loaded, listens),
            Format::Json => json(loaded, listens),
        }
    }
    if listens { ExitCode::SUCCESS } else { ExitCode::from(WOULD_NOT_START) }
}

fn text(loaded: &Loaded, listens: bool) {
    if loaded.warnings {
        answer("Warnings were found.\n");
    }
    for plane in planes(loaded) {
        answer(plane.text());
    }
    if let Some(Room { flows, mebibytes }) = room(loaded) {
        answer(format_args!(
            "kernel plane: room for {flows} connections over IPv4 and {flows} over IPv6 (xdp-flows), {mebibytes} MiB of memory\n"
        ));
    }
    if listens {
        answer("Configuration file is valid\n");
    } else {
        answer(format_args!(
            "Configuration file has no error but will not start (no listener) => exit({WOULD_NOT_START}).\n"
        ));
    }
}

fn json(loaded: &Loaded, listens: bool) {
    planes(loaded).iter().for_each(line);
    room(loaded).iter().for_each(line);
    line(&Verdict { valid: true, warnings: loaded.warnings, listens });
}

fn line(value: &impl Serialize) {
    // What has only texts and numbers can be written.
    answer(format_args!("{}\n", serde_json::to_string(value).unwrap_or_default()));
}

/// Where there is no XDP interface, there is no choice of planes.
fn planes(loaded: &Loaded) -> Vec<Plane> {
    let config = &loaded.config;
    let placements =
        if config.global.xdp_interfaces.is_empty() { Vec::new() } else { placement::place(config) };
    placements.iter().map(|placement| plane(placement, loaded)).collect()
}

fn plane(placement: &Placement, loaded: &Loaded) -> Plane {
    let frontend = loaded.config.frontend(placement.frontend);
    let binds = frontend.map(|frontend| frontend.binds.as_slice()).unwrap_or_default();
    let address = |(bind, obstacle): (&Bind, &Option<Obstacle>)| {
        let reason = reason(obstacle.as_ref()?, loaded);
        Some(Address { place: loaded.place(bind.span), reason })
    };
    Plane {
        proxy: placement.name.to_string(),
        plane: if placement.in_kernel() { "kernel" } else { "user space" },
        reasons: placement.obstacles.iter().map(|obstacle| reason(obstacle, loaded)).collect(),
        addresses: binds.iter().zip(&placement.binds).filter_map(address).collect(),
    }
}

fn reason(obstacle: &Obstacle, loaded: &Loaded) -> Reason {
    Reason { message: obstacle.kind.to_string(), place: loaded.place(obstacle.span) }
}

fn room(loaded: &Loaded) -> Option<Room> {
    let config = Some(&loaded.config).filter(|config| !config.global.xdp_interfaces.is_empty())?;
    let settings = Settings::of(config);
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    Some(Room { flows: settings.flows, mebibytes: settings.memory(processors) >> 20 })
}

impl Plane {
    fn text(&self) -> String {
        let mut text = format!("proxy {}: {}\n", self.proxy, self.plane);
        for Reason { message, place } in &self.reasons {
            text += &format!("  {message} ({place})\n");
        }
        for Address { place, reason } in &self.addresses {
            text += &format!("  {place}: user space: {} ({})\n", reason.message, reason.place);
        }
        text
    }
}
