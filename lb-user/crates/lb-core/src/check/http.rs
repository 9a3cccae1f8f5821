//! What an HTTP check expects of a response, and how it is read.

use std::ops::ControlFlow;

use lb_conf::model::{ExpectStatus, ExpectStatuses, HttpCheck, HttpMatch, TextMatch};
use regex::bytes::Regex;

use super::CheckStatus;
use super::content::{Found, Needle};
use super::program::BadPattern;

/// Header fields of a response that are looked at; responses with more are refused.
const MAX_HEADERS: usize = 128;

/// What an HTTP check expects.
#[derive(Debug)]
pub(super) struct HttpExpectations {
    rows: Vec<Expectation>,
    disable_on_404: bool,
    needs_body: bool,
}

#[derive(Debug)]
struct Expectation {
    negated: bool,
    comment: Option<String>,
    statuses: ExpectStatuses,
    what: What,
}

#[derive(Debug)]
enum What {
    Status(Vec<(u16, u16)>),
    StatusRegex(Regex),
    Body(Needle),
    Header { name: Text, value: Option<Text>, whole: bool },
}

#[derive(Debug)]
enum Text {
    Exact(String),
    Begins(String),
    Ends(String),
    Holds(String),
    Regex(Regex),
}

/// How far a response was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// More must come.
    Undecided,
    /// With the response's status, and what there is to say.
    Decided { status: CheckStatus, code: Option<u16>, info: String },
}

impl HttpExpectations {
    pub(super) fn new(check: &HttpCheck) -> Result<Self, BadPattern> {
        let rows = check.expect.iter().map(|expect| {
            let what = What::new(&expect.what, expect.negated)?;
            let (negated, comment) = (expect.negated, expect.comment.clone());
            Ok(Expectation { negated, comment, statuses: expect.statuses, what })
        });
        let rows = rows.collect::<Result<Vec<_>, BadPattern>>()?;
        let needs_body = rows.iter().any(|row| matches!(row.what, What::Body(_)));
        Ok(Self { rows, disable_on_404: check.disable_on_404, needs_body })
    }

    /// Judges what has come so far of a response; `complete`: no more will. Interim responses are passed over.
    pub(super) fn judge(&self, received: &[u8], complete: bool) -> Judgement {
        let mut rest = received;
        loop {
            match self.judge_one(rest, complete) {
                ControlFlow::Break(judgement) => return judgement,
                ControlFlow::Continue(head) => rest = rest.get(head..).unwrap_or_default(),
            }
        }
    }

    // Continue: past the head of an interim response.
    fn judge_one(&self, received: &[u8], complete: bool) -> ControlFlow<Judgement, usize> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let head = match response.parse(received) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) if !complete => return ControlFlow::Break(Judgement::Undecided),
            Ok(httparse::Status::Partial) | Err(_) => return ControlFlow::Break(invalid("")),
        };
        let code = response.code.unwrap_or_default();
        if (100..200).contains(&code) && code != 101 {
            return ControlFlow::Continue(head);
        }
        let tail = received.get(head..).unwrap_or_default();
        ControlFlow::Break(self.judge_parts(&response, code, tail, complete))
    }

    fn judge_parts(
        &self,
        response: &httparse::Response<'_, '_>,
        code: u16,
        tail: &[u8],
        complete: bool,
    ) -> Judgement {
        if let Some(decided) = self.judge_head(response, code) {
            return decided;
        }
        if self.needs_body {
            return self.judge_body(&super::body::read(response.headers, tail, complete), code);
        }
        self.passed(code)
    }

    /// Of the last rule, as it is for HAProxy.
    fn passed(&self, code: u16) -> Judgement {
        let said = self.rows.last().and_then(|row| row.statuses.ok);
        let status = said.map_or(CheckStatus::L7Ok, CheckStatus::from);
        Judgement::Decided { status, code: Some(code), info: String::new() }
    }

    /// What it is called when no answer comes: the first rule waits for it.
    pub(super) fn timeout(&self) -> Option<ExpectStatus> {
        self.rows.first().and_then(|row| row.statuses.timeout)
    }

    // Without rows, any success or redirection will do.
    fn judge_head(&self, response: &httparse::Response<'_, '_>, code: u16) -> Option<Judgement> {
        if self.disable_on_404 && code == 404 {
            let status = CheckStatus::L7OkConditional;
            return Some(Judgement::Decided { status, code: Some(code), info: String::new() });
        }
        let wrong = |comment: Option<&String>, status: Option<ExpectStatus>| Judgement::Decided {
            status: status.map_or(CheckStatus::L7Status, CheckStatus::from),
            code: Some(code),
            info: with_comment(response.reason.unwrap_or_default(), comment),
        };
        if self.rows.is_empty() && !(200..400).contains(&code) {
            return Some(wrong(None, None));
        }
        let broken = self.rows.iter().find(|row| {
            row.what.matches_head(code, response.headers).is_some_and(|matches| matches == row.negated)
        });
        broken.map(|row| wrong(row.comment.as_ref(), row.statuses.error))
    }

    fn judge_body(&self, body: &super::body::Body<'_>, code: u16) -> Judgement {
        let mut undecided = false;
        if body.complete && body.bytes.is_empty() {
            return invalid("the response has no body to look at");
        }
        for (needle, row) in self.needles() {
            let invalid = |text: &str| {
                let status = row.statuses.error.map_or(CheckStatus::L7Response, CheckStatus::from);
                let info = with_comment(text, row.comment.as_ref());
                Judgement::Decided { status, code: Some(code), info }
            };
            match needle.look(&body.bytes, body.complete) {
                Found::Wanted => {}
                Found::Undecided => undecided = true,
                Found::Unwanted if needle.is_negated() => {
                    return invalid("the body matches what it must not");
                }
                Found::Unwanted => return invalid("the body does not match"),
            }
        }
        if undecided { Judgement::Undecided } else { self.passed(code) }
    }

    fn needles(&self) -> impl Iterator<Item = (&Needle, &Expectation)> {
        self.rows.iter().filter_map(|row| match &row.what {
            What::Body(needle) => Some((needle, row)),
            _ => None,
        })
    }
}

