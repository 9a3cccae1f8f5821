//! Next hops: from the kernel's links, addresses, routes and neighbours to what a frame for a server needs.

mod network;
mod translate;
mod watch;

pub use network::{
    Effect, Event, IfIndex, Link, LinkXdp, Mac, Neighbour, Network, NextHop, Route, Unresolved, Vlan,
};
pub use watch::{Notice, Watch, read};
