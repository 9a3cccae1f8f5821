//! Rings: messages that wait in memory, for log servers that are sent them over TCP and for who asks at the runtime
//! socket.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{Name, Ring as Config, RingServer, StreamFraming};
use lb_core::host::RingInfo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};

/// How long a server that cannot be reached is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// How long connecting and sending may take where no timeout is set.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bytes that a message takes beside its own, so that empty ones are bounded, too.
const OVERHEAD: usize = 16;

/// All rings of the process.
#[derive(Debug, Default)]
pub(crate) struct Rings(Mutex<Vec<Arc<Ring>>>);

/// A ring at work. It stays when the configuration changes, with what it holds.
#[derive(Debug)]
pub(crate) struct Ring {
    name: Name,
    state: Mutex<State>,
    grown: Notify,
}

#[derive(Debug)]
struct State {
    config: Arc<Config>,
    messages: VecDeque<Arc<[u8]>>,
    /// What the messages take.
    bytes: usize,
    /// The number of the first message that is still there.
    first: u64,
}

impl Rings {
    /// The ring of this name.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Ring>> {
        self.0.lock().iter().find(|ring| *ring.name == *name).cloned()
    }

    /// Takes the sections of a configuration over.
    pub(crate) fn replace(&self, configs: &[Arc<Config>]) {
        let mut rings = self.0.lock();
        let of = |config: &Arc<Config>| {
            let known = rings.iter().find(|ring| ring.name == config.name).cloned();
            let ring = known.unwrap_or_else(|| Arc::new(Ring::new(config)));
            ring.state.lock().configure(config);
            ring
        };
        let new = configs.iter().map(of).collect();
        *rings = new;
    }

    /// For `show events`.
    pub(crate) fn show(&self) -> Vec<RingInfo> {
        self.0.lock().iter().map(|ring| ring.show()).collect()
    }
}

impl Ring {
    fn new(config: &Arc<Config>) -> Self {
        let state = State { config: Arc::clone(config), messages: VecDeque::new(), bytes: 0, first: 0 };
        Self { name: Arc::clone(&config.name), state: Mutex::new(state), grown: Notify::new() }
    }

    /// Its settings.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.state.lock().config)
    }

    /// Keeps messages, each of which ends with a line feed that the ring needs not.
    pub(super) fn keep(&self, lines: &[Vec<u8>]) {
        let mut state = self.state.lock();
        lines.iter().for_each(|line| state.push(line.strip_suffix(b"\n").unwrap_or(line)));
        drop(state);
        self.grown.notify_waiters();
    }

    /// The first message from this number on, with the number of the next.
    fn next(&self, from: u64) -> Option<(Arc<[u8]>, u64)> {
        let state = self.state.lock();
        let at = from.max(state.first);
        let message = state.messages.get(usize::try_from(at - state.first).ok()?)?;
        Some((Arc::clone(message), at + 1))
    }

    /// The same, when it is there.
    async fn wait(&self, from: u64) -> (Arc<[u8]>, u64) {
        loop {
            let grown = self.grown.notified();
            if let Some(next) = self.next(from) {
                return next;
            }
            grown.await;
        }
    }

    fn show(&self) -> RingInfo {
        let state = self.state.lock();
        let text = |message: &Arc<[u8]>| String::from_utf8_lossy(message).into_owned();
        RingInfo {
            name: self.name.to_string(),
            description: state.config.description.clone().unwrap_or_default(),
            events: state.messages.iter().map(text).collect(),
        }
    }
}

impl State {
    fn push(&mut self, message: &[u8]) {
        let message = &message[..message.len().min(self.config.max_len)];
        self.bytes += message.len() + OVERHEAD;
        self.messages.push_back(message.into());
        self.shrink();
    }

    fn configure(&mut self, config: &Arc<Config>) {
        self.config = Arc::clone(config);
        self.shrink();
    }

    /// Lets the oldest messages go until the others have room.
    fn shrink(&mut self) {
        while self.bytes > self.config.size {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.len() + OVERHEAD;
            self.first += 1;
        }
    }
}

/// The tasks that send what rings hold, one for each server.
#[derive(Debug, Default)]
pub(crate) struct Forwarders(Vec<Forwarder>);

