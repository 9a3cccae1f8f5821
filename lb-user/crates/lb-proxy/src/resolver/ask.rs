//! Asking name servers, over UDP and TCP.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lb_conf::model::{NameServer, Resolvers};
use lb_core::counters::Counter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::message::{Failure, Reply, question, reply};

/// What a name server was asked and answered.
#[derive(Debug, Default)]
pub(super) struct Counters {
    sent: Counter,
    send_errors: Counter,
    valid: Counter,
    empty: Counter,
    nx: Counter,
    timeout: Counter,
    refused: Counter,
    other: Counter,
    truncated: Counter,
}

impl Counters {
    /// By the names of `show resolvers`.
    pub(super) fn show(&self) -> Vec<(&'static str, u64)> {
        let named = [
            ("sent", &self.sent),
            ("snd_error", &self.send_errors),
            ("valid", &self.valid),
            ("any_err", &self.empty),
            ("nx", &self.nx),
            ("timeout", &self.timeout),
            ("refused", &self.refused),
            ("other", &self.other),
            ("truncated", &self.truncated),
        ];
        named.into_iter().map(|(name, counter)| (name, counter.get())).collect()
    }

    fn count(&self, outcome: &Result<Vec<IpAddr>, Failure>) {
        let counter = match outcome {
            Ok(_) => &self.valid,
            Err(Failure::Empty) => &self.empty,
            Err(Failure::Nx) => &self.nx,
            Err(Failure::Timeout) => &self.timeout,
            Err(Failure::Refused) => &self.refused,
            Err(Failure::Other) => &self.other,
        };
        counter.inc();
    }
}

/// The addresses of a name: those of the preferred family, or of the other one where there are none.
pub(super) async fn lookup(
    section: &Resolvers,
    counters: &[Arc<Counters>],
    name: &str,
    prefer_v4: bool,
) -> Result<Vec<IpAddr>, Failure> {
    let mut last = Failure::Other;
    for _ in 0..section.retries {
        for v4 in [prefer_v4, !prefer_v4] {
            match ask_all(section, counters, name, v4).await {
                Ok(found) => return Ok(found),
                Err(failure) => last = failure,
            }
            // Who does not answer would not answer the other question either.
            if last == Failure::Timeout {
                break;
            }
        }
        // An answer that there is nothing is not better the next time.
        if matches!(last, Failure::Nx | Failure::Empty) {
            break;
        }
    }
    Err(last)
}

/// Asks all name servers; the first valid answer counts, or else the last failure.
async fn ask_all(
    section: &Resolvers,
    counters: &[Arc<Counters>],
    name: &str,
    v4: bool,
) -> Result<Vec<IpAddr>, Failure> {
    let mut asked = JoinSet::new();
    for (server, counters) in section.servers.iter().zip(counters) {
        let Some(asking) = Asking::new(server, section, Arc::clone(counters), name, v4) else { continue };
        asked.spawn_local(asking.ask());
    }
    let mut last = Failure::Other;
    while let Some(outcome) = asked.join_next().await {
        match outcome {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(failure)) => last = failure,
            // A task that panicked has no answer.
            Err(_) => {}
        }
    }
    Err(last)
}

/// A question to one name server.
struct Asking {
    id: u16,
    question: Vec<u8>,
    address: SocketAddr,
    tcp: bool,
    payload: u16,
    limit: Duration,
    counters: Arc<Counters>,
}

impl Asking {
    fn new(
        server: &NameServer,
        section: &Resolvers,
        counters: Arc<Counters>,
        name: &str,
        v4: bool,
    ) -> Option<Self> {
        // A number that cannot be guessed: a forged answer must name it.
        let mut id = [0; 2];
        aws_lc_rs::rand::fill(&mut id).ok()?;
        let id = u16::from_ne_bytes(id);
        Some(Self {
            id,
            question: question(id, name, v4, section.payload)?,
            address: server.address,
            tcp: server.tcp,
            payload: section.payload,
            limit: section.timeout,
            counters,
        })
    }

    async fn ask(self) -> Result<Vec<IpAddr>, Failure> {
        let work = async { if self.tcp { self.over_tcp().await } else { self.over_udp().await } };
        let outcome = match timeout(self.limit, work).await {
            Ok(Ok(Reply::Addresses(found))) => Ok(found),
            Ok(Ok(Reply::Failed(failure))) => Err(failure),
            Ok(Ok(Reply::Truncated | Reply::Foreign)) => Err(Failure::Other),
            Ok(Err(_)) => {
                self.counters.send_errors.inc();
                Err(Failure::Other)
            }
            Err(_) => Err(Failure::Timeout),
        };
        self.counters.count(&outcome);
        outcome
    }

    async fn over_udp(&self) -> io::Result<Reply> {
        let any: IpAddr =
            if self.address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(self.address).await?;
        socket.send(&self.question).await?;
        self.counters.sent.inc();
        let mut buffer = vec![0; usize::from(self.payload)];
        loop {
            let len = socket.recv(&mut buffer).await?;
            match reply(buffer.get(..len).unwrap_or_default(), self.id) {
                // Somebody else's, or forged: ours may still come.
                Reply::Foreign => {}
                Reply::Truncated => {
                    self.counters.truncated.inc();
                    return self.over_tcp().await;
                }
                reply => return Ok(reply),
            }
        }
    }

    /// Over TCP, each message has its length in two bytes before it (RFC 1035, section 4.2.2).
    async fn over_tcp(&self) -> io::Result<Reply> {
        let mut stream = TcpStream::connect(self.address).await?;
        let len = u16::try_from(self.question.len()).map_err(io::Error::other)?;
        stream.write_all(&[&len.to_be_bytes(), self.question.as_slice()].concat()).await?;
        self.counters.sent.inc();
        let len = stream.read_u16().await?;
        let mut buffer = vec![0; usize::from(len)];
        stream.read_exact(&mut buffer).await?;
        Ok(reply(&buffer, self.id))
    }
}
