//! `server` and `default-server`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use ipnet::IpNet;

use super::args::invalid;
use super::bind::resolve;
use super::tls::SERVER_TLS;
use super::{
    Address, Args, HostPart, Keyword, Ports, Sections, inert, lookup, newer, outgoing, served, unread,
};
use crate::diag::{Code, Diagnostic};
use crate::draft::{Placed, ProxyDraft, ServerDraft, ServerSettings};
use crate::lex::Word;
use crate::model::{InitialAddress, PortSpec, ServerAddress};

const B: Sections = Sections::BACKEND.union(Sections::DEFAULTS);

/// All words behind a server's address.
pub(crate) static SERVERS: &[&[Keyword<ServerSettings>]] =
    &[SERVER, outgoing::OUTGOING, SERVER_TLS[0], SERVER_TLS[1]];

/// The words behind a server's address but those of TLS.
static SERVER: &[Keyword<ServerSettings>] = &[
    served("check", "", B, "is checked", |s, a| {
        s.check.enabled = Some(a.last().span);
        Ok(())
    }),
    served("no-check", "", B, "is not checked", |s, _| {
        s.check.enabled = None;
        Ok(())
    }),
    served("inter", "<time>", B, "between two checks", |s, a| positive(a, &mut s.check.inter)),
    served("fastinter", "<time>", B, "between two checks while its state changes", |s, a| {
        positive(a, &mut s.check.fastinter)
    }),
    served("downinter", "<time>", B, "between two checks while it is down", |s, a| {
        positive(a, &mut s.check.downinter)
    }),
    served("rise", "<number>", B, "successful checks that bring it up", |s, a| {
        s.check.rise = Some(a.number(1..=u32::MAX)?);
        Ok(())
    }),
    served("fall", "<number>", B, "failed checks that bring it down", |s, a| {
        s.check.fall = Some(a.number(1..=u32::MAX)?);
        Ok(())
    }),
    served("port", "<port>", B, "the port that is checked", |s, a| {
        s.check.port = Some(a.number(1..=u16::MAX)?);
        Ok(())
    }),
    served("addr", "<address>", B, "the address that is checked", |s, a| {
        let word = a.word("an address")?;
        let address = Address::parse(word, word.span)?;
        s.check.addr = Some(match address.host {
            HostPart::Ip(ip) => ip,
            HostPart::Name(name) => resolve(&name, word.span, a.host)?,
            _ => return Err(invalid(word, format!("'{}' is not an address to check", word.text))),
        });
        if let Ports::Range(port, _) = address.ports {
            s.check.port = Some(port);
        }
        Ok(())
    }),
    served("agent-check", "", B, "asks an agent for its state", |s, a| {
        s.agent.enabled = Some(a.last().span);
        Ok(())
    }),
    served("no-agent-check", "", B, "asks no agent", |s, _| {
        s.agent.enabled = None;
        Ok(())
    }),
    served("agent-addr", "<address>", B, "where the agent listens", |s, a| {
        let word = a.word("an address")?;
        s.agent.addr = Some(match Address::parse(word, word.span)?.host {
            HostPart::Ip(ip) => ip,
            HostPart::Name(name) => resolve(&name, word.span, a.host)?,
            _ => return Err(invalid(word, format!("'{}' is not an address of an agent", word.text))),
        });
        Ok(())
    }),
    served("agent-inter", "<time>", B, "between two questions to the agent", |s, a| {
        positive(a, &mut s.agent.inter)
    }),
    served("agent-port", "<port>", B, "the agent's port", |s, a| {
        s.agent.port = Some(a.number(1..=u16::MAX)?);
        Ok(())
    }),
    served("agent-send", "<text>", B, "what the agent is sent", |s, a| {
        s.agent.send = a.word("a text")?.text.clone();
        Ok(())
    }),
    served("weight", "<number>", B, "its share of the load, 0 to 256", |s, a| {
        s.weight = Some(a.number(0..=256)?);
        Ok(())
    }),
    served("backup", "", B, "is used only when no other server is usable", |s, _| {
        s.backup = true;
        Ok(())
    }),
    served("no-backup", "", B, "is no backup", |s, _| {
        s.backup = false;
        Ok(())
    }),
    served("maxconn", "<number>", B, "concurrent connections; the rest waits", |s, a| {
        s.maxconn = limit(a)?;
        Ok(())
    }),
    served("minconn", "<number>", B, "concurrent connections while the backend is idle", |s, a| {
        s.minconn = limit(a)?;
        Ok(())
    }),
    served("maxqueue", "<number>", B, "connections that may wait for it", |s, a| {
        s.maxqueue = limit(a)?;
        Ok(())
    }),
    served("slowstart", "<time>", B, "how long its weight grows after it came up", |s, a| {
        s.slowstart = Some(a.time_in(Duration::from_secs(1))?);
        Ok(())
    }),
    served("disabled", "", B, "starts in maintenance", |s, _| {
        s.disabled = true;
        Ok(())
    }),
    served("enabled", "", B, "starts in service", |s, _| {
        s.disabled = false;
        Ok(())
    }),
    served("id", "<number>", Sections::BACKEND, "its number in statistics", |s, a| {
        let number = a.number(1..=u32::MAX)?;
        s.id = Some(Placed::new(number, a.last().span));
        Ok(())
    }),
    served("on-marked-down", "shutdown-sessions", B, "closes its connections when it goes down", |s, a| {
        a.choice(&[("shutdown-sessions", ())])?;
        s.shutdown_on_down = true;
        Ok(())
    }),
    served(
        "on-marked-up",
        "shutdown-backup-sessions",
        B,
        "closes connections of backup servers when it comes up",
        |s, a| {
            a.choice(&[("shutdown-backup-sessions", ())])?;
            s.shutdown_backups_on_up = true;
            Ok(())
        },
    ),
    served("cookie", "<value>", B, "its value in the persistence cookie", |s, a| {
        s.cookie = Some(a.word("a value")?.text.clone());
        Ok(())
    }),
    unread("track", "<server>", B, "follows the state of another server"),
    unread("observe", "layer4|layer7", B, "watches traffic for errors"),
    unread("error-limit", "<number>", B, "errors in traffic that count as a failed check"),
    unread("on-error", "<action>", B, "what errors in traffic lead to"),
    unread("check-send-proxy", "", B, "checks send a PROXY protocol header"),
    unread("no-check-send-proxy", "", B, "checks send no PROXY protocol header"),
    unread("check-proto", "<name>", B, "the protocol that checks speak"),
    unread("check-via-socks4", "", B, "checks go through the SOCKS4 proxy"),
    newer("check-pool-conn-name", "<expression>", B, "the pooled connections that checks use"),
    newer("check-reuse-pool", "", B, "checks use pooled connections"),
    newer("curves", "<list>", B, "groups for the key exchange"),
    newer("sigalgs", "<list>", B, "signature algorithms"),
    newer("client-sigalgs", "<list>", B, "signature algorithms of client certificates"),
    newer("renegotiate", "", B, "lets the server renegotiate"),
    newer("no-renegotiate", "", B, "does not let the server renegotiate"),
    unread("redir", "<prefix>", B, "redirects requests instead of forwarding them"),
    unread("non-stick", "", B, "is not remembered in stick tables"),
    unread("stick", "", B, "is remembered in stick tables"),
    newer("pool-conn-name", "<expression>", B, "which idle connections may be shared"),
    newer("idle-ping", "<time>", B, "how often a silent HTTP/2 server is probed"),
    unread("namespace", "<name>", B, "the network namespace to connect from"),
    newer("init-state", "<state>", B, "its state at the start"),
    unread("log-proto", "legacy|octet-count", B, "the framing of log messages over TCP"),
    newer("log-bufsize", "<size>", B, "the buffer for log messages"),
    unread("socks4", "<address>", B, "the SOCKS4 proxy on the way to it"),
    served("resolvers", "<section>", B, "the name servers that its name is looked up with", |s, a| {
        let word = a.word("the name of a resolvers section")?;
        s.resolvers = Some(Placed::new(word.text.clone(), word.span));
        Ok(())
    }),
    served("resolve-prefer", "ipv4|ipv6", B, "the preferred family of its addresses", |s, a| {
        s.prefer_v4 = a.choice(&[("ipv4", true), ("ipv6", false)])?;
        Ok(())
    }),
    served("resolve-opts", "<list>", B, "how its name is looked up", resolve_opts),
    served("resolve-net", "<list>", B, "the preferred networks of its addresses", |s, a| {
        let word = a.word("networks such as 10.0.0.0/8")?;
        let network = |text: &str| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let networks: Result<_, _> = word.split(',').map(network).collect();
        s.networks =
            networks.map_err(|_| invalid(word, format!("'{}' is no list of networks", word.text)))?;
        Ok(())
    }),
    served("init-addr", "<list>", B, "how its name is resolved at the start", init_addr),
    served("tcp-ut", "<time>", B, "how long unacknowledged data may wait", |s, a| {
        s.user_timeout = Some(a.time()?);
        Ok(())
    }),
    inert("tfo", "", B, "TCP Fast Open", "data are sent once the connection stands"),
    inert("no-tfo", "", B, "no TCP Fast Open", "data are sent once the connection stands"),
    newer("cc", "<name>", B, "the congestion control algorithm"),
    newer("shard", "<number>", B, "its share of stick tables"),
    newer("hash-key", "id|addr|addr-port", B, "what a consistent hash knows it by"),
    newer("guid", "<text>", B, "a name that survives reloads"),
];

