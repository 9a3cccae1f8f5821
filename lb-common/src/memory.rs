//! Tables in memory: for tests, and for whoever asks what would be decided about a packet.

use core::cell::{Cell, RefCell, RefMut};
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::vec::Vec;

use crate::address::{Address, V4, V6};
use crate::counter::{Count, Reason, ServerCounters, ServiceCounters};
use crate::direct;
use crate::event::FlowEvent;
use crate::forward::Decision;
use crate::key::{FlowKey, RateKey, ServiceKey};
use crate::open;
use crate::packet::Packet;
use crate::rates::{HostRates, Rates};
use crate::rule::{ListNumber, Rule, SourceKey, Tracked};
use crate::rules;
use crate::tables::{CommonTables, FamilyTables, FlowHandle, InsertError};
use crate::tcp::TcpState;
use crate::value::{
    Direction, Draft, FLOW_CLOSED, Flow, Jiffies, Pending, Retired, Server, ServerId, ServerLoad, Service,
    ServiceId, ServiceLoad,
};

/// An entry of [`Family::flows`].
pub type MemoryFlow<A> = Rc<Cell<Flow<A>>>;

/// The tables of one address family.
#[derive(Debug)]
pub struct Family<A: Address> {
    /// `SERVICES` or `SERVICES6`.
    pub services: HashMap<ServiceKey<A>, Service>,
    /// `FLOWS` or `FLOWS6`.
    pub flows: RefCell<HashMap<FlowKey<A>, MemoryFlow<A>>>,
    /// `RATES` or `RATES6`.
    pub rates: RefCell<HashMap<RateKey<A>, Rates>>,
    /// Entries that `rates` takes.
    pub rates_capacity: usize,
    /// `HOST_RATES` or `HOST_RATES6`.
    pub host_rates: HashMap<RateKey<A>, HostRates>,
    /// `SOURCES` or `SOURCES6`: by the length of the prefix, without the list's number.
    pub sources: HashSet<(u32, SourceKey<A>)>,
    /// The entry that is being made.
    pub draft: RefCell<Draft<A>>,
    /// `RETIRED` or `RETIRED6`.
    pub retired: RefCell<VecDeque<Retired<A>>>,
    /// The packet that is about to open a flow.
    pub pending: RefCell<Pending<A>>,
    /// Entries that `flows` takes.
    pub capacity: usize,
}

impl<A: Address> Default for Family<A> {
    fn default() -> Self {
        Self {
            services: HashMap::new(),
            flows: RefCell::default(),
            rates: RefCell::default(),
            rates_capacity: usize::MAX,
            host_rates: HashMap::new(),
            sources: HashSet::new(),
            draft: RefCell::default(),
            retired: RefCell::default(),
            pending: RefCell::default(),
            capacity: usize::MAX,
        }
    }
}

/// All tables.
#[derive(Debug, Default)]
pub struct MemoryTables {
    /// Those of IPv4.
    pub v4: Family<V4>,
    /// Those of IPv6.
    pub v6: Family<V6>,
    /// `TABLES`: the slots of each service's table.
    pub tables: HashMap<ServiceId, Vec<ServerId>>,
    /// `SERVERS`, by number.
    pub servers: Vec<Server>,
    /// `SERVER_LOAD`.
    pub server_loads: RefCell<HashMap<ServerId, ServerLoad>>,
    /// `SERVICE_LOAD`.
    pub service_loads: RefCell<HashMap<ServiceId, ServiceLoad>>,
    /// `COUNTERS`.
    pub counters: RefCell<HashMap<ServiceId, ServiceCounters>>,
    /// `SERVER_COUNTERS`.
    pub server_counters: RefCell<HashMap<ServerId, ServerCounters>>,
    /// `RULES`, by place.
    pub rules: Vec<Rule>,
    /// `RULE_COUNTERS`.
    pub rule_counters: RefCell<HashMap<u32, Count>>,
    /// `TRACKED`.
    pub tracked: HashMap<ServiceId, Tracked>,
    /// The fingerprints of SYNs that were turned away.
    pub recent: RefCell<HashSet<u32>>,
    /// Resets that may be sent in a tick.
    pub answers: Cell<u32>,
    /// `EVENTS`.
    pub events: RefCell<Vec<FlowEvent>>,
    /// How long closed flows stay.
    pub linger: Jiffies,
    /// A second.
    pub second: Jiffies,
    /// The clock.
    pub now: Cell<Jiffies>,
}

impl<A: Address> FlowHandle<A> for MemoryFlow<A> {
    fn load(&self) -> Flow<A> {
        self.get()
    }

    fn is_direct(&self) -> bool {
        self.get().is_direct()
    }

