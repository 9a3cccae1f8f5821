//! Environment variables between double quotes: `$NAME`, `${NAME}`, `${NAME-default}` and `${NAME[*]}`.

use super::{Lookup, Words, word};
use crate::diag::{Code, Diagnostic};
use crate::span::Span;

/// A reference to a variable as it is written.
#[derive(Debug, PartialEq, Eq)]
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
    /// `[*]`: each of its words becomes one of the statement.
    split: bool,
    /// Bytes that it takes in the line, with its dollar sign.
    length: usize,
}

/// Replaces the reference at the cursor by the value.
pub(super) fn expand(words: &mut Words<'_, '_>, lookup: Lookup<'_>) -> Result<(), Box<Diagnostic>> {
    let start = words.cursor.at();
    let rest = words.cursor.rest();
    let reference = parse(rest).map_err(|(why, length)| {
        let end = start.start + u32::try_from(length).unwrap_or(u32::MAX);
        let error = Diagnostic::alert(Code::Syntax, why).at(Span { end, ..start });
        Box::new(error.help("write '\\$' between double quotes for a dollar sign"))
    })?;
    let place = Span { end: start.start + u32::try_from(reference.length).unwrap_or(u32::MAX), ..start };
    let value = lookup(reference.name).or_else(|| reference.default.map(str::to_owned)).unwrap_or_default();
    (0..reference.length).for_each(|_| words.cursor.advance());
    *words.budget = words.budget.checked_sub(value.len()).ok_or_else(|| {
        let error = Diagnostic::alert(Code::Syntax, "the variables of this file come to more than 4 MB");
        Box::new(error.at(place))
    })?;
    if reference.split {
        return insert_words(words, &value, place);
    }
    let open = words.open.get_or_insert_with(|| word::Builder::new(place));
    value.bytes().for_each(|b| open.push(b, place));
    open.cover(place);
    Ok(())
}

/// Cuts a value at its blanks; what precedes and follows the reference sticks to the outer words.
fn insert_words(words: &mut Words<'_, '_>, value: &str, place: Span) -> Result<(), Box<Diagnostic>> {
    let mut parts = value.split_ascii_whitespace().peekable();
    while let Some(part) = parts.next() {
        let open = words.open.get_or_insert_with(|| word::Builder::new(place));
        part.bytes().for_each(|b| open.push(b, place));
        if parts.peek().is_some()
            && let Some(open) = words.open.take()
        {
            words.words.push(open.finish()?);
        }
    }
    if let Some(open) = &mut words.open {
        open.cover(place);
    }
    Ok(())
}

/// Reads a reference, or says what is wrong with it and how many bytes that concerns.
fn parse(text: &[u8]) -> Result<Reference<'_>, (&'static str, usize)> {
    let text = std::str::from_utf8(text).map_err(|_| ("a variable's name must be ASCII", 1))?;
    let (braced, prefix) = if text.starts_with("${") { (true, 2) } else { (false, 1) };
    let body = text.get(prefix..).unwrap_or_default();
    let first = body.chars().next();
    if !first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '.') {
        return Err(("a variable's name must begin with a letter or '_'", prefix));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = body.char_indices().skip(1).find(|(_, c)| !is_name(*c)).map_or(body.len(), |(i, _)| i);
    let (name, rest) = body.split_at(length);
    if !braced {
        return Ok(Reference { name, default: None, split: false, length: prefix + length });
    }
    let (split, rest) = rest.strip_prefix("[*]").map_or((false, rest), |r| (true, r));
    let end = rest.find('}').ok_or(("'${' is not closed by '}'", text.len()))?;
    let (inside, _) = rest.split_at(end);
    let default = inside.strip_prefix('-');
    let total = text.len() - rest.len() + end + 1;
    match default {
        None if !inside.is_empty() => Err(("expected '}', '-' or '[*]' after a variable's name", total)),
        _ => Ok(Reference { name, default, split, length: total }),
    }
}
