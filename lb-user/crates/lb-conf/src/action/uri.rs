//! Actions on the request line.

use super::{ActionRow, Places, RuleArgs, row};
use crate::diag::Diagnostic;
use crate::keyword::Status;
use crate::model::{Action, Normalizer};

const Q: Places = Places::HTTP_REQUEST;

/// The rows.
pub(super) static ACTIONS: &[ActionRow] = &[
    row(Status::Served, "set-method", "<format>", Q, "replaces the method", |a| {
        Ok(Action::SetMethod(a.format("a format")?))
    }),
    row(Status::Served, "set-path", "<format>", Q, "replaces the path", |a| {
        Ok(Action::SetPath(a.format("a format")?))
    }),
    row(Status::Served, "set-pathq", "<format>", Q, "replaces path and query", |a| {
        Ok(Action::SetPathq(a.format("a format")?))
    }),
    row(Status::Served, "set-query", "<format>", Q, "replaces the query", |a| {
        Ok(Action::SetQuery(a.format("a format")?))
    }),
    row(Status::Served, "set-uri", "<format>", Q, "replaces the target", |a| {
        Ok(Action::SetUri(a.format("a format")?))
    }),
    row(Status::Served, "replace-path", "<regex> <format>", Q, "replaces text in the path", |a| {
        let regex = a.regex()?;
        Ok(Action::ReplacePath(regex, a.format("a format")?))
    }),
    row(Status::Served, "replace-pathq", "<regex> <format>", Q, "replaces text in path and query", |a| {
        let regex = a.regex()?;
        Ok(Action::ReplacePathq(regex, a.format("a format")?))
    }),
    row(Status::Served, "replace-uri", "<regex> <format>", Q, "replaces text in the target", |a| {
        let regex = a.regex()?;
        Ok(Action::ReplaceUri(regex, a.format("a format")?))
    }),
    row(Status::Served, "normalize-uri", "<normalizer>", Q, "brings the target into a normal form", |a| {
        Ok(Action::NormalizeUri(normalizer(a)?))
    }),
];

fn normalizer(a: &mut RuleArgs<'_, '_>) -> Result<Normalizer, Diagnostic> {
    let choices = [
        ("fragment-encode", Normalizer::FragmentEncode),
        ("fragment-strip", Normalizer::FragmentStrip),
        ("path-merge-slashes", Normalizer::MergeSlashes),
        ("path-strip-dot", Normalizer::StripDot),
        ("path-strip-dotdot", Normalizer::StripDotDot { full: false }),
        ("percent-decode-unreserved", Normalizer::DecodeUnreserved { strict: false }),
        ("percent-to-uppercase", Normalizer::ToUppercase { strict: false }),
        ("query-sort-by-name", Normalizer::SortQuery),
    ];
    Ok(match a.args.choice(&choices)? {
        Normalizer::StripDotDot { .. } => Normalizer::StripDotDot { full: a.args.take_if("full") },
        Normalizer::DecodeUnreserved { .. } => {
            Normalizer::DecodeUnreserved { strict: a.args.take_if("strict") }
        }
        Normalizer::ToUppercase { .. } => Normalizer::ToUppercase { strict: a.args.take_if("strict") },
        other => other,
    })
}
