//! Rules of a proxy.

use std::collections::HashMap;
use std::sync::Arc;

use lb_expr::{Checkpoint, Condition, Env, Expr};

use super::{Compiler, error, texts};
use crate::action::{self, Places, RuleArgs};
use crate::diag::{Code, Diagnostic};
use crate::draft::{Placed, ProxyDraft, RuleDraft, RuleKind, ServerDraft};
use crate::keyword::{Args, Context, Sections};
use crate::lex::Word;
use crate::model::{
    Action, BackendChoice, CheckRule, HeaderCapture, LogFormats, PersistRule, Rule, Rules, ServerChoice,
    StatsPage, StickRule, UseBackend, UseServer,
};
use crate::span::Span;

/// What the lines of a proxy come to.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) rules: Rules,
    pub(crate) use_backend: Vec<Arc<UseBackend>>,
    pub(crate) use_server: Vec<Arc<UseServer>>,
    pub(crate) stick: Vec<Arc<StickRule>>,
    pub(crate) monitor_fail: Vec<Arc<Condition>>,
    pub(crate) check_rules: Vec<CheckRule>,
    pub(crate) log_formats: LogFormats,
    pub(crate) request_captures: Vec<HeaderCapture>,
    pub(crate) response_captures: Vec<HeaderCapture>,
    pub(crate) balance_expr: Option<Arc<Expr>>,
    /// Of each server.
    pub(crate) sni: Vec<Option<Arc<Expr>>>,
    redirects: Vec<Rule>,
}

impl<'d> Compiler<'d> {
    /// Compiles all lines of a proxy.
    pub(crate) fn proxy(&mut self, proxy: &'d ProxyDraft, notes: &mut Vec<Diagnostic>) -> Compiled {
        self.enter(proxy);
        let numbered = || (0..).zip(&proxy.rules);
        for (position, line) in numbered().filter(|(_, l)| l.kind == RuleKind::Acl) {
            self.position = position;
            if let Err(error) = self.acl(line) {
                let name = line.words.first().map(|w| w.text.clone()).unwrap_or_default();
                self.wrong_acls.insert(name, error.clone());
                notes.push(error);
            }
        }
        self.note_ored(notes);
        let mut compiled = Compiled::default();
        for (position, line) in numbered().filter(|(_, l)| l.kind != RuleKind::Acl) {
            self.position = position;
            notes.extend(self.line(line, proxy, &mut compiled).unwrap_or_else(|e| vec![e]));
        }
        let redirects = std::mem::take(&mut compiled.redirects);
        compiled.rules.http_request.extend(redirects);
        compiled.balance_expr = self.balance(proxy, notes);
        compiled.sni = self.sni(proxy, notes);
        compiled.check_rules = self.check_rules(proxy, notes);
        if proxy.is_frontend() {
            compiled.log_formats = self.log_formats(proxy, notes);
        }
        compiled.request_captures = std::mem::take(&mut self.request_captures);
        compiled.response_captures = std::mem::take(&mut self.response_captures);
        compiled
    }

    fn acl(&mut self, line: &RuleDraft) -> Result<(), Diagnostic> {
        let mut env = Env::anywhere(&mut self.names);
        let declared = self.acls.declare(&texts(&line.words), self.position, &mut env);
        let acl = declared.map_err(|e| error::diagnostic(&e, &line.words, &line.head))?;
        let fetch = acl
            .tests()
            .last()
            .map_or("", |test| test.expr().fetch_row().names.first().copied().unwrap_or(""));
        let name = acl.name().to_owned();
        self.acl_lines.entry(name).or_default().push((line.head.span, fetch));
        Ok(())
    }

    /// Two lines of one ACL are alternatives; who tests different things by them often means both.
    fn note_ored(&self, notes: &mut Vec<Diagnostic>) {
        for (name, lines) in &self.acl_lines {
            let Some((first, other)) = lines.first().and_then(|(span, fetch)| {
                lines.iter().find(|(_, f)| f != fetch).map(|(other, f)| ((*span, *fetch), (*other, *f)))
            }) else {
                continue;
            };
            let message = format!("the lines of acl '{name}' test different things, and any of them will do");
            let note =
                Diagnostic::notice(Code::Expression, message).at(other.0).label(format!("'{}', or", other.1));
            let help = format!(
                "if all of them are meant, give this line a name of its own and write 'if {name} {name}_too'"
            );
            notes.push(note.related(first.0, format!("'{}'", first.1)).help(help));
        }
    }

