//! Fetches from credentials in requests.

use crate::args::{ArgError, ArgKind, Args, need, opt};
use crate::conv::base64;
use crate::ctx::Ctx;
use crate::place::Source::RequestHead;
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{Bool, Str};
use crate::table::{Fetch, FetchRow, fetch_with};

type Built = Result<Box<dyn Fetch>, ArgError>;

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::with(
        &["http_auth"],
        &[need("userlist", ArgKind::Userlist)],
        Bool,
        RequestHead,
        "whether user and password of basic authentication are in a userlist",
        |args| {
            let list = args.userlist(0)?;
            Ok(fetch_with(list, |list, ctx| {
                let (user, password) = basic(ctx)?;
                Some(Sample::Bool(ctx.world.authenticate(*list, &user, &password)))
            }))
        },
    )
    .example("http_auth(users)")
    .needs(&[Layer::Userlists]),
    FetchRow::with(
        &["http_auth_bearer"],
        &[opt("header", ArgKind::Str)],
        Str,
        RequestHead,
        "the token of bearer authentication, or of another header in that form",
        bearer,
    ),
    FetchRow::with(
        &["http_auth_group"],
        &[need("userlist", ArgKind::Userlist)],
        Str,
        RequestHead,
        "the user where the password is right; the patterns of an ACL are groups of the userlist",
        |args| {
            let list = args.userlist(0)?;
            Ok(fetch_with(list, |list, ctx| {
                let (user, password) = basic(ctx)?;
                ctx.world.authenticate(*list, &user, &password).then(|| Sample::str(user))
            }))
        },
    )
    .example("http_auth_group(users)")
    .needs(&[Layer::Userlists]),
    FetchRow::plain(&["http_auth_pass"], Str, RequestHead, "the password of basic authentication", |ctx| {
        Some(Sample::str(basic(ctx)?.1))
    }),
    FetchRow::plain(&["http_auth_type"], Str, RequestHead, "the scheme of the Authorization header", |ctx| {
        let (scheme, credentials) = scheme(authorization(ctx)?)?;
        // What does not decode is no authentication at all.
        let is_known = match () {
            () if scheme.eq_ignore_ascii_case(b"basic") => decode(credentials).is_some(),
            () => scheme.eq_ignore_ascii_case(b"bearer"),
        };
        is_known.then(|| Sample::str(scheme))
    }),
    FetchRow::plain(&["http_auth_user"], Str, RequestHead, "the user of basic authentication", |ctx| {
        Some(Sample::str(basic(ctx)?.0))
    }),
];

fn authorization<'a>(ctx: &Ctx<'a>) -> Option<&'a [u8]> {
    Some(ctx.request?.headers.get(http::header::AUTHORIZATION)?.as_bytes())
}

/// The scheme and what stands behind it.
fn scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', value)?;
    Some((&value[..at], value[at..].trim_ascii()))
}

/// User and password of basic authentication (RFC 7617).
fn basic(ctx: &Ctx<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, credentials) = scheme(authorization(ctx)?)?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    decode(credentials)
}

fn decode(credentials: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut user = base64::decode(credentials, base64::Alphabet::Standard)?;
    let colon = memchr::memchr(b':', &user)?;
    let password = user.split_off(colon + 1);
    user.pop();
    Some((user, password))
}

fn bearer(args: &mut Args<'_>) -> Built {
    let name = super::header::header_name(args, 0)?.unwrap_or(http::header::AUTHORIZATION);
    Ok(fetch_with(name, |name, ctx| {
        let value = ctx.request?.headers.get(name)?.as_bytes();
        let (scheme, token) = scheme(value)?;
        scheme.eq_ignore_ascii_case(b"bearer").then(|| Sample::str(token))
    }))
}
