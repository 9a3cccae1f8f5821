//! What the decision reads and writes: BPF maps in the kernel, plain collections elsewhere.

use core::ops::DerefMut;

use crate::address::{Address, V4, V6};
use crate::counter::{Count, Reason};
use crate::event::FlowEvent;
use crate::forward::Decision;
use crate::key::{FlowKey, RateKey, ServiceKey};
use crate::packet::Packet;
use crate::rates::{HostRates, Rates};
use crate::rule::{ListNumber, Rule, Tracked};
use crate::tcp::TcpState;
use crate::value::{
    Direction, Draft, Flow, Jiffies, Pending, Retired, Server, ServerId, ServerLoad, Service, ServiceId,
    ServiceLoad,
};

/// Why a flow was not inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError {
    /// There is one with this key.
    Exists,
    /// The table takes no more.
    Full,
}

/// An entry of the flow table, shared with whoever else handles its packets.
pub trait FlowHandle<A> {
    /// The entry as it stands.
    fn load(&self) -> Flow<A>;
    /// [`Flow::is_direct`], asked before all else.
    fn is_direct(&self) -> bool;
    /// Counts a frame.
    fn count(&self, bytes: u32, now: Jiffies);
    /// What has been counted.
    fn counted(&self) -> Count;
    /// Sets the connection's state.
    fn set_state(&self, state: TcpState);
    /// Marks it closed; true for the one caller that did it first.
    fn mark_closed(&self) -> bool;
}

/// What does not depend on the address family.
pub trait CommonTables {
    /// The packet path's clock.
    fn now(&self) -> Jiffies;
    /// How long the entries of a closed flow stay for stragglers.
    fn linger(&self) -> Jiffies;
    /// A second.
    fn second(&self) -> Jiffies;
    /// A server, whatever its state; none if the number is out of range.
    fn server(&self, id: ServerId) -> Option<&Server>;
    /// A server's flow counts.
    fn server_load(&self, id: ServerId) -> ServerLoad;
    /// A service's flow counts.
    fn service_load(&self, id: ServiceId) -> ServiceLoad;
    /// Takes the next turn of a service.
    fn turn(&self, id: ServiceId) -> u32;
    /// How many slots a service's table has; 0 if it has none.
    fn slots(&self, id: ServiceId) -> u32;
    /// The server in a slot; 0 where there is none.
    fn slot(&self, id: ServiceId, index: u32) -> ServerId;
    /// The same value, of which the kernel's verifier knows nothing.
    fn forget(&self, value: u64) -> u64;
    /// A step of a program.
    fn rule(&self, place: u32) -> Option<&Rule>;
    /// Counts a connection that a step decided about.
    fn count_rule(&self, place: u32, bytes: u32);
    /// The tables of a service's counters.
    fn tracked(&self, id: ServiceId) -> Tracked;
    /// Whether a SYN with this fingerprint was the last one of its place; it is from now on.
    fn repeated(&self, fingerprint: u32) -> bool;
    /// Whether another connection may be answered with a reset in this tick.
    fn may_answer(&self, now: Jiffies) -> bool;
    /// Counts a flow that was opened.
    fn flow_opened(&self, service: ServiceId, server: ServerId);
    /// Counts a flow that was closed.
    fn flow_closed(&self, service: ServiceId, server: ServerId);
    /// Counts a TCP flow as half open.
    fn half_opened(&self, service: ServiceId, now: Jiffies);
    /// Counts a TCP flow, which was opened at that time, as half open no more.
    fn half_open_ended(&self, service: ServiceId, opened: Jiffies);
    /// Counts a decision.
    fn count(&self, service: ServiceId, reason: Reason, bytes: u32);
    /// Counts a frame to or from a server.
    fn count_server(&self, server: ServerId, direction: Direction, bytes: u32);
    /// Decides about a packet of direct return ([`crate::direct::decide`]). In the kernel another program does.
    fn direct<P: Packet>(&self, packet: &mut P) -> Decision;
    /// Reports an event that `fill` describes, in place; lost if nobody listens.
    fn event(&self, fill: impl FnOnce(&mut FlowEvent));
}

