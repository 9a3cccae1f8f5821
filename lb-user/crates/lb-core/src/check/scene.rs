//! What formats and expressions of checks look at.

use std::fmt::Write as _;

use lb_conf::model::{PortSpec, ServerAddress};
use lb_expr::Ctx;

use crate::backend::Backend;
use crate::server::{Server, Status};

/// The surroundings of a check under way.
pub trait Scene {
    /// Calls `look` with the context of an evaluation about the server.
    fn show(&self, look: &mut dyn FnMut(Ctx<'_>));

    /// What `http-check send-state` tells the server: see [`state_of`].
    fn state(&self) -> String;
}

/// The state of a server as a header tells it (configuration.txt, `http-check send-state`).
pub fn state_of(server: &Server, backend: &Backend, node: &str) -> String {
    let state = server.state();
    let total: u64 = backend.servers.iter().map(|server| u64::from(server.state().weight)).sum();
    let traffic = &server.counters().traffic;
    let mut text = Status::of(&state).to_string();
    let address = server.address();
    if let ServerAddress::Inet(ip, PortSpec::Fixed(port)) = &*address {
        // Writing to a String does not fail, here and below.
        let _ = write!(text, "; address={ip}; port={port}");
    }
    let _ = write!(
        text,
        "; name={}/{}; node={node}; weight={}/{total}; scur={}/{}; qcur={}",
        backend.config.proxy.name,
        server.config.name,
        state.weight,
        traffic.sessions.get(),
        backend.traffic().sessions.get(),
        traffic.waiting.get()
    );
    text
}
