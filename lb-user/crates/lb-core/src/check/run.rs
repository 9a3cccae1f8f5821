//! A check under way: a state machine over bytes that whoever owns the socket drives.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXUPPER_PERMISSIVE;
use lb_conf::model::{self, CheckConnect, ExpectStatus};
use lb_expr::Ctx;
use lb_expr::ctx::Buffer;
use lb_expr::sample::Sample;
use lb_expr::vars::VarStore;
use lb_expr::world::Nowhere;

use super::content::Found;
use super::http::Judgement;
use super::program::{Kind, Program, Step};
use super::scene::Scene;
use super::service::Answer;
use super::{AgentReport, CheckReport, CheckStatus};

/// Received bytes that are kept: a longer answer is judged by its beginning.
const MAX_RECEIVED: usize = 16 * 1024;

/// What to do next for a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a connection, to this port and address instead of the check's if given; close the one before. Then
    /// [`CheckRun::connected`].
    Connect(CheckConnect),
    /// Write these bytes, then [`CheckRun::sent`].
    Send(Bytes),
    /// Read, then [`CheckRun::received`] or [`CheckRun::closed`].
    Receive,
    /// The check has ended: [`CheckRun::report`].
    Done,
}

/// Why a step of a check cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The time is over.
    Timeout,
    /// No socket could be made.
    Socket(String),
    /// The connection could not be opened.
    Connect(String),
    /// TLS could not be established in time.
    TlsTimeout,
    /// TLS could not be established.
    Tls(String),
    /// The connection broke.
    Broken(String),
}

impl Failure {
    /// What the system says without its number, as it is shown to users.
    pub fn text(error: &std::io::Error) -> String {
        let text = error.to_string();
        text.split(" (os error").next().unwrap_or_default().to_owned()
    }
}

/// A check under way.
pub struct CheckRun {
    program: Arc<Program>,
    scene: Option<Box<dyn Scene>>,
    vars: VarStore,
    /// What the step at hand sends, if that was computed.
    computed: Bytes,
    linger: bool,
    step: usize,
    connected: bool,
    secure: bool,
    received: Vec<u8>,
    closed: bool,
    /// What the last answer that was good said.
    said: Option<Outcome>,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Outcome {
    status: CheckStatus,
    code: Option<u16>,
    info: String,
}

impl CheckRun {
    /// Begins a check whose formats and expressions see nothing of the daemon.
    pub fn new(program: Arc<Program>) -> Self {
        let mut run = Self {
            linger: program.linger,
            program,
            scene: None,
            vars: VarStore::default(),
            computed: Bytes::new(),
            step: 0,
            connected: false,
            secure: false,
            received: Vec::new(),
            closed: false,
            said: None,
            outcome: None,
        };
        run.prepare();
        run
    }

    /// Begins a check of a server.
    pub fn within(program: Arc<Program>, scene: Box<dyn Scene>) -> Self {
        let mut run = Self::new(program);
        run.scene = Some(scene);
        run.step = 0;
        run.prepare();
        run
    }

    /// What to do next.
    pub fn action(&self) -> Action {
        match self.program.steps.get(self.step) {
            _ if self.outcome.is_some() => Action::Done,
            Some(Step::Connect(connect)) => Action::Connect(*connect),
            Some(Step::Send(bytes)) => Action::Send(bytes.clone()),
            Some(Step::SendState(..) | Step::SendText(_) | Step::SendHex(_)) => {
                Action::Send(self.computed.clone())
            }
            Some(Step::Expect(..) | Step::Http(_) | Step::Reply(_) | Step::Agent) => Action::Receive,
            Some(Step::Var(_) | Step::Comment) | None => Action::Done,
        }
    }

    /// Whether the connection is to be closed in the ordinary way rather than reset.
    pub fn lingers(&self) -> bool {
        self.linger
    }

    /// A connection is open; `secure`: with TLS.
    pub fn connected(&mut self, secure: bool) {
        if let Some(Step::Connect(connect)) = self.program.steps.get(self.step) {
            self.linger = self.program.linger || connect.linger;
        }
        self.connected = true;
        self.secure = secure;
        self.received.clear();
        self.closed = false;
        self.advance();
    }

    /// What was to be sent is sent.
    pub fn sent(&mut self) {
        self.received.clear();
        self.advance();
    }

    /// The server sent these bytes.
    pub fn received(&mut self, bytes: &[u8]) {
        let room = MAX_RECEIVED.saturating_sub(self.received.len());
        self.received.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.look();
    }

