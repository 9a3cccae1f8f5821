//! From HTTP to another protocol.

use std::rc::Rc;

use http::{Response, StatusCode, request};
use hyper::body::Incoming;
use lb_core::{Backend, Server};
use tokio::task::spawn_local;

use super::{Answer, Failure, judge, last_rules, server_timeout, stop_with};
use crate::http::answer;
use crate::http::body::Download;
use crate::http::h1::join;
use crate::http::headers::wants_upgrade;
use crate::http::link::{Link, NoResponse};
use crate::http::rules::{self, Stop};
use crate::http::serve::{HttpSession, Tunnel};
use crate::http::websocket::{self, wants_websocket};
use crate::net::Transport;
use crate::stream::{Cause, Stage, Stream, head_bytes};

/// Joins the connections when both sides agreed to speak something else.
pub(super) async fn switch(
    http: &Rc<HttpSession>,
    mut stream: Box<Stream>,
    link: Box<Link>,
    mut response: Response<Incoming>,
) -> Answer {
    let Ok((server, early)) = link.into_transport(&mut response).await else {
        stream.end(Cause::Server, Stage::Headers);
        return stop_with(http, stream, Stop::Error(StatusCode::BAD_GATEWAY));
    };
    stream.sent = head_bytes([8, 3, answer::reason(&response).len()], response.headers());
    let (mut parts, body) = response.into_parts();
    stream.kept.response_version = Some(parts.version);
    if let Some(backend) = stream.backend.clone() {
        let mut nothing = rules::Answered { link: None, body, silence: None, ahead: None };
        if let Err(stop) = judge(&mut stream, &backend, &mut parts, &mut nothing).await {
            return stop_with(http, stream, stop);
        }
    }
    last_rules(&mut stream, &mut parts);
    match stream.client_switch.take() {
        None => {
            parts.version = http.version();
            http.tunnel(Tunnel { server, early, stream });
        }
        Some(client) => {
            websocket::give_response(&mut parts);
            // The connection has other streams, and its task is theirs. While it is joined, silence is the tunnel's.
            let waiting = http.wait_for_server();
            spawn_local(async move {
                // Without its stream the client is gone.
                if let Ok(client) = client.await {
                    let tunnel = Tunnel { server, early, stream };
                    join(Transport::Stream(Box::new(client)), Default::default(), tunnel).await;
                }
                drop(waiting);
            });
        }
    }
    Ok(Response::from_parts(parts, Download::nothing(http)))
}

/// Gives a request for WebSocket the form that the server's version of HTTP has for it.
pub(super) async fn offer(
    stream: &Stream,
    backend: &Backend,
    link: &mut Link,
    head: &mut request::Parts,
) -> Result<Option<websocket::Asked>, Failure> {
    if !wants_websocket(&head.headers) {
        return Ok(None);
    }
    if !link.is_h2() {
        let worker = &stream.session.worker;
        return Ok(websocket::give_key(&mut head.headers, [worker.random(), worker.random()]));
    }
    if !link.may_switch(server_timeout(stream, backend)).await {
        return Err(Failure { error: NoResponse::NoSwitch, silent: false });
    }
    Ok(websocket::give_request(head))
}

/// The version of HTTP that a switch to another protocol goes over, whether it is 2. None: it is no switch.
pub(super) fn version(server: &Server, head: &request::Parts) -> Option<bool> {
    wants_upgrade(&head.headers).then(|| wants_websocket(&head.headers) && server.config.websocket_over_h2())
}