/// A time above zero.
fn positive(args: &mut Args<'_>, field: &mut Option<Duration>) -> Result<(), Diagnostic> {
    let time = args.time()?;
    if time.is_zero() {
        return Err(invalid(args.last(), "the interval must not be zero"));
    }
    *field = Some(time);
    Ok(())
}

/// A number of connections, of which zero means no limit.
fn limit(args: &mut Args<'_>) -> Result<Option<u32>, Diagnostic> {
    Ok(Some(args.number(0..=u32::MAX)?).filter(|n| *n > 0))
}

/// Words that belong to one server.
const NO_DEFAULTS: [&str; 6] = ["id", "no-sslv3", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13"];

/// `default-server …`
pub(super) fn default_server(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    while let Some(word) = args.peek() {
        if NO_DEFAULTS.contains(&word.text.as_str()) {
            let message = format!("'{}' has no effect in 'default-server'", word.text);
            let warning = Diagnostic::warning(Code::NoEffect, message).at(word.span);
            args.note(warning.help("write it behind the address of the server"));
            let mut unused = ServerSettings::default();
            lookup::read_param(SERVERS, &mut unused, args);
        } else {
            lookup::read_param(SERVERS, &mut proxy.default_server, args);
        }
    }
    Ok(())
}

/// `resolve-opts allow-dup-ip,…`
fn resolve_opts(settings: &mut ServerSettings, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("options such as allow-dup-ip")?;
    for option in word.split(',') {
        match option {
            "allow-dup-ip" => settings.allow_duplicates = true,
            "prevent-dup-ip" => settings.allow_duplicates = false,
            "ignore-weight" => {
                inert::argument_note(option, "weights are in SRV records, which are not looked up", args);
            }
            _ => {
                let error = invalid(word, format!("unknown option '{option}'"));
                return Err(error.nearest(option, ["allow-dup-ip", "prevent-dup-ip", "ignore-weight"]));
            }
        }
    }
    Ok(())
}

/// `init-addr last,libc,none,10.0.0.1`
fn init_addr(settings: &mut ServerSettings, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("a list of last, libc, none and addresses")?;
    let method = |text: &str| match text {
        "last" => Some(InitialAddress::Last),
        "libc" => Some(InitialAddress::System),
        "none" => Some(InitialAddress::None),
        _ => text.parse().ok().map(InitialAddress::Fixed),
    };
    let methods: Option<Vec<_>> = word.split(',').map(method).collect();
    if word.split(',').any(|text| text == "last") {
        inert::argument_note("last", "a reload keeps what name servers said, and a start begins anew", args);
    }
    settings.init_addr = methods.ok_or_else(|| {
        invalid(word, format!("'{}' is no list of ways to an address", word.text))
            .label("expected last, libc, none or an address, with commas between them")
    })?;
    Ok(())
}

/// `server NAME ADDRESS[:PORT] …`
pub(super) fn server(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let name = args.word("a name")?;
    check_name(name)?;
    let word = args.word("an address such as 10.0.0.1:80")?;
    let place = address(word)?;
    let mut settings = proxy.default_server.clone();
    lookup::read_params(SERVERS, &mut settings, args);
    let server = place.server(Placed::new(name.text.clone(), name.span), settings, args)?;
    proxy.servers.push(server);
    Ok(())
}

/// The most servers of one template.
const TEMPLATE: u32 = 4096;

/// The most servers of a section, beyond which no template adds more.
const MOST: usize = 1 << 16;

/// `server-template PREFIX NUMBER|LOW-HIGH NAME:PORT …`
pub(super) fn template(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let prefix = args.word("the beginning of the servers' names")?;
    check_name(prefix)?;
    let word = args.word("a number of servers, or a range such as 1-5")?;
    let number = |text: &str| text.parse::<u32>().ok();
    let range = match word.split_once('-') {
        Some((low, high)) => number(low).zip(number(high)),
        None => number(word).map(|count| (1, count)),
    };
    let good = |(low, high): &(u32, u32)| (1..=*high).contains(low) && high - low < TEMPLATE;
    let Some((low, high)) = range.filter(good) else {
        let error = invalid(word, format!("'{}' is no range of servers", word.text));
        return Err(error.label(format!(
            "expected a number, or two with '-' between them, of {TEMPLATE} servers at most"
        )));
    };
    if proxy.servers.len() > MOST {
        return Err(invalid(word, format!("a section has at most {MOST} servers of templates")));
    }
    let word = args.word("a name and a port such as app.example:80")?;
    let place = address(word)?;
    let mut settings = proxy.default_server.clone();
    lookup::read_params(SERVERS, &mut settings, args);
    for number in low..=high {
        let name = Placed::new(format!("{}{number}", prefix.text), prefix.span);
        let server = place.server(name, settings.clone(), args)?;
        proxy.servers.push(server);
    }
    Ok(())
}

/// Where a server listens, as it is written.
struct Place<'a> {
    word: &'a Word,
    host: HostPart,
    port: PortSpec,
}

