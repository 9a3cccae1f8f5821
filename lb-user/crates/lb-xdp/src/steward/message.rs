//! What the daemon and its steward tell each other: a length and a value in postcard's form.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use lb_common::event::FlowEvent;
use lb_common::rule::TableNumber;
use lb_common::value::ServerId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::attach::Hook;
use crate::flows::Policy;
use crate::loader::Settings;
use crate::neigh::{IfIndex, Network};
use crate::object::Inheritance;
use crate::store::{Ids, Room, Write};

/// The longest call, in bytes: [`WRITES`] selection tables of the greatest length, and some room.
pub(crate) const MAX_CALL: usize = 16 << 20;
/// Writes in one call.
pub(crate) const WRITES: usize = 64;
/// The longest answer or notice. The daemon trusts its steward; a length beyond this means that they lost step.
pub(crate) const MAX_ANSWER: usize = 1 << 30;

/// What the daemon may ask for. Each call has one answer, a [`Result`] of what stands behind it here.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Call {
    /// Load the program, and make or adopt the maps: [`Opened`].
    Open(Settings),
    /// What user space wrote: [`crate::store::Contents`].
    Read,
    /// Make changes: [`Written`].
    Write(Vec<Write>),
    /// What the kernel has counted: [`crate::store::Tallies`].
    Tallies(Ids),
    /// Walk on over the flows, for about so many entries: [`crate::flows::Step`].
    Sweep(Policy, u32),
    /// What the kernel counted of sources in these tables: [`crate::store::Sources`].
    Sources(BTreeSet<TableNumber>),
    /// Delete all flows to these servers and tell both ends: a vector of [`crate::flows::Ended`].
    EndFlows(BTreeSet<ServerId>),
    /// List so many connections at most: a vector of [`Listed`].
    Flows(u32),
    /// From now on be on these interfaces, and follow the network towards these servers: [`View`].
    Follow(Wishes),
    /// What was made outlives the daemon from now on: nothing.
    Keep,
    /// Let go of the maps. Pins that were made go, unless they are to be kept: nothing.
    Abandon,
    /// Take the program off all interfaces and remove all pins: nothing.
    Leave,
}

/// Something that the steward tells without being asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Notice {
    /// The network or the interfaces are different.
    View(Box<View>),
    /// What the packet path reported.
    Events {
        /// In their order.
        events: Vec<FlowEvent>,
        /// Events before these that nobody had room for.
        lost: u64,
    },
    /// Something does not work.
    Trouble(String),
}

/// A connection in the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The client.
    pub client: SocketAddr,
    /// The frontend.
    pub frontend: String,
    /// The backend.
    pub backend: String,
    /// The server.
    pub server: String,
    /// Since it was opened.
    pub age: Duration,
}

/// Maps that are open.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// What became of those of a daemon before.
    pub(crate) inheritance: Inheritance,
    /// How much fits.
    pub(crate) room: Room,
    /// The ports that flows leave from, both inclusive.
    pub(crate) ports: (u16, u16),
    /// Jiffies in a second.
    pub(crate) hz: u32,
}

/// How many writes were made, and why no more were.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) done: usize,
    pub(crate) failure: Option<String>,
}

/// What the daemon wants of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wishes {
    /// The addresses whose next hops it needs.
    pub(crate) servers: BTreeSet<IpAddr>,
    /// The interfaces that the program is to be on.
    pub(crate) interfaces: Vec<Wish>,
}

/// An interface that the program is to be on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// Its name.
    pub(crate) name: String,
    /// How. None: in the driver if it can.
    pub(crate) hook: Option<Hook>,
}

/// The host as the steward sees it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct View {
    /// Counts views: one with a lower number is older.
    pub(crate) number: u64,
    /// Its network.
    pub(crate) network: Network,
    /// The interfaces that are wished for.
    pub(crate) interfaces: BTreeMap<String, Attached>,
}

/// The program on an interface, or why it is not there.
pub(crate) type Attached = Result<AttachedTo, String>;

