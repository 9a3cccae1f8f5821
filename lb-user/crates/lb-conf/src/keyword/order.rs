//! Rules that do not do what their place suggests, as HAProxy warns of them: behind one that always ends the list, or
//! behind a kind of rules that is carried out later.

use super::Args;
use crate::diag::{Code, Diagnostic};
use crate::draft::{ProxyDraft, RuleDraft, RuleKind};
use crate::lex::Word;

/// Kinds of rules in the order in which they are carried out, with the words for them.
const ORDER: [&str; 8] = [
    "tcp-request connection",
    "tcp-request session",
    "tcp-request content",
    "monitor fail",
    "http-request",
    "redirect",
    "use_backend",
    "use-server",
];

/// The last kind that is expected before others: who writes `use_backend` knows that it comes late.
const LAST_EXPECTED: usize = 5;

/// Actions after which no rule of the list is carried out.
const FINAL: [&str; 6] = ["allow", "auth", "deny", "redirect", "return", "tarpit"];

/// Notes what is odd about the place of a rule among those that its section has so far.
pub(super) fn note(proxy: &ProxyDraft, args: &mut Args<'_>, kind: RuleKind) {
    // Rules of a defaults section may be meant for others.
    let here = |rule: &&RuleDraft| rule.head.span.file == proxy.span.file && rule.head.span > proxy.span;
    let before: Vec<&RuleDraft> = proxy.rules.iter().filter(here).collect();
    if let Some(last) = before.iter().rfind(|rule| rule.kind == kind)
        && ends_list(last)
    {
        let message = format!("this '{}' rule is never reached", args.head().text);
        let warning = Diagnostic::warning(Code::NoEffect, message).at(args.span());
        args.note(warning.related(last.head.span, "this one has no condition and ends the list"));
    }
    let own = rank(kind, args.rest());
    let later = own.filter(|own| *own <= LAST_EXPECTED).and_then(|own| {
        let ranked = before.iter().filter_map(|rule| Some((rank(rule.kind, &rule.words)?, *rule)));
        ranked
            .filter(|(rank, _)| *rank > own)
            .min_by_key(|(rank, _)| *rank)
            .map(|(rank, rule)| (own, rank, rule))
    });
    if let Some((own, rank, rule)) = later {
        let message = format!("this '{}' rule is carried out before any '{}'", ORDER[own], ORDER[rank]);
        let warning = Diagnostic::warning(Code::NoEffect, message).at(args.span());
        args.note(warning.related(rule.head.span, "although it stands behind this one"));
    }
}

fn ends_list(rule: &RuleDraft) -> bool {
    let is_condition = |word: &Word| matches!(word.text.as_str(), "if" | "unless");
    if rule.words.iter().any(is_condition) {
        return false;
    }
    let action = rule.words.first().map(|word| word.text.as_str()).unwrap_or_default();
    match rule.kind {
        RuleKind::HttpRequest | RuleKind::HttpResponse | RuleKind::HttpAfterResponse => {
            FINAL.contains(&action)
        }
        RuleKind::StatsRequest => true,
        _ => false,
    }
}

/// The place of a kind in [`ORDER`].
fn rank(kind: RuleKind, words: &[Word]) -> Option<usize> {
    match kind {
        RuleKind::TcpRequest => match words.first()?.text.as_str() {
            "connection" => Some(0),
            "session" => Some(1),
            "content" => Some(2),
            _ => None,
        },
        RuleKind::MonitorFail => Some(3),
        RuleKind::HttpRequest => Some(4),
        RuleKind::Redirect => Some(5),
        RuleKind::UseBackend => Some(6),
        RuleKind::UseServer => Some(7),
        _ => None,
    }
}