impl Place<'_> {
    fn server(
        &self,
        name: Placed<String>,
        settings: ServerSettings,
        args: &mut Args<'_>,
    ) -> Result<ServerDraft, Diagnostic> {
        let (mut hostname, mut unresolved) = (None, false);
        let address = match &self.host {
            HostPart::Unix(path) => ServerAddress::Unix(path.clone()),
            HostPart::Ip(ip) => ServerAddress::Inet(*ip, self.port),
            HostPart::Name(name) => {
                let ip = self.initial(name, &settings, args)?;
                (hostname, unresolved) = (Some(name.clone()), ip.is_none());
                ServerAddress::Inet(ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), self.port)
            }
            HostPart::Any | HostPart::Fd(_) => ServerAddress::Inet(Ipv4Addr::UNSPECIFIED.into(), self.port),
        };
        Ok(ServerDraft { name, address, hostname, unresolved, settings, span: args.whole() })
    }

    fn unresolved(&self, name: &str, args: &mut Args<'_>) -> Option<IpAddr> {
        let message = format!("cannot resolve the host name '{name}'");
        let warning = Diagnostic::warning(Code::UnknownName, message).at(self.word.span);
        args.note(warning.label("the server is in maintenance until it has an address"));
        None
    }

    /// The address that the server begins with, by the first way that leads to one.
    fn initial(
        &self,
        name: &str,
        settings: &ServerSettings,
        args: &mut Args<'_>,
    ) -> Result<Option<IpAddr>, Diagnostic> {
        if name.starts_with('_') {
            let error = Diagnostic::alert(Code::NotServed, "SRV records are not supported yet by lbx");
            return Err(error.at(self.word.span));
        }
        let ways: &[_] = match settings.init_addr.as_slice() {
            // A name server may know more later.
            [] if settings.resolvers.is_some() => &[InitialAddress::System, InitialAddress::None],
            [] => &[InitialAddress::System],
            ways => ways,
        };
        let mut asked = false;
        for way in ways {
            match way {
                InitialAddress::Last => {}
                InitialAddress::System => {
                    asked = true;
                    let found = args.host.addresses(name);
                    let preferred = found.iter().find(|ip| ip.is_ipv4() == settings.prefer_v4);
                    let any = if settings.resolvers.is_some() {
                        preferred.or(found.first())
                    } else {
                        found.first()
                    };
                    if let Some(ip) = any {
                        return Ok(Some(*ip));
                    }
                }
                InitialAddress::None if asked => return Ok(self.unresolved(name, args)),
                InitialAddress::None => return Ok(None),
                InitialAddress::Fixed(ip) => return Ok(Some(*ip)),
            }
        }
        if args.any_address {
            return Ok(self.unresolved(name, args));
        }
        let error = Diagnostic::alert(Code::UnknownName, format!("cannot resolve the host name '{name}'"));
        Err(error.at(self.word.span).help("with 'init-addr none' the server waits until it has an address"))
    }
}

/// Refuses characters that HAProxy refuses in the names of sections and servers.
pub(crate) fn check_name(name: &Word) -> Result<(), Diagnostic> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-');
    match name.char_indices().find(|(_, c)| !good(*c)) {
        None => Ok(()),
        Some((at, c)) => {
            let error = Diagnostic::alert(
                Code::InvalidArgument,
                format!("character '{c}' is not permitted in a name"),
            );
            Err(error
                .at(name.part(at..at + c.len_utf8()))
                .label("expected letters, digits, '.', ':', '_' or '-'"))
        }
    }
}

fn address(word: &Word) -> Result<Place<'_>, Diagnostic> {
    let address = Address::parse(word, word.span)?;
    if matches!(address.host, HostPart::Fd(_)) {
        return Err(invalid(word, "a server cannot be an inherited socket"));
    }
    let port = match address.ports {
        Ports::None => PortSpec::Offset(0),
        Ports::Offset(offset) => PortSpec::Offset(offset),
        Ports::Range(0, 0) => PortSpec::Offset(0),
        Ports::Range(first, last) if first == last => PortSpec::Fixed(first),
        Ports::Range(..) => return Err(invalid(word, "a server has one port, not a range")),
    };
    Ok(Place { word, host: address.host, port })
}
