//! `ring` sections.

use std::net::{IpAddr, Ipv4Addr};

use super::args::invalid;
use super::bind::resolve;
use super::{Address, Args, HostPart, Keyword, LOG_FORMATS, Ports, Sections, newer, served};
use crate::diag::{Code, Diagnostic};
use crate::model::{Ring, RingServer, StreamFraming};

const R: Sections = Sections::RING;

/// The rows.
pub(crate) static RING: &[Keyword<Ring>] = &[
    served("description", "<text>…", R, "what the ring is for", |r, a| {
        if a.peek().is_none() {
            a.word("a text")?;
        }
        let words: Vec<_> = a.take_rest().iter().map(|w| w.text.as_str()).collect();
        r.description = Some(words.join(" "));
        Ok(())
    }),
    served("format", "<name>", R, "the form of messages whose 'log' line names none", |r, a| {
        r.format = a.choice(&LOG_FORMATS)?;
        Ok(())
    }),
    served("maxlen", "<number>", R, "the longest message in bytes", |r, a| {
        r.max_len = a.number(1..=usize::from(u16::MAX) * 16)?;
        Ok(())
    }),
    served("size", "<size>", R, "bytes of messages that are kept", size),
    served("timeout connect", "<time>", R, "the longest that connecting to a server may take", |r, a| {
        r.timeout_connect = Some(a.time()?);
        Ok(())
    }),
    served("timeout server", "<time>", R, "the longest that a server may take nothing", |r, a| {
        r.timeout_server = Some(a.time()?);
        Ok(())
    }),
    served("timeout client", "<time>", R, "nothing, as in HAProxy: a ring has no clients", |_, a| {
        a.time().map(|_| ())
    }),
    served(
        "server",
        "<name> <address>:<port> [log-proto legacy|octet-count]",
        R,
        "a log server that is sent the messages, over TCP",
        server,
    ),
    newer("backing-file", "<file>", R, "keeps the messages in a file"),
];

/// The largest ring, in bytes.
const LARGEST: u64 = 1 << 30;

/// It only grows.
fn size(ring: &mut Ring, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let size = args.size()?;
    match usize::try_from(size) {
        Ok(bytes) if bytes >= ring.size && size <= LARGEST => ring.size = bytes,
        _ => {
            let message = format!("the ring has {} bytes already, and at most 1 GB", ring.size);
            return Err(invalid(args.last(), message));
        }
    }
    Ok(())
}

/// `server NAME ADDRESS:PORT [log-proto legacy|octet-count]`
fn server(ring: &mut Ring, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let name = args.word("a name")?;
    super::check_name(name)?;
    if let Some(first) = ring.servers.iter().find(|server| *server.name == *name.text) {
        let message = format!("there are two servers '{}' in '{}'", name.text, ring.name);
        return Err(Diagnostic::alert(Code::Duplicate, message)
            .at(name.span)
            .related(first.span, "the first one"));
    }
    let word = args.word("an address such as 10.0.0.1:514")?;
    let address = Address::parse(word, word.span)?;
    let ip = match address.host {
        HostPart::Ip(ip) => ip,
        HostPart::Any => IpAddr::V4(Ipv4Addr::LOCALHOST),
        HostPart::Name(name) => resolve(&name, word.span, args.host)?,
        HostPart::Unix(_) | HostPart::Fd(_) => {
            let error = Diagnostic::alert(
                Code::NotServed,
                "log servers on Unix sockets are not supported yet by lbx",
            );
            return Err(error.at(word.span));
        }
    };
    let port = match address.ports {
        Ports::Range(first, last) if first == last && first > 0 => first,
        _ => return Err(invalid(word, "a log server needs a port").label("expected an address and a port")),
    };
    let mut framing = StreamFraming::default();
    while let Some(word) = args.take() {
        match word.as_ref() {
            "log-proto" => {
                let choices = [("legacy", StreamFraming::Lines), ("octet-count", StreamFraming::OctetCount)];
                framing = args.choice(&choices)?;
            }
            _ => {
                let message = format!("'{}' of a log server is not supported yet by lbx", word.text);
                return Err(Diagnostic::alert(Code::NotServed, message)
                    .at(word.span)
                    .nearest(word, ["log-proto"]));
            }
        }
    }
    let name_text = name.text.as_str().into();
    ring.servers.push(RingServer { name: name_text, address: (ip, port).into(), framing, span: name.span });
    Ok(())
}
