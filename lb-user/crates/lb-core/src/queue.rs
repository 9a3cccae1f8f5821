//! Sessions that wait for a server with a place free.
//!
//! A place that is given back goes to the one who waited longest, without being free in between, so that nobody who
//! comes later can be faster. Only what is beyond `maxconn` comes here: a lock does not hurt.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst, fence};

use parking_lot::Mutex;

use crate::backend::Live;
use crate::counters::Gauge;
use crate::server::{Server, ServerId, ServerLease};

/// What is waited for.
#[derive(Clone, Debug)]
pub enum Line {
    /// Any server of the backend.
    Backend,
    /// This server and no other.
    Server(Arc<Server>),
}

/// What the wait has come to.
#[derive(Debug)]
pub enum Turn {
    /// A place on this server is taken.
    Server(ServerLease),
    /// The server that was waited for went away: choose again.
    ChooseAgain,
}

/// Called once, by whichever thread gives a place back: it hands over to its task and returns.
pub type Call = Box<dyn FnOnce(Turn) + Send>;

/// A server's line is as long as its `maxqueue` allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's queue is full")]
pub struct QueueFull;

/// Who goes first: the lower class, and in a class the earlier moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority {
    /// `set-priority-class`.
    pub class: i32,
    /// The arrival in milliseconds since whenever, moved by `set-priority-offset`.
    pub moment: i64,
}

// Lower goes first: by priority, then by arrival.
type Place = (Priority, u64);

/// The lines of a backend.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: AtomicUsize,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    arrivals: u64,
    any: BTreeMap<Place, Call>,
    of: HashMap<ServerId, BTreeMap<Place, Call>>,
}

impl Lines {
    fn line(&mut self, server: Option<ServerId>) -> Option<&mut BTreeMap<Place, Call>> {
        match server {
            None => Some(&mut self.any),
            Some(id) => self.of.get_mut(&id),
        }
    }

    fn remove(&mut self, server: Option<ServerId>, place: Place) -> Option<Call> {
        let line = self.line(server)?;
        let call = line.remove(&place);
        if let Some(id) = server.filter(|_| line.is_empty()) {
            self.of.remove(&id);
        }
        call
    }

    // The first who would take a place on a server, in its own line or, if `open` to all, in the backend's.
    fn first(&self, server: ServerId, open: bool) -> Option<(Option<ServerId>, Place)> {
        let own =
            self.of.get(&server).and_then(|line| line.keys().next()).map(|place| (Some(server), *place));
        let any = self.any.keys().next().filter(|_| open).map(|place| (None, *place));
        own.into_iter().chain(any).min_by_key(|(_, place)| *place)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({} waiting)", self.waiting.load(SeqCst))
    }
}

/// A place in a line, given up when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    home: Arc<Live>,
    line: Line,
    place: Place,
    /// How many stood before it when it came.
    pub ahead: usize,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let removed = self.home.queue.lines.lock().remove(id_of(&self.line), self.place);
        if removed.is_some() {
            left(&self.home, &self.line);
        }
    }
}

fn id_of(line: &Line) -> Option<ServerId> {
    match line {
        Line::Backend => None,
        Line::Server(server) => Some(server.id),
    }
}

fn gauge<'a>(home: &'a Live, line: &'a Line) -> &'a Gauge {
    match line {
        Line::Backend => &home.traffic.waiting,
        Line::Server(server) => &server.counters().traffic.waiting,
    }
}

fn left(home: &Live, line: &Line) {
    home.queue.waiting.fetch_sub(1, SeqCst);
    gauge(home, line).dec();
}

