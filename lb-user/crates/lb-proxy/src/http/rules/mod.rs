//! Rules of HTTP mode, carried out in their order.
//!
//! An action is done in two steps: what it comes to is computed while everything is borrowed, and becomes an [`Edit`]
//! that owns what it needs; the edit then changes the message or the stream.

mod edit;
mod normalize;
mod reply;
mod setting;
mod target;
mod wait;

use std::rc::Rc;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, Version, request, response};
use lb_conf::model::{Action, BackendChoice, Proxy, ProxyOption, Rule, ServerChoice};
use lb_core::Backend;
use lb_expr::Ctx;

use self::edit::Edit;
pub(crate) use self::edit::{Scene, note};
pub(crate) use self::setting::Setting;
use self::wait::Wait;
pub(crate) use self::wait::{Answered, body as wait_for_body};
use crate::eval::View;
use crate::stream::{Cause, Stage, Stream};
use crate::track::{self, Blame};

/// Why a message goes no further.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client gets the error answer of this status.
    Error(StatusCode),
    /// The client gets this.
    Answer(Box<Response<Bytes>>),
    /// The connection ends without an answer.
    Silence,
    /// The connection is forgotten, and the client is not told.
    Vanish,
    /// The client is kept waiting before it gets this.
    Tarpit(Box<Stop>),
}

/// What comes of an action.
enum Step {
    /// A change, and the next rule.
    Edit(Edit),
    /// A line of a response ahead of the response, and the next rule.
    Hint(Vec<u8>),
    /// A wait, and the next rule.
    Wait(Wait),
    /// No further rule of the list.
    Enough,
    /// The end of the message, and on whose account.
    Stop(Stop, Cause),
}

/// Carries out `http-request` rules.
pub(crate) async fn on_request(
    rules: &[Rule],
    stream: &mut Stream,
    head: &mut request::Parts,
) -> Result<(), Stop> {
    let mut hints = Vec::new();
    // Each message begins anew.
    stream.lenient = false;
    for rule in rules {
        let step = {
            let view = View::of(stream);
            let ctx = view.request(stream, head);
            if holds(rule, &ctx) {
                step(&rule.action, &ctx, &Scene::of(stream), StatusCode::FORBIDDEN)
            } else {
                continue;
            }
        };
        if !matches!(step, Step::Hint(_)) {
            send_hints(stream, &mut hints);
        }
        match step {
            Step::Edit(edit) => {
                if let Err(status) = edit.on_request(stream, head) {
                    return Err(end(stream, Stop::Error(status), Cause::Proxy, Stage::Request));
                }
            }
            Step::Hint(line) => hints.extend_from_slice(&line),
            // Boxed, since hardly any rule waits and all requests carry the room for it.
            Step::Wait(wait) => Box::pin(wait.carry_out(stream)).await?,
            Step::Enough => break,
            Step::Stop(stop, cause) => return Err(end(stream, stop, cause, Stage::Request)),
        }
    }
    send_hints(stream, &mut hints);
    Ok(())
}

/// Sends a response 103 of these fields to a client that knows what it means.
fn send_hints(stream: &Stream, hints: &mut Vec<u8>) {
    let knows = stream.kept.request.as_ref().is_some_and(|request| request.version == Version::HTTP_11);
    let hints = std::mem::take(hints);
    if let (true, false, Some(turn)) = (knows, hints.is_empty(), &stream.turn) {
        turn.say_ahead(&[b"HTTP/1.1 103 Early Hints\r\n", &hints[..], b"\r\n"].concat());
    }
}

/// Carries out `stats http-request` rules.
pub(crate) fn on_page(rules: &[Rule], stream: &mut Stream, head: &request::Parts) -> Result<(), Stop> {
    for rule in rules {
        let step = {
            let view = View::of(stream);
            let ctx = view.request(stream, head);
            if !holds(rule, &ctx) {
                continue;
            }
            step(&rule.action, &ctx, &Scene::of(stream), StatusCode::FORBIDDEN)
        };
        match step {
            // Loading refuses actions that change a request.
            Step::Edit(_) | Step::Hint(_) | Step::Wait(_) => {}
            Step::Enough => break,
            Step::Stop(stop, cause) => return Err(end(stream, stop, cause, Stage::Request)),
        }
    }
    Ok(())
}

/// Whether one of `stats admin` holds.
pub(crate) fn is_admin(proxy: &Proxy, stream: &Stream, head: &request::Parts) -> bool {
    let view = View::of(stream);
    let ctx = view.request(stream, head);
    proxy.rules.stats_admin.iter().any(|condition| condition.holds(&ctx))
}

