//! `bind`: addresses and what follows them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::args::invalid;
use super::tls::BIND_TLS;
use super::{Address, Args, HostPart, Keyword, Ports, Sections, inert, lookup, newer, served, unread};
use crate::diag::{Code, Diagnostic};
use crate::draft::{BindDraft, BindSettings, ProxyDraft};
use crate::lex::Word;
use crate::model::{BindAddress, CommandLevel};
use crate::span::Span;

const F: Sections = Sections::FRONTEND;
const G: Sections = Sections::GLOBAL;
const FG: Sections = F.union(G);

/// Where network namespaces are found by name (ip-netns(8)).
const NAMESPACES: &str = "/var/run/netns";
/// Where a process finds the files that it has open (proc(5)).
const OPEN_FILES: &str = "/proc/self/fd";

/// All words behind an address.
pub(crate) static BINDS: &[&[Keyword<BindSettings>]] = &[BIND, BIND_TLS[0], BIND_TLS[1]];

/// The words behind the addresses of `bind` and, where valid in `global`, of `stats socket`.
static BIND: &[Keyword<BindSettings>] = &[
    served("name", "<name>", F, "the address's name in statistics", |b, a| {
        b.name = Some(a.word("a name")?.text.clone());
        Ok(())
    }),
    served("id", "<number>", F, "the address's number in statistics", |b, a| {
        b.id = Some(a.number(1..=u32::MAX)?);
        Ok(())
    }),
    served("maxconn", "<number>", FG, "concurrent connections of this address", |b, a| {
        b.maxconn = Some(a.number(0..=u32::MAX)?).filter(|n| *n > 0);
        Ok(())
    }),
    served("backlog", "<number>", FG, "connections that may wait to be accepted", |b, a| {
        b.socket.backlog = Some(a.number(0..=i32::MAX.unsigned_abs())?).filter(|n| *n > 0);
        Ok(())
    }),
    served("interface", "<name>", F, "takes only what arrives at this interface", |b, a| {
        b.socket.interface = Some(a.word("the name of an interface")?.text.clone());
        Ok(())
    }),
    served("v6only", "", F, "an IPv6 wildcard takes no IPv4", |b, _| {
        b.socket.v6_only = Some(true);
        Ok(())
    }),
    served("v4v6", "", F, "an IPv6 wildcard takes IPv4 too", |b, _| {
        b.socket.v6_only = Some(false);
        Ok(())
    }),
    served("transparent", "", F, "takes traffic for addresses that the host does not have", |b, _| {
        b.socket.transparent = true;
        Ok(())
    }),
    served("defer-accept", "", F, "accepts a connection once it has data", |b, _| {
        b.socket.defer_accept = true;
        Ok(())
    }),
    served("mss", "<number>", F, "the largest TCP segment; below 0, so much less than the usual", |b, a| {
        let mss = a.number(-65_535..=65_535)?;
        if mss == 0 {
            return Err(invalid(a.last(), "a segment has at least one byte"));
        }
        b.socket.mss = Some(mss);
        Ok(())
    }),
    served("tcp-ut", "<time>", F, "how long unacknowledged data may wait", |b, a| {
        b.socket.user_timeout = Some(a.time()?);
        Ok(())
    }),
    served("tfo", "", F, "TCP Fast Open", |b, _| {
        b.socket.fast_open = true;
        Ok(())
    }),
    served("namespace", "<name>", F, "the network namespace to listen in", |b, a| {
        let word = a.word("the name of a network namespace")?;
        if lacks(NAMESPACES, word, a.host) {
            return Err(invalid(word, format!("there is no network namespace '{}'", word.text)));
        }
        b.socket.namespace = Some(word.text.clone());
        Ok(())
    }),
    served("mode", "<octal>", FG, "the permissions of a socket's file", |b, a| {
        b.file.mode = Some(permissions(a)?);
        Ok(())
    }),
    served("user", "<name>", FG, "the owner of a socket's file", |b, a| {
        b.file.uid = Some(user(a)?);
        Ok(())
    }),
    served("group", "<name>", FG, "the group of a socket's file", |b, a| {
        b.file.gid = Some(group(a)?);
        Ok(())
    }),
    served("uid", "<number>", FG, "the owner of a socket's file by number", |b, a| {
        b.file.uid = Some(a.number(0..=u32::MAX)?);
        Ok(())
    }),
    served("gid", "<number>", FG, "the group of a socket's file by number", |b, a| {
        b.file.gid = Some(a.number(0..=u32::MAX)?);
        Ok(())
    }),
    served("level", "user|operator|admin", FG, "what clients of a stats socket may do", |b, a| {
        let levels = [
            ("user", CommandLevel::User),
            ("operator", CommandLevel::Operator),
            ("admin", CommandLevel::Admin),
        ];
        b.level = Some(a.choice(&levels)?);
        if !a.sections.contains(G) {
            inert::argument_note("level", "this address takes no commands", a);
        }
        Ok(())
    }),
    inert(
        "expose-fd",
        "listeners",
        FG,
        "lets a new process take over the listeners",
        "a reload happens in the process, and two processes can share an address",
    ),
    inert(
        "severity-output",
        "none|number|string",
        FG,
        "how answers to commands show their severity",
        "answers to commands show no severity",
    ),
    served("accept-proxy", "", F, "expects a PROXY protocol header", |b, _| {
        b.accept_proxy = true;
        Ok(())
    }),
    unread("accept-netscaler-cip", "<magic>", F, "expects a NetScaler client address header"),
    newer("label", "<name>", F, "a name for a guid prefix"),
    newer("guid-prefix", "<text>", F, "a name that survives reloads"),
    newer("idle-ping", "<time>", F, "how often a silent HTTP/2 client is probed"),
    newer("cc", "<name>", F, "the congestion control algorithm"),
    newer("nbconn", "<number>", F, "how many connections a reverse listener keeps"),
    inert(
        "nice",
        "<-1024..1024>",
        F,
        "the scheduling priority of its connections",
        "connections are served in the order in which they are ready",
    ),
    served("process", "<set>", FG, "which threads accept; an old form of thread", process),
    served("proto", "h1|h2", F, "the protocol that clients speak without saying so", |b, a| {
        b.speaks_h2 = a.choice(&[("h1", false), ("h2", true)])?;
        Ok(())
    }),
    inert(
        "shards",
        "<1..64>|by-thread|by-group",
        F,
        "how many sockets share the address",
        "each thread has a socket of its own",
    ),
    inert("thread", "<threads>", F, "which threads accept", "all threads accept"),
    newer("quic-cc-algo", "<name>", F, "QUIC's congestion control algorithm"),
    newer("quic-force-retry", "", F, "QUIC's address validation for every client"),
    newer("quic-socket", "connection|listener", F, "how QUIC connections use sockets"),
];

