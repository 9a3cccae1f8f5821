//! The decision's tables over BPF maps.

use aya_ebpf::bindings::{BPF_ANY, BPF_NOEXIST};
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::helpers::bpf_jiffies64;
use aya_ebpf::programs::XdpContext;
use lb_common::address::{V4, V6};
use lb_common::counter::{Count, Reason};
use lb_common::decap::{self, Doors};
use lb_common::event::FlowEvent;
use lb_common::forward::Decision;
use lb_common::key::{FlowKey, RateKey, ServiceKey};
use lb_common::names;
use lb_common::packet::Packet;
use lb_common::rates::{HostRates, Rates};
use lb_common::rule::{LIST_BITS, ListNumber, Rule, SourceKey, Tracked};
use lb_common::tables::{CommonTables, FamilyTables, FlowHandle, InsertError};
use lb_common::tcp::TcpState;
use lb_common::value::{
    Direction, Draft, FLOW_CLOSED, FLOW_MODE, Flow, Jiffies, Pending, Retired, Server, ServerId, ServerLoad,
    Service, ServiceId, ServiceLoad, Slots,
};

use crate::verifier::at_most;
use crate::{apart, atomic, maps};

/// What an insertion returns for a key that there is.
const EEXIST: i32 = 17;

/// Resets that a CPU sends in a tick, at most: hundreds to thousands a second, as ticks are of 1 to 10 ms. Who is turned
/// away by mistake learns it at once; a flood is not answered.
const ANSWERS_PER_TICK: u32 = 4;

/// All maps.
pub struct Maps;

/// An entry of a flow map. The kernel keeps its memory while the program runs; should user space remove it meanwhile and
/// another flow take its place, this packet's counts go to that one.
pub struct FlowPointer<A>(*mut Flow<A>);

impl<A: Copy> FlowHandle<A> for FlowPointer<A> {
    #[inline(always)]
    fn load(&self) -> Flow<A> {
        // SAFETY: the pointer comes from the map. Whatever other CPUs write at the same time are plain numbers.
        unsafe { self.0.read() }
    }

    #[inline(always)]
    fn is_direct(&self) -> bool {
        // Volatile, so that the compiler reads it here alone: it would keep it, and with it more of the entry, on a stack
        // that is short.
        // SAFETY: as above.
        unsafe { (&raw const (*self.0).marks).read_volatile() & FLOW_MODE != 0 }
    }

    #[inline(always)]
    fn count(&self, bytes: u32, now: Jiffies) {
        let flow = self.0;
        // One direction of a connection is one CPU's work, by the NIC's receive hash: nothing is lost without atomics.
        // SAFETY: as above.
        unsafe {
            (*flow).bytes = (*flow).bytes.wrapping_add(bytes as u64);
            (*flow).packets = (*flow).packets.wrapping_add(1);
            (*flow).last = now;
        }
    }

    #[inline(always)]
    fn counted(&self) -> Count {
        // SAFETY: as above.
        unsafe { Count { packets: (*self.0).packets as u64, bytes: (*self.0).bytes } }
    }

    #[inline(always)]
    fn set_state(&self, state: TcpState) {
        // SAFETY: as above.
        unsafe { (*self.0).state = state };
    }

    #[inline(always)]
    fn mark_closed(&self) -> bool {
        // The machine's smallest atomic is a word: this one is the tag, which never changes, and the marks.
        let bits = u32::from(FLOW_CLOSED) << 16;
        // SAFETY: as above; the two fields are a word, aligned, for the value is.
        let old = unsafe { atomic::fetch_or((&raw mut (*self.0).vlan).cast(), bits) };
        old & bits == 0
    }
}

impl Doors for Maps {
    #[inline(always)]
    fn enter(&self, service: &decap::Service, bytes: u32) -> bool {
        match maps::DECAP.get_ptr_mut(service) {
            Some(count) => {
                // SAFETY: the pointer comes from the map, and its fields are aligned.
                unsafe {
                    atomic::add64(&raw mut (*count).packets, 1);
                    atomic::add64(&raw mut (*count).bytes, bytes as u64);
                }
                true
            }
            None => false,
        }
    }

    #[inline(always)]
    fn port(&self) -> u16 {
        // SAFETY: as for `linger`.
        unsafe { (&raw const maps::DECAP_PORT).read_volatile() as u16 }
    }
}

impl CommonTables for Maps {
    #[inline(always)]
    fn now(&self) -> Jiffies {
        // SAFETY: the helper reads a counter.
        unsafe { bpf_jiffies64() as Jiffies }
    }

