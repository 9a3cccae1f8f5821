//! Actions on the counters of stick tables.

use super::{ActionRow, Places, RuleArgs, row};
use crate::diag::{Code, Diagnostic};
use crate::keyword::Status;
use crate::model::Action;

const TCP: Places = Places::TCP_CONNECTION.union(Places::TCP_SESSION).union(Places::TCP_CONTENT);
const Q: Places = Places::HTTP_REQUEST;
const R: Places = Places::HTTP_RESPONSE;
const ALL: Places = TCP.union(Places::TCP_RESPONSE).union(Q).union(R);

/// The rows.
pub(super) static ACTIONS: &[ActionRow] = &[
    row(
        Status::Served,
        "track-sc",
        "<number> <expression> [table <name>]",
        TCP.union(Q).union(R),
        "counts in an entry of a table",
        track,
    ),
    row(
        Status::Served,
        "sc-inc-gpc(",
        "<index>,<counter>)",
        ALL,
        "increments a general purpose counter",
        |a| {
            let (index, counter) = pair(a)?;
            Ok(Action::IncGpc { index, array: true, counter })
        },
    ),
    row(
        Status::Served,
        "sc-inc-gpc0(",
        "<counter>)",
        ALL,
        "increments the first general purpose counter",
        |a| Ok(Action::IncGpc { index: 0, array: false, counter: single(a)? }),
    ),
    row(
        Status::Served,
        "sc-inc-gpc1(",
        "<counter>)",
        ALL,
        "increments the second general purpose counter",
        |a| Ok(Action::IncGpc { index: 1, array: false, counter: single(a)? }),
    ),
    row(
        Status::Served,
        "sc-add-gpc(",
        "<index>,<counter>) <number>|<expression>",
        ALL,
        "adds to a general purpose counter",
        |a| {
            let (index, counter) = pair(a)?;
            Ok(Action::AddGpc { index, counter, value: a.number()? })
        },
    ),
    row(
        Status::Served,
        "sc-set-gpt(",
        "<index>,<counter>) <number>|<expression>",
        ALL,
        "sets a general purpose tag",
        |a| {
            let (index, counter) = pair(a)?;
            Ok(Action::SetGpt { index, array: true, counter, value: a.number()? })
        },
    ),
    row(
        Status::Served,
        "sc-set-gpt0(",
        "<counter>) <number>|<expression>",
        ALL,
        "sets the first general purpose tag",
        |a| {
            let counter = single(a)?;
            Ok(Action::SetGpt { index: 0, array: false, counter, value: a.number()? })
        },
    ),
];

/// The counters that a connection can track: 0 to 2.
const COUNTERS: u8 = 3;

fn track(a: &mut RuleArgs<'_, '_>) -> Result<Action, Diagnostic> {
    let word = a.word.unwrap_or_else(|| a.args.head());
    let digits = word.strip_prefix("track-sc").unwrap_or_default();
    let counter = digits.parse().ok().filter(|n| *n < COUNTERS).ok_or_else(|| {
        let error = Diagnostic::alert(Code::InvalidArgument, format!("there is no counter '{digits}'"));
        error.at(word.span).label("expected track-sc0, track-sc1 or track-sc2")
    })?;
    let key = a.expr()?;
    let table = if a.args.take_if("table") {
        let name = a.args.word("the name of a proxy with a stick-table")?;
        a.compiler.table(Some(&name.text), name.span)?
    } else {
        a.compiler.table(None, a.args.last().span)?
    };
    Ok(Action::Track { counter, key, table })
}

fn single(a: &RuleArgs<'_, '_>) -> Result<u8, Diagnostic> {
    let (inside, span) = a.inside()?;
    counter(inside, span)
}

fn pair(a: &RuleArgs<'_, '_>) -> Result<(u8, u8), Diagnostic> {
    let (inside, span) = a.inside()?;
    let wrong = || Diagnostic::alert(Code::InvalidArgument, "expected an index and a counter").at(span);
    let (index, rest) = inside.split_once(',').ok_or_else(wrong)?;
    let index = index.trim().parse().ok().filter(|n| *n < 100).ok_or_else(wrong)?;
    Ok((index, counter(rest.trim(), span)?))
}

fn counter(text: &str, span: crate::span::Span) -> Result<u8, Diagnostic> {
    text.parse().ok().filter(|n| *n < COUNTERS).ok_or_else(|| {
        Diagnostic::alert(Code::InvalidArgument, format!("'{text}' is not a counter"))
            .at(span)
            .label("expected 0, 1 or 2")
    })
}
