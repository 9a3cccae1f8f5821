//! The context of an evaluation: what fetches look at.
//!
//! A [`Ctx`] is a handful of references that the caller puts together before it evaluates rules. A layer that
//! does not exist (yet) is `None`, and fetches that need it return no sample.

use std::cell::{Cell, Ref, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, Version};

use crate::conv::SetVarCondition;
use crate::hello::Greeting;
use crate::logformat::FactSource;
use crate::sample::Sample;
use crate::vars::{VarId, Vars};
use crate::world::{BackendId, Counter, FrontendId, ServerId, TableId, World};

/// Wall-clock time, since 1970.
pub type Timestamp = Duration;

/// Everything that expressions may look at, in one evaluation.
#[derive(Clone)]
pub struct Ctx<'a> {
    /// The daemon.
    pub world: &'a dyn World,
    /// The time of the evaluation.
    pub now: Timestamp,
    /// Whether the rule is about the response: what `hdr`, `cookie` and `payload` follow.
    pub on_response: bool,
    /// The frontend that accepted the connection.
    pub frontend: Option<FrontendId>,
    /// The backend, once it is chosen.
    pub backend: Option<BackendId>,
    /// The server, once it is chosen.
    pub server: Option<ServerId>,
    /// The client's connection.
    pub client: Option<&'a dyn Connection>,
    /// The server's connection.
    pub upstream: Option<&'a dyn Connection>,
    /// The head of the request.
    pub request: Option<RequestHead<'a>>,
    /// In TCP mode: whether the client's bytes begin a request whose head is not all there.
    pub request_unfinished: bool,
    /// The head of the response.
    pub response: Option<ResponseHead<'a>>,
    /// The body of the request, or in TCP mode the bytes that the client sent, as far as they are buffered.
    pub request_data: Buffer<'a>,
    /// The body of the response, or in TCP mode the bytes that the server sent, as far as they are buffered.
    pub response_data: Buffer<'a>,
    /// What is kept of request and response until the log is written.
    pub kept: Option<&'a Kept>,
    /// Variables.
    pub vars: Vars<'a>,
    /// The counters that `track-sc` chose.
    pub tracked: Option<&'a dyn Tracked>,
    /// Timers, byte counts and the like. Complete at the time of the log only.
    pub facts: Option<&'a dyn FactSource>,
    /// Whether content inspection may still wait: fetches from buffers then answer "not yet" where data are
    /// short.
    pub may_wait: bool,
    /// Set by fetches that found too few bytes while more may come.
    pub incomplete: Cell<bool>,
}

impl<'a> Ctx<'a> {
    /// A context with no layer at all.
    pub fn new(world: &'a dyn World, now: Timestamp) -> Self {
        Self {
            world,
            now,
            on_response: false,
            frontend: None,
            backend: None,
            server: None,
            client: None,
            upstream: None,
            request: None,
            request_unfinished: false,
            response: None,
            request_data: Buffer::default(),
            response_data: Buffer::default(),
            kept: None,
            vars: Vars::default(),
            tracked: None,
            facts: None,
            may_wait: false,
            incomplete: Cell::new(false),
        }
    }
}

impl Ctx<'_> {
    /// Sets a variable if all of the conditions hold. Where there is no value, it keeps the one that it has.
    pub fn set_var(&self, var: VarId, conditions: &[SetVarCondition], value: Option<Sample<'_>>) {
        let Some(value) = value else { return };
        let old = self.vars.get(var);
        if conditions.iter().all(|condition| condition.holds(var, old.as_ref(), &value)) {
            self.vars.set(var, Some(value.into()));
        }
    }
}

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, as received or as rules changed it.
    pub uri: &'a Uri,
    /// The version.
    pub version: Version,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// Whether it is the first of its connection.
    pub first: bool,
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The version.
    pub version: Version,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// Where it came from other than from a server.
    pub origin: ResponseOrigin<'a>,
}

/// Who made a response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseOrigin<'a> {
    /// A server, or the daemon itself.
    #[default]
    Server,
    /// The cache of this name.
    Cache(&'a str),
}

