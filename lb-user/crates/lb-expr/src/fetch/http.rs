//! Fetches from the first lines of HTTP messages.

use std::net::IpAddr;

use http::uri::Scheme;
use http::{Uri, Version};

use crate::conv::hash;
use crate::ctx::{Ctx, KeptRequest, RequestHead};
use crate::place::Source::{RequestHead as Request, RequestKept, ResponseHead, ResponseKept, Server};
use crate::resolve::Layer;
use crate::sample::SampleType::{Addr, Bin, Bool, Method, Sint, Str};
use crate::sample::{Data, Sample};
use crate::table::FetchRow;

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::plain(&["base"], Str, Request, "the Host header and the path", |ctx| {
        request(ctx).map(|r| base(&r, path(r.uri)))
    }),
    FetchRow::plain(&["base32"], Sint, Request, "a hash of base: base,sdbm(1)", |ctx| {
        let request = request(ctx)?;
        Some(Sample::Int(hash_of(&base(&request, path(request.uri))).into()))
    }),
    FetchRow::plain(&["base32+src"], Bin, Request, "base32 and the client's address, as bytes", |ctx| {
        let request = request(ctx)?;
        with_src(ctx, hash_of(&base(&request, path(request.uri))))
    }),
    FetchRow::plain(&["baseq"], Str, Request, "the Host header, the path and the query string", |ctx| {
        request(ctx).map(|r| base(&r, pathq(r.uri)))
    }),
    FetchRow::plain(
        &["http_first_req"],
        Bool,
        RequestKept,
        "whether the request is the first of its connection",
        |ctx| {
            let first = request(ctx).map(|r| r.first);
            Some(Sample::Bool(first.or_else(|| Some(kept(ctx)?.first))?))
        },
    ),
    FetchRow::plain(&["method"], Method, RequestKept, "the method", |ctx| {
        let method = request(ctx).map(|r| r.method);
        Some(Sample::Method(method.or_else(|| Some(&kept(ctx)?.method))?.as_str().into()))
    }),
    FetchRow::plain(&["path"], Str, Request, "the path, without query string and host", |ctx| {
        path(request(ctx)?.uri).map(Sample::str)
    }),
    FetchRow::plain(&["pathq"], Str, Request, "the path and the query string, without the host", |ctx| {
        pathq(request(ctx)?.uri).map(Sample::str)
    }),
    FetchRow::plain(&["query"], Str, Request, "the query string, behind its question mark", |ctx| {
        request(ctx)?.uri.query().map(Sample::str)
    }),
    FetchRow::plain(
        &["req.proto_http", "req_proto_http"],
        Bool,
        RequestKept,
        "whether the request is HTTP",
        |ctx| request(ctx).map(|_| Sample::Bool(true)),
    ),
    FetchRow::plain(&["req.ver", "req_ver"], Str, Request, "the version of the request, `1.1`", |ctx| {
        Some(Sample::str(version(request(ctx)?.version)))
    }),
    FetchRow::plain(&["url"], Str, Request, "the target of the request as it is", |ctx| {
        Some(Sample::Str(url(request(ctx)?.uri)))
    }),
    FetchRow::plain(
        &["url32"],
        Sint,
        Request,
        "a hash of the Host header, the path and the query string",
        |ctx| Some(Sample::Int(url_hash(&request(ctx)?).into())),
    ),
    FetchRow::plain(&["url32+src"], Bin, Request, "url32 and the client's address, as bytes", |ctx| {
        with_src(ctx, url_hash(&request(ctx)?))
    }),
    FetchRow::plain(&["url_ip"], Addr, Request, "the address in an absolute target", |ctx| {
        target_ip(request(ctx)?.uri).map(Sample::addr)
    }),
    FetchRow::plain(
        &["url_port"],
        Sint,
        Request,
        "the port in an absolute target with an address; the scheme's where it has none",
        |ctx| {
            let uri = request(ctx)?.uri;
            target_ip(uri)?;
            let of_scheme = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
            Some(Sample::Int(uri.port_u16().unwrap_or(of_scheme).into()))
        },
    ),
    FetchRow::plain(&["res.cache_hit"], Bool, Server, "whether the response comes from the cache", |ctx| {
        Some(Sample::Bool(cache(ctx)?.is_some()))
    })
    .needs(&[Layer::Cache]),
    FetchRow::plain(&["res.cache_name"], Str, Server, "the cache that the response comes from", |ctx| {
        Some(Sample::str(cache(ctx)?.unwrap_or_default()))
    })
    .needs(&[Layer::Cache]),
    FetchRow::plain(&["res.comp"], Bool, ResponseKept, "whether the daemon compressed the response", |ctx| {
        Some(Sample::Bool(ctx.kept?.compression.is_some()))
    })
    .needs(&[Layer::Compression]),
    FetchRow::plain(
        &["res.comp_algo"],
        Str,
        ResponseKept,
        "the algorithm that the daemon compressed the response with",
        |ctx| ctx.kept?.compression.map(Sample::str),
    )
    .needs(&[Layer::Compression]),
    FetchRow::plain(
        &["res.ver", "resp_ver"],
        Str,
        ResponseHead,
        "the version of the response, `1.1`",
        |ctx| Some(Sample::str(version(ctx.response?.version))),
    ),
    FetchRow::plain(&["status"], Sint, ResponseKept, "the status code", |ctx| {
        let head = ctx.response.map(|r| r.status.as_u16());
        Some(Sample::Int(head.or_else(|| ctx.kept?.status)?.into()))
    }),
];