/// Carries out `http-response` rules.
pub(crate) async fn on_response(
    rules: &[Rule],
    stream: &mut Stream,
    head: &mut response::Parts,
    body: &mut Answered<'_>,
) -> Result<(), Stop> {
    let mut rest = rules.iter();
    stream.lenient = false;
    while let Some(wait) = until_wait(&mut rest, stream, head)? {
        // Boxed, since hardly any rule waits and all responses carry the room for it.
        Box::pin(wait.on_response(stream, body)).await?;
    }
    Ok(())
}

/// Carries out `http-after-response` rules.
pub(crate) fn on_any_response(
    rules: &[Rule],
    stream: &mut Stream,
    head: &mut response::Parts,
) -> Result<(), Stop> {
    stream.lenient = false;
    // Loading refuses what waits.
    until_wait(&mut rules.iter(), stream, head).map(|_| ())
}

/// Carries out rules on a response until one wants to wait, or to the end.
fn until_wait(
    rules: &mut slice::Iter<'_, Rule>,
    stream: &mut Stream,
    head: &mut response::Parts,
) -> Result<Option<Wait>, Stop> {
    for rule in rules {
        let step = {
            let view = View::of(stream);
            let ctx = view.response(stream, head);
            if holds(rule, &ctx) {
                step(&rule.action, &ctx, &Scene::of(stream), StatusCode::BAD_GATEWAY)
            } else {
                continue;
            }
        };
        match step {
            Step::Edit(edit) => {
                if let Err(status) = edit.on_response(stream, head) {
                    return Err(end(stream, Stop::Error(status), Cause::Proxy, Stage::Headers));
                }
            }
            Step::Wait(wait) => return Ok(Some(wait)),
            // There are none behind the response.
            Step::Hint(_) => {}
            Step::Enough => break,
            Step::Stop(stop, cause) => return Err(end(stream, stop, cause, Stage::Headers)),
        }
    }
    Ok(None)
}

fn holds<'a>(rule: &'a Rule, ctx: &Ctx<'a>) -> bool {
    rule.condition.as_ref().is_none_or(|condition| condition.holds(ctx))
}

/// What an action comes to; `denial` is the status of a denial that names none.
fn step<'a>(action: &'a Action, ctx: &Ctx<'a>, scene: &Scene<'_>, denial: StatusCode) -> Step {
    match action {
        Action::Allow => Step::Enough,
        Action::Deny(answer) => Step::Stop(reply::deny(answer, ctx, denial), Cause::Proxy),
        Action::Return(answer) => Step::Stop(reply::returned(answer, ctx), Cause::Local),
        Action::Redirect(redirect) => match reply::redirect(redirect, ctx) {
            Some(response) => Step::Stop(Stop::Answer(Box::new(response)), Cause::Local),
            None => Step::Edit(Edit::Nothing),
        },
        Action::Auth { realm } => Step::Stop(reply::challenge(realm.as_deref(), ctx), Cause::Proxy),
        Action::Tarpit(answer) => {
            let answer = reply::deny(answer, ctx, StatusCode::INTERNAL_SERVER_ERROR);
            Step::Stop(Stop::Tarpit(Box::new(answer)), Cause::Proxy)
        }
        Action::Reject => Step::Stop(Stop::Silence, Cause::Proxy),
        Action::SilentDrop => Step::Stop(Stop::Vanish, Cause::Proxy),
        Action::EarlyHint(name, format) => {
            Step::Hint([name.as_bytes(), b": ", &format.format(ctx), b"\r\n"].concat())
        }
        Action::Pause(time) => match setting::duration(time, ctx) {
            Some(time) => Step::Wait(Wait::Time(time)),
            None => Step::Edit(Edit::Nothing),
        },
        Action::WaitForBody { time, at_least } => Step::Wait(Wait::Body { time: *time, at_least: *at_least }),
        other => Step::Edit(Edit::of(other, ctx, scene)),
    }
}

/// Ends a stream on account of a rule.
fn end(stream: &mut Stream, stop: Stop, cause: Cause, stage: Stage) -> Stop {
    let stage = if matches!(stop, Stop::Tarpit(_)) { Stage::Tarpit } else { stage };
    let traffic = stream.front.frontend.traffic();
    match (cause, stage) {
        (Cause::Proxy, Stage::Headers) => traffic.denied_responses.inc(),
        (Cause::Proxy, _) => {
            traffic.denied_requests.inc();
            // Who is turned away without an answer is not counted, as in HAProxy.
            if !matches!(stop, Stop::Silence | Stop::Vanish) {
                track::blame(stream, Blame::Client);
            }
        }
        _ => traffic.intercepted.inc(),
    }
    stream.end(cause, stage);
    stop
}