/// Bytes of one direction, as far as they are there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buffer<'a> {
    /// The bytes. None: this layer buffers nothing here.
    pub bytes: Option<&'a [u8]>,
    /// Whether no more will come.
    pub complete: bool,
    /// The length that the sender announced.
    pub announced: Option<u64>,
}

/// What outlives the heads of a request and of its response.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Method, target and version of the request as the client sent them.
    pub request: Option<KeptRequest>,
    /// The version of the response.
    pub response_version: Option<Version>,
    /// The status of the response.
    pub status: Option<u16>,
    /// Captured request values by slot: `capture request header` and `http-request capture`.
    pub request_captures: Captures,
    /// Captured response values by slot.
    pub response_captures: Captures,
    /// `capture cookie`: `name=value` of the request.
    pub request_cookie: Option<Bytes>,
    /// `capture cookie`: `name=value` of the response.
    pub response_cookie: Option<Bytes>,
    /// `unique-id-format`, formatted.
    pub unique_id: Option<Bytes>,
    /// File and line of the last rule that ended an evaluation.
    pub last_rule: Option<(std::sync::Arc<str>, u32)>,
    /// What the daemon compresses the response with, as `Content-Encoding` says.
    pub compression: Option<&'static str>,
    /// `set-priority-class`.
    pub priority_class: i32,
    /// `set-priority-offset`, milliseconds.
    pub priority_offset: i32,
    /// `timeout server` in effect.
    pub server_timeout: Option<Duration>,
    /// `timeout tunnel` in effect.
    pub tunnel_timeout: Option<Duration>,
}

/// Captured values by slot. The converters `capture-req` and `capture-res` set them in the midst of an evaluation.
#[derive(Clone, Debug, Default)]
pub struct Captures(RefCell<Vec<Option<Bytes>>>);

impl Captures {
    /// The value of a slot.
    pub fn get(&self, slot: usize) -> Option<Bytes> {
        self.0.borrow().get(slot).cloned().flatten()
    }

    /// Sets the value of a slot, as far as its room goes.
    pub fn set(&self, slot: usize, room: CaptureRoom, value: Option<Bytes>) {
        let mut values = self.0.borrow_mut();
        values.resize(room.slots, None);
        if let Some(place) = values.get_mut(slot) {
            *place = value.map(|mut bytes| {
                bytes.truncate(room.bytes);
                bytes
            });
        }
    }

    /// The values, as far as there are any.
    pub fn values(&self) -> Ref<'_, [Option<Bytes>]> {
        Ref::map(self.0.borrow(), Vec::as_slice)
    }
}

/// What a frontend declares of a capture slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureRoom {
    /// The longest value that it keeps.
    pub bytes: usize,
    /// How many slots there are.
    pub slots: usize,
}

impl From<Vec<Option<Bytes>>> for Captures {
    fn from(values: Vec<Option<Bytes>>) -> Self {
        Self(RefCell::new(values))
    }
}

/// The first line of a request.
#[derive(Clone, Debug)]
pub struct KeptRequest {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Bytes,
    /// The version.
    pub version: Version,
    /// Whether it is the first of its connection.
    pub first: bool,
}

/// A connection, on either side.
///
/// Methods answer from what the session already knows; those that cost a system call say so.
pub trait Connection {
    /// Who is at the other end: for the client's side, as the PROXY protocol or rules say.
    fn src(&self) -> Option<SocketAddr>;
    /// Where it went: for the client's side, as the PROXY protocol or rules say.
    fn dst(&self) -> Option<SocketAddr>;
    /// The source as the socket or `tcp-request connection` rules have it, whatever the PROXY protocol or later rules
    /// say.
    fn original_src(&self) -> Option<SocketAddr> {
        self.src()
    }
    /// The destination likewise.
    fn original_dst(&self) -> Option<SocketAddr> {
        self.dst()
    }
    /// `name` of the `bind` line, on the client's side.
    fn listener_name(&self) -> Option<&str> {
        None
    }
    /// `id` of the `bind` line, on the client's side.
    fn listener_id(&self) -> Option<u32> {
        None
    }
    /// Connections that are open on the same `bind` line.
    fn listener_connections(&self) -> Option<u32> {
        None
    }
    /// The version of HTTP on the wire: 1, 2 or 3.
    fn http_major(&self) -> Option<u8> {
        None
    }
    /// What went wrong, by HAProxy's number, and the words for it. Zero: nothing.
    fn error(&self) -> (u32, &str) {
        (0, "Success")
    }
    /// What the PROXY protocol brought, where it was used.
    fn proxy_header(&self) -> Option<ProxyHeader<'_>> {
        None
    }
    /// What the kernel measured. A system call.
    fn tcp_info(&self) -> Option<TcpInfo> {
        None
    }
    /// TLS, where it is used.
    fn tls(&self) -> Option<&dyn Tls> {
        None
    }
}