    /// The server sends no more.
    pub fn closed(&mut self) {
        self.closed = true;
        self.look();
    }

    /// The step could not be done.
    pub fn failed(&mut self, failure: Failure) {
        let (status, info) = match failure {
            Failure::Timeout if self.connected => (self.silence(), String::new()),
            Failure::Timeout => (CheckStatus::L4Timeout, String::new()),
            Failure::Socket(text) | Failure::Broken(text) => (CheckStatus::SocketError, text),
            Failure::Connect(text) => (CheckStatus::L4Connect, text),
            Failure::TlsTimeout => (CheckStatus::L6Timeout, String::new()),
            Failure::Tls(text) => (CheckStatus::L6Response, text),
        };
        self.end(status, None, self.with_place(info));
    }

    /// How the check ended, after so much time.
    pub fn report(self, duration: Duration) -> CheckReport {
        let outcome = self.outcome.unwrap_or(Outcome {
            status: CheckStatus::Unknown,
            code: None,
            info: "broken off".into(),
        });
        CheckReport { status: outcome.status, code: outcome.code, duration, info: outcome.info }
    }

    /// What an agent said, after so much time.
    pub fn agent_report(self, duration: Duration) -> AgentReport {
        let failed = self.outcome.as_ref().is_none_or(|outcome| outcome.status != CheckStatus::Checked);
        if failed {
            return AgentReport::unanswered(self.report(duration));
        }
        AgentReport::parse(&self.received, duration)
    }

    // What it is called when no answer comes.
    fn silence(&self) -> CheckStatus {
        match self.program.steps.get(self.step) {
            Some(Step::Reply(reply)) => reply.silence,
            Some(Step::Expect(_, statuses)) => named(statuses.timeout, CheckStatus::L7Timeout),
            Some(Step::Http(expectations)) => named(expectations.timeout(), CheckStatus::L7Timeout),
            _ => CheckStatus::L7Timeout,
        }
    }

    // Does what needs no connection, and computes what is sent next.
    fn prepare(&mut self) {
        let program = Arc::clone(&self.program);
        while let Some(step) = program.steps.get(self.step) {
            match step {
                Step::Comment => {}
                Step::Var(action) => self.look_around(|ctx| perform(action, &ctx)),
                _ => return self.compute(step),
            }
            self.step += 1;
        }
    }

    fn compute(&mut self, step: &Step) {
        match step {
            Step::SendState(head, rest) => {
                let state = self.scene.as_ref().map(|scene| scene.state()).unwrap_or_default();
                let header = format!("X-Haproxy-Server-State: {state}\r\n");
                self.computed = [head, header.as_bytes(), rest].concat().into();
            }
            Step::SendText(format) => {
                self.computed = self.look_around(|ctx| Bytes::from(format.format(&ctx).to_vec()))
            }
            Step::SendHex(format) => {
                let text = self.look_around(|ctx| format.format(&ctx).to_vec());
                match HEXUPPER_PERMISSIVE.decode(&text) {
                    Ok(bytes) => self.computed = bytes.into(),
                    Err(_) => self.fail_step("what is to be sent is not hexadecimal"),
                }
            }
            _ => {}
        }
    }

    // Evaluates something in the light of what has come so far.
    fn look_around<T: Default>(&self, look: impl Fn(Ctx<'_>) -> T) -> T {
        let mut seen = T::default();
        let mut show = |ctx: Ctx<'_>| {
            let mut ctx = ctx;
            ctx.on_response = true;
            ctx.vars.check = Some(&self.vars);
            ctx.response_data =
                Buffer { bytes: Some(&self.received), complete: self.closed, ..Buffer::default() };
            seen = look(ctx);
        };
        match &self.scene {
            Some(scene) => scene.show(&mut show),
            None => show(Ctx::new(&Nowhere, Duration::ZERO)),
        }
        seen
    }