    /// Compiles a line; what is returned is not fatal.
    fn line(
        &mut self,
        line: &RuleDraft,
        proxy: &ProxyDraft,
        out: &mut Compiled,
    ) -> Result<Vec<Diagnostic>, Diagnostic> {
        match line.kind {
            RuleKind::Acl => Ok(Vec::new()),
            RuleKind::TcpRequest | RuleKind::TcpResponse => self.tcp(line, proxy, out),
            RuleKind::HttpRequest => {
                let (rule, notes) = self.rule(line, &line.words, Places::HTTP_REQUEST)?;
                out.rules.http_request.push(rule);
                Ok(notes)
            }
            RuleKind::HttpResponse => {
                let (rule, notes) = self.rule(line, &line.words, Places::HTTP_RESPONSE)?;
                out.rules.http_response.push(rule);
                Ok(notes)
            }
            RuleKind::HttpAfterResponse => {
                let (rule, notes) = self.rule(line, &line.words, Places::HTTP_AFTER_RESPONSE)?;
                out.rules.http_after_response.push(rule);
                Ok(notes)
            }
            RuleKind::Redirect => self.redirect(line, out),
            RuleKind::UseBackend => self.use_backend(line, proxy, out),
            RuleKind::UseServer => self.use_server(line, proxy, out),
            RuleKind::Stick => self.stick(line, out),
            RuleKind::StatsRequest => {
                let (mut rule, notes) = self.rule(line, &line.words, Places::STATS)?;
                if let Action::Auth { realm: realm @ None } = &mut rule.action {
                    *realm = Some(StatsPage::default().realm);
                }
                out.rules.stats_request.push(rule);
                Ok(notes)
            }
            RuleKind::StatsAdmin => {
                self.place = self.checkpoint(Places::STATS);
                let (condition, notes) = self.rest(&line.words, &line.head)?;
                out.rules.stats_admin.push(condition.ok_or_else(|| {
                    let message = "'stats admin' needs a condition";
                    let error = Diagnostic::alert(Code::MissingArgument, message).at(line.head.span);
                    error
                        .help("write 'stats admin if TRUE' to let everybody who sees the page change servers")
                })?);
                Ok(notes)
            }
            RuleKind::HttpError => self.http_error(line, out),
            RuleKind::ForcePersist => self.persist(line, true, out),
            RuleKind::IgnorePersist => self.persist(line, false, out),
            // Those stand among the rules of the check.
            RuleKind::Check => Ok(Vec::new()),
            RuleKind::MonitorFail => {
                self.place = Checkpoint::FrontendHttpRequest;
                let (condition, notes) = self.rest(&line.words, &line.head)?;
                out.monitor_fail.extend(condition.map(Arc::new));
                Ok(notes)
            }
        }
    }

    /// `http-error status CODE [REPLY…]`
    fn http_error(&mut self, line: &RuleDraft, out: &mut Compiled) -> Result<Vec<Diagnostic>, Diagnostic> {
        self.place = self.checkpoint(Places::HTTP_RESPONSE);
        let (reply, _, notes) = self.action(&line.words, line, |a| action::reply(a, 0))?;
        if reply.status == 0 {
            let error = Diagnostic::alert(Code::MissingArgument, "the answer has no 'status'");
            return Err(error.at(line.head.span));
        }
        out.rules.http_errors.insert(reply.status, reply);
        Ok(notes)
    }

    /// `force-persist CONDITION` and `ignore-persist CONDITION`
    fn persist(
        &mut self,
        line: &RuleDraft,
        force: bool,
        out: &mut Compiled,
    ) -> Result<Vec<Diagnostic>, Diagnostic> {
        self.place = Checkpoint::UseServer;
        let (condition, notes) = self.rest(&line.words, &line.head)?;
        let condition = condition.ok_or_else(|| {
            let message = format!("'{}' needs a condition", line.head.text);
            Diagnostic::alert(Code::MissingArgument, message).at(line.head.span)
        })?;
        out.rules.persist.push(PersistRule { force, condition });
        Ok(notes)
    }

