//! Rules about connections: `tcp-request`.

use std::rc::Rc;

use http::request;
use lb_conf::model::{Action, Rule};
use lb_expr::Ctx;

use crate::eval::View;
use crate::http::rules::set_var_of;
use crate::session::{Front, Session};
use crate::stream::{Cause, Stage, Stream};

/// Carries out `tcp-request connection` rules; whether the connection may stay.
pub(crate) fn on_connection(session: &Session) -> bool {
    let front: Rc<Front> = session.endpoint.front();
    let view = View::new(session, &front);
    let passes = pass(&front.frontend.config.proxy.rules.tcp_connection, &view.session(session, &front));
    if !passes {
        front.frontend.traffic().denied_connections.inc();
    }
    passes
}

/// Carries out `tcp-request session` rules; whether the connection may stay.
pub(crate) fn on_session(session: &Session) -> bool {
    let front: Rc<Front> = session.endpoint.front();
    let view = View::new(session, &front);
    let passes = pass(&front.frontend.config.proxy.rules.tcp_session, &view.session(session, &front));
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
            Some(head) => pass(rules, &view.request(stream, head)),
            None => pass(rules, &view.ctx(stream)),
        }
    };
    if !passes {
        stream.front.frontend.traffic().denied_requests.inc();
        stream.end(Cause::Proxy, Stage::Request);
    }
    passes
}

fn pass<'a>(rules: &'a [Rule], ctx: &Ctx<'a>) -> bool {
    for rule in rules {
        if rule.condition.as_ref().is_some_and(|condition| !condition.holds(ctx)) {
            continue;
        }
        match &rule.action {
            Action::Allow => return true,
            Action::Reject => return false,
            other => set_var_of(other, ctx),
        }
    }
    true
}
