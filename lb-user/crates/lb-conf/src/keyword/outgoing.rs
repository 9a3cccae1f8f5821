//! How connections to servers are opened: the PROXY protocol and source addresses.

use std::net::{IpAddr, SocketAddr};

use super::args::invalid;
use super::bind::resolve;
use super::{Address, Args, HostPart, Keyword, Ports, Sections, inert, list, served, unread};
use crate::diag::{Code, Diagnostic};
use crate::draft::{ProxyDraft, ServerSettings};
use crate::lex::Word;
use crate::model::{ProxyFields, SendProxy, Source, SourceSeen, WebSocketOver};

const B: Sections = Sections::BACKEND.union(Sections::DEFAULTS);

/// Words behind a server's address.
pub(super) static OUTGOING: &[Keyword<ServerSettings>] = &[
    served("send-proxy", "", B, "sends a PROXY protocol header", |s, _| {
        s.send_proxy = Some(SendProxy { binary: None });
        Ok(())
    }),
    served("no-send-proxy", "", B, "sends no PROXY protocol header", |s, _| none(s)),
    served("send-proxy-v2", "", B, "sends a binary PROXY protocol header", |s, _| binary(s, |_| {})),
    served("no-send-proxy-v2", "", B, "sends no binary PROXY protocol header", |s, _| none(s)),
    served("send-proxy-v2-ssl", "", B, "the same with what is known of TLS", |s, _| {
        binary(s, |fields| fields.ssl = true)
    }),
    served("no-send-proxy-v2-ssl", "", B, "not so", |s, _| none(s)),
    served("send-proxy-v2-ssl-cn", "", B, "the same with the client certificate's name", |s, _| {
        binary(s, |fields| (fields.ssl, fields.common_name) = (true, true))
    }),
    served("no-send-proxy-v2-ssl-cn", "", B, "not so", |s, _| none(s)),
    served(
        "proxy-v2-options",
        "<list>",
        B,
        "what else the binary header carries: ssl, cert-cn, ssl-cipher, authority, crc32c, unique-id",
        options,
    ),
    unread("set-proxy-v2-tlv-fmt", "<type> <format>", B, "a field of the binary header"),
    served(
        "source",
        "<address>[:<port>[-<port>]] [usesrc <address>] [interface <name>]",
        B,
        "the address that connections come from",
        |s, a| {
            s.source = Some(source(a)?);
            Ok(())
        },
    ),
    served("proto", "h1|h2", B, "the protocol that it speaks without saying so", |s, a| {
        s.speaks_h2 = a.choice(&[("h1", false), ("h2", true)])?;
        Ok(())
    }),
    served("ws", "auto|h1|h2", B, "the version of HTTP for WebSocket", |s, a| {
        s.websocket = a.choice(&[
            ("auto", WebSocketOver::Auto),
            ("h1", WebSocketOver::Http1),
            ("h2", WebSocketOver::Http2),
        ])?;
        Ok(())
    }),
    served("pool-max-conn", "<number>", B, "idle connections to it that are kept", |s, a| {
        s.pool.max_idle = u32::try_from(a.number(-1..=i32::MAX)?).ok();
        Ok(())
    }),
    inert(
        "pool-low-conn",
        "<number>",
        B,
        "idle connections below which all threads share",
        "each worker keeps idle connections of its own",
    ),
    served("pool-purge-delay", "<time>", B, "how long idle connections are kept", |s, a| {
        s.pool.keep = a.time()?;
        Ok(())
    }),
    served("max-reuse", "<number>", B, "how often a connection is used again", |s, a| {
        s.pool.max_reuse = u32::try_from(a.number(-1..=i32::MAX)?).ok();
        Ok(())
    }),
];

/// Words of proxies.
pub(crate) static SOURCE: &[Keyword<ProxyDraft>] = &[served(
    "source",
    "<address>[:<port>[-<port>]] [usesrc <address>] [interface <name>]",
    B,
    "the address that connections come from",
    |p, a| {
        p.source = Some(source(a)?);
        p.lines.retain(|line| !line.starts_with("source "));
        p.lines.push(a.text());
        Ok(())
    },
)];

fn none(settings: &mut ServerSettings) -> Result<(), Diagnostic> {
    settings.send_proxy = None;
    Ok(())
}

