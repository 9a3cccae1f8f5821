//! How servers are checked.

use super::Placed;
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
    pub(crate) steps: Vec<Placed<CheckStep>>,
    /// Where `http-check` rules begin, for what is said if nothing uses them.
    pub(crate) http_rules: Option<Span>,
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