#[derive(Debug)]
struct Forwarder {
    ring: Arc<Config>,
    server: RingServer,
    task: AbortHandle,
}

impl Forwarders {
    /// Sends to the servers of a configuration from now on. Those whose settings stay go on.
    pub(crate) fn follow(&mut self, rings: &Rings, configs: &[Arc<Config>]) {
        let mut old = std::mem::take(&mut self.0);
        for config in configs {
            let Some(ring) = rings.find(&config.name) else { continue };
            for server in &config.servers {
                let same = |f: &Forwarder| *f.ring == **config && f.server == *server;
                let kept = old.iter().position(same).map(|at| old.swap_remove(at));
                self.0.push(kept.unwrap_or_else(|| Forwarder::begin(&ring, config, server)));
            }
        }
    }
}

impl Forwarder {
    fn begin(ring: &Arc<Ring>, config: &Arc<Config>, server: &RingServer) -> Self {
        let work = forward(Arc::clone(ring), Arc::clone(config), server.clone());
        Self { ring: Arc::clone(config), server: server.clone(), task: spawn_local(work).abort_handle() }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends all messages of a ring to a server, and connects again whenever that fails.
async fn forward(ring: Arc<Ring>, config: Arc<Config>, server: RingServer) {
    let mut next = 0;
    loop {
        if let Err(error) = connected(&ring, &config, &server, &mut next).await {
            log::debug!("ring {}: server {}: {error}", config.name, server.name);
        }
        sleep(PAUSE).await;
    }
}

async fn connected(ring: &Ring, config: &Config, server: &RingServer, next: &mut u64) -> io::Result<()> {
    // Nobody is bothered before there is something to say.
    ring.wait(*next).await;
    let patience = config.timeout_connect.unwrap_or(PATIENCE);
    let mut stream = timeout(patience, TcpStream::connect(server.address)).await??;
    let patience = config.timeout_server.unwrap_or(PATIENCE);
    let mut answer = [0; 64];
    loop {
        let (message, following) = tokio::select! {
            message = ring.wait(*next) => message,
            // A log server has nothing to say: what it says is passed over, and its end is the end.
            read = stream.read(&mut answer) => match read? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => continue,
            },
        };
        timeout(patience, stream.write_all(&framed(&message, server.framing))).await??;
        *next = following;
    }
}

/// A message as it goes into the stream (RFC 6587, section 3.4).
fn framed(message: &[u8], framing: StreamFraming) -> Vec<u8> {
    match framing {
        StreamFraming::Lines => [message, b"\n"].concat(),
        StreamFraming::OctetCount => [format!("{} ", message.len()).as_bytes(), message].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(size: usize, max_len: usize) -> Ring {
        let config = Config { size, max_len, ..Config::new("r".into(), lb_conf::span::Span::default()) };
        Ring::new(&Arc::new(config))
    }

    fn lines(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| format!("{text}\n").into_bytes()).collect()
    }

    #[test]
    fn the_oldest_messages_make_room() {
        let ring = ring(3 * (OVERHEAD + 1), 1);
        ring.keep(&lines(&["a", "bb", "c", "d"]));
        assert_eq!(ring.show().events, ["b", "c", "d"]);
        assert_eq!(ring.next(0).map(|(message, next)| (message.to_vec(), next)), Some((b"b".to_vec(), 2)));
        assert_eq!(ring.next(3).map(|(_, next)| next), Some(4));
        assert!(ring.next(4).is_none());
    }

    #[test]
    fn a_ring_keeps_what_it_holds_when_its_settings_change() {
        let rings = Rings::default();
        let config =
            |size| Arc::new(Config { size, ..Config::new("r".into(), lb_conf::span::Span::default()) });
        rings.replace(&[config(1000)]);
        rings.find("r").unwrap().keep(&lines(&["a", "b"]));
        rings.replace(&[config(OVERHEAD + 1)]);
        assert_eq!(rings.show().first().map(|info| info.events.clone()), Some(vec!["b".to_owned()]));
        rings.replace(&[]);
        assert!(rings.find("r").is_none());
    }

    #[test]
    fn messages_are_told_apart() {
        assert_eq!(framed(b"abc", StreamFraming::Lines), b"abc\n");
        assert_eq!(framed(b"abc", StreamFraming::OctetCount), b"3 abc");
    }
}
