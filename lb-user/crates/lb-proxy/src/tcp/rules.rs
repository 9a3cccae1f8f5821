//! Rules about connections: `tcp-request`.

use std::rc::Rc;

use http::request;
use lb_conf::model::{Action, Rule};
use lb_core::stick::Metric;
use lb_expr::Ctx;

use crate::eval::View;
use crate::http::rules::{Scene, note};
use crate::session::{Front, Session};
use crate::stream::{Cause, Stage, Stream};

/// Carries out `tcp-request connection` rules; whether the connection may stay.
pub(crate) fn on_connection(session: &Session) -> bool {
    let front: Rc<Front> = session.endpoint.front();
    let view = View::new(session, &front);
    let rules = &front.frontend.config.proxy.rules.tcp_connection;
    let passes = pass(rules, &view.session(session, &front), &scene(session, &front));
    if !passes {
        front.frontend.traffic().denied_connections.inc();
    }
    passes
}

/// Carries out `tcp-request session` rules; whether the connection may stay.
pub(crate) fn on_session(session: &Session) -> bool {
    let front: Rc<Front> = session.endpoint.front();
    let view = View::new(session, &front);
    let rules = &front.frontend.config.proxy.rules.tcp_session;
    let passes = pass(rules, &view.session(session, &front), &scene(session, &front));
    session.tracked.add(None, &[Metric::SessCnt, Metric::SessRate], 1, session.worker.tick());
    if !passes {
        front.frontend.traffic().denied_sessions.inc();
    }
    passes
}

/// Carries out `tcp-request content` rules; whether the stream may go on. In HTTP mode there is a request already.
pub(crate) fn on_content(rules: &[Rule], stream: &mut Stream, head: Option<&request::Parts>) -> bool {
    if rules.is_empty() {
        return true;
    }
    let passes = {
        let view = View::of(stream);
        match head {
            Some(head) => pass(rules, &view.request(stream, head), &Scene::of(stream)),
            None => pass(rules, &view.ctx(stream), &Scene::of(stream)),
        }
    };
    if !passes {
        stream.front.frontend.traffic().denied_requests.inc();
        stream.end(Cause::Proxy, Stage::Request);
    }
    passes
}

fn scene<'a>(session: &'a Session, front: &'a Front) -> Scene<'a> {
    let now = session.worker.tick();
    Scene { counters: &session.tracked, snapshot: &front.snapshot, now, request: false }
}

fn pass<'a>(rules: &'a [Rule], ctx: &Ctx<'a>, scene: &Scene<'_>) -> bool {
    for rule in rules {
        if rule.condition.as_ref().is_some_and(|condition| !condition.holds(ctx)) {
            continue;
        }
        match &rule.action {
            Action::Allow => return true,
            Action::Reject => return false,
            other => note(other, ctx, scene),
        }
    }
    true
}