    fn count(&self, bytes: u32, now: Jiffies) {
        let mut flow = self.get();
        flow.bytes = flow.bytes.wrapping_add(bytes as u64);
        flow.packets = flow.packets.wrapping_add(1);
        flow.last = now;
        self.set(flow);
    }

    fn counted(&self) -> Count {
        Count { packets: u64::from(self.get().packets), bytes: self.get().bytes }
    }

    fn set_state(&self, state: TcpState) {
        self.set(Flow { state, ..self.get() });
    }

    fn mark_closed(&self) -> bool {
        let flow = self.get();
        self.set(Flow { marks: flow.marks | FLOW_CLOSED, ..flow });
        flow.marks & FLOW_CLOSED == 0
    }
}

impl CommonTables for MemoryTables {
    fn now(&self) -> Jiffies {
        self.now.get()
    }

    fn linger(&self) -> Jiffies {
        self.linger
    }

    fn second(&self) -> Jiffies {
        self.second
    }

    fn server(&self, id: ServerId) -> Option<&Server> {
        self.servers.get(id as usize)
    }

    fn server_load(&self, id: ServerId) -> ServerLoad {
        self.server_loads.borrow().get(&id).copied().unwrap_or_default()
    }

    fn service_load(&self, id: ServiceId) -> ServiceLoad {
        self.service_loads.borrow().get(&id).copied().unwrap_or_default()
    }

    fn turn(&self, id: ServiceId) -> u32 {
        let mut loads = self.service_loads.borrow_mut();
        let load = loads.entry(id).or_default();
        let turn = load.turn;
        load.turn = turn.wrapping_add(1);
        turn
    }

    fn slots(&self, id: ServiceId) -> u32 {
        self.tables.get(&id).map_or(0, |table| table.len() as u32)
    }

    fn slot(&self, id: ServiceId, index: u32) -> ServerId {
        self.tables.get(&id).and_then(|table| table.get(index as usize)).copied().unwrap_or(0)
    }

    fn forget(&self, value: u64) -> u64 {
        value
    }

    fn rule(&self, place: u32) -> Option<&Rule> {
        self.rules.get(place as usize)
    }

    fn count_rule(&self, place: u32, bytes: u32) {
        self.rule_counters.borrow_mut().entry(place).or_default().add(bytes);
    }

    fn tracked(&self, id: ServiceId) -> Tracked {
        self.tracked.get(&id).copied().unwrap_or_default()
    }

    fn repeated(&self, fingerprint: u32) -> bool {
        !self.recent.borrow_mut().insert(fingerprint)
    }

    fn may_answer(&self, _now: Jiffies) -> bool {
        let left = self.answers.get();
        self.answers.set(left.saturating_sub(1));
        left > 0
    }

    fn flow_opened(&self, service: ServiceId, server: ServerId) {
        let mut services = self.service_loads.borrow_mut();
        let load = services.entry(service).or_default();
        load.opened = load.opened.wrapping_add(1);
        let mut servers = self.server_loads.borrow_mut();
        let load = servers.entry(server).or_default();
        load.opened = load.opened.wrapping_add(1);
    }

    fn flow_closed(&self, service: ServiceId, server: ServerId) {
        let mut services = self.service_loads.borrow_mut();
        let load = services.entry(service).or_default();
        load.closed = load.closed.wrapping_add(1);
        let mut servers = self.server_loads.borrow_mut();
        let load = servers.entry(server).or_default();
        load.closed = load.closed.wrapping_add(1);
    }

    fn half_opened(&self, service: ServiceId, now: Jiffies) {
        let mut loads = self.service_loads.borrow_mut();
        let load = loads.entry(service).or_default();
        if load.is_past(now, self.second) {
            (load.since, load.half_open) = (now, 0);
        }
        load.half_open = load.half_open.wrapping_add(1);
    }

    fn half_open_ended(&self, service: ServiceId, opened: Jiffies) {
        let mut loads = self.service_loads.borrow_mut();
        let load = loads.entry(service).or_default();
        if load.counts(opened) {
            load.half_open = load.half_open.wrapping_sub(1);
        }
    }

    fn count(&self, service: ServiceId, reason: Reason, bytes: u32) {
        self.counters.borrow_mut().entry(service).or_default().get_mut(reason).add(bytes);
    }

    fn count_server(&self, server: ServerId, direction: Direction, bytes: u32) {
        self.server_counters.borrow_mut().entry(server).or_default().get_mut(direction).add(bytes);
    }

    fn direct<P: Packet>(&self, packet: &mut P) -> Decision {
        direct::decide(packet, self)
    }

    fn event(&self, fill: impl FnOnce(&mut FlowEvent)) {
        let mut event = FlowEvent::BLANK;
        fill(&mut event);
        self.events.borrow_mut().push(event);
    }
}