    /// What `balance hash` and `balance rdp-cookie` hash.
    fn balance(&mut self, proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) -> Option<Arc<Expr>> {
        let first = proxy.balance_words.first().filter(|_| proxy.is_backend())?;
        self.place = Checkpoint::UseServer;
        self.whole_expr(&proxy.balance_words, first).map_err(|error| notes.push(error)).ok()
    }

    /// The expressions of `sni` words, by server.
    fn sni(&mut self, proxy: &ProxyDraft, notes: &mut Vec<Diagnostic>) -> Vec<Option<Arc<Expr>>> {
        self.place = Checkpoint::ServerConnect;
        // One of `default-server`, or of a template, is the expression of many.
        let mut known: HashMap<Span, Option<Arc<Expr>>> = HashMap::new();
        let mut compile = |server: &ServerDraft| {
            let word = server.settings.tls.sni_word.as_ref().filter(|_| proxy.is_backend())?;
            let compiled = known.entry(word.span).or_insert_with(|| {
                let expr = self.whole_expr(std::slice::from_ref(word), word);
                expr.map_err(|error| notes.push(error)).ok()
            });
            compiled.clone()
        };
        proxy.servers.iter().map(&mut compile).collect()
    }

    /// The expression that all of `words` are.
    fn whole_expr(&mut self, words: &[Word], before: &Word) -> Result<Arc<Expr>, Diagnostic> {
        let (expr, taken) = self.expr(words, before)?;
        match words.get(taken) {
            None => Ok(Arc::new(expr)),
            Some(extra) => {
                let message = format!("unexpected '{}'", extra.text);
                Err(Diagnostic::alert(Code::ExtraArgument, message).at(extra.span))
            }
        }
    }

    /// `tcp-request …` and `tcp-response …`
    fn tcp(
        &mut self,
        line: &RuleDraft,
        proxy: &ProxyDraft,
        out: &mut Compiled,
    ) -> Result<Vec<Diagnostic>, Diagnostic> {
        let request = line.kind == RuleKind::TcpRequest;
        let known: &[&str] = if request {
            &["connection", "session", "content", "inspect-delay"]
        } else {
            &["content", "inspect-delay"]
        };
        let (kind, rest) = line.words.split_first().ok_or_else(|| {
            let error =
                Diagnostic::alert(Code::MissingArgument, format!("'{}' needs an argument", line.head.text));
            error.at(line.head.span).label(format!("expected {}", crate::keyword::one_of(known)))
        })?;
        let (place, list) = match (kind.as_ref(), request) {
            ("connection", true) => (Places::TCP_CONNECTION, &mut out.rules.tcp_connection),
            ("session", true) => (Places::TCP_SESSION, &mut out.rules.tcp_session),
            ("content", true) => (Places::TCP_CONTENT, &mut out.rules.tcp_content),
            ("content", false) => (Places::TCP_RESPONSE, &mut out.rules.tcp_response),
            ("inspect-delay", _) => return self.inspect_delay(line, request, out),
            _ => {
                let message = format!("unknown word '{}' behind '{}'", kind.text, line.head.text);
                let error = Diagnostic::alert(Code::UnknownWord, message).at(kind.span);
                return Err(error.nearest(kind, known.iter().copied()));
            }
        };
        let early = place == Places::TCP_CONNECTION || place == Places::TCP_SESSION;
        if early && !proxy.is_frontend() {
            let message = format!("'tcp-request {}' is for frontends", kind.text);
            return Err(Diagnostic::alert(Code::Misplaced, message).at(kind.span));
        }
        let (rule, notes) = self.rule(line, rest, place)?;
        list.push(rule);
        Ok(notes)
    }

    fn inspect_delay(
        &mut self,
        line: &RuleDraft,
        request: bool,
        out: &mut Compiled,
    ) -> Result<Vec<Diagnostic>, Diagnostic> {
        let mut context = Context::new(self.names.host());
        let mut args = Args::new(&line.words, 1, Sections::FRONTEND, &mut context);
        let time = args.time()?;
        args.end()?;
        let delay =
            if request { &mut out.rules.inspect_delay } else { &mut out.rules.response_inspect_delay };
        *delay = Some(time);
        Ok(context.notes)
    }

