//! Changes of messages.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, request, response};
use hyper::ext::ReasonPhrase;
use lb_conf::model::{Action, HeaderCapture, LogLevel, PatternSet, TextMatch};
use lb_core::stick::Metric;
use lb_core::{Snapshot, Tick};
use lb_expr::ctx::{CaptureRoom, Captures};
use lb_expr::pattern;
use lb_expr::sample::Sample;
use lb_expr::{Ctx, LogFormat};
use regex::bytes::Regex;

use super::normalize::{Malformed, normalize};
use super::setting::number;
use super::{Setting, target};
use crate::stream::Stream;
use crate::track::Counters;

/// Where rules leave their notes.
pub(crate) struct Scene<'a> {
    /// The stick counters of the stream, or of the connection where there is no stream yet.
    pub(crate) counters: &'a Counters,
    /// Those of the connection: what they track, streams need not track again.
    pub(crate) session: &'a Counters,
    /// The tables.
    pub(crate) snapshot: &'a Snapshot,
    /// Now.
    pub(crate) now: Tick,
    /// Whether there is an HTTP request that counts.
    pub(crate) request: bool,
}

impl<'a> Scene<'a> {
    /// Whose counter of this number is on an entry.
    fn tracking(&self, counter: u8) -> &'a Counters {
        if self.counters.tracks(counter) { self.counters } else { self.session }
    }

    /// The scene of a stream.
    pub(crate) fn of(stream: &'a Stream) -> Self {
        Self {
            session: &stream.session.tracked,
            counters: &stream.tracked,
            snapshot: &stream.front.snapshot,
            now: stream.session.worker.tick(),
            request: stream.times.head.is_some(),
        }
    }
}

/// A change.
pub(super) enum Edit {
    /// None.
    Nothing,
    /// One more field.
    Add(HeaderName, HeaderValue),
    /// The only field of this name.
    Set(HeaderName, HeaderValue),
    /// None of these fields.
    Delete(Vec<HeaderName>),
    /// These are the fields of this name.
    Replace(HeaderName, Vec<HeaderValue>),
    /// Another method.
    Method(Method),
    /// Another target.
    Target(Uri),
    /// Another status.
    Status(StatusCode, Option<ReasonPhrase>),
    /// How urgent the log line is.
    LogLevel(Option<LogLevel>),
    /// A captured value.
    Capture(usize, Option<Bytes>),
    /// A setting of the stream.
    Setting(Setting),
    /// The request is not what a rule can work on.
    Malformed,
    /// A value that does not fit where it belongs.
    Failed,
}