/// Queues up. What follows must look for free places: one may have been given back before the line was there.
pub(crate) fn join(
    home: &Arc<Live>,
    line: Line,
    priority: Priority,
    call: Call,
) -> Result<Ticket, QueueFull> {
    let limit = match &line {
        Line::Backend => None,
        Line::Server(server) => server.config.maxqueue,
    };
    let mut lines = home.queue.lines.lock();
    lines.arrivals += 1;
    let place = (priority, lines.arrivals);
    let waiting = match id_of(&line) {
        None => &mut lines.any,
        Some(id) => lines.of.entry(id).or_default(),
    };
    let ahead = waiting.range(..place).count();
    if limit.is_some_and(|limit| waiting.len() >= limit as usize) {
        return Err(QueueFull);
    }
    waiting.insert(place, call);
    // Counted before anybody can be called out of the line.
    gauge(home, &line).inc();
    home.queue.waiting.fetch_add(1, SeqCst);
    drop(lines);
    Ok(Ticket { home: Arc::clone(home), line, place, ahead })
}

impl Queue {
    /// Whether anybody waits in any line.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(SeqCst) == 0
    }

    /// Whom a place on this server goes to.
    fn next(&self, home: &Live, server: &Arc<Server>) -> Option<Call> {
        let mut lines = self.lines.lock();
        let (id, place) = lines.first(server.id, server.selected())?;
        let call = lines.remove(id, place)?;
        drop(lines);
        left(home, &id.map_or(Line::Backend, |_| Line::Server(Arc::clone(server))));
        Some(call)
    }

    /// Calls everybody in a server's own line to choose again; how many there were.
    pub(crate) fn disperse(&self, home: &Live, server: &Arc<Server>) -> usize {
        let calls = self.lines.lock().of.remove(&server.id).unwrap_or_default();
        let count = calls.len();
        for call in calls.into_values() {
            left(home, &Line::Server(Arc::clone(server)));
            call(Turn::ChooseAgain);
        }
        count
    }
}

/// Gives a place back: to who waits for it, if the server still takes sessions and is not over its limit, or to nobody.
pub(crate) fn give_back(server: &Arc<Server>) {
    let home = server.home();
    let sessions = &server.counters().traffic.sessions;
    let keeps = !home.queue.is_empty() && server.persistent() && sessions.get() <= server.limit();
    if let Some(call) = keeps.then(|| home.queue.next(home, server)).flatten() {
        call(Turn::Server(ServerLease::adopt(server)));
        return;
    }
    sessions.dec();
    // Whoever queues up looks for places after that: one of both sees the other.
    fence(SeqCst);
    if !home.queue.is_empty() {
        fill(server);
    }
}

