//! Runs packets through both implementations and compares all that they leave behind.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use lb_common::address::Address;
use lb_common::event::FlowEvent;
use lb_common::forward::{self, Decision, Verdict};
use lb_common::key::FlowKey;
use lb_common::memory::{self, MemoryTables};
use lb_common::packet::Frame;
use lb_common::rate::Window;
use lb_common::rates::Rates;
use lb_common::value::{Flow, Server, ServerId, ServiceId, ServiceLoad};

use super::kernel::Kernel;
use super::world::{INGRESS, LINGER, World};

/// The two implementations over the same world.
pub struct Rig<'a> {
    memory: MemoryTables,
    kernel: Option<&'a mut Kernel>,
}

impl<'a> Rig<'a> {
    /// A fresh world in memory and, if there is a kernel, in its maps.
    pub fn new(world: &World, mut kernel: Option<&'a mut Kernel>) -> Result<Self> {
        if let Some(kernel) = &mut kernel {
            kernel.begin(world)?;
        }
        Ok(Self { memory: world.memory(), kernel })
    }

    /// Changes a server in both.
    pub fn change_server(&mut self, id: ServerId, change: fn(&mut Server)) -> Result<()> {
        let server = self.memory.servers.get_mut(usize::from(id)).context("no such server")?;
        change(server);
        let server = *server;
        self.kernel.as_mut().map_or(Ok(()), |kernel| kernel.set_server(id, &server))
    }

    /// Removes the entries of a flow table that a packet from the host would find, in both.
    pub fn remove_one_flow(&mut self) -> Result<()> {
        let key = self.memory.v4.flows.borrow().keys().min().copied().context("no flow")?;
        self.memory.v4.flows.borrow_mut().remove(&key);
        self.kernel.as_mut().map_or(Ok(()), |kernel| kernel.remove_flow(&key))
    }

    /// Lets [`LINGER`] pass for the flows that have closed, in both.
    pub fn linger(&mut self) -> Result<()> {
        age(&self.memory.v4);
        age(&self.memory.v6);
        self.kernel.as_mut().map_or(Ok(()), |kernel| kernel.linger())
    }

    /// Sends a packet through both. Returns what the host decided and the frame as it is then; an error if the kernel
    /// did otherwise.
    pub fn run(&mut self, packet: &[u8]) -> Result<(Decision, Vec<u8>)> {
        let mut bytes = packet.to_vec();
        let decision = forward::decide(&mut Frame::new(&mut bytes, INGRESS), &self.memory);
        if decision.verdict == Verdict::Pass {
            ensure!(bytes == packet, "a packet that is passed was changed");
        }
        // The kernel's test run wants an Ethernet header at least.
        if let Some(kernel) = self.kernel.as_mut().filter(|_| packet.len() >= 14) {
            let (verdict, out) = kernel.run(packet)?;
            same("verdict", &decision.verdict, &verdict)?;
            same("packet", &bytes, &out)?;
        }
        Ok((decision, bytes))
    }

    /// Compares all that the kernel writes.
    pub fn compare(&mut self) -> Result<()> {
        let memory = &self.memory;
        let Some(kernel) = &mut self.kernel else { return Ok(()) };
        kernel.forget(memory.recent.borrow().iter().copied())?;
        same("FLOWS", &flows(&memory.v4), &kernel.flows()?.into_iter().map(timeless).collect())?;
        same("FLOWS6", &flows(&memory.v6), &kernel.flows6()?.into_iter().map(timeless).collect())?;
        same("RATES", &rates(&memory.v4), &kernel.rates()?.into_iter().map(timeless_rates).collect())?;
        same("RATES6", &rates(&memory.v6), &kernel.rates6()?.into_iter().map(timeless_rates).collect())?;
        same("RULE_COUNTERS", &sorted(&memory.rule_counters.borrow()), &kernel.rule_counters()?)?;
        same("SERVER_LOAD", &sorted(&memory.server_loads.borrow()), &kernel.server_load()?)?;
        same(
            "SERVICE_LOAD",
            &sorted(&memory.service_loads.borrow()),
            &timeless_loads(kernel.service_load()?),
        )?;
        same("SERVER_COUNTERS", &sorted(&memory.server_counters.borrow()), &kernel.server_counters()?)?;
        same("COUNTERS", &reasons(memory), &kernel.reasons()?)?;
        let events: Vec<_> = kernel.take_events()?.into_iter().map(timeless_event).collect();
        same("EVENTS", &memory.events.take(), &events)
    }

    /// What the host has.
    pub fn memory(&self) -> &MemoryTables {
        &self.memory
    }
}

fn age<A: Address>(family: &memory::Family<A>) {
    family.retired.borrow_mut().iter_mut().for_each(|retired| retired.at = retired.at.wrapping_sub(LINGER));
}

fn same<T: PartialEq + Debug>(what: &str, host: &T, kernel: &T) -> Result<()> {
    ensure!(host == kernel, "{what} differs:\nhost   {host:x?}\nkernel {kernel:x?}");
    Ok(())
}

/// The host's clock stands at 0, the kernel's goes.
fn timeless<A: Address>((key, flow): (FlowKey<A>, Flow<A>)) -> (FlowKey<A>, Flow<A>) {
    (key, Flow { last: 0, opened: 0, ..flow })
}

fn timeless_rates<K>((key, rates): (K, Rates)) -> (K, Rates) {
    (key, Rates { last: 0, connection_rate: Window { start: 0, ..rates.connection_rate }, ..rates })
}

fn timeless_loads(loads: BTreeMap<ServiceId, ServiceLoad>) -> BTreeMap<ServiceId, ServiceLoad> {
    loads.into_iter().map(|(id, load)| (id, ServiceLoad { since: 0, ..load })).collect()
}

fn timeless_event(event: FlowEvent) -> FlowEvent {
    FlowEvent { opened: 0, now: 0, ..event }
}

fn flows<A: Address + Ord>(family: &memory::Family<A>) -> BTreeMap<FlowKey<A>, Flow<A>> {
    let flow = |(key, flow): (&FlowKey<A>, &Rc<Cell<Flow<A>>>)| timeless((*key, flow.get()));
    family.flows.borrow().iter().map(flow).collect()
}

fn rates<A: Address + Ord>(family: &memory::Family<A>) -> BTreeMap<lb_common::key::RateKey<A>, Rates> {
    family.rates.borrow().iter().map(|(key, rates)| timeless_rates((*key, *rates))).collect()
}

fn sorted<K: Ord + Copy, V: Copy>(map: &std::collections::HashMap<K, V>) -> BTreeMap<K, V> {
    map.iter().map(|(key, value)| (*key, *value)).collect()
}

type Reasons = BTreeMap<(u16, lb_common::counter::Reason), (u64, u64)>;

fn reasons(memory: &MemoryTables) -> Reasons {
    let counters = memory.counters.borrow();
    let all = counters.iter().flat_map(|(id, counters)| {
        let reasons = lb_common::counter::Reason::ALL.iter();
        reasons.map(|&reason| ((*id, reason), (counters.get(reason).packets, counters.get(reason).bytes)))
    });
    all.filter(|(_, (packets, _))| *packets > 0).collect()
}