/// `process SET`
fn process(_: &mut BindSettings, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    process_set(args)?;
    let warning = Diagnostic::warning(Code::Deprecated, "'process' is an old word, and all threads accept");
    args.note(warning.at(args.last().span).label("leave it out"));
    Ok(())
}

/// A set of processes: there is one, so a set is any that holds it, or that may hold none.
pub(super) fn process_set(args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("a set of processes")?;
    let processes = word.split('/').next().unwrap_or_default();
    let mut ends = processes.split('-');
    if ["all", "odd", "even"].contains(&processes) || ends.all(|end| end == "1") {
        return Ok(());
    }
    let error = invalid(word, format!("'{}' is not a set of processes", word.text));
    Err(error.label("expected 1, all, odd or even: there is one process"))
}

/// Permissions in octal digits.
pub(super) fn permissions(args: &mut Args<'_>) -> Result<u32, Diagnostic> {
    let word = args.word("permissions such as 660")?;
    let mode = u32::from_str_radix(word, 8).ok().filter(|m| *m <= 0o7777);
    mode.ok_or_else(|| {
        invalid(word, format!("'{}' are not permissions", word.text))
            .label("expected octal digits such as 660")
    })
}

/// A user by name.
pub(super) fn user(args: &mut Args<'_>) -> Result<u32, Diagnostic> {
    let word = args.word("the name of a user")?;
    args.host.user_id(word).ok_or_else(|| invalid(word, format!("there is no user '{}' here", word.text)))
}

