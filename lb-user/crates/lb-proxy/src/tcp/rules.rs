//! Rules about connections and about what comes over them: `tcp-request` and `tcp-response`.

use std::rc::Rc;
use std::time::Duration;

use http::{request, response};
use lb_conf::model::{Action, Rule};
use lb_core::stick::Metric;
use lb_expr::acl::Verdict;
use lb_expr::ctx::Buffer;
use lb_expr::{Condition, Ctx};

use super::peek::Peeked;
use super::preread::Preread;
use crate::eval::View;
use crate::http::rules::{Scene, Setting, Stop, note};
use crate::net::timer::now;
use crate::net::{Socket, option};
use crate::session::{Front, Session};
use crate::stream::{Ahead, Cause, Stage, Stream};

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Pass,
    /// It ends.
    Reject,
    /// It is forgotten, and nobody is told.
    Vanish,
    /// A PROXY protocol header comes first.
    ExpectProxy,
    /// It goes on as an HTTP connection.
    Http,
    /// The connection to the server ends.
    Close,
}

/// What a rule comes to.
enum Step {
    /// It does not hold, or is done.
    Next,
    /// More bytes may change what it comes to.
    Wait,
    /// Something is set.
    Set(Setting),
    /// No rule behind it counts.
    Stop(Outcome),
}

/// Carries out `tcp-request connection` rules.
pub(crate) fn on_connection(session: &Session) -> Outcome {
    let front: Rc<Front> = session.endpoint.front();
    let outcome = on_session_rules(session, &front, &front.frontend.config.proxy.rules.tcp_connection);
    session.wire.set([session.client.get(), session.local.get()]);
    if matches!(outcome, Outcome::Reject | Outcome::Vanish) {
        front.frontend.traffic().denied_connections.inc();
    }
    outcome
}

/// Carries out `tcp-request session` rules.
pub(crate) fn on_session(session: &Session) -> Outcome {
    let front: Rc<Front> = session.endpoint.front();
    let outcome = on_session_rules(session, &front, &front.frontend.config.proxy.rules.tcp_session);
    session.tracked.add(None, &[Metric::SessCnt, Metric::SessRate], 1, session.worker.tick());
    if matches!(outcome, Outcome::Reject | Outcome::Vanish) {
        front.frontend.traffic().denied_sessions.inc();
    }
    outcome
}

fn on_session_rules(session: &Session, front: &Front, rules: &[Rule]) -> Outcome {
    let mut expects = Outcome::Pass;
    for rule in rules {
        let step = {
            let view = View::new(session, front);
            let now = session.worker.tick();
            let (counters, session_counters) = (&session.tracked, &session.tracked);
            let scene =
                Scene { counters, session: session_counters, snapshot: &front.snapshot, now, request: false };
            step(rule, &view.session(session, front), &scene)
        };
        match step {
            Step::Set(setting) => setting.apply_to_session(session),
            // The rules behind it count all the same.
            Step::Stop(Outcome::ExpectProxy) => expects = Outcome::ExpectProxy,
            Step::Stop(Outcome::Pass) => break,
            Step::Stop(outcome) => return outcome,
            Step::Next | Step::Wait => {}
        }
    }
    expects
}

/// Carries out `tcp-request content` rules in HTTP mode, where there is a request already.
pub(crate) fn on_content(rules: &[Rule], stream: &mut Stream, head: &request::Parts) -> Result<(), Stop> {
    for rule in rules {
        let step = {
            let view = View::of(stream);
            step(rule, &view.request(stream, head), &Scene::of(stream))
        };
        match step {
            Step::Set(setting) => setting.apply(stream),
            Step::Stop(Outcome::Reject) => return Err(denied(stream, Stop::Silence)),
            Step::Stop(Outcome::Vanish) => return Err(denied(stream, Stop::Vanish)),
            // It is HTTP already.
            Step::Stop(Outcome::Http) | Step::Next | Step::Wait => {}
            Step::Stop(_) => break,
        }
    }
    Ok(())
}

fn denied(stream: &mut Stream, stop: Stop) -> Stop {
    stream.front.frontend.traffic().denied_requests.inc();
    stream.end(Cause::Proxy, Stage::Request);
    stop
}