macro_rules! family_tables {
    ($address:ty, $field:ident) => {
        impl FamilyTables<$address> for MemoryTables {
            type Flow = MemoryFlow<$address>;
            type Draft<'a> = RefMut<'a, Draft<$address>>;

            type Pending<'a> = RefMut<'a, Pending<$address>>;

            fn pending(&self) -> Option<Self::Pending<'_>> {
                self.$field.pending.try_borrow_mut().ok()
            }

            fn draft(&self) -> Option<Self::Draft<'_>> {
                self.$field.draft.try_borrow_mut().ok()
            }

            fn flow(&self, key: &FlowKey<$address>) -> Option<Self::Flow> {
                self.$field.flows.borrow().get(key).cloned()
            }

            fn insert_flow(&self, key: &FlowKey<$address>, flow: &Flow<$address>) -> Result<(), InsertError> {
                self.$field.insert(key, flow)
            }

            fn remove_flow(&self, key: &FlowKey<$address>) -> bool {
                self.$field.flows.borrow_mut().remove(key).is_some()
            }

            fn retire(&self, retired: &Retired<$address>) {
                self.$field.retired.borrow_mut().push_back(*retired);
            }

            fn oldest_retired(&self) -> Option<Retired<$address>> {
                self.$field.retired.borrow().front().copied()
            }

            fn forget_retired(&self) -> Option<Retired<$address>> {
                self.$field.retired.borrow_mut().pop_front()
            }

            fn service(&self, key: &ServiceKey<$address>) -> Option<&Service> {
                self.$field.services.get(key)
            }

            fn judge(&self, first: u32) -> u32 {
                rules::judge::<$address, _>(self, first)
            }

            fn passes(&self, place: u32) -> bool {
                rules::passes::<$address, _>(self, place)
            }

            fn select(&self, service: ServiceId, how: u32) -> u32 {
                open::select::<$address, _>(self, service, how)
            }

            fn count_pending(&self, service: ServiceId, opened: bool) {
                rules::count::<$address, _>(self, service, opened);
            }

            fn pass_on<P: Packet>(&self, packet: &mut P, tagged: bool) -> u32 {
                direct::pass_on::<$address, _, _>(packet, self, tagged)
            }

            fn complain<P: Packet>(&self, packet: &mut P, tagged: bool) -> bool {
                direct::complain::<$address, _, _>(packet, self, tagged)
            }

            fn listed(&self, list: ListNumber, address: &$address) -> bool {
                self.$field.listed(list, address)
            }

            fn rates(&self, key: &RateKey<$address>) -> Option<Rates> {
                self.$field.rates.borrow().get(key).copied()
            }

            fn host_rates(&self, key: &RateKey<$address>) -> Option<HostRates> {
                self.$field.host_rates.get(key).copied()
            }

            fn make_rates(&self, key: &RateKey<$address>, now: Jiffies) -> bool {
                let mut rates = self.$field.rates.borrow_mut();
                let fits = rates.contains_key(key) || rates.len() < self.$field.rates_capacity;
                if fits {
                    rates.entry(*key).or_insert(Rates { last: now, ..Rates::default() });
                }
                fits
            }

            fn count_connection(&self, key: &RateKey<$address>, now: Jiffies, period: u32, opened: bool) {
                if let Some(rates) = self.$field.rates.borrow_mut().get_mut(key) {
                    rates.count(now, period, opened);
                }
            }

            fn count_closed(&self, key: &RateKey<$address>, now: Jiffies) {
                if let Some(rates) = self.$field.rates.borrow_mut().get_mut(key) {
                    rates.closed = rates.closed.wrapping_add(1);
                    rates.last = now;
                }
            }
        }
    };
}

family_tables!(V4, v4);
family_tables!(V6, v6);

impl<A: Address> Family<A> {
    fn listed(&self, list: ListNumber, address: &A) -> bool {
        let octets = address.to_wide();
        (0..=8 * size_of::<A>() as u32).any(|bits| {
            let mut prefix = octets;
            for (at, octet) in (0..).zip(&mut prefix) {
                *octet &= !(0xff_u32 >> bits.saturating_sub(8 * at).min(8)) as u8;
            }
            self.sources.contains(&(bits, SourceKey { list, address: A::from_wide(&prefix) }))
        })
    }

    fn insert(&self, key: &FlowKey<A>, flow: &Flow<A>) -> Result<(), InsertError> {
        let mut flows = self.flows.borrow_mut();
        if flows.contains_key(key) {
            return Err(InsertError::Exists);
        }
        if flows.len() >= self.capacity {
            return Err(InsertError::Full);
        }
        flows.insert(*key, Rc::new(Cell::new(*flow)));
        Ok(())
    }
}