/// Gives a server's free places to those who wait for them.
pub(crate) fn fill(server: &Arc<Server>) {
    let home = server.home();
    fence(SeqCst);
    while !home.queue.is_empty() && server.persistent() {
        if !server.counters().traffic.sessions.try_inc(server.limit()) {
            return;
        }
        let Some(call) = home.queue.next(home, server) else {
            server.counters().traffic.sessions.dec();
            return;
        };
        call(Turn::Server(ServerLease::adopt(server)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use lb_conf::model;

    use super::*;
    use crate::backend::Backend;
    use crate::balance::{Pick, PickInput};
    use crate::change::AdminState::{Drain, Maint, Ready};
    use crate::change::ServerChange;
    use crate::fixture::{Fixture, backend, config, server};
    use crate::tick::Tick;

    fn limited(name: &str, port: u16, maxconn: u32) -> model::Server {
        model::Server { maxconn: Some(maxconn), ..server(name, port) }
    }

    fn fixture() -> Fixture {
        Fixture::new(backend("b", vec![limited("s1", 1, 1), limited("s2", 2, 1)]))
    }

    fn the_backend(fixture: &Fixture) -> Arc<Backend> {
        Arc::clone(&fixture.runtime.load().backends[0])
    }

    // Someone who waits, and notes what happens under a name.
    fn waiter(fixture: &Fixture, line: Line, priority: i32) -> (Ticket, mpsc::Receiver<Turn>) {
        let (sender, receiver) = mpsc::channel();
        let call = Box::new(move |turn| drop(sender.send(turn)));
        let priority = Priority { class: priority, moment: 0 };
        (the_backend(fixture).wait(line, priority, call).unwrap(), receiver)
    }

    fn served(receiver: &mpsc::Receiver<Turn>) -> Option<ServerLease> {
        match receiver.try_recv() {
            Ok(Turn::Server(lease)) => Some(lease),
            _ => None,
        }
    }

    fn lease(fixture: &Fixture, name: &str) -> ServerLease {
        fixture.server(name).lease_if_free(fixture.now).unwrap()
    }

    #[test]
    fn places_go_to_who_waits_longest() {
        let fixture = fixture();
        let (one, two) = (lease(&fixture, "s1"), lease(&fixture, "s2"));
        let (_a, a) = waiter(&fixture, Line::Backend, 0);
        let (_b, b) = waiter(&fixture, Line::Server(fixture.server("s2")), 0);
        let (c_ticket, c) = waiter(&fixture, Line::Backend, 0);
        assert_eq!((c_ticket.ahead, the_backend(&fixture).traffic().waiting.get()), (1, 2));
        drop(two);
        let a = served(&a).unwrap();
        assert_eq!(&*a.config.name, "s2");
        drop(a);
        assert_eq!(&*served(&b).unwrap().config.name, "s2");
        // The lease that was just dropped went on to the next in line.
        assert_eq!(&*served(&c).unwrap().config.name, "s2");
        assert_eq!(fixture.server("s2").active(), 0);
        drop(one);
        assert_eq!(fixture.server("s1").active(), 0);
    }

    #[test]
    fn nobody_is_faster_than_who_waits() {
        let fixture = fixture();
        let held = lease(&fixture, "s1");
        let (_ticket, receiver) = waiter(&fixture, Line::Server(fixture.server("s1")), 0);
        drop(held);
        assert!(fixture.server("s1").lease_if_free(fixture.now).is_none());
        let lease = served(&receiver).unwrap();
        lease.begin(Tick::ZERO);
        assert_eq!(lease.counters().traffic.session_total.get(), 2);
    }

    #[test]
    fn priorities_go_first() {
        let fixture = fixture();
        let _other = lease(&fixture, "s2");
        let held = lease(&fixture, "s1");
        let (_low, low) = waiter(&fixture, Line::Backend, 5);
        let (_high, high) = waiter(&fixture, Line::Backend, -5);
        drop(held);
        assert!(served(&low).is_none());
        assert!(served(&high).is_some());
    }

    #[test]
    fn who_gives_up_is_not_called() {
        let fixture = fixture();
        let (_one, held) = (lease(&fixture, "s1"), lease(&fixture, "s2"));
        let (ticket, gone) = waiter(&fixture, Line::Backend, 0);
        let (_b, b) = waiter(&fixture, Line::Backend, 0);
        drop(ticket);
        drop(held);
        assert!(served(&gone).is_none() && served(&b).is_some());
        assert_eq!(the_backend(&fixture).traffic().waiting.get(), 0);
    }

    #[test]
    fn a_line_has_an_end() {
        let short = model::Server { maxqueue: Some(1), ..limited("s1", 1, 1) };
        let fixture = Fixture::new(backend("b", vec![short]));
        let _held = lease(&fixture, "s1");
        let _first = waiter(&fixture, Line::Server(fixture.server("s1")), 0);
        let refused = the_backend(&fixture).wait(
            Line::Server(fixture.server("s1")),
            Priority::default(),
            Box::new(drop),
        );
        assert_eq!(refused.err(), Some(QueueFull));
    }

    #[test]
    fn a_server_that_goes_down_sends_its_line_away() {
        let fixture = fixture();
        let _held = lease(&fixture, "s1");
        let (_a, a) = waiter(&fixture, Line::Server(fixture.server("s1")), 0);
        fixture.apply("s1", ServerChange::Admin(Drain)).unwrap();
        assert!(a.try_recv().is_err());
        fixture.logged();
        fixture.apply("s1", ServerChange::Admin(Maint)).unwrap();
        assert!(matches!(a.try_recv(), Ok(Turn::ChooseAgain)));
        assert!(fixture.logged()[0].contains(" 1 sessions active, 1 requeued, 0 remaining in queue."));
    }

    #[test]
    fn a_server_that_comes_up_serves_those_who_wait() {
        let fixture = fixture();
        fixture.apply("s1", ServerChange::Admin(Maint)).unwrap();
        let _held = lease(&fixture, "s2");
        let (_a, a) = waiter(&fixture, Line::Backend, 0);
        assert!(a.try_recv().is_err());
        fixture.apply("s1", ServerChange::Admin(Ready)).unwrap();
        assert_eq!(&*served(&a).unwrap().config.name, "s1");
    }

    #[test]
    fn a_raised_limit_serves_those_who_wait() {
        let fixture = fixture();
        let _held = (lease(&fixture, "s1"), lease(&fixture, "s2"));
        let (_a, a) = waiter(&fixture, Line::Backend, 0);
        let (_b, b) = waiter(&fixture, Line::Backend, 0);
        fixture.apply("s2", ServerChange::Maxconn(2)).unwrap();
        let second = served(&a);
        assert!(second.is_some() && served(&b).is_none());
        let next = backend("b", vec![limited("s1", 1, 5), limited("s2", 2, 1)]);
        fixture.runtime.reconfigure(config(vec![next]), fixture.now);
        assert_eq!(&*served(&b).unwrap().config.name, "s1");
    }

    #[test]
    fn a_drained_server_and_a_backup_take_nobody_from_the_common_line() {
        let spare = model::Server { backup: true, ..limited("s3", 3, 1) };
        let fixture = Fixture::new(backend("b", vec![limited("s1", 1, 1), limited("s2", 2, 1), spare]));
        let (_one, two, three) = (lease(&fixture, "s1"), lease(&fixture, "s2"), lease(&fixture, "s3"));
        fixture.apply("s2", ServerChange::Admin(Drain)).unwrap();
        let (_a, a) = waiter(&fixture, Line::Backend, 0);
        drop((two, three));
        assert!(served(&a).is_none());
    }

    #[test]
    fn a_removed_server_sends_its_line_away() {
        let fixture = fixture();
        let _held = lease(&fixture, "s1");
        let (_a, a) = waiter(&fixture, Line::Server(fixture.server("s1")), 0);
        fixture.runtime.reconfigure(config(vec![backend("b", vec![limited("s2", 2, 1)])]), fixture.now);
        assert!(matches!(a.try_recv(), Ok(Turn::ChooseAgain)));
    }

    #[test]
    fn minconn_grows_with_the_load() {
        let elastic = model::Server { minconn: Some(2), ..limited("s1", 1, 10) };
        let fixture = Fixture::new(model::Backend { fullconn: Some(20), ..backend("b", vec![elastic]) });
        let backend = the_backend(&fixture);
        let sessions = &backend.traffic().sessions;
        let mut limits = Vec::new();
        for _ in 0..22 {
            limits.push(fixture.server("s1").limit());
            sessions.inc();
        }
        assert_eq!(limits, [2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10]);
    }

    #[test]
    fn many_threads_are_all_served_within_the_limits() {
        let fixture = Fixture::new(backend("b", vec![limited("s1", 1, 2), limited("s2", 2, 1)]));
        let backend = the_backend(&fixture);
        let client = |n: u8| {
            for _ in 0..200 {
                let input = PickInput::client(Tick::ZERO, [127, 0, 0, n].into());
                let lease = match backend.pick(&input) {
                    Pick::Server(lease) => lease,
                    Pick::AllFull => {
                        let (sender, receiver) = mpsc::channel();
                        let call = Box::new(move |turn| drop(sender.send(turn)));
                        let _ticket = backend.wait(Line::Backend, Priority::default(), call).unwrap();
                        match receiver.recv_timeout(std::time::Duration::from_secs(20)) {
                            Ok(Turn::Server(lease)) => lease,
                            other => panic!("not served: {other:?}"),
                        }
                    }
                    other => panic!("{other:?}"),
                };
                assert!(lease.active() <= lease.limit());
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| (0..8).for_each(|n| drop(scope.spawn(move || client(n)))));
        assert_eq!((fixture.server("s1").active(), fixture.server("s2").active()), (0, 0));
        assert!(backend.live().queue.is_empty());
    }
}