impl Edit {
    /// What an action comes to.
    pub(super) fn of<'a>(action: &'a Action, ctx: &Ctx<'a>, scene: &Scene<'_>) -> Self {
        Self::on_headers(action, ctx)
            .or_else(|| Self::on_target(action, ctx))
            .unwrap_or_else(|| Self::on_stream(action, ctx, scene).unwrap_or(Self::Nothing))
    }

    fn on_headers<'a>(action: &'a Action, ctx: &Ctx<'a>) -> Option<Self> {
        Some(match action {
            Action::AddHeader(name, format) => field(name, format, ctx, Self::Add),
            Action::SetHeader(name, format) => field(name, format, ctx, Self::Set),
            Action::DelHeader(which) => Self::Delete(matching(which, headers(ctx)?)),
            Action::ReplaceHeader(name, regex, format) => {
                let new = format.format(ctx);
                replaced(name, headers(ctx)?, |value| substitute(regex, value, &new))
            }
            Action::ReplaceValue(name, regex, format) => {
                let new = format.format(ctx);
                replaced(name, headers(ctx)?, |value| each_value(regex, value, &new))
            }
            Action::SetStatus { status, reason } => {
                let reason = reason.as_ref().and_then(|r| ReasonPhrase::try_from(r.as_bytes()).ok());
                Self::Status(StatusCode::from_u16(*status).ok()?, reason)
            }
            _ => return None,
        })
    }

    fn on_target<'a>(action: &'a Action, ctx: &Ctx<'a>) -> Option<Self> {
        let uri = ctx.request?.uri;
        let text = |format: &'a LogFormat| format.format(ctx);
        let new = match action {
            Action::SetMethod(format) => {
                return Some(Method::from_bytes(&text(format)).map_or(Self::Failed, Self::Method));
            }
            Action::SetPath(format) => target::with_path(uri, &text(format)),
            Action::SetPathq(format) => target::with_path_and_query(uri, &text(format)),
            Action::SetQuery(format) => target::with_query(uri, &text(format)),
            Action::SetUri(format) => Uri::try_from(text(format)).ok(),
            Action::NormalizeUri(how) => {
                return Some(match normalize(*how, uri) {
                    Ok(None) => Self::Nothing,
                    Ok(Some(uri)) => Self::Target(uri),
                    Err(Malformed) => Self::Malformed,
                });
            }
            Action::ReplacePath(regex, format) => {
                target::with_path(uri, &substitute(regex, uri.path().as_bytes(), &text(format)))
            }
            Action::ReplacePathq(regex, format) => {
                let old = uri.path_and_query().map_or("/", |p| p.as_str());
                target::with_path_and_query(uri, &substitute(regex, old.as_bytes(), &text(format)))
            }
            Action::ReplaceUri(regex, format) => {
                Uri::try_from(substitute(regex, uri.to_string().as_bytes(), &text(format))).ok()
            }
            _ => return None,
        };
        Some(new.map_or(Self::Failed, Self::Target))
    }

    fn on_stream<'a>(action: &'a Action, ctx: &Ctx<'a>, scene: &Scene<'_>) -> Option<Self> {
        if let Some(setting) = Setting::of(action, ctx) {
            return setting.map(Self::Setting);
        }
        match action {
            Action::SetLogLevel(level) => return Some(Self::LogLevel(*level)),
            Action::Capture { value, slot } => {
                let bytes = value.eval_str(ctx).map(|data| Bytes::copy_from_slice(data.as_bytes()));
                return Some(Self::Capture(*slot as usize, bytes));
            }
            other => note(other, ctx, scene),
        }
        Some(Self::Nothing)
    }

    /// Changes a request. The error is the status of what the client gets where that is impossible.
    pub(super) fn on_request(self, stream: &mut Stream, head: &mut request::Parts) -> Result<(), StatusCode> {
        match self {
            Self::Method(method) => head.method = method,
            Self::Target(uri) => head.uri = uri,
            Self::Capture(slot, value) => {
                let front = stream.front.clone();
                keep(&stream.kept.request_captures, &front.frontend.config.request_captures, slot, value);
            }
            other => return other.on_message(stream, &mut head.headers),
        }
        Ok(())
    }

    /// Changes a response. The error is the status of what the client gets where that is impossible.
    pub(super) fn on_response(
        self,
        stream: &mut Stream,
        head: &mut response::Parts,
    ) -> Result<(), StatusCode> {
        match self {
            Self::Status(status, reason) => {
                head.status = status;
                head.extensions.remove::<ReasonPhrase>();
                reason.map(|reason| head.extensions.insert(reason));
            }
            Self::Capture(slot, value) => {
                let front = stream.front.clone();
                keep(&stream.kept.response_captures, &front.frontend.config.response_captures, slot, value);
            }
            other => return other.on_message(stream, &mut head.headers),
        }
        Ok(())
    }

    fn on_message(self, stream: &mut Stream, headers: &mut HeaderMap) -> Result<(), StatusCode> {
        match self {
            Self::Add(name, value) => {
                headers.append(name, value);
            }
            Self::Set(name, value) => drop(headers.insert(name, value)),
            Self::Delete(names) => names.into_iter().for_each(|name| drop(headers.remove(name))),
            Self::Replace(name, values) => {
                headers.remove(&name);
                values.into_iter().for_each(|value| {
                    headers.append(name.clone(), value);
                });
            }
            Self::LogLevel(level) => stream.log_level = level,
            Self::Setting(setting) => setting.apply(stream),
            Self::Failed => {
                stream.front.frontend.traffic().rewrite_errors.inc();
                if !stream.lenient {
                    return Err(StatusCode::INTERNAL_SERVER_ERROR);
                }
            }
            Self::Malformed => return Err(StatusCode::BAD_REQUEST),
            _ => {}
        }
        Ok(())
    }
}