    /// An action with its condition.
    fn rule(
        &mut self,
        line: &RuleDraft,
        words: &[Word],
        place: Places,
    ) -> Result<(Rule, Vec<Diagnostic>), Diagnostic> {
        self.place = self.checkpoint(place);
        let (action, at, mut notes) = self.action(words, line, |a| action::parse(a, place))?;
        let (condition, more) =
            self.rest(words.get(at..).unwrap_or_default(), words.last().unwrap_or(&line.head))?;
        notes.extend(more);
        Ok((Rule { action, condition, span: line.head.span }, notes))
    }

    /// Reads something at the beginning of `words`; returns how many of them it took.
    pub(super) fn action<T>(
        &mut self,
        words: &[Word],
        line: &RuleDraft,
        read: impl FnOnce(&mut RuleArgs<'_, 'd>) -> Result<T, Diagnostic>,
    ) -> Result<(T, usize, Vec<Diagnostic>), Diagnostic> {
        if words.is_empty() {
            let message = format!("'{}' needs an argument", line.head.text);
            return Err(Diagnostic::alert(Code::MissingArgument, message).at(line.head.span));
        }
        let mut context = Context::new(self.names.host());
        let args = Args::new(words, 0, Sections::FRONTEND, &mut context);
        let mut args = RuleArgs { args, compiler: self, word: None };
        let result = read(&mut args);
        let at = args.args.at();
        Ok((result?, at, context.notes))
    }

    /// The condition that is left of a line, if there is one.
    fn rest(
        &mut self,
        words: &[Word],
        before: &Word,
    ) -> Result<(Option<Condition>, Vec<Diagnostic>), Diagnostic> {
        let Some(first) = words.first() else { return Ok((None, Vec::new())) };
        if first.text != "if" && first.text != "unless" {
            let error =
                Diagnostic::alert(Code::ExtraArgument, format!("unexpected '{}'", first.text)).at(first.span);
            return Err(error.label("expected 'if', 'unless' or the end of the line"));
        }
        let mut notes = Vec::new();
        let condition = self.condition(words, before, &mut notes)?;
        Ok((Some(condition), notes))
    }

    fn redirect(&mut self, line: &RuleDraft, out: &mut Compiled) -> Result<Vec<Diagnostic>, Diagnostic> {
        self.place = self.checkpoint(Places::HTTP_REQUEST);
        let (redirect, at, mut notes) = self.action(&line.words, line, action::redirect)?;
        let (condition, more) = self.rest(line.words.get(at..).unwrap_or_default(), &line.head)?;
        notes.extend(more);
        let action = Action::Redirect(Box::new(redirect));
        out.redirects.push(Rule { action, condition, span: line.head.span });
        Ok(notes)
    }

    fn use_backend(
        &mut self,
        line: &RuleDraft,
        proxy: &ProxyDraft,
        out: &mut Compiled,
    ) -> Result<Vec<Diagnostic>, Diagnostic> {
        self.place = Checkpoint::UseBackend;
        let (name, rest) = split_name(line, "the name of a backend")?;
        let (condition, notes) = self.rest(rest, name)?;
        let backend = if name.contains('%') {
            BackendChoice::Named(self.format(name, &name.text, lb_expr::Style::Log)?)
        } else {
            let placed = Placed::new(name.text.clone(), name.span);
            BackendChoice::Fixed(crate::resolve::backend_of(&self.names, &placed, proxy).map_err(|e| *e)?)
        };
        out.use_backend.push(Arc::new(UseBackend { backend, condition, span: line.head.span }));
        Ok(notes)
    }

