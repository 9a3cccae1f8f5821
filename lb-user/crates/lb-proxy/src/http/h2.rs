//! Clients that speak HTTP/2.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use lb_conf::model::H2Tuning;
use tokio::task::spawn_local;

use super::exchange::exchange;
use super::serve::HttpSession;
use super::wire::Wire;
use crate::net::timer::{LazyTimer, refresh_now};

/// Requests at a time on one connection: HAProxy's `tune.h2.max-concurrent-streams`.
const STREAMS: u32 = 100;

/// What a client may send of a request's body before a server has taken it.
const STREAM_WINDOW: u32 = 256 * 1024;

/// The same of all bodies together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What is buffered of a response that arrives faster than it leaves.
const SEND_BUFFER: usize = 256 * 1024;

/// The longest list of header fields, by RFC 9113's count, which adds 32 bytes for each.
const HEAD_BYTES: u32 = 16 * 1024;

/// Runs what a connection wants to have run in its own thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        spawn_local(async move {
            let mut future = pin!(future);
            poll_fn(|cx| {
                refresh_now();
                future.as_mut().poll(cx)
            })
            .await
        });
    }
}

/// Serves a client's connection to its end.
pub(super) async fn serve(http: Rc<HttpSession>, wire: Wire) {
    let handler = Rc::clone(&http);
    let service = service_fn(move |request: Request<Incoming>| exchange(Rc::clone(&handler), request));
    let tuning = http.session.endpoint.front().snapshot.config.global.tuning.h2;
    let mut connection = pin!(builder(&tuning).serve_connection(wire, service));
    let (mut timer, mut leaving) = (LazyTimer::default(), false);
    poll_fn(|cx| {
        http.session.polled(cx);
        if http.is_ending() && !leaving {
            leaving = true;
            connection.as_mut().graceful_shutdown();
        }
        // What goes wrong in a connection has ended its streams, which have told the log.
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        timer.poll_reached(cx, http.deadline()).map(|()| http.time_out())
    })
    .await;
}

fn builder(tuning: &H2Tuning) -> Builder<Local> {
    let mut builder = Builder::new(Local);
    builder
        .auto_date_header(false)
        .max_concurrent_streams(tuning.streams.unwrap_or(STREAMS))
        .initial_stream_window_size(tuning.window.unwrap_or(STREAM_WINDOW))
        .initial_connection_window_size(CONNECTION_WINDOW.max(tuning.window.unwrap_or(0)))
        .max_frame_size(tuning.frame)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEAD_BYTES);
    if !tuning.no_websocket {
        builder.enable_connect_protocol();
    }
    builder
}