/// Fills a slot that the frontend has declared, as far as it is long.
fn keep(captures: &Captures, declared: &[HeaderCapture], slot: usize, value: Option<Bytes>) {
    if let Some(place) = declared.get(slot) {
        captures.set(slot, CaptureRoom { bytes: place.len as usize, slots: declared.len() }, value);
    }
}

fn headers<'a>(ctx: &Ctx<'a>) -> Option<&'a HeaderMap> {
    match ctx.response {
        Some(response) => Some(response.headers),
        None => ctx.request.map(|request| request.headers),
    }
}

fn field<'a>(
    name: &str,
    format: &'a LogFormat,
    ctx: &Ctx<'a>,
    edit: fn(HeaderName, HeaderValue) -> Edit,
) -> Edit {
    let value = match format.constant() {
        Some(text) => HeaderValue::from_bytes(text),
        None => HeaderValue::from_maybe_shared(Bytes::from(format.format(ctx))),
    };
    match (HeaderName::from_bytes(name.as_bytes()), value) {
        (Ok(name), Ok(value)) => edit(name, value),
        _ => Edit::Failed,
    }
}

fn matching(which: &TextMatch, headers: &HeaderMap) -> Vec<HeaderName> {
    let regex = match which {
        TextMatch::Regex(text) => Regex::new(text).ok(),
        _ => None,
    };
    let is_meant = |name: &str| match which {
        TextMatch::Exact(text) => name.eq_ignore_ascii_case(text),
        TextMatch::Begins(text) => name.starts_with(&text.to_ascii_lowercase()),
        TextMatch::Ends(text) => name.ends_with(&text.to_ascii_lowercase()),
        TextMatch::Holds(text) => name.contains(&text.to_ascii_lowercase()),
        TextMatch::Regex(_) => regex.as_ref().is_some_and(|regex| regex.is_match(name.as_bytes())),
    };
    headers.keys().filter(|name| is_meant(name.as_str())).cloned().collect()
}

fn replaced(name: &str, headers: &HeaderMap, change: impl Fn(&[u8]) -> Vec<u8>) -> Edit {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Edit::Failed };
    let values: Result<Vec<_>, _> =
        headers.get_all(&name).iter().map(|value| HeaderValue::try_from(change(value.as_bytes()))).collect();
    match values {
        Ok(values) if values.is_empty() => Edit::Nothing,
        Ok(values) => Edit::Replace(name, values),
        Err(_) => Edit::Failed,
    }
}

/// Replaces what `regex` matches first by `new`, in which `\N` stands for a group.
fn substitute(regex: &Regex, text: &[u8], new: &[u8]) -> Vec<u8> {
    let Some(found) = regex.captures(text) else { return text.to_vec() };
    let whole = found.get(0).map_or(0..0, |m| m.range());
    let mut out = text[..whole.start].to_vec();
    let mut at = 0;
    while let Some(&b) = new.get(at) {
        at += 1;
        let group = new.get(at).filter(|d| b == b'\\' && d.is_ascii_digit());
        match group {
            Some(digit) => {
                let group = found.get(usize::from(digit - b'0'));
                out.extend_from_slice(group.map(|m| m.as_bytes()).unwrap_or_default());
                at += 1;
            }
            None => out.push(b),
        }
    }
    out.extend_from_slice(&text[whole.end..]);
    out
}