    fn use_server(
        &mut self,
        line: &RuleDraft,
        proxy: &ProxyDraft,
        out: &mut Compiled,
    ) -> Result<Vec<Diagnostic>, Diagnostic> {
        self.place = Checkpoint::UseServer;
        let (name, rest) = split_name(line, "the name of a server")?;
        let (condition, notes) = self.rest(rest, name)?;
        if condition.is_none() {
            let error =
                Diagnostic::alert(Code::MissingArgument, "'use-server' needs a condition").at(line.head.span);
            return Err(error.label("expected 'if' or 'unless' behind the server"));
        }
        let server = if name.contains('%') {
            ServerChoice::Named(self.format(name, &name.text, lb_expr::Style::Log)?)
        } else {
            let index = (0..).zip(&proxy.servers).find(|(_, s)| s.name.value == name.text).map(|(i, _)| i);
            ServerChoice::Fixed(index.ok_or_else(|| {
                let message = format!("there is no server '{}' in '{}'", name.text, proxy.name);
                let known = proxy.servers.iter().map(|s| s.name.value.as_str());
                Diagnostic::alert(Code::UnknownName, message).at(name.span).nearest(name, known)
            })?)
        };
        out.use_server.push(Arc::new(UseServer { server, condition, span: line.head.span }));
        Ok(notes)
    }

    /// `stick on|match|store-request|store-response EXPRESSION [table NAME] [CONDITION]`
    fn stick(&mut self, line: &RuleDraft, out: &mut Compiled) -> Result<Vec<Diagnostic>, Diagnostic> {
        let (kind, rest) = split_name(line, "'on', 'match', 'store-request' or 'store-response'")?;
        let (matches, stores_request, stores_response) = match kind.as_ref() {
            "on" => (true, true, false),
            "match" => (true, false, false),
            "store-request" => (false, true, false),
            "store-response" => (false, false, true),
            _ => {
                let known = ["on", "match", "store-request", "store-response"];
                let error = Diagnostic::alert(
                    Code::UnknownWord,
                    format!("unknown word '{}' behind 'stick'", kind.text),
                );
                return Err(error.at(kind.span).nearest(kind, known));
            }
        };
        self.place = if stores_response { Checkpoint::StickStore } else { Checkpoint::UseServer };
        let ((key, table), at, mut notes) = self.action(rest, line, |a| {
            let key = a.expr()?;
            let name = if a.args.take_if("table") { Some(a.args.word("the name of a proxy")?) } else { None };
            let span = name.map_or(line.head.span, |n| n.span);
            Ok((key, a.compiler.table(name.map(|n| n.text.as_str()), span)?))
        })?;
        let (condition, more) = self.rest(rest.get(at..).unwrap_or_default(), kind)?;
        notes.extend(more);
        let span = line.head.span;
        out.stick.push(Arc::new(StickRule {
            matches,
            stores_request,
            stores_response,
            key,
            table,
            condition,
            span,
        }));
        Ok(notes)
    }

    /// Where the rules of this proxy stand. Those of a `listen` section see what a backend's see.
    fn checkpoint(&self, place: Places) -> Checkpoint {
        let backend = self.names.proxy().is_some_and(ProxyDraft::is_backend);
        match place {
            Places::TCP_CONNECTION => Checkpoint::TcpConnection,
            Places::TCP_SESSION => Checkpoint::TcpSession,
            Places::TCP_CONTENT if backend => Checkpoint::BackendTcpContent,
            Places::TCP_CONTENT => Checkpoint::FrontendTcpContent,
            Places::TCP_RESPONSE if backend => Checkpoint::BackendTcpResponse,
            Places::TCP_RESPONSE => Checkpoint::FrontendTcpResponse,
            Places::HTTP_REQUEST | Places::STATS if backend => Checkpoint::BackendHttpRequest,
            Places::HTTP_REQUEST | Places::STATS => Checkpoint::FrontendHttpRequest,
            _ if backend => Checkpoint::BackendHttpResponse,
            _ => Checkpoint::FrontendHttpResponse,
        }
    }
}

fn split_name<'l>(line: &'l RuleDraft, expected: &str) -> Result<(&'l Word, &'l [Word]), Diagnostic> {
    line.words.split_first().ok_or_else(|| {
        let message = format!("'{}' needs an argument", line.head.text);
        let behind = Span { start: line.head.span.end, end: line.head.span.end + 1, ..line.head.span };
        Diagnostic::alert(Code::MissingArgument, message).at(behind).label(format!("expected {expected}"))
    })
}