/// The backend of a request, or of a connection in TCP mode: the first `use_backend` rule that holds and leads somewhere, or the default one.
pub(crate) fn choose_backend<'f>(
    front: &'f Rc<crate::session::Front>,
    stream: &Stream,
    head: Option<&request::Parts>,
) -> Option<&'f Arc<Backend>> {
    let rules = &front.frontend.config.use_backend;
    if !rules.is_empty() {
        let view = View::of(stream);
        let ctx = match head {
            Some(head) => view.request(stream, head),
            None => view.ctx(stream),
        };
        for rule in rules {
            if rule.condition.as_ref().is_none_or(|condition| condition.holds(&ctx)) {
                let backend = match &rule.backend {
                    BackendChoice::Fixed(id) => front.snapshot.backend(*id),
                    BackendChoice::Named(format) => named(front, &format.format(&ctx)),
                };
                if backend.is_some() {
                    return backend;
                }
            }
        }
    }
    front.default_backend()
}

fn named<'f>(front: &'f crate::session::Front, name: &[u8]) -> Option<&'f Arc<Backend>> {
    front.snapshot.backend_named(std::str::from_utf8(name).ok()?)
}

/// What `force-persist` and `ignore-persist` say about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// Nothing.
    Usual,
    /// Servers that are down are used all the same.
    Forced,
    /// It is disregarded.
    Ignored,
}

/// What `force-persist` and `ignore-persist` say about a request: the first of them that holds counts.
pub(crate) fn persistence(backend: &Backend, stream: &Stream, head: &request::Parts) -> Persistence {
    let rules = &backend.config.proxy.rules.persist;
    if rules.is_empty() {
        return Persistence::Usual;
    }
    let view = View::of(stream);
    let ctx = view.request(stream, head);
    match rules.iter().find(|rule| rule.condition.holds(&ctx)) {
        None => Persistence::Usual,
        Some(rule) if rule.force => Persistence::Forced,
        Some(_) => Persistence::Ignored,
    }
}

/// The answer that `http-error` has for a status, the backend's first.
pub(crate) fn configured_answer(stream: &Stream, status: StatusCode) -> Option<Response<Bytes>> {
    let back = stream.backend.as_ref().map(|backend| &backend.config.proxy.rules);
    let front = &stream.front.frontend.config.proxy.rules;
    let mut all = back.into_iter().chain([front]).filter(|rules| !rules.http_errors.is_empty());
    let reply = all.find_map(|rules| rules.http_errors.get(&status.as_u16()))?;
    let view = View::of(stream);
    match reply::returned(reply, &view.ctx(stream)) {
        Stop::Answer(response) => Some(*response),
        _ => None,
    }
}

/// The server that a stick table remembers, unless a cookie or a rule wants another; and what the one that is chosen is
/// to be remembered with.
pub(crate) fn stick(backend: &Backend, stream: &mut Stream, head: Option<&request::Parts>) {
    if backend.config.stick.is_empty() {
        return;
    }
    let (server, memories) = {
        let view = View::of(stream);
        let ctx = match head {
            Some(head) => view.request(stream, head),
            None => view.ctx(stream),
        };
        (track::remembered(stream, backend, &ctx), track::memories(stream, backend, &ctx, false))
    };
    stream.wanted = stream.wanted.take().or(server);
    stream.memories = memories;
}

/// `stick store-response`.
pub(crate) fn stick_response(backend: &Backend, stream: &Stream, head: &response::Parts) {
    if let (false, Some(server)) = (backend.config.stick.is_empty(), &stream.server) {
        let view = View::of(stream);
        let memories = track::memories(stream, backend, &view.response(stream, head), true);
        track::remember(&memories, server, stream.session.worker.tick());
    }
}

/// The server that a `use-server` rule wants: the first one that can take the request. A name that no server has ends the
/// list.
pub(crate) fn choose_server(
    backend: &Backend,
    stream: &mut Stream,
    head: Option<&request::Parts>,
    forced: bool,
) {
    // A cookie is stronger.
    if backend.config.use_server.is_empty() || stream.wanted.is_some() {
        return;
    }
    stream.wanted = {
        let view = View::of(stream);
        let ctx = match head {
            Some(head) => view.request(stream, head),
            None => view.ctx(stream),
        };
        let holding = backend.config.use_server.iter();
        let mut holding = holding.filter(|rule| rule.condition.as_ref().is_none_or(|c| c.holds(&ctx)));
        let persists = forced || backend.config.proxy.options.has(ProxyOption::Persist);
        holding.find_map(|rule| {
            let server = match &rule.server {
                ServerChoice::Fixed(index) => backend.servers.get(*index as usize),
                ServerChoice::Named(format) => {
                    std::str::from_utf8(&format.format(&ctx)).ok().and_then(|name| backend.server(name))
                }
            };
            match server {
                Some(server) if persists || server.persistent() => Some(Some(Arc::clone(server))),
                Some(_) => None,
                None => Some(None),
            }
        })
    }
    .flatten();
    stream.insists = stream.wanted.as_ref().is_some_and(|server| !server.persistent());
}
