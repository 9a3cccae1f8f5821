//! Fetches from the protocol of distcc: tokens of four letters, each with a number in hexadecimal, which for most of them
//! is the length of the bytes that follow.

use super::buffer::{INSPECTION, side};
use super::header::Side;
use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::place::Source::Message;
use crate::sample::Sample;
use crate::sample::SampleType::{Bin, Sint};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

const TOKEN: &[Arg] = &[need("token", ArgKind::Str), opt("occ", ArgKind::IntIn(0, i32::MAX as i64))];

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::with(&["distcc_body"], TOKEN, Bin, Message, "the bytes of a token of distcc", |args| {
        build(args, |token| token.body.map(Sample::bin))
    })
    .example("distcc_body(ARGV)")
    .needs(INSPECTION),
    FetchRow::with(&["distcc_param"], TOKEN, Sint, Message, "the number of a token of distcc", |args| {
        build(args, |token| Some(Sample::Int(token.number.into())))
    })
    .example("distcc_param(ARGC)")
    .needs(INSPECTION),
];

/// A token with its number, and with its bytes where it has some and they are there.
struct Token<'a> {
    number: u32,
    body: Option<&'a [u8]>,
}

/// Length of a token with its number.
const HEAD: usize = 12;

/// Tokens whose number is no length.
const BARE: [&[u8]; 5] = [b"DIST", b"ARGC", b"DONE", b"STAT", b"NFIL"];

fn build(args: &mut Args<'_>, read: for<'a> fn(Token<'a>) -> Option<Sample<'a>>) -> Built {
    let Ok(name) = <[u8; 4]>::try_from(args.str(0).as_bytes()) else {
        return Err(ArgError::new(0, "a token of four letters is expected"));
    };
    let which = usize::try_from(args.int(1, 0).max(1)).unwrap_or(1);
    Ok(fetch_with((Side::of(args), name, which, read), |(of, name, which, read), ctx| {
        let buffer = side(*of, ctx);
        let found = find(buffer.bytes?, name, *which).and_then(read);
        if found.is_none() && !buffer.complete {
            ctx.wait_for_more();
        }
        found
    }))
}

/// The token of this name that is the `which`-th, counted from 1.
fn find<'a>(mut bytes: &'a [u8], name: &[u8; 4], which: usize) -> Option<Token<'a>> {
    let mut left = which;
    loop {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let (token, digits) = head.split_at(4);
        let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        let length = if BARE.contains(&token) { 0 } else { number as usize };
        let split = rest.split_at_checked(length);
        if token == name {
            left -= 1;
            if left == 0 {
                return Some(Token { number, body: split.map(|(body, _)| body) });
            }
        }
        bytes = split?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_behind_bytes() {
        let bytes = b"DIST00000001ARGC00000002ARGV00000002ccARGV00000003-oxDONE0000000A";
        let number = |name, which| find(bytes, name, which).map(|token| token.number);
        assert_eq!(number(b"DONE", 1), Some(10));
        assert_eq!(number(b"ARGV", 2), Some(3));
        assert_eq!(number(b"ARGV", 3), None);
        assert_eq!(find(bytes, b"ARGV", 1).and_then(|token| token.body), Some(&b"cc"[..]));
        assert!(find(b"ARGV000000g2cc", b"ARGV", 1).is_none());
        assert!(find(b"ARGVffffffffcc", b"DONE", 1).is_none());
    }
}