fn each_value(regex: &Regex, value: &[u8], new: &[u8]) -> Vec<u8> {
    let values = value.split(|b| *b == b',').map(|part| {
        let trimmed = part.trim_ascii();
        let start = part.len() - part.trim_ascii_start().len();
        [&part[..start], &substitute(regex, trimmed, new)].concat()
    });
    values.collect::<Vec<_>>().join(&b',')
}

/// Carries out the actions that change neither message nor stream: variables and stick counters. Loading refuses those
/// that nothing carries out.
pub(crate) fn note<'a>(action: &'a Action, ctx: &Ctx<'a>, scene: &Scene<'_>) {
    match action {
        Action::Track { counter, key, table } => {
            let table = scene.snapshot.tables.get(table.0 as usize);
            if let (Some(table), Some(key)) = (table, key.eval(ctx)) {
                let begun = scene.counters.track(*counter, table, &key, scene.now);
                if begun && scene.request {
                    let requests = [Metric::HttpReqCnt, Metric::HttpReqRate];
                    scene.counters.add(Some(*counter), &requests, 1, scene.now);
                }
            }
        }
        Action::IncGpc { index, counter, .. } => {
            let metrics = [Metric::Gpc(*index), Metric::GpcRate(*index)];
            scene.tracking(*counter).add(Some(*counter), &metrics, 1, scene.now);
        }
        Action::AddGpc { index, counter, value } => {
            if let Some(Ok(more)) = number(value, ctx).map(u64::try_from) {
                let metrics = [Metric::Gpc(*index), Metric::GpcRate(*index)];
                scene.tracking(*counter).add(Some(*counter), &metrics, more, scene.now);
            }
        }
        Action::SetGpt { index, counter, value, .. } => {
            if let Some(value) = number(value, ctx) {
                scene.tracking(*counter).set_tag(
                    *counter,
                    *index,
                    u64::try_from(value).unwrap_or(0),
                    scene.now,
                );
            }
        }
        Action::SetVar { var, conditions, value } => {
            ctx.set_var(*var, conditions, value.eval(ctx));
        }
        Action::SetVarFmt { var, conditions, value } => {
            let value = Sample::str(value.format(ctx));
            ctx.set_var(*var, conditions, Some(value));
        }
        Action::UnsetVar(var) => {
            ctx.vars.set(*var, None);
        }
        Action::SetMap { map, key, value } => {
            told(map, |map| map.put(&text(key, ctx), Some(&text(value, ctx))));
        }
        Action::AddPattern(acl, pattern) => told(acl, |acl| acl.put(&text(pattern, ctx), None)),
        Action::DelPattern(set, pattern) => told(set, |set| {
            // A pattern that is not there need not be removed.
            let _ = set.edit([pattern::Edit::Delete(pattern::Which::Pattern(text(pattern, ctx).into()))]);
            Ok(())
        }),
        _ => {}
    }
}

fn text<'a>(format: &'a LogFormat, ctx: &Ctx<'a>) -> String {
    String::from_utf8_lossy(&format.format(ctx)).into_owned()
}

/// Changes a set of patterns. A value that it cannot have is the fault of whoever sent it.
fn told(set: &PatternSet, change: impl FnOnce(&pattern::Reference) -> Result<(), pattern::EditError>) {
    if let Some(Err(reason)) = set.get().map(|set| change(set)) {
        log::debug!("a rule cannot change its set of patterns: {reason}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_put_where_their_numbers_stand() {
        let regex = Regex::new("(a+)-(b+)").unwrap();
        assert_eq!(substitute(&regex, b"x aa-b y", br"[\2\1\9]"), b"x [baa] y");
        assert_eq!(substitute(&regex, b"none", b"new"), b"none");
        assert_eq!(each_value(&Regex::new("^a$").unwrap(), b"a, b, a", b"c"), b"c, b, c");
    }
}