/// The program on an interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttachedTo {
    pub(crate) index: IfIndex,
    pub(crate) hook: Hook,
    /// Why it is not in the driver although it was to be if possible.
    pub(crate) fallback: Option<String>,
    /// The link of the daemon before was taken over.
    pub(crate) adopted: bool,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    /// The kernel refused for want of privileges.
    pub(crate) denied: bool,
    /// What failed, and why.
    pub(crate) text: String,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let io = error.chain().filter_map(|e| e.downcast_ref::<io::Error>());
        let denied = io.into_iter().any(|e| matches!(e.raw_os_error(), Some(libc::EPERM | libc::EACCES)));
        Self { denied, text: format!("{error:#}") }
    }
}

/// A message as it goes over the line.
pub(crate) fn encode(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(value, vec![0; 4]).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len().saturating_sub(4)).map_err(io::Error::other)?;
    let (head, _) = bytes.split_at_mut(4);
    head.copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

/// The value of a message without its length.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

fn bounded(length: [u8; 4], most: usize) -> io::Result<usize> {
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{length} bytes are announced")));
    }
    Ok(length)
}

/// Sends a call and waits for its answer.
pub(crate) fn exchange<T: DeserializeOwned>(line: &mut UnixStream, call: &Call) -> io::Result<T> {
    line.write_all(&encode(call)?)?;
    let mut length = [0; 4];
    line.read_exact(&mut length)?;
    let length = bounded(length, MAX_ANSWER)?;
    // Grows with what comes, not with what is announced.
    let mut bytes = Vec::new();
    Read::take(line, length as u64).read_to_end(&mut bytes)?;
    decode(&bytes)
}

/// The next message, without its length; None where the other end closed the line.
pub(crate) async fn receive(line: &mut tokio::net::UnixStream, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match line.read_exact(&mut length).await {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = bounded(length, most)?;
    let mut bytes = Vec::new();
    line.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length { Ok(None) } else { Ok(Some(bytes)) }
}

/// Sends a message.
pub(crate) async fn send(line: &mut tokio::net::UnixStream, bytes: &[u8]) -> io::Result<()> {
    line.write_all(bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Tallies;

    fn calls() -> Vec<Call> {
        vec![
            Call::Open(Settings::default()),
            Call::Read,
            Call::Write(vec![Write::Table(1, vec![1, 2, 3]), Write::RemoveTable(7)]),
            Call::Sweep(Policy::default(), 9),
            Call::Follow(Wishes {
                servers: ["10.0.0.1".parse().unwrap()].into(),
                interfaces: vec![Wish { name: "eth0".into(), hook: Some(Hook::Generic) }],
            }),
            Call::Leave,
        ]
    }

    #[test]
    fn what_is_sent_is_what_arrives() {
        for call in calls() {
            let bytes = encode(&call).unwrap();
            let decoded: Call = decode(&bytes[4..]).unwrap();
            assert_eq!(format!("{decoded:?}"), format!("{call:?}"));
        }
    }

    #[test]
    fn the_longest_call_fits() {
        let tables = vec![Write::Table(u16::MAX, vec![u16::MAX; 65_521]); WRITES];
        assert!(encode(&Call::Write(tables)).unwrap().len() < MAX_CALL);
    }

    #[test]
    fn an_answer_comes_back() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&encode(&Ok::<_, Failure>(Tallies::default())).unwrap()).unwrap();
        let answer: Result<Tallies, Failure> = exchange(&mut ours, &Call::Read).unwrap();
        assert_eq!(answer, Ok(Tallies::default()));
    }

    #[test]
    fn a_length_out_of_bounds_is_an_error() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&[0xff; 64]).unwrap();
        let answer: io::Result<u8> = exchange(&mut ours, &Call::Read);
        assert_eq!(answer.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            // Whatever it is, it is read or refused.
            let _ = decode::<Call>(&bytes);
        }
    }

    #[tokio::test]
    async fn a_line_that_closes_ends_the_messages() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut theirs = tokio::net::UnixStream::from_std(theirs).unwrap();
        (&ours).write_all(&encode(&Call::Read).unwrap()).unwrap();
        (&ours).write_all(&[0, 0, 0, 9, 1]).unwrap();
        drop(ours);
        assert!(receive(&mut theirs, MAX_CALL).await.unwrap().is_some());
        assert!(receive(&mut theirs, MAX_CALL).await.unwrap().is_none(), "half of a message is none");
    }
}
