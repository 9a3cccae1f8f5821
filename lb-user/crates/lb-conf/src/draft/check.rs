//! How servers are checked.

use super::{Placed, RuleDraft};
use crate::lex::Word;
use crate::model::{CheckStep, HttpExpect, ServiceCheck};
use crate::span::Span;

/// `option httpchk`, `option tcp-check` and their rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckDraft {
    pub(crate) kind: Option<Placed<CheckKind>>,
    /// `option httpchk METHOD URI VERSION`.
    pub(crate) line: HttpSend,
    /// `http-check send`, which goes before it.
    pub(crate) send: Option<HttpSend>,
    pub(crate) expect: Vec<Placed<HttpExpect>>,
    pub(crate) disable_on_404: bool,
    pub(crate) send_state: bool,
    /// `http-check comment`, which is that of the next rule.
    pub(crate) comment: Option<String>,
    pub(crate) steps: Vec<Placed<CheckDraftStep>>,
    /// Where `http-check` rules begin, for what is said if nothing uses them.
    pub(crate) http_rules: Option<Span>,
}

/// A `tcp-check` rule.
#[derive(Clone, Debug)]
pub(crate) struct CheckDraftStep {
    pub(crate) what: CheckDraftWhat,
    pub(crate) comment: Option<String>,
}

/// What it does, with what names and formats are compiled from later.
#[derive(Clone, Debug)]
pub(crate) enum CheckDraftWhat {
    Ready(CheckStep),
    SendText(Word),
    SendHex(Word),
    /// The words of an action on a variable.
    Var(RuleDraft),
}

/// Which protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CheckKind {
    Tcp,
    Http,
    Service(ServiceCheck),
}

/// A request as far as it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HttpSend {
    pub(crate) method: Option<String>,
    pub(crate) uri: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}
