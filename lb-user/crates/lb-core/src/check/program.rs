//! What a check does, compiled once for each backend.

use std::sync::Arc;

use bytes::Bytes;
use lb_conf::model::{
    Action, AgentCheck, CheckConnect, CheckProtocol, CheckRule, CheckSpec, CheckStep, ExpectStatuses,
    HttpCheck, TcpMatch,
};
use lb_expr::LogFormat;
use regex::bytes::Regex;

use super::content::{Needle, Until};
use super::http::HttpExpectations;
use super::service::{self, Reply};

/// The steps of a check.
#[derive(Debug)]
pub struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) kind: Kind,
    /// Connections at the beginning that no rule asks for.
    pub(super) implicit: usize,
    /// The connection is closed in the ordinary way rather than reset, so that the server takes no note of it.
    pub(super) linger: bool,
    /// What is told of steps that fail, by their position.
    pub(super) comments: Vec<Option<String>>,
}

/// Whose answer it is, for the names of outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tcp,
    Http,
    Script,
    Service,
    Agent,
}

#[derive(Debug)]
pub(super) enum Step {
    Connect(CheckConnect),
    Send(Bytes),
    /// What stands before and behind the header that tells the server its state.
    SendState(Bytes, Bytes),
    SendText(Arc<LogFormat>),
    SendHex(Arc<LogFormat>),
    Var(Arc<Action>),
    Comment,
    Expect(Needle, ExpectStatuses),
    Http(HttpExpectations),
    Reply(Reply),
    Agent,
}

/// A regular expression of a check does not compile.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the check's regular expression does not compile: {0}")]
pub struct BadPattern(#[from] regex::Error);

impl Program {
    /// The steps of a backend's health checks.
    ///
    /// # Errors
    ///
    /// A regular expression does not compile. The configuration's loader refuses those before.
    pub fn new(spec: &CheckSpec) -> Result<Self, BadPattern> {
        let begin = |steps, kind| Self { steps, kind, implicit: 1, linger: false, comments: Vec::new() };
        Ok(match &spec.protocol {
            CheckProtocol::Tcp => begin(vec![Step::Connect(CheckConnect::default())], Kind::Tcp),
            CheckProtocol::Http(http) => begin(http_steps(http)?, Kind::Http),
            CheckProtocol::Script(rules) => {
                let steps = script_steps(rules)?;
                let implicit = steps.len() - rules.len();
                let comments = rules.iter().map(|rule| rule.comment.clone());
                let comments = std::iter::repeat_n(None, implicit).chain(comments).collect();
                Self { implicit, comments, ..begin(steps, Kind::Script) }
            }
            CheckProtocol::Service(check) => {
                let linger = service::lingers(check);
                Self { linger, ..begin(service::steps(check), Kind::Service) }
            }
        })
    }

    /// The steps of a server's agent check.
    pub fn agent(agent: &AgentCheck) -> Self {
        let mut steps = vec![Step::Connect(CheckConnect::default())];
        if !agent.send.is_empty() {
            steps.push(Step::Send(Bytes::copy_from_slice(&agent.send)));
        }
        steps.push(Step::Agent);
        Self { steps, kind: Kind::Agent, implicit: 1, linger: false, comments: Vec::new() }
    }
}

fn http_steps(check: &HttpCheck) -> Result<Vec<Step>, BadPattern> {
    let expectations = HttpExpectations::new(check)?;
    Ok(vec![Step::Connect(CheckConnect::default()), send(check), Step::Http(expectations)])
}

fn send(check: &HttpCheck) -> Step {
    let (head, rest) = request(check);
    if check.send_state {
        return Step::SendState(head.into(), rest.into());
    }
    Step::Send([head, rest].concat().into())
}

/// The head of an HTTP check's request, up to its last header field, and the rest. HTTP/1.1 servers are told that no
/// other request follows.
fn request(check: &HttpCheck) -> (Vec<u8>, Vec<u8>) {
    let mut head = format!("{} {} {}\r\n", check.method, check.uri, check.version);
    let has = |name: &str| check.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
    for (name, value) in &check.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if check.version != "HTTP/1.0" && !has("connection") {
        head.push_str("Connection: close\r\n");
    }
    if !check.body.is_empty() && !has("content-length") {
        head.push_str(&format!("Content-Length: {}\r\n", check.body.len()));
    }
    (head.into_bytes(), [b"\r\n", &check.body[..]].concat())
}

fn script_steps(rules: &[CheckRule]) -> Result<Vec<Step>, BadPattern> {
    let acts = |rule: &&CheckRule| !matches!(rule.step, CheckStep::Comment(_) | CheckStep::Var(_));
    let first = rules.iter().find(acts).map(|rule| &rule.step);
    let mut steps = match first {
        Some(CheckStep::Connect(_)) => Vec::new(),
        _ => vec![Step::Connect(CheckConnect::default())],
    };
    for rule in rules {
        steps.push(match &rule.step {
            CheckStep::Connect(connect) => Step::Connect(*connect),
            CheckStep::Send(bytes) => Step::Send(Bytes::copy_from_slice(bytes)),
            CheckStep::SendText(format) => Step::SendText(Arc::clone(&format.value)),
            CheckStep::SendHex(format) => Step::SendHex(Arc::clone(&format.value)),
            CheckStep::Var(action) => Step::Var(Arc::clone(&action.value)),
            CheckStep::Comment(_) => Step::Comment,
            CheckStep::Expect(expect) => {
                let at_least = expect.min_recv.map_or(Until::Any, Until::Bytes);
                let needle = needle(&expect.what)?.negated(expect.negated).after(at_least);
                Step::Expect(needle, expect.statuses)
            }
        });
    }
    Ok(steps)
}

fn needle(what: &TcpMatch) -> Result<Needle, BadPattern> {
    Ok(match what {
        TcpMatch::Bytes(bytes) => Needle::bytes(bytes),
        TcpMatch::Regex(pattern) => Needle::regex(Regex::new(pattern)?),
        TcpMatch::HexRegex(pattern) => Needle::hex_regex(Regex::new(pattern)?),
    })
}
