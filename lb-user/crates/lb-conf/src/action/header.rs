//! Actions on headers and on the status.

use super::{ActionRow, Places, RuleArgs, row};
use crate::diag::Diagnostic;
use crate::keyword::Status;
use crate::model::{Action, TextMatch};

const Q: Places = Places::HTTP_REQUEST;
const R: Places = Places::HTTP_RESPONSE;
const A: Places = Places::HTTP_AFTER_RESPONSE;
const ALL: Places = Q.union(R).union(A);

/// The rows.
pub(super) static ACTIONS: &[ActionRow] = &[
    row(Status::Served, "add-header", "<name> <format>", ALL, "adds a header", |a| {
        let name = a.header()?;
        Ok(Action::AddHeader(name, a.format("a format")?))
    }),
    row(Status::Served, "set-header", "<name> <format>", ALL, "replaces a header", |a| {
        let name = a.header()?;
        Ok(Action::SetHeader(name, a.format("a format")?))
    }),
    row(Status::Served, "del-header", "<name> [-m str|beg|end|sub|reg]", ALL, "removes headers", del_header),
    row(Status::Served, "replace-header", "<name> <regex> <format>", ALL, "replaces text in a header", |a| {
        let name = a.header()?;
        let regex = a.regex()?;
        Ok(Action::ReplaceHeader(name, regex, a.format("a format")?))
    }),
    row(
        Status::Served,
        "replace-value",
        "<name> <regex> <format>",
        ALL,
        "replaces text in each value of a header",
        |a| {
            let name = a.header()?;
            let regex = a.regex()?;
            Ok(Action::ReplaceValue(name, regex, a.format("a format")?))
        },
    ),
    row(Status::Served, "early-hint", "<name> <format>", Q, "sends a header ahead of the response", |a| {
        let name = a.header()?;
        Ok(Action::EarlyHint(name, a.format("a format")?))
    }),
    row(Status::Served, "set-status", "<status> [reason <text>]", R.union(A), "replaces the status", |a| {
        let status = a.args.number(100..=999)?;
        let reason = if a.args.take_if("reason") { Some(a.args.word("a text")?.text.clone()) } else { None };
        Ok(Action::SetStatus { status, reason })
    }),
    row(Status::Served, "strict-mode", "on|off", ALL, "whether a rewrite that fails is an error", |a| {
        Ok(Action::StrictMode(a.args.choice(&[("on", true), ("off", false)])?))
    }),
];

fn del_header(a: &mut RuleArgs<'_, '_>) -> Result<Action, Diagnostic> {
    type Make = fn(String) -> TextMatch;
    let methods: [(&str, Make); 5] = [
        ("str", TextMatch::Exact),
        ("beg", TextMatch::Begins),
        ("end", TextMatch::Ends),
        ("sub", TextMatch::Holds),
        ("reg", TextMatch::Regex),
    ];
    let word = a.args.word("the name of a header")?;
    let make = if a.args.take_if("-m") { a.args.choice(&methods)? } else { TextMatch::Exact };
    let name = make(word.text.clone());
    if let TextMatch::Regex(_) = name {
        crate::keyword::regex(word)?;
    }
    Ok(Action::DelHeader(name))
}