/// What is told of an expectation that does not hold.
fn with_comment(text: &str, comment: Option<&String>) -> String {
    match comment {
        Some(comment) => format!("{text} comment: {comment}").trim_start().to_owned(),
        None => text.to_owned(),
    }
}

fn invalid(info: &str) -> Judgement {
    Judgement::Decided { status: CheckStatus::L7Response, code: None, info: info.to_owned() }
}

impl What {
    fn new(what: &HttpMatch, negated: bool) -> Result<Self, BadPattern> {
        Ok(match what {
            HttpMatch::Status(ranges) => Self::Status(ranges.clone()),
            HttpMatch::StatusRegex(pattern) => Self::StatusRegex(Regex::new(pattern)?),
            HttpMatch::Body(text) => Self::Body(Needle::bytes(text.as_bytes()).negated(negated)),
            HttpMatch::BodyRegex(pattern) => Self::Body(Needle::regex(Regex::new(pattern)?).negated(negated)),
            HttpMatch::Header { name, value, whole } => Self::Header {
                name: Text::new(name)?,
                value: value.as_ref().map(Text::new).transpose()?,
                whole: *whole,
            },
        })
    }

    // None: it is about the body.
    fn matches_head(&self, code: u16, headers: &[httparse::Header<'_>]) -> Option<bool> {
        match self {
            Self::Status(ranges) => Some(ranges.iter().any(|&(low, high)| (low..=high).contains(&code))),
            Self::StatusRegex(regex) => Some(regex.is_match(code.to_string().as_bytes())),
            Self::Body(_) => None,
            Self::Header { name, value, whole } => Some(headers.iter().any(|header| {
                name.matches(header.name.to_ascii_lowercase().as_bytes())
                    && value.as_ref().is_none_or(|value| value.matches_field(header.value, *whole))
            })),
        }
    }
}

impl Text {
    fn new(text: &TextMatch) -> Result<Self, BadPattern> {
        Ok(match text {
            TextMatch::Exact(text) => Self::Exact(text.clone()),
            TextMatch::Begins(text) => Self::Begins(text.clone()),
            TextMatch::Ends(text) => Self::Ends(text.clone()),
            TextMatch::Holds(text) => Self::Holds(text.clone()),
            TextMatch::Regex(pattern) => Self::Regex(Regex::new(pattern)?),
        })
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Exact(text) => bytes == text.as_bytes(),
            Self::Begins(text) => bytes.starts_with(text.as_bytes()),
            Self::Ends(text) => bytes.ends_with(text.as_bytes()),
            Self::Holds(text) => memchr::memmem::find(bytes, text.as_bytes()).is_some(),
            Self::Regex(regex) => regex.is_match(bytes),
        }
    }

    fn matches_field(&self, field: &[u8], whole: bool) -> bool {
        if whole {
            return self.matches(field);
        }
        field.split(|&byte| byte == b',').any(|value| self.matches(value.trim_ascii()))
    }
}