    #[inline(always)]
    fn linger(&self) -> Jiffies {
        // SAFETY: a constant of this program; read so that the compiler does not put in what the loader replaces.
        unsafe { (&raw const maps::LINGER).read_volatile() }
    }

    #[inline(always)]
    fn second(&self) -> Jiffies {
        // SAFETY: as above.
        unsafe { (&raw const maps::SECOND).read_volatile() }
    }

    #[inline(always)]
    fn server(&self, id: ServerId) -> Option<&Server> {
        maps::SERVERS.get(id as u32)
    }

    #[inline(always)]
    fn server_load(&self, id: ServerId) -> ServerLoad {
        maps::SERVER_LOAD.get(id as u32).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn service_load(&self, id: ServiceId) -> ServiceLoad {
        maps::SERVICE_LOAD.get(id as u32).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn turn(&self, id: ServiceId) -> u32 {
        match maps::SERVICE_LOAD.get_ptr_mut(id as u32) {
            // SAFETY: the pointer comes from the map.
            Some(load) => unsafe { atomic::fetch_add(&raw mut (*load).turn, 1) },
            None => 0,
        }
    }

    #[inline(always)]
    fn slots(&self, id: ServiceId) -> u32 {
        maps::TABLES.get_value(id as u32, &0).map_or(0, Slots::header)
    }

    #[inline(always)]
    fn slot(&self, id: ServiceId, index: u32) -> ServerId {
        maps::TABLES.get_value(id as u32, &Slots::element(index)).map_or(0, |slots| slots.server(index))
    }

    #[inline(always)]
    fn forget(&self, value: u64) -> u64 {
        match maps::SCRATCH.get_ptr_mut(0) {
            // SAFETY: the pointer comes from the map, in which this CPU has a value of its own.
            Some(place) => unsafe {
                place.write_volatile(value);
                place.read_volatile()
            },
            None => value,
        }
    }

    #[inline(always)]
    fn rule(&self, place: u32) -> Option<&Rule> {
        maps::RULES.get(place)
    }

    #[inline(always)]
    fn count_rule(&self, place: u32, bytes: u32) {
        if let Some(count) = maps::RULE_COUNTERS.get_ptr_mut(place) {
            // SAFETY: the pointer comes from the map, in which this CPU has a value of its own.
            unsafe { (*count).add(bytes) };
        }
    }

    #[inline(always)]
    fn tracked(&self, id: ServiceId) -> Tracked {
        maps::TRACKED.get(id as u32).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn repeated(&self, fingerprint: u32) -> bool {
        match maps::RECENT.get_ptr_mut(fingerprint % maps::RECENT_ENTRIES as u32) {
            // SAFETY: the pointer comes from the map. Two CPUs that meet here keep one of two fingerprints.
            Some(place) => unsafe {
                let before = place.read();
                place.write(fingerprint as u64);
                before == fingerprint as u64
            },
            None => false,
        }
    }

    #[inline(always)]
    fn may_answer(&self, now: Jiffies) -> bool {
        let Some(answers) = maps::ANSWERS.get_ptr_mut(0) else { return false };
        // SAFETY: the pointer comes from the map, in which this CPU has a value of its own.
        unsafe {
            let before = answers.read();
            let sent = if before >> 32 == now as u64 { before as u32 } else { 0 };
            answers.write((now as u64) << 32 | (sent as u64 + 1));
            sent < ANSWERS_PER_TICK
        }
    }

    #[inline(always)]
    fn flow_opened(&self, service: ServiceId, server: ServerId) {
        if let Some(load) = maps::SERVICE_LOAD.get_ptr_mut(service as u32) {
            // SAFETY: the pointer comes from the map.
            unsafe { atomic::add(&raw mut (*load).opened, 1) };
        }
        if let Some(load) = maps::SERVER_LOAD.get_ptr_mut(server as u32) {
            // SAFETY: as above.
            unsafe { atomic::add(&raw mut (*load).opened, 1) };
        }
    }

    #[inline(always)]
    fn flow_closed(&self, service: ServiceId, server: ServerId) {
        if let Some(load) = maps::SERVICE_LOAD.get_ptr_mut(service as u32) {
            // SAFETY: the pointer comes from the map.
            unsafe { atomic::add(&raw mut (*load).closed, 1) };
        }
        if let Some(load) = maps::SERVER_LOAD.get_ptr_mut(server as u32) {
            // SAFETY: as above.
            unsafe { atomic::add(&raw mut (*load).closed, 1) };
        }
    }

    #[inline(always)]
    fn half_opened(&self, service: ServiceId, now: Jiffies) {
        if let Some(load) = maps::SERVICE_LOAD.get_ptr_mut(service as u32) {
            // SAFETY: the pointer comes from the map. Of two CPUs that begin a second together one flow may be lost.
            unsafe {
                if (*load).is_past(now, self.second()) {
                    (*load).since = now;
                    (*load).half_open = 0;
                }
                atomic::add(&raw mut (*load).half_open, 1);
            }
        }
    }

    #[inline(always)]
    fn half_open_ended(&self, service: ServiceId, opened: Jiffies) {
        if let Some(load) = maps::SERVICE_LOAD.get_ptr_mut(service as u32) {
            // SAFETY: as above.
            unsafe {
                if (*load).counts(opened) {
                    atomic::add(&raw mut (*load).half_open, u32::MAX);
                }
            }
        }
    }

    #[inline(always)]
    fn count(&self, service: ServiceId, reason: Reason, bytes: u32) {
        if let Some(counters) = maps::COUNTERS.get_ptr_mut(service as u32) {
            // A reason's number is its counter's place, which lb-common asserts: an addition instead of many branches.
            let index = at_most::<{ Reason::ALL.len() as u64 - 1 }>(reason as u64);
            // SAFETY: the pointer comes from the map, in which this CPU has a value of its own.
            unsafe { (*counters.cast::<Count>().add(index)).add(bytes) };
        }
    }

    #[inline(always)]
    fn count_server(&self, server: ServerId, direction: Direction, bytes: u32) {
        if let Some(counters) = maps::SERVER_COUNTERS.get_ptr_mut(server as u32) {
            // The directions are numbered as their counters lie.
            let index = at_most::<1>(direction as u64);
            // SAFETY: the pointer comes from the map, in which this CPU has a value of its own.
            unsafe { (*counters.cast::<Count>().add(index)).add(bytes) };
        }
    }

    #[inline(always)]
    fn direct<P: Packet>(&self, packet: &mut P) -> Decision {
        let context = XdpContext::new(packet.context().cast());
        // SAFETY: the context is this program's own. Nothing here is to be dropped.
        unsafe { maps::STAGES.tail_call(&context, names::DIRECT_STAGE) };
        // It returns if there is no such program, which the loader sees to.
        Decision::pass(Reason::NoServer, 0)
    }

    #[inline(always)]
    fn event(&self, fill: impl FnOnce(&mut FlowEvent)) {
        if let Some(mut entry) = maps::EVENTS.reserve_untyped::<FlowEvent>(0) {
            fill(entry.write(FlowEvent::BLANK));
            entry.submit(0);
        }
    }
}

macro_rules! family_tables {
    ($address:ty, $services:ident, $flows:ident, $drafts:ident, $pending:ident, $retired:ident, $rates:ident,
     $host:ident, $sources:ident, $judge:ident, $passes:ident, $count:ident, $select:ident, $pass_on:ident,
     $complain:ident) => {
        impl FamilyTables<$address> for Maps {
            type Flow = FlowPointer<$address>;
            type Draft<'a> = &'a mut Draft<$address>;

            type Pending<'a> = &'a mut Pending<$address>;

            #[inline(always)]
            fn pending(&self) -> Option<Self::Pending<'_>> {
                // SAFETY: as for drafts.
                maps::$pending.get_ptr_mut(0).map(|pending| unsafe { &mut *pending })
            }

            #[inline(always)]
            fn draft(&self) -> Option<Self::Draft<'_>> {
                // SAFETY: the value is this CPU's, on which no other packet is handled before this one is done, and
                // each step in handling one lets go of it before the next asks.
                maps::$drafts.get_ptr_mut(0).map(|draft| unsafe { &mut *draft })
            }

            #[inline(always)]
            fn flow(&self, key: &FlowKey<$address>) -> Option<Self::Flow> {
                maps::$flows.get_ptr_mut(key).map(FlowPointer)
            }

            #[inline(always)]
            fn insert_flow(&self, key: &FlowKey<$address>, flow: &Flow<$address>) -> Result<(), InsertError> {
                maps::$flows.insert(key, flow, BPF_NOEXIST as u64).map_err(|error| match -error {
                    EEXIST => InsertError::Exists,
                    _ => InsertError::Full,
                })
            }

            #[inline(always)]
            fn remove_flow(&self, key: &FlowKey<$address>) -> bool {
                maps::$flows.remove(key).is_ok()
            }

            #[inline(always)]
            fn retire(&self, retired: &Retired<$address>) {
                // A full queue leaves the flow to user space.
                let _ = maps::$retired.push(retired, BPF_ANY as u64);
            }

            #[inline(always)]
            fn oldest_retired(&self) -> Option<Retired<$address>> {
                maps::$retired.peek().ok().flatten()
            }

            #[inline(always)]
            fn forget_retired(&self) -> Option<Retired<$address>> {
                maps::$retired.pop().ok().flatten()
            }

            #[inline(always)]
            fn service(&self, key: &ServiceKey<$address>) -> Option<&Service> {
                // SAFETY: only user space removes services, by unused numbers that it does not reuse at once.
                unsafe { maps::$services.get(key) }
            }

            #[inline(always)]
            fn judge(&self, first: u32) -> u32 {
                apart::$judge(first)
            }

            #[inline(always)]
            fn passes(&self, place: u32) -> bool {
                apart::$passes(place) != 0
            }

            #[inline(always)]
            fn select(&self, service: ServiceId, how: u32) -> u32 {
                apart::$select(service as u32, how)
            }

            #[inline(always)]
            fn count_pending(&self, service: ServiceId, opened: bool) {
                apart::$count(service as u32, opened as u32);
            }

            #[inline(always)]
            fn pass_on<P: Packet>(&self, packet: &mut P, tagged: bool) -> u32 {
                apart::$pass_on(packet.context().cast(), tagged as u32)
            }

            #[inline(always)]
            fn complain<P: Packet>(&self, packet: &mut P, tagged: bool) -> bool {
                apart::$complain(packet.context().cast(), tagged as u32) != 0
            }

            #[inline(always)]
            fn listed(&self, list: ListNumber, address: &$address) -> bool {
                let data = SourceKey { list, address: *address };
                let bits = LIST_BITS + 8 * size_of::<$address>() as u32;
                maps::$sources.get(&Key::new(bits, data)).is_some()
            }

            #[inline(always)]
            fn rates(&self, key: &RateKey<$address>) -> Option<Rates> {
                // SAFETY: the value is copied at once; whatever other CPUs write at the same time are plain numbers.
                unsafe { maps::$rates.get(key).copied() }
            }

            #[inline(always)]
            fn host_rates(&self, key: &RateKey<$address>) -> Option<HostRates> {
                // SAFETY: as above.
                unsafe { maps::$host.get(key).copied() }
            }

            #[inline(always)]
            fn make_rates(&self, key: &RateKey<$address>, now: Jiffies) -> bool {
                if maps::$rates.get_ptr_mut(key).is_some() {
                    return true;
                }
                let rates = Rates { last: now, ..Rates::default() };
                match maps::$rates.insert(key, &rates, BPF_NOEXIST as u64) {
                    Ok(()) => true,
                    Err(error) => -error == EEXIST,
                }
            }

            #[inline(always)]
            fn count_connection(&self, key: &RateKey<$address>, now: Jiffies, period: u32, opened: bool) {
                if let Some(rates) = maps::$rates.get_ptr_mut(key) {
                    // Two connections of one source at the same time on two CPUs may count as one in the window; not
                    // in the totals.
                    // SAFETY: the pointer comes from the map, and its fields are aligned.
                    unsafe {
                        atomic::add64(&raw mut (*rates).connections, 1);
                        atomic::add(&raw mut (*rates).opened, opened as u32);
                        (*rates).window(now, period);
                    }
                }
            }

            #[inline(always)]
            fn count_closed(&self, key: &RateKey<$address>, now: Jiffies) {
                if let Some(rates) = maps::$rates.get_ptr_mut(key) {
                    // SAFETY: as above.
                    unsafe {
                        atomic::add(&raw mut (*rates).closed, 1);
                        (*rates).last = now;
                    }
                }
            }
        }
    };
}

family_tables!(
    V4, SERVICES, FLOWS, DRAFT, PENDING, RETIRED, RATES, HOST_RATES, SOURCES, judge4, passes4, count4,
    select4, pass_on4, complain4
);
family_tables!(
    V6,
    SERVICES6,
    FLOWS6,
    DRAFT6,
    PENDING6,
    RETIRED6,
    RATES6,
    HOST_RATES6,
    SOURCES6,
    judge6,
    passes6,
    count6,
    select6,
    pass_on6,
    complain6
);