    fn advance(&mut self) {
        self.step += 1;
        self.prepare();
        let last = match self.program.steps.get(self.step) {
            _ if self.outcome.is_some() => return,
            None => {
                self.program.steps.iter().rev().find(|step| !matches!(step, Step::Var(_) | Step::Comment))
            }
            // What has come already may be enough for the next step.
            Some(_) => return self.look_again(),
        };
        match (last, self.program.kind) {
            (Some(Step::Connect(_)), _) if self.secure => self.end(CheckStatus::L6Ok, None, String::new()),
            (Some(Step::Connect(_)), _) => self.end(CheckStatus::L4Ok, None, String::new()),
            (Some(Step::Expect(_, statuses)), Kind::Script) => {
                self.end(named(statuses.ok, CheckStatus::L7Ok), Some(0), "(tcp-check)".into());
            }
            (_, Kind::Script) => self.end(CheckStatus::L7Ok, Some(0), "(tcp-check)".into()),
            _ => {
                let none = Outcome { status: CheckStatus::L7Ok, code: None, info: String::new() };
                let said = self.said.take().unwrap_or(none);
                self.outcome.get_or_insert(said);
            }
        }
    }

    fn look_again(&mut self) {
        if !self.received.is_empty() || self.closed {
            self.look();
        }
    }

    // Judges what has come, in the light of the step that waits for it.
    fn look(&mut self) {
        let complete = self.closed || self.received.len() >= MAX_RECEIVED;
        let program = Arc::clone(&self.program);
        match program.steps.get(self.step) {
            Some(Step::Http(expectations)) => {
                if let Judgement::Decided { status, code, info } =
                    expectations.judge(&self.received, complete)
                {
                    self.end(status, code, info);
                }
            }
            Some(Step::Reply(reply)) => match (reply.judge)(&self.received, complete) {
                Answer::More => {}
                Answer::Good(status, code, info) => {
                    self.said = Some(Outcome { status, code, info });
                    self.advance();
                }
                Answer::Bad(status, code, info) => self.end(status, code, info),
            },
            Some(Step::Agent) => self.look_at_agent(complete),
            Some(Step::Expect(needle, _)) if self.received.is_empty() && complete => {
                let negated = if needle.is_negated() { " not" } else { "" };
                self.fail_step(&format!("nothing came that could{negated} match"));
            }
            Some(Step::Expect(needle, _)) => match needle.look(&self.received, complete) {
                Found::Wanted => self.advance(),
                Found::Unwanted if needle.is_negated() => {
                    self.fail_step("the answer matches what it must not")
                }
                Found::Unwanted => self.fail_step("the answer does not match"),
                Found::Undecided => {}
            },
            // Those wait for nothing.
            Some(_) | None => {}
        }
    }

    fn look_at_agent(&mut self, complete: bool) {
        let line = self.received.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        match (line, complete, self.received.is_empty()) {
            (true, ..) | (_, true, false) => self.end(CheckStatus::Checked, None, String::new()),
            (false, true, true) => self.end(CheckStatus::L7Response, None, String::new()),
            (false, false, _) => {}
        }
    }

    fn fail_step(&mut self, what: &str) {
        let status = match self.program.steps.get(self.step) {
            Some(Step::Expect(_, statuses)) => named(statuses.error, CheckStatus::L7Response),
            _ => CheckStatus::L7Response,
        };
        self.end(status, Some(0), self.with_place(what.to_owned()));
    }

    // A script's steps are numbered for the reader, from 1, without the connection that is not written down.
    fn with_place(&self, text: String) -> String {
        if self.program.kind != Kind::Script {
            return text;
        }
        let place = match (self.step + 1).saturating_sub(self.program.implicit) {
            0 => "at initial connection step of tcp-check".to_owned(),
            step => format!("at step {step} of tcp-check"),
        };
        let comment = self.program.comments.get(self.step).and_then(Option::as_ref);
        let comment = comment.map(|comment| format!(" comment: '{comment}'")).unwrap_or_default();
        format!("{text} {place}{comment}").trim_start().to_owned()
    }

    fn end(&mut self, status: CheckStatus, code: Option<u16>, info: String) {
        let code = code.filter(|_| status.has_code());
        self.outcome.get_or_insert(Outcome { status, code, info });
    }
}

/// What an outcome is called: as the rule says, or as it is.
fn named(said: Option<ExpectStatus>, status: CheckStatus) -> CheckStatus {
    said.map_or(status, CheckStatus::from)
}

/// An action on a variable.
fn perform(action: &model::Action, ctx: &Ctx<'_>) {
    match action {
        model::Action::SetVar { var, conditions, value } => ctx.set_var(*var, conditions, value.eval(ctx)),
        model::Action::SetVarFmt { var, conditions, value } => {
            ctx.set_var(*var, conditions, Some(Sample::str(value.format(ctx))));
        }
        model::Action::UnsetVar(var) => {
            ctx.vars.set(*var, None);
        }
        // The loader takes no others.
        _ => {}
    }
}