/// A group by name.
pub(super) fn group(args: &mut Args<'_>) -> Result<u32, Diagnostic> {
    let word = args.word("the name of a group")?;
    args.host.group_id(word).ok_or_else(|| invalid(word, format!("there is no group '{}' here", word.text)))
}

/// The most addresses of a section.
const MOST: usize = 1 << 16;

/// `bind ADDRESS[,…] …`
pub(super) fn bind(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("an address such as :80 or 10.0.0.1:443")?;
    let addresses = addresses(word, args.host)?;
    let settings = settings(args);
    if settings.id.is_some() && addresses.len() > 1 {
        return Err(invalid(word, "'id' is for a single address"));
    }
    if proxy.binds.len() + addresses.len() > MOST {
        return Err(invalid(word, format!("a section has at most {MOST} addresses")));
    }
    for (address, span) in addresses {
        proxy.binds.push(BindDraft { address, settings: settings.clone(), span });
    }
    Ok(())
}

/// The words behind an address.
pub(super) fn settings(args: &mut Args<'_>) -> BindSettings {
    let mut settings = BindSettings::default();
    lookup::read_params(BINDS, &mut settings, args);
    settings
}

/// The addresses of a word, which commas separate.
pub(super) fn addresses(
    word: &Word,
    host: &dyn crate::host::Host,
) -> Result<Vec<(BindAddress, Span)>, Diagnostic> {
    let mut found = Vec::new();
    let mut offset = 0;
    for part in word.text.split(',') {
        let span = word.part(offset..offset + part.len());
        offset += part.len() + 1;
        found.extend(one(part, span, host)?);
        if found.len() > usize::from(u16::MAX) {
            return Err(invalid(word, "a line has at most 65535 addresses"));
        }
    }
    Ok(found)
}

/// Whether a folder of the system lacks an entry. One that cannot be listed lacks all; what is no folder tells nothing.
fn lacks(folder: &str, name: &str, host: &dyn crate::host::Host) -> bool {
    match host.list(folder.as_ref()) {
        Ok(None) => false,
        Ok(Some(entries)) => !entries.iter().any(|e| e.file_name().is_some_and(|n| n == name)),
        Err(_) => true,
    }
}

fn one(text: &str, span: Span, host: &dyn crate::host::Host) -> Result<Vec<(BindAddress, Span)>, Diagnostic> {
    let address = Address::parse(text, span)?;
    let missing = || {
        let error = Diagnostic::alert(Code::MissingArgument, format!("'{text}' has no port"));
        error.at(span).label("expected an address and a port such as :80")
    };
    let ip = match address.host {
        HostPart::Unix(path) if path == PathBuf::new() => return Err(missing()),
        HostPart::Unix(path) => return Ok(vec![(BindAddress::Unix(path), span)]),
        HostPart::Fd(number) if lacks(OPEN_FILES, &number.to_string(), host) => {
            let error = Diagnostic::alert(Code::UnknownName, format!("file descriptor {number} is not open"));
            return Err(error.at(span).label("expected one that this process was started with"));
        }
        HostPart::Fd(number) => return Ok(vec![(BindAddress::Inherited(number), span)]),
        HostPart::Any => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        HostPart::Ip(ip) => ip,
        HostPart::Name(name) => resolve(&name, span, host)?,
    };
    match address.ports {
        Ports::Range(first, last) if first > 0 => Ok(BindDraft::of_range(ip, first..=last, span).collect()),
        Ports::Offset(_) => {
            let error =
                Diagnostic::alert(Code::InvalidArgument, format!("'{text}' has a port relative to nothing"));
            Err(error.at(span))
        }
        Ports::None | Ports::Range(..) => Err(missing()),
    }
}

/// The first address of a host name.
pub(super) fn resolve(name: &str, span: Span, host: &dyn crate::host::Host) -> Result<IpAddr, Diagnostic> {
    host.addresses(name).first().copied().ok_or_else(|| {
        let error = Diagnostic::alert(Code::UnknownName, format!("cannot resolve the host name '{name}'"));
        error.at(span)
    })
}