/// What does.
pub trait FamilyTables<A: Address> {
    /// An entry of the flow table.
    type Flow: FlowHandle<A>;

    /// A place to make an entry in.
    type Draft<'a>: DerefMut<Target = Draft<A>>
    where
        Self: 'a;

    /// A place to make an entry in: in the kernel, whose stack is short, memory of this CPU that keeps what was made until
    /// the next packet. None never happens; the kernel's verifier wants it asked.
    fn draft(&self) -> Option<Self::Draft<'_>>;
    /// A place to keep a packet in that is about to open a flow.
    type Pending<'a>: DerefMut<Target = Pending<A>>
    where
        Self: 'a;

    /// A place to keep a packet in that is about to open a flow. None never happens, as with `draft`.
    fn pending(&self) -> Option<Self::Pending<'_>>;
    /// The flow that a packet with this tuple belongs to.
    fn flow(&self, key: &FlowKey<A>) -> Option<Self::Flow>;
    /// Inserts an entry unless there is one with this key.
    fn insert_flow(&self, key: &FlowKey<A>, flow: &Flow<A>) -> Result<(), InsertError>;
    /// Removes an entry; true if it was there.
    fn remove_flow(&self, key: &FlowKey<A>) -> bool;
    /// Remembers that a flow has closed; forgotten where there is no room.
    fn retire(&self, retired: &Retired<A>);
    /// The flow of those remembered that closed first.
    fn oldest_retired(&self) -> Option<Retired<A>>;
    /// Takes it from the memory.
    fn forget_retired(&self) -> Option<Retired<A>>;
    /// The service at an address.
    fn service(&self, key: &ServiceKey<A>) -> Option<&Service>;
    /// Runs the rules from this place on for the pending packet ([`crate::rules::judge`]): the number of the operation
    /// that they end with. In the kernel this is a function that is verified on its own, as the next three are: what the
    /// verifier would otherwise follow through all of them is what each one knows.
    fn judge(&self, first: u32) -> u32;
    /// Whether the pending packet passes the test at this place ([`crate::rules::passes`]).
    fn passes(&self, place: u32) -> bool;
    /// Chooses a server for the pending packet ([`crate::open::select`]), by an algorithm and its draws packed into a
    /// word.
    fn select(&self, service: ServiceId, how: u32) -> u32;
    /// Counts the pending packet as a connection of a service ([`crate::rules::count`]).
    fn count_pending(&self, service: ServiceId, opened: bool);
    /// Makes a packet of the flow in the draft what leaves for its server ([`crate::direct::pass_on`]). In the kernel a
    /// function that is verified on its own, too, and after which nothing is read of the packet.
    fn pass_on<P: Packet>(&self, packet: &mut P, tagged: bool) -> u32;
    /// Makes a packet the answer that it is too big ([`crate::direct::complain`]). As `pass_on`.
    fn complain<P: Packet>(&self, packet: &mut P, tagged: bool) -> bool;
    /// Whether an address is in a list.
    fn listed(&self, list: ListNumber, address: &A) -> bool;
    /// What the kernel counted of a source.
    fn rates(&self, key: &RateKey<A>) -> Option<Rates>;
    /// What user space counted of it.
    fn host_rates(&self, key: &RateKey<A>) -> Option<HostRates>;
    /// Makes an entry of `rates` unless there is one; false if there is no room.
    fn make_rates(&self, key: &RateKey<A>, now: Jiffies) -> bool;
    /// Counts a connection of a source that has an entry, for windows of `period` jiffies.
    fn count_connection(&self, key: &RateKey<A>, now: Jiffies, period: u32, opened: bool);
    /// Counts a flow of a source as closed.
    fn count_closed(&self, key: &RateKey<A>, now: Jiffies);
}

/// All that the decision needs.
pub trait Tables: CommonTables + FamilyTables<V4> + FamilyTables<V6> {}

impl<T: CommonTables + FamilyTables<V4> + FamilyTables<V6>> Tables for T {}
