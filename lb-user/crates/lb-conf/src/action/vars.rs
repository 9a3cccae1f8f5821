//! Actions on variables, captures, maps and ACLs.

use lb_expr::{SET_VAR_CONDITIONS, SetVarCondition};

use super::{ActionRow, Places, RuleArgs, row};
use crate::diag::{Code, Diagnostic};
use crate::keyword::Status;
use crate::keyword::invalid;
use crate::model::{Action, PatternSet};
use crate::span::Span;

const TCP: Places =
    Places::TCP_CONNECTION.union(Places::TCP_SESSION).union(Places::TCP_CONTENT).union(Places::TCP_RESPONSE);
const TQ: Places = Places::TCP_CONTENT;
const Q: Places = Places::HTTP_REQUEST;
const R: Places = Places::HTTP_RESPONSE;
const A: Places = Places::HTTP_AFTER_RESPONSE;
const ALL: Places = TCP.union(Q).union(R).union(A);

/// The rows.
pub(super) static ACTIONS: &[ActionRow] = &[
    row(
        Status::Served,
        "set-var(",
        "<variable>[,<condition>…]) <expression>",
        ALL,
        "sets a variable",
        |a| {
            let (var, conditions) = target(a)?;
            Ok(Action::SetVar { var, conditions, value: a.expr()? })
        },
    ),
    row(
        Status::Served,
        "set-var-fmt(",
        "<variable>[,<condition>…]) <format>",
        ALL,
        "sets a variable to a text",
        |a| {
            let (var, conditions) = target(a)?;
            Ok(Action::SetVarFmt { var, conditions, value: a.verbatim("a format")? })
        },
    ),
    row(Status::Served, "unset-var(", "<variable>)", ALL, "removes a variable", |a| {
        Ok(Action::UnsetVar(a.variable()?.0))
    }),
    row(
        Status::Served,
        "capture",
        "<expression> len <number> | id <number>",
        TQ.union(Q).union(R).union(A),
        "keeps a value for logs",
        capture,
    ),
    row(Status::Served, "set-map(", "<file>) <key> <value>", Q.union(R), "sets an entry of a map", |a| {
        let map = patterns(a, true)?;
        let key = a.format("a format")?;
        Ok(Action::SetMap { map, key, value: a.format("a format")? })
    }),
    row(Status::Served, "del-map(", "<file>) <key>", Q.union(R), "removes entries of a map", |a| {
        let map = patterns(a, true)?;
        Ok(Action::DelPattern(map, a.format("a format")?))
    }),
    row(Status::Served, "add-acl(", "<file>) <pattern>", Q.union(R), "adds a pattern to an ACL", |a| {
        let acl = patterns(a, false)?;
        Ok(Action::AddPattern(acl, a.format("a format")?))
    }),
    row(Status::Served, "del-acl(", "<file>) <pattern>", Q.union(R), "removes patterns of an ACL", |a| {
        let acl = patterns(a, false)?;
        Ok(Action::DelPattern(acl, a.format("a format")?))
    }),
];

fn target(a: &mut RuleArgs<'_, '_>) -> Result<(lb_expr::vars::VarId, Vec<SetVarCondition>), Diagnostic> {
    let (var, words, span) = a.variable()?;
    let conditions = words.into_iter().map(|word| condition(word, span)).collect::<Result<_, _>>()?;
    Ok((var, conditions))
}

fn condition(word: &str, span: Span) -> Result<SetVarCondition, Diagnostic> {
    SetVarCondition::from_word(word).ok_or_else(|| {
        let error = Diagnostic::alert(Code::InvalidArgument, format!("unknown condition '{word}'")).at(span);
        error.nearest(word, SET_VAR_CONDITIONS.iter().copied())
    })
}

fn capture(a: &mut RuleArgs<'_, '_>) -> Result<Action, Diagnostic> {
    let value = a.expr()?;
    let response = a.compiler.place_is_response();
    let keyword = a.args.word("'len' or 'id'")?;
    match keyword.as_ref() {
        "len" if !response => {
            let len = a.args.number(1..=65_535)?;
            let slot = a.compiler.declare_capture(len, keyword.span)?;
            Ok(Action::Capture { value, slot })
        }
        "id" => {
            let slot = a.args.number(0..=u32::from(u16::MAX))?;
            a.compiler.check_capture(slot, response, a.args.last().span)?;
            Ok(Action::Capture { value, slot })
        }
        _ => Err(invalid(keyword, format!("unexpected '{}'", keyword.text)).label("expected 'len' or 'id'")),
    }
}

/// The set of patterns that is read from the file between the brackets.
fn patterns(a: &mut RuleArgs<'_, '_>, map: bool) -> Result<PatternSet, Diagnostic> {
    let (path, span) = a.inside()?;
    Ok(a.compiler.patterns_named(path, map, span))
}
