//! Connections as `source`, `send-proxy` and rules want them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, request};
use lb_conf::model::{Source, SourceSeen};
use lb_core::Server;
use tokio::io::AsyncWriteExt;

use crate::eval::View;
use crate::net::Socket;
use crate::net::proxy_header::{Told, ToldTls, write};
use crate::net::socket::Binding;
use crate::stream::Stream;

/// What tells the connections of one server apart that not every stream may use. 0: any may. `own`: those of the same
/// client's connection alone.
pub(crate) fn tag(stream: &Stream, server: &Server, own: bool, head: &request::Parts) -> u64 {
    if own {
        // Odd, since that is what tags are.
        return stream.session.number() << 1 | 1;
    }
    let config = &server.config;
    let seen = config.source.as_ref().is_some_and(|source| source.seen.is_some());
    let options = stream.server_options;
    let tells = config.send_proxy.is_some() || seen || options.mark.is_some() || options.tos.is_some();
    if !tells && config.sni.is_none() {
        return 0;
    }
    let mut hasher = DefaultHasher::new();
    if tells {
        (stream.client(), stream.asked(), stream.header_ip, options.mark, options.tos).hash(&mut hasher);
    }
    // A server may take the name for the site that is meant: what it was asked for stays so.
    server_name(stream, server, Some(head)).hash(&mut hasher);
    hasher.finish() | 1
}

/// The name that a server is asked for by TLS, where the request or the connection says it.
pub(super) fn server_name(stream: &Stream, server: &Server, head: Option<&request::Parts>) -> Option<String> {
    let expr = server.config.sni.as_ref()?;
    let view = View::of(stream);
    let ctx = match head {
        Some(head) => view.request(stream, head),
        None => view.ctx(stream),
    };
    String::from_utf8(expr.eval_str(&ctx)?.as_bytes().to_vec()).ok()
}

/// Notes the address that `usesrc hdr_ip` finds in a request.
pub(crate) fn note_header(stream: &mut Stream, headers: &HeaderMap) {
    let Some(source) = stream.server.as_ref().and_then(|server| server.config.source.as_ref()) else {
        return;
    };
    let Some(SourceSeen::Header(name, occurrence)) = &source.seen else { return };
    let values = headers.get_all(&**name).iter();
    let all: Vec<_> = values.flat_map(|value| value.as_bytes().split(|b| *b == b',')).collect();
    let steps = usize::try_from(occurrence.unsigned_abs()).unwrap_or(usize::MAX).saturating_sub(1);
    let found = if *occurrence < 0 { all.iter().rev().nth(steps) } else { all.get(steps) };
    let text = found.and_then(|value| std::str::from_utf8(value.trim_ascii()).ok());
    stream.header_ip = text.and_then(|text| text.parse().ok());
}

/// What a connection to `server` is bound to. The error: the client's address is wanted, and there is none.
pub(super) fn binding<'a>(stream: &Stream, server: &'a Server) -> io::Result<Binding<'a>> {
    let options = stream.server_options;
    let mut binding = Binding { mark: options.mark, tos: options.tos, ..Binding::default() };
    let Some(source) = server.config.source.as_deref() else { return Ok(binding) };
    binding.address = source.address.map(|ip| SocketAddr::new(ip, 0));
    binding.ports = source.user_ports();
    binding.interface = source.interface.as_deref();
    if let Some(seen) = seen(stream, source) {
        binding.address = Some(seen.ok_or(io::ErrorKind::AddrNotAvailable)?);
        (binding.transparent, binding.ports) = (true, None);
    }
    Ok(binding)
}

/// The address that the server is to see. In it None: it is not known.
fn seen(stream: &Stream, source: &Source) -> Option<Option<SocketAddr>> {
    let any_port = |ip: IpAddr| SocketAddr::new(ip, 0);
    Some(match source.seen.as_ref()? {
        SourceSeen::Client => stream.client(),
        SourceSeen::ClientIp => stream.client().map(|client| any_port(client.ip())),
        SourceSeen::Address(address) => Some(*address),
        // Without the header the connection comes from where others come from.
        SourceSeen::Header(..) => return stream.header_ip.map(|ip| Some(any_port(ip))),
    })
}

/// Tells a server of the client, where it wants to be told.
pub(super) async fn introduce(stream: &Stream, server: &Server, socket: &mut Socket) -> io::Result<()> {
    let Some(how) = &server.config.send_proxy else { return Ok(()) };
    let tls = stream.session.tls.get();
    let common_name = tls.and_then(|tls| tls.common_name());
    let told_tls = tls.map(|tls| ToldTls {
        version: tls.protocol().unwrap_or_default(),
        has_certificate: !tls.peer_chain().is_empty(),
        verify_result: tls.verify_result(),
        common_name: common_name.as_deref(),
        cipher: tls.cipher(),
    });
    let received = stream.session.proxied.get().and_then(|r| r.authority.as_deref());
    let told = Told {
        addresses: stream.client().zip(stream.asked()),
        alpn: tls.and_then(|tls| tls.alpn()),
        authority: received.or(tls.and_then(|t| t.sni()).map(str::as_bytes)),
        unique_id: stream.kept.unique_id.as_deref(),
        checksum: false,
        tls: Some(told_tls),
    };
    socket.write_all(&write(how, told)).await
}