/// The head of the request, while it is there.
fn request<'a>(ctx: &Ctx<'a>) -> Option<RequestHead<'a>> {
    ctx.request
}

/// What outlives it.
fn kept<'a>(ctx: &Ctx<'a>) -> Option<&'a KeptRequest> {
    ctx.kept?.request.as_ref()
}

/// The path as it is in the target. None for `*` and for the authority of a CONNECT.
pub(super) fn path(uri: &Uri) -> Option<&str> {
    Some(uri.path()).filter(|p| p.starts_with('/'))
}

fn pathq(uri: &Uri) -> Option<&str> {
    uri.path_and_query().map(|p| p.as_str()).filter(|p| p.starts_with('/'))
}

/// The whole target. Copied only where it is absolute: its parts do not lie side by side.
pub(super) fn url(uri: &Uri) -> Data<'_> {
    match (uri.scheme(), uri.authority(), uri.path_and_query()) {
        (None, None, Some(target)) => Data::from(target.as_str()),
        (None, Some(authority), None) => Data::from(authority.as_str()),
        _ => Data::from(uri.to_string()),
    }
}

/// The address that an absolute target names. Names of hosts are not looked up.
fn target_ip(uri: &Uri) -> Option<IpAddr> {
    uri.host()?.trim_matches(['[', ']']).parse().ok()
}

fn host<'a>(request: &RequestHead<'a>) -> &'a [u8] {
    request.headers.get(http::header::HOST).map(|h| h.as_bytes()).unwrap_or_default()
}

fn base<'a>(request: &RequestHead<'a>, path: Option<&'a str>) -> Sample<'a> {
    let mut out = host(request).to_vec();
    out.extend(path.unwrap_or_default().as_bytes());
    Sample::str(out)
}

fn hash_of(sample: &Sample<'_>) -> u32 {
    hash::avalanche(hash::sdbm(sample.data().unwrap_or_default()))
}

fn url_hash(request: &RequestHead<'_>) -> u32 {
    let mut all = host(request).to_vec();
    all.extend(pathq(request.uri).unwrap_or_default().as_bytes());
    hash::avalanche(hash::sdbm(&all))
}

/// A hash of four bytes, and the client's address behind it.
fn with_src<'a>(ctx: &Ctx<'a>, hash: u32) -> Option<Sample<'a>> {
    let mut out = hash.to_be_bytes().to_vec();
    match ctx.src()? {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
    Some(Sample::bin(out))
}

/// The cache that the response comes from, if it is one.
fn cache<'a>(ctx: &Ctx<'a>) -> Option<Option<&'a str>> {
    Some(match ctx.response?.origin {
        crate::ctx::ResponseOrigin::Cache(name) => Some(name),
        crate::ctx::ResponseOrigin::Server => None,
    })
}

fn version(version: Version) -> &'static str {
    crate::logformat::version_name(version).trim_start_matches("HTTP/")
}
