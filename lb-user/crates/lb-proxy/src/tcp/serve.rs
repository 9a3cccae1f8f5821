//! A session in TCP mode.

use std::rc::Rc;
use std::sync::Arc;

use lb_core::Backend;

use super::relay::{Relay, RelayEnd, RelayTimeouts, Side};
use super::rules::on_content;
use crate::connect::{connect, take_seat};
use crate::handshake::admit;
use crate::http::rules::{choose_backend, stick};
use crate::net::Socket;
use crate::session::{Front, Session};
use crate::stream::{Cause, Stage, Stream};

/// Serves a client's connection to its end.
pub(crate) async fn serve(session: Rc<Session>, socket: Socket) {
    let Some(client) = admit(&session, socket).await else { return };
    let mut stream = Stream::new(&session, session.accepted, session.accepted);
    let front = Rc::clone(&stream.front);
    if !on_content(&front.frontend.config.proxy.rules.tcp_content, &mut stream, None) {
        return client.socket().reset_on_close();
    }
    let Some(backend) = choose_backend(&front, &stream, None) else {
        stream.end(Cause::Server, Stage::Connect);
        return;
    };
    stream.enter_backend(backend);
    let rules = &backend.config.proxy.rules;
    let own = !Arc::ptr_eq(rules, &front.frontend.config.proxy.rules);
    if own && !on_content(&rules.tcp_content, &mut stream, None) {
        return client.socket().reset_on_close();
    }
    stick(backend, &mut stream, None);
    let connection = async {
        take_seat(&mut stream, backend).await?;
        connect(&mut stream, backend).await
    };
    // A client that is told nothing is told by a reset that this was no answer.
    let Ok(server) = connection.await else { return client.socket().reset_on_close() };
    stream.stage = Stage::Data;
    let mut relay = Relay::new(client, server, Default::default(), timeouts(&front, backend));
    let end = relay.run().await;
    finish(&mut stream, &relay, end);
}

/// Notes how a relay ended.
pub(crate) fn finish(stream: &mut Stream, relay: &Relay, end: RelayEnd) {
    let moved = relay.moved();
    stream.received += moved.to_server;
    stream.sent += moved.to_client;
    match end {
        RelayEnd::Closed => {}
        RelayEnd::Aborted(Side::Client) => stream.end(Cause::Client, Stage::Data),
        RelayEnd::Aborted(Side::Server) => stream.end(Cause::Server, Stage::Data),
        RelayEnd::TimedOut(Side::Client) => stream.end(Cause::ClientTimeout, Stage::Data),
        RelayEnd::TimedOut(Side::Server) => stream.end(Cause::ServerTimeout, Stage::Data),
    }
    if end != RelayEnd::Closed {
        relay.reset_on_close();
    }
}

/// The silences that a frontend and a backend allow.
pub(crate) fn timeouts(front: &Front, backend: &Backend) -> RelayTimeouts {
    let (front, back) = (&front.frontend.config, &backend.config);
    RelayTimeouts {
        client: front.timeout_client,
        client_fin: front.timeout_client_fin,
        server: back.timeout_server,
        server_fin: back.timeout_server_fin,
        tunnel: back.timeout_tunnel,
    }
}
