//! `resolvers` sections.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::args::invalid;
use super::bind::resolve;
use super::{Address, Args, HostPart, Keyword, Ports, Sections, served};
use crate::diag::{Code, Diagnostic};
use crate::model::{NameServer, Resolvers};

const R: Sections = Sections::RESOLVERS;

/// Where the system's name servers are listed (resolv.conf(5)).
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where the system's name servers listen.
const DNS_PORT: u16 = 53;

/// The rows.
pub(crate) static RESOLVERS: &[Keyword<Resolvers>] = &[
    served(
        "nameserver",
        "<name> <address>:<port>",
        R,
        "a name server; tcp@ before its address: over TCP",
        nameserver,
    ),
    served("parse-resolv-conf", "", R, "the system's name servers", |r, a| {
        let found = system_servers(a.host).map_err(|e| {
            let message = format!("cannot read {RESOLV_CONF}: {e}");
            Diagnostic::alert(Code::File, message).at(a.whole())
        })?;
        if found.is_empty() {
            let message = format!("{RESOLV_CONF} names no name server");
            a.note(Diagnostic::warning(Code::NoEffect, message).at(a.whole()));
        }
        r.servers.extend(found);
        Ok(())
    }),
    served("accepted_payload_size", "<number>", R, "the longest answer over UDP in bytes", |r, a| {
        // Every name server may answer with as much as this (RFC 1035, section 4.2.1).
        r.payload = a.number(12..=u16::MAX)?.max(512);
        Ok(())
    }),
    served("resolve_retries", "<number>", R, "questions before an attempt is given up", |r, a| {
        r.retries = a.number(1..=u32::MAX)?;
        Ok(())
    }),
    served(
        "timeout",
        "resolve|retry <time>",
        R,
        "between two lookups, or the longest that an answer may take",
        |r, a| {
            let field = match a.choice(&[("resolve", true), ("retry", false)])? {
                true => &mut r.interval,
                false => &mut r.timeout,
            };
            let time = a.time()?;
            if time.is_zero() {
                return Err(invalid(a.last(), "the time must not be zero"));
            }
            *field = time;
            Ok(())
        },
    ),
    served(
        "hold",
        "nx|refused|timeout|other|valid|obsolete <time>",
        R,
        "how long what was found last is good for",
        |r, a| {
            let words = ["nx", "refused", "timeout", "other", "valid", "obsolete"];
            let words: Vec<_> = words.into_iter().zip(0..).collect();
            let hold = &mut r.hold;
            let fields = [
                &mut hold.nx,
                &mut hold.refused,
                &mut hold.timeout,
                &mut hold.other,
                &mut hold.valid,
                &mut hold.obsolete,
            ];
            let index = a.choice(&words)?;
            let time = a.time()?;
            fields.into_iter().skip(index).take(1).for_each(|field| *field = time);
            Ok(())
        },
    ),
];

/// `nameserver NAME ADDRESS:PORT`
fn nameserver(section: &mut Resolvers, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let name = args.word("a name")?;
    super::check_name(name)?;
    if section.servers.iter().any(|s| *s.name == *name.text) {
        let message = format!("there are two name servers '{}'", name.text);
        return Err(Diagnostic::alert(Code::Duplicate, message).at(name.span));
    }
    let word = args.word("an address such as 10.0.0.53:53")?;
    let address = Address::parse(word, word.span)?;
    let ip = match address.host {
        HostPart::Ip(ip) => ip,
        HostPart::Any => IpAddr::V4(Ipv4Addr::LOCALHOST),
        HostPart::Name(name) => resolve(&name, word.span, args.host)?,
        HostPart::Unix(_) | HostPart::Fd(_) => {
            return Err(invalid(word, "a name server has a network address"));
        }
    };
    let port = match address.ports {
        Ports::Range(first, last) if first == last && first > 0 => first,
        _ => {
            return Err(
                invalid(word, "a name server needs a port").label("expected an address such as 10.0.0.53:53")
            );
        }
    };
    let tcp = word.starts_with("tcp");
    section.servers.push(NameServer { name: name.text.as_str().into(), address: (ip, port).into(), tcp });
    Ok(())
}

/// The name servers of the system.
pub(crate) fn system_servers(host: &dyn crate::host::Host) -> std::io::Result<Vec<NameServer>> {
    let text = host.read(RESOLV_CONF.as_ref())?;
    let text = String::from_utf8_lossy(&text);
    let addresses = text.lines().filter_map(|line| {
        let address = line.strip_prefix("nameserver")?.trim();
        address.split('%').next()?.parse::<IpAddr>().ok()
    });
    let server = |ip: IpAddr| NameServer {
        name: ip.to_string().into(),
        address: SocketAddr::new(ip, DNS_PORT),
        tcp: false,
    };
    Ok(addresses.map(server).collect())
}
