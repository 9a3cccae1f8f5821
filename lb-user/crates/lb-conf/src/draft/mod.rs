//! What was typed, with the settings of `defaults` sections copied in, before names are resolved.

mod bind;
mod check;
mod log;
mod proxy;
mod rules;
mod server;

pub(crate) use bind::{BindDraft, BindSettings};
pub(crate) use check::{CheckDraft, CheckKind, HttpSend};
pub(crate) use log::LogDraft;
pub(crate) use proxy::{ProxyDraft, Timeouts};
pub(crate) use rules::{FormatDraft, RuleDraft, RuleKind};
pub(crate) use server::{CheckSettings, ServerDraft, ServerSettings};

use crate::model::{Global, Userlist};
use crate::span::Span;

/// A value and where it was set.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    pub(crate) global: Global,
    /// Named and unnamed `defaults`, in their order.
    pub(crate) defaults: Vec<ProxyDraft>,
    pub(crate) proxies: Vec<ProxyDraft>,
    pub(crate) userlists: Vec<Userlist>,
}
