//! Log formats as JSON objects (`%{+json}o`, configuration.txt of HAProxy 3.0, section 8.2.6): what has a name is a
//! member, and the text between is left out.

use super::{Flags, LogFacts, Part};
use crate::cast::cast;
use crate::ctx::Ctx;
use crate::sample::{Sample, SampleType};

/// What a member is called, and the type that it is to have.
pub(super) struct Member {
    pub name: Box<str>,
    /// None: the type of its own.
    pub kind: Option<SampleType>,
}

/// The types that `%(name:type)` can ask for.
pub(super) const KINDS: [(&str, SampleType); 3] =
    [("str", SampleType::Str), ("sint", SampleType::Sint), ("bool", SampleType::Bool)];

/// Appends the object. `parts` are the members' values, in their order.
pub(super) fn write<'a>(
    members: &[Member],
    parts: &'a [Part],
    facts: &LogFacts<'_>,
    ctx: &Ctx<'a>,
    out: &mut Vec<u8>,
) {
    let mut opening = b'{';
    for (member, part) in members.iter().zip(parts) {
        out.push(opening);
        text(member.name.as_bytes(), out);
        out.push(b':');
        value(sample(part, facts, ctx), member.kind, out);
        opening = b',';
    }
    if opening == b'{' {
        out.push(opening);
    }
    out.push(b'}');
}

fn sample<'a>(part: &'a Part, facts: &LogFacts<'_>, ctx: &Ctx<'a>) -> Option<Sample<'a>> {
    match part {
        Part::Expr(expr, _) => expr.eval(ctx),
        Part::Variable(row, flags) => {
            let mut text = Vec::new();
            row.write(
                ctx,
                facts,
                Flags { raw: true, mandatory: false, quote: false, escape: false, ..*flags },
                &mut text,
            );
            let number = || std::str::from_utf8(&text).ok()?.parse().ok();
            match row.is_number().then(number).flatten() {
                Some(number) => Some(Sample::Int(number)),
                None if text.is_empty() => None,
                None => Some(Sample::str(text)),
            }
        }
        Part::Text(_) | Part::Blank => None,
    }
}

fn value(sample: Option<Sample<'_>>, kind: Option<SampleType>, out: &mut Vec<u8>) {
    let sample = sample.and_then(|sample| cast(sample, kind.unwrap_or(SampleType::Any)));
    match sample {
        None => out.extend_from_slice(b"null"),
        Some(Sample::Bool(b)) => out.extend_from_slice(if b { b"true" } else { b"false" }),
        Some(Sample::Int(n)) => out.extend_from_slice(n.to_string().as_bytes()),
        Some(other) => match cast(other, SampleType::Str) {
            Some(Sample::Str(data)) => text(data.as_bytes(), out),
            _ => out.extend_from_slice(b"null"),
        },
    }
}

/// A JSON string. What is no UTF-8 is replaced, as JSON has nothing else.
fn text(bytes: &[u8], out: &mut Vec<u8>) {
    // Neither a vector nor a string can fail to be written.
    _ = serde_json::to_writer(out, &String::from_utf8_lossy(bytes));
}