/// Fields of a PROXY protocol header.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProxyHeader<'a> {
    /// The authority TLV.
    pub authority: Option<&'a [u8]>,
    /// The unique-id TLV.
    pub unique_id: Option<&'a [u8]>,
}

/// A part of the kernel's `struct tcp_info` (linux/tcp.h).
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpInfo {
    /// Smoothed round-trip time, microseconds.
    pub rtt_us: u32,
    /// Its variance, microseconds.
    pub rttvar_us: u32,
    /// Segments not acknowledged.
    pub unacked: u32,
    /// Segments acknowledged selectively.
    pub sacked: u32,
    /// Segments taken for lost.
    pub lost: u32,
    /// Segments retransmitted and not acknowledged.
    pub retrans: u32,
    /// Segments forward-acknowledged.
    pub fackets: u32,
    /// The reordering that was seen.
    pub reordering: u32,
}

/// TLS of a connection that the daemon terminates or opens.
pub trait Tls {
    /// The protocol: `TLSv1.2`, `TLSv1.3`.
    fn protocol(&self) -> Option<&str>;
    /// The cipher suite, by OpenSSL's name.
    fn cipher(&self) -> Option<&str>;
    /// Bits of the symmetric key.
    fn key_bits(&self) -> Option<u32> {
        None
    }
    /// The server name that the client asked for.
    fn sni(&self) -> Option<&str> {
        None
    }
    /// What is kept of the client's hello.
    fn greeting(&self) -> Option<&Greeting> {
        None
    }
    /// The protocol that ALPN agreed on.
    fn alpn(&self) -> Option<&[u8]> {
        None
    }
    /// Whether a session was resumed.
    fn is_resumed(&self) -> Option<bool> {
        None
    }
    /// Whether early data were received and the handshake is not over.
    fn has_early_data(&self) -> Option<bool> {
        None
    }
    /// The certificate that the peer presented in this connection, DER.
    fn peer_certificate(&self) -> Option<&[u8]> {
        None
    }
    /// The chain that the peer presented, DER, one certificate after the other, the peer's own first.
    fn peer_chain(&self) -> Option<Vec<u8>> {
        None
    }
    /// The certificate that the daemon presented, DER.
    fn own_certificate(&self) -> Option<&[u8]> {
        None
    }
    /// OpenSSL's number for the result of verifying the peer: 0 is success.
    fn verify_result(&self) -> Option<u32> {
        None
    }
    /// OpenSSL's number for what was wrong with the peer's own certificate and passed over; 0 is nothing.
    fn certificate_error(&self) -> Option<u32> {
        None
    }
    /// The same for the certificates above it, with the depth.
    fn authority_error(&self) -> Option<(u32, u8)> {
        None
    }
}

/// The entries of stick tables that `track-sc0` and its siblings chose.
pub trait Tracked {
    /// A figure of the entry that a slot tracks, or of the entry with the same key in another table. None:
    /// the slot tracks nothing.
    fn counter(&self, slot: u8, table: Option<TableId>, what: Counter) -> Option<i64>;
}

impl Buffer<'_> {
    /// The bytes, empty where there are none.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.unwrap_or_default()
    }
}

impl<'a> Ctx<'a> {
    /// The client's address.
    pub fn src(&self) -> Option<IpAddr> {
        Some(self.client?.src()?.ip().to_canonical())
    }

    /// Notes that more bytes may change the answer.
    pub fn wait_for_more(&self) {
        if self.may_wait {
            self.incomplete.set(true);
        }
    }
}