/// Carries out `tcp-request content` rules in TCP mode, and waits for bytes as long as they want some and
/// `inspect-delay` lets them.
pub(crate) async fn inspect(
    rules: &[Rule],
    delay: Option<Duration>,
    stream: &mut Stream,
    client: &mut Preread,
) -> Outcome {
    if rules.is_empty() {
        return Outcome::Pass;
    }
    let deadline = delay.map(|delay| now() + delay);
    let (mut at, mut expired) = (0, false);
    let outcome = loop {
        let last = expired || delay.is_none() || client.is_over();
        let bytes = client.bytes();
        let head = Peeked::at(&bytes);
        stream.ahead = Some(Ahead { bytes, complete: client.is_ended(), announced: None, head });
        match look(rules, &mut at, stream, last, None) {
            Some(outcome) => break outcome,
            None => expired = !client.read_until(deadline).await,
        }
        if client.is_broken() {
            // Nobody is there any more whose connection could go anywhere.
            stream.end(Cause::Client, Stage::Request);
            return Outcome::Reject;
        }
    };
    if matches!(outcome, Outcome::Reject | Outcome::Vanish) {
        stream.front.frontend.traffic().denied_requests.inc();
        stream.end(Cause::Proxy, Stage::Request);
    }
    outcome
}

/// Goes on with the rule at `at`, about the server's bytes where there is an `answer`. None: it waits for more.
fn look(
    rules: &[Rule],
    at: &mut usize,
    stream: &mut Stream,
    last: bool,
    answer: Option<Buffer<'_>>,
) -> Option<Outcome> {
    while let Some(rule) = rules.get(*at) {
        let step = {
            let view = View::of(stream);
            let mut ctx = view.ctx(stream);
            (ctx.may_wait, ctx.on_response) = (!last, answer.is_some());
            if let Some(answer) = answer {
                ctx.response_data = answer;
            }
            step(rule, &ctx, &Scene::of(stream))
        };
        match step {
            Step::Wait => return None,
            Step::Set(setting) => setting.apply(stream),
            Step::Stop(outcome) => return Some(outcome),
            Step::Next => {}
        }
        *at += 1;
    }
    Some(Outcome::Pass)
}

/// Carries out `tcp-response content` rules in HTTP mode.
pub(crate) fn on_response(rules: &[Rule], stream: &mut Stream, head: &response::Parts) -> Result<(), Stop> {
    for rule in rules {
        let step = {
            let view = View::of(stream);
            step(rule, &view.response(stream, head), &Scene::of(stream))
        };
        match step {
            Step::Set(setting) => setting.apply(stream),
            Step::Stop(Outcome::Reject) => {
                stream.front.frontend.traffic().denied_responses.inc();
                stream.end(Cause::Proxy, Stage::Headers);
                return Err(Stop::Error(http::StatusCode::BAD_GATEWAY));
            }
            Step::Stop(Outcome::Vanish) => {
                stream.end(Cause::Proxy, Stage::Headers);
                return Err(Stop::Vanish);
            }
            Step::Next | Step::Wait => {}
            Step::Stop(_) => break,
        }
    }
    Ok(())
}

/// Carries out `tcp-response content` rules in TCP mode on what has come from the server. None: they wait for more.
pub(crate) fn on_answer(
    rules: &[Rule],
    at: &mut usize,
    stream: &mut Stream,
    (bytes, last, complete): (&[u8], bool, bool),
) -> Option<Outcome> {
    let answer = Buffer { bytes: Some(bytes), complete, announced: None };
    look(rules, at, stream, last, Some(answer))
}

/// Ends a connection as a rule wants it.
pub(crate) fn dismiss(session: &Session, outcome: Outcome, socket: Option<&Socket>) {
    match outcome {
        Outcome::Vanish => session.with_socket(option::vanish),
        _ => socket.into_iter().for_each(Socket::reset_on_close),
    }
}

fn step<'a>(rule: &'a Rule, ctx: &Ctx<'a>, scene: &Scene<'_>) -> Step {
    let verdict = |condition: &'a Condition| condition.eval(ctx);
    match rule.condition.as_ref().map_or(Verdict::Pass, verdict) {
        Verdict::Fail => return Step::Next,
        Verdict::Unknown if ctx.may_wait => return Step::Wait,
        Verdict::Unknown => return Step::Next,
        Verdict::Pass => {}
    }
    match &rule.action {
        Action::Allow => Step::Stop(Outcome::Pass),
        Action::Reject => Step::Stop(Outcome::Reject),
        Action::SilentDrop => Step::Stop(Outcome::Vanish),
        Action::ExpectProxy => Step::Stop(Outcome::ExpectProxy),
        Action::SwitchToHttp => Step::Stop(Outcome::Http),
        Action::Close => Step::Stop(Outcome::Close),
        other => match Setting::of(other, ctx) {
            Some(setting) => setting.map_or(Step::Next, Step::Set),
            None => {
                note(other, ctx, scene);
                Step::Next
            }
        },
    }
}
