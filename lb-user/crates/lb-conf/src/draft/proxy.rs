//! `defaults`, `frontend`, `backend` and `listen` sections.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    BindDraft, CheckDraft, ErrorFilesDraft, FormatDraft, LogDraft, Placed, RuleDraft, ServerDraft,
    ServerSettings,
};
use crate::keyword::TableDraft;
use crate::keyword::section::SectionKind;
use crate::lex::Word;
use crate::model::{
    AddressHeader, Algorithm, Compression, ConnectionMode, Cookie, CookieCapture, ErrorAnswers, Forward,
    HashType, HeaderCapture, HttpReuse, KeepAlive, Mode, Name, OddNames, ProxyOption, Redispatch, RetryOn,
    Source, StatsPage, XdpUse,
};
use crate::span::Span;

/// A proxy, or the settings that proxies begin with.
#[derive(Clone, Debug)]
pub(crate) struct ProxyDraft {
    pub(crate) kind: SectionKind,
    /// Empty for an unnamed `defaults`.
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) id: Option<Placed<u32>>,
    pub(crate) mode: Mode,
    pub(crate) disabled: bool,
    pub(crate) description: Option<String>,
    pub(crate) logs: Vec<LogDraft>,
    pub(crate) log_tag: Option<String>,
    pub(crate) maxconn: Option<u32>,
    pub(crate) client_keep_alive: KeepAlive,
    pub(crate) server_keep_alive: KeepAlive,
    pub(crate) backlog: Option<u32>,
    pub(crate) fullconn: Option<u32>,
    pub(crate) retries: Option<u32>,
    pub(crate) redispatch: Option<Redispatch>,
    pub(crate) algorithm: Option<Placed<Algorithm>>,
    pub(crate) hash_type: HashType,
    pub(crate) hash_balance_factor: Option<u32>,
    pub(crate) default_backend: Option<Placed<String>>,
    pub(crate) xdp: Option<Placed<XdpUse>>,
    pub(crate) forward: Option<Placed<Forward>>,
    pub(crate) options: BTreeMap<ProxyOption, Placed<bool>>,
    pub(crate) connection: Option<Placed<ConnectionMode>>,
    pub(crate) forward_for: Option<Placed<AddressHeader>>,
    pub(crate) original_to: Option<Placed<AddressHeader>>,
    pub(crate) cookie: Option<Placed<Cookie>>,
    pub(crate) dynamic_cookie_key: Option<String>,
    pub(crate) errors: ErrorAnswers,
    pub(crate) error_files: Vec<ErrorFilesDraft>,
    pub(crate) request_captures: Vec<HeaderCapture>,
    pub(crate) response_captures: Vec<HeaderCapture>,
    pub(crate) cookie_capture: Option<CookieCapture>,
    pub(crate) stats: Option<Placed<StatsPage>>,
    pub(crate) http_reuse: HttpReuse,
    pub(crate) monitor_uri: Option<Placed<String>>,
    pub(crate) rate_limit: Option<u32>,
    pub(crate) max_keep_alive_queue: Option<i32>,
    pub(crate) compression: Option<Compression>,
    pub(crate) source: Option<Source>,
    pub(crate) retry_on: RetryOn,
    pub(crate) odd_names: OddNames,
    pub(crate) send_name_header: Option<Name>,
    pub(crate) balance_words: Vec<Word>,
    pub(crate) load_states: Option<StateSource>,
    pub(crate) state_file: Option<Placed<String>>,
    pub(crate) timeouts: Timeouts,
    /// The timeouts of the `defaults`: a second value for one of the others is worth a warning.
    pub(crate) inherited: Timeouts,
    pub(crate) check: CheckDraft,
    pub(crate) default_server: ServerSettings,
    pub(crate) rules: Vec<RuleDraft>,
    /// Lines that the model cannot be turned back into.
    pub(crate) lines: Vec<String>,
    pub(crate) table: Option<TableDraft>,
    pub(crate) log_format: Option<FormatDraft>,
    pub(crate) error_log_format: Option<FormatDraft>,
    pub(crate) log_format_sd: Option<FormatDraft>,
    pub(crate) unique_id_format: Option<FormatDraft>,
    pub(crate) unique_id_header: Option<Placed<String>>,
    pub(crate) binds: Vec<BindDraft>,
    pub(crate) servers: Vec<ServerDraft>,
}

