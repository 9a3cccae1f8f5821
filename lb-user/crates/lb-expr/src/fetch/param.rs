//! Fetches from parameters of URLs and of bodies.

use super::http::url;
use crate::args::{Arg, ArgError, ArgKind, Args, opt};
use crate::cast::parse_int_prefix;
use crate::place::Source::{RequestBody, RequestHead};
use crate::resolve::Layer;
use crate::sample::SampleType::{Bin, Sint, Str};
use crate::sample::{Data, Sample};
use crate::table::{Cursor, Fetch, FetchRow, fetch_each};

type Built = Result<Box<dyn Fetch>, ArgError>;

const URL: &[Arg] = &[opt("name", ArgKind::Str), opt("delim", ArgKind::Str)];

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::with(
        &["urlp", "url_param"],
        URL,
        Str,
        RequestHead,
        "a parameter of the query string, undecoded; every one of its name in an ACL",
        |args| url_param(args, false),
    )
    .example("urlp(id)"),
    FetchRow::with(
        &["urlp_val"],
        URL,
        Sint,
        RequestHead,
        "a parameter of the query string, as an integer",
        |args| url_param(args, true),
    )
    .example("urlp_val(page)"),
    FetchRow::with(
        &["req.body_param"],
        &[opt("name", ArgKind::Str)],
        Bin,
        RequestBody,
        "a parameter of a body that is encoded like a query string",
        body_param,
    )
    .example("req.body_param(id)")
    .needs(&[Layer::Bodies]),
];

fn url_param(args: &mut Args<'_>, number: bool) -> Built {
    let name: Box<[u8]> = args.str(0).as_bytes().into();
    let delimiter = match args.str(1).as_bytes() {
        [] => b'?',
        [one] => *one,
        _ => return Err(ArgError::new(1, "a single character is expected")),
    };
    Ok(fetch_each((name, delimiter, number), |(name, delimiter, number), ctx, cursor| {
        let url = url(ctx.request?.uri);
        let start = memchr::memchr(*delimiter, url.as_bytes())? + 1;
        let value = next(url.slice(start, usize::MAX), name, *delimiter, cursor)?;
        match number {
            true => parse_int_prefix(value.as_bytes()).map(Sample::Int),
            false => Some(Sample::Str(value)),
        }
    }))
}

fn body_param(args: &mut Args<'_>) -> Built {
    let name: Box<[u8]> = args.str(0).as_bytes().into();
    Ok(fetch_each(name, |name, ctx, cursor| {
        next(Data::Borrowed(ctx.request_data.bytes?), name, b'&', cursor).map(Sample::Bin)
    }))
}

/// The next parameter of a name, or of any name where none is given. What separates the query from the path separates
/// parameters, too.
fn next<'a>(query: Data<'a>, name: &[u8], delimiter: u8, cursor: &mut Cursor) -> Option<Data<'a>> {
    let (from, to) = loop {
        let bytes = query.as_bytes();
        if cursor.pos > bytes.len() || bytes.is_empty() {
            return None;
        }
        let start = cursor.pos;
        let end = memchr::memchr3(b'&', b';', delimiter, &bytes[start..]).map_or(bytes.len(), |i| start + i);
        cursor.pos = end + 1;
        cursor.more = true;
        let equals = memchr::memchr(b'=', &bytes[start..end]).map(|i| start + i);
        if let Some(equals) = equals
            && (name.is_empty() || bytes[start..equals] == *name)
        {
            break (equals + 1, end);
        }
    };
    Some(query.slice(from, to))
}