fn binary(settings: &mut ServerSettings, set: fn(&mut ProxyFields)) -> Result<(), Diagnostic> {
    let known = settings.send_proxy.take().and_then(|proxy| proxy.binary);
    let mut fields = known.unwrap_or(settings.proxy_fields);
    set(&mut fields);
    settings.send_proxy = Some(SendProxy { binary: Some(fields) });
    Ok(())
}

/// Words of `proxy-v2-options`, and those of them that are not served.
const OPTIONS: [&str; 8] =
    ["ssl", "cert-cn", "ssl-cipher", "authority", "crc32c", "unique-id", "cert-sig", "cert-key"];

fn options(settings: &mut ServerSettings, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let word = args.word("a list such as ssl,cert-cn")?;
    let mut fields = settings.proxy_fields;
    for (range, name) in list::split(word) {
        match name {
            "ssl" => fields.ssl = true,
            "cert-cn" => (fields.ssl, fields.common_name) = (true, true),
            "ssl-cipher" => (fields.ssl, fields.cipher) = (true, true),
            "authority" => fields.authority = true,
            "crc32c" => fields.crc32c = true,
            "unique-id" => fields.unique_id = true,
            "cert-sig" | "cert-key" => {
                let message = format!("'{name}' of 'proxy-v2-options' is not supported yet by lbx");
                return Err(Diagnostic::alert(Code::NotServed, message).at(word.part(range)));
            }
            _ => {
                let error = Diagnostic::alert(Code::InvalidArgument, format!("unknown option '{name}'"));
                return Err(error.at(word.part(range)).nearest(name, OPTIONS));
            }
        }
    }
    settings.proxy_fields = fields;
    // The words of a line may stand in any order.
    if let Some(SendProxy { binary: Some(known) }) = &mut settings.send_proxy {
        let (ssl, common_name) = (known.ssl || fields.ssl, known.common_name || fields.common_name);
        *known = ProxyFields { ssl, common_name, ..fields };
    }
    Ok(())
}

/// `ADDRESS[:PORT[-PORT]] [usesrc …] [interface NAME]`
fn source(args: &mut Args<'_>) -> Result<Source, Diagnostic> {
    let word = args.word("an address")?;
    let (address, ports) = address(word, args)?;
    let mut source = Source { address, ports, seen: None, interface: None, flows: None };
    loop {
        if args.take_if("usesrc") {
            source.seen = Some(seen(args)?);
        } else if args.take_if("interface") {
            source.interface = Some(args.word("the name of an interface")?.text.clone());
        } else {
            return Ok(source);
        }
    }
}

type Ip = Option<IpAddr>;

fn address(word: &Word, args: &Args<'_>) -> Result<(Ip, Option<(u16, u16)>), Diagnostic> {
    let address = Address::parse(word, word.span)?;
    let ip = match address.host {
        HostPart::Any => None,
        HostPart::Ip(ip) => Some(ip).filter(|ip| !ip.is_unspecified()),
        HostPart::Name(name) => Some(resolve(&name, word.span, args.host)?),
        _ => return Err(invalid(word, format!("'{}' is not an address to connect from", word.text))),
    };
    let ports = match address.ports {
        Ports::None | Ports::Range(0, 0) => None,
        Ports::Range(first, last) => Some((first, last)),
        Ports::Offset(_) => return Err(invalid(word, "a source has a port, or a range of ports")),
    };
    Ok((ip, ports))
}

fn seen(args: &mut Args<'_>) -> Result<SourceSeen, Diagnostic> {
    let word = args.word("an address, 'client', 'clientip' or 'hdr_ip(<name>)'")?;
    match word.as_ref() {
        "client" => return Ok(SourceSeen::Client),
        "clientip" => return Ok(SourceSeen::ClientIp),
        _ => {}
    }
    if let Some(inside) = word.strip_prefix("hdr_ip(").and_then(|rest| rest.strip_suffix(')')) {
        let (name, occurrence) = inside.split_once(',').unwrap_or((inside, "-1"));
        let occurrence = occurrence.trim().parse().ok().filter(|n| *n != 0);
        let occurrence = occurrence.ok_or_else(|| invalid(word, "the occurrence is no number but 0"))?;
        return Ok(SourceSeen::Header(name.trim().into(), occurrence));
    }
    let (ip, ports) = address(word, args)?;
    let ip = ip.ok_or_else(|| invalid(word, format!("'{}' is not an address", word.text)))?;
    Ok(SourceSeen::Address(SocketAddr::new(ip, ports.map_or(0, |(first, _)| first))))
}