impl ProxyDraft {
    /// A section at its first line, with the settings of `defaults` if there are any.
    pub(crate) fn begin(kind: SectionKind, name: &str, span: Span, defaults: Option<&Self>) -> Self {
        let mut draft = defaults.cloned().unwrap_or_else(|| Self::empty(kind));
        draft.kind = kind;
        draft.name = name.to_owned();
        draft.span = span;
        draft.id = None;
        draft.description = None;
        draft.inherited = draft.timeouts.clone();
        // What defaults say to frontends.
        draft.default_backend.take_if(|_| kind == SectionKind::Backend);
        draft
    }

    fn empty(kind: SectionKind) -> Self {
        Self {
            kind,
            name: String::new(),
            span: Span::default(),
            id: None,
            mode: Mode::default(),
            disabled: false,
            description: None,
            logs: Vec::new(),
            log_tag: None,
            maxconn: None,
            client_keep_alive: KeepAlive::default(),
            server_keep_alive: KeepAlive::default(),
            backlog: None,
            fullconn: None,
            retries: None,
            redispatch: None,
            algorithm: None,
            hash_type: HashType::default(),
            hash_balance_factor: None,
            default_backend: None,
            xdp: None,
            forward: None,
            options: BTreeMap::new(),
            connection: None,
            forward_for: None,
            original_to: None,
            cookie: None,
            dynamic_cookie_key: None,
            errors: ErrorAnswers::new(),
            error_files: Vec::new(),
            request_captures: Vec::new(),
            response_captures: Vec::new(),
            cookie_capture: None,
            stats: None,
            http_reuse: HttpReuse::default(),
            monitor_uri: None,
            rate_limit: None,
            max_keep_alive_queue: None,
            compression: None,
            source: None,
            retry_on: RetryOn::default(),
            odd_names: OddNames::default(),
            send_name_header: None,
            balance_words: Vec::new(),
            load_states: None,
            state_file: None,
            timeouts: Timeouts::default(),
            inherited: Timeouts::default(),
            check: CheckDraft::default(),
            default_server: ServerSettings::default(),
            rules: Vec::new(),
            lines: Vec::new(),
            table: None,
            log_format: None,
            error_log_format: None,
            log_format_sd: None,
            unique_id_format: None,
            unique_id_header: None,
            binds: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Whether an option is on.
    pub(crate) fn option(&self, option: ProxyOption) -> bool {
        self.options.get(&option).is_some_and(|o| o.value)
    }

    pub(crate) fn is_frontend(&self) -> bool {
        matches!(self.kind, SectionKind::Frontend | SectionKind::Listen)
    }

    pub(crate) fn is_backend(&self) -> bool {
        matches!(self.kind, SectionKind::Backend | SectionKind::Listen)
    }
}

/// `load-server-state-from-file`: the file that states of servers are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateSource {
    /// That of all proxies.
    Global,
    /// The proxy's own.
    Local,
}

/// `timeout` words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeouts {
    pub(crate) client: Option<Duration>,
    pub(crate) client_fin: Option<Duration>,
    pub(crate) http_request: Option<Duration>,
    pub(crate) http_keep_alive: Option<Duration>,
    pub(crate) connect: Option<Duration>,
    pub(crate) server: Option<Duration>,
    pub(crate) server_fin: Option<Duration>,
    pub(crate) check: Option<Duration>,
    pub(crate) queue: Option<Duration>,
    pub(crate) tunnel: Option<Duration>,
    pub(crate) tarpit: Option<Duration>,
}
