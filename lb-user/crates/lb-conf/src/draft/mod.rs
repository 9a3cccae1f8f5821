//! What was typed, with the settings of `defaults` sections copied in, before names are resolved.

mod bind;
mod check;
mod global;
mod log;
mod proxy;
mod rules;
mod server;
mod tls;
mod userlist;

pub(crate) use bind::{BindDraft, BindSettings};
pub(crate) use check::{CheckDraft, CheckDraftStep, CheckDraftWhat, CheckKind, HttpSend};
pub(crate) use global::{GlobalDraft, ProcVarDraft, UnixDefaults};
pub(crate) use log::LogDraft;
pub(crate) use proxy::{ProxyDraft, StateSource, Timeouts};
pub(crate) use rules::{FormatDraft, RuleDraft, RuleKind};
pub(crate) use server::{CheckSettings, ServerDraft, ServerSettings};
pub(crate) use tls::{
    BindTlsDraft, CertificateDraft, HasTls, Level, ServerTlsDraft, TlsDefaults, TlsWords, Verify,
    VersionWords,
};

pub(crate) use userlist::{ErrorFilesDraft, GroupDraft, HttpErrorsDraft, UserDraft, UserlistDraft};

use crate::model::{Resolvers, Ring};
use crate::span::Span;

/// A value and where it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

impl<T> Placed<T> {
    pub(crate) fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// All sections.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) global: GlobalDraft,
    /// Named and unnamed `defaults`, in their order.
    pub(crate) defaults: Vec<ProxyDraft>,
    pub(crate) proxies: Vec<ProxyDraft>,
    pub(crate) userlists: Vec<UserlistDraft>,
    pub(crate) http_errors: Vec<HttpErrorsDraft>,
    pub(crate) resolvers: Vec<Resolvers>,
    pub(crate) rings: Vec<Ring>,
}
