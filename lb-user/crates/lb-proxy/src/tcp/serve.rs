//! A session in TCP mode.

use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use lb_conf::model::{Mode, ProxyOption, Rules};
use lb_core::Backend;

use super::gate::Gate;
use super::preread::Preread;
use super::relay::{Relay, RelayEnd, RelayTimeouts, Side};
use super::rules::{Outcome, dismiss, inspect};
use crate::connect::{connect, take_seat, while_there};
use crate::eval::View;
use crate::handshake::admit;
use crate::http::balance;
use crate::http::rules::{choose_backend, choose_server, stick};
use crate::net::{Socket, Transport};
use crate::session::{Front, Session};
use crate::stream::{Cause, Stage, Stream};

/// Where a connection goes.
enum Way {
    /// To a server of this backend.
    Backend(Arc<Backend>),
    /// On as an HTTP connection.
    Http,
    /// Nowhere.
    Nowhere,
}

/// Serves a client's connection to its end.
pub(crate) async fn serve(session: Rc<Session>, socket: Socket) {
    let Some(client) = admit(&session, socket).await else { return };
    let mut stream = Stream::new(&session, session.accepted, session.accepted);
    let mut client = Preread::new(client);
    match route(&mut stream, &mut client).await {
        Way::Nowhere => {}
        Way::Http => {
            stream.log_level = None;
            drop(stream);
            let (transport, early) = client.into_parts();
            Box::pin(crate::http::serve::go_on(session, transport, early.freeze())).await;
        }
        Way::Backend(backend) => {
            let (client, early) = client.into_parts();
            forward(&mut stream, &backend, client, early).await;
        }
    }
}

async fn route(stream: &mut Stream, client: &mut Preread) -> Way {
    let front = Rc::clone(&stream.front);
    name_connection(stream);
    let own = &front.frontend.config.proxy.rules;
    if let Some(way) = content(own, stream, client).await {
        return way;
    }
    let Some(backend) = choose_backend(&front, stream, None) else {
        stream.end(Cause::Server, Stage::Connect);
        return Way::Nowhere;
    };
    // The backend understands what comes as requests: so must the frontend from here on.
    if backend.config.proxy.mode == Mode::Http {
        return Way::Http;
    }
    stream.enter_backend(backend);
    let rules = &backend.config.proxy.rules;
    if !Arc::ptr_eq(rules, own)
        && let Some(way) = content(rules, stream, client).await
    {
        return way;
    }
    choose_server(backend, stream, None, false);
    stick(backend, stream, None);
    stream.balance_key = balance::computed(stream, backend, None);
    Way::Backend(Arc::clone(backend))
}

/// `unique-id-format`.
fn name_connection(stream: &mut Stream) {
    let front = Rc::clone(&stream.front);
    if let Some(format) = &front.frontend.config.log_formats.unique_id {
        let id = {
            let view = View::of(stream);
            format.format(&view.ctx(stream))
        };
        stream.kept.unique_id = Some(id.into());
    }
}

/// Carries out `tcp-request content` rules. None: they have nothing against it.
async fn content(rules: &Rules, stream: &mut Stream, client: &mut Preread) -> Option<Way> {
    if rules.tcp_content.is_empty() {
        return None;
    }
    // Boxed: most connections have no such rules.
    match Box::pin(inspect(&rules.tcp_content, rules.inspect_delay, stream, client)).await {
        Outcome::Http => Some(Way::Http),
        outcome @ (Outcome::Reject | Outcome::Vanish) => {
            dismiss(&stream.session, outcome, client.transport().socket());
            Some(Way::Nowhere)
        }
        _ => None,
    }
}

async fn forward(stream: &mut Stream, backend: &Arc<Backend>, client: Transport, early: BytesMut) {
    // A client that is told nothing is told by a reset that this was no answer.
    let connection = async |stream: &mut Stream| {
        take_seat(stream, backend).await?;
        connect(stream, backend, None).await
    };
    let session = Rc::clone(&stream.session);
    let server = if backend.config.abort_on_close {
        while_there(&session, connection(stream)).await
    } else {
        Some(connection(stream).await)
    };
    let Some(server) = server else {
        stream.end(Cause::Client, stream.stage);
        return client.reset_on_close();
    };
    let Ok(server) = server else { return client.reset_on_close() };
    stream.stage = Stage::Data;
    let limits = timeouts(stream, backend);
    let mut relay = Relay::new(client, server, (early.to_vec(), Vec::new()), limits);
    let own = &backend.config.proxy.rules;
    let end = if own.tcp_response.is_empty() {
        relay.run().await
    } else {
        let mut gate = Gate::new(Arc::clone(own));
        Box::pin(relay.run_behind(&mut gate, stream)).await
    };
    finish(stream, &relay, end);
}

/// Notes how a relay ended.
pub(crate) fn finish(stream: &mut Stream, relay: &Relay, end: RelayEnd) {
    let moved = relay.moved();
    stream.received += moved.to_server;
    stream.sent += moved.to_client;
    stream.session.worker.shared.runtime.process().spliced.add(moved.spliced);
    match end {
        RelayEnd::Closed => {}
        RelayEnd::Denied => stream.end(Cause::Proxy, Stage::Data),
        RelayEnd::Aborted(Side::Client) => stream.end(Cause::Client, Stage::Data),
        RelayEnd::Aborted(Side::Server) => stream.end(Cause::Server, Stage::Data),
        RelayEnd::TimedOut(Side::Client) => stream.end(Cause::ClientTimeout, Stage::Data),
        RelayEnd::TimedOut(Side::Server) => stream.end(Cause::ServerTimeout, Stage::Data),
    }
    if end != RelayEnd::Closed {
        relay.reset_on_close();
    }
}

/// The silences that a frontend and a backend allow, or rules of the stream.
pub(crate) fn timeouts(stream: &Stream, backend: &Backend) -> RelayTimeouts {
    let front: &Front = &stream.front;
    let (front, back) = (&front.frontend.config, &backend.config);
    RelayTimeouts {
        client: front.timeout_client,
        client_fin: front.timeout_client_fin,
        server: stream.kept.server_timeout.or(back.timeout_server),
        server_fin: back.timeout_server_fin,
        tunnel: stream.kept.tunnel_timeout.or(back.timeout_tunnel),
        client_must_speak: front.proxy.options.has(ProxyOption::IndependentStreams),
        server_must_speak: back.proxy.options.has(ProxyOption::IndependentStreams),
    }
}
