//! Fetches from TLS hellos that pass through, undeciphered.

use super::buffer::INSPECTION;
use crate::ctx::{Buffer, Ctx};
use crate::hello::{ClientHello, Handshake, Reader, Short, first_message, may_be_tls};
use crate::place::Source::{RequestBuffer, ResponseBuffer};
use crate::sample::Sample;
use crate::sample::SampleType::{Bool, Sint, Str};
use crate::table::FetchRow;

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::plain(&["req.ssl_alpn"], Str, RequestBuffer, "the protocol that the client likes best", |c| {
        let list = hello(c)?.extension(16)?;
        first_protocol(list).map(Sample::str)
    })
    .needs(INSPECTION),
    FetchRow::plain(
        &["req.ssl_ec_ext"],
        Bool,
        RequestBuffer,
        "whether the client names elliptic curves",
        |c| Some(Sample::Bool(hello(c)?.extension(10).is_some())),
    )
    .needs(INSPECTION),
    FetchRow::plain(
        &["req.ssl_hello_type", "req_ssl_hello_type"],
        Sint,
        RequestBuffer,
        "1 where the bytes are a whole TLS client hello",
        |c| hello_type(c, c.request_data),
    )
    .needs(INSPECTION),
    FetchRow::plain(
        &["req.ssl_sni", "req_ssl_sni"],
        Str,
        RequestBuffer,
        "the server that the client names in its TLS hello",
        |c| server_name(hello(c)?.extension(0)?).map(Sample::str),
    )
    .needs(INSPECTION),
    FetchRow::plain(
        &["req.ssl_st_ext"],
        Sint,
        RequestBuffer,
        "0 without a session ticket extension, 1 with an empty one, 2 with a ticket",
        |c| {
            Some(Sample::Int(match hello(c)?.extension(35) {
                None => 0,
                Some([]) => 1,
                Some(_) => 2,
            }))
        },
    )
    .needs(INSPECTION),
    FetchRow::plain(
        &["req.ssl_ver", "req_ssl_ver"],
        Sint,
        RequestBuffer,
        "the version of TLS in the client's hello, major * 65536 + minor",
        |c| {
            let hello = handshake(c, c.request_data)?;
            let version = hello.body.get(..2)?;
            Some(Sample::Int(i64::from(version[0]) << 16 | i64::from(version[1])))
        },
    )
    .needs(INSPECTION),
    FetchRow::plain(
        &["res.ssl_hello_type", "rep_ssl_hello_type"],
        Sint,
        ResponseBuffer,
        "2 where the bytes are a whole TLS server hello",
        |c| hello_type(c, c.response_data),
    )
    .needs(INSPECTION),
];

/// The first handshake message of a stream, whole (RFC 8446, sections 4 and 5.1).
fn handshake<'a>(ctx: &Ctx<'a>, buffer: Buffer<'a>) -> Option<Handshake<'a>> {
    let bytes = buffer.bytes?;
    match first_message(bytes) {
        Ok(found) => Some(found),
        Err(Short) => {
            if !buffer.complete && may_be_tls(bytes) {
                ctx.wait_for_more();
            }
            None
        }
    }
}

fn hello_type<'a>(ctx: &Ctx<'a>, buffer: Buffer<'a>) -> Option<Sample<'a>> {
    let hello = handshake(ctx, buffer)?;
    matches!(hello.kind, 1 | 2).then_some(Sample::Int(hello.kind.into()))
}

fn hello<'a>(ctx: &Ctx<'a>) -> Option<ClientHello<'a>> {
    ClientHello::parse(&handshake(ctx, ctx.request_data)?)
}

/// The host name in a server name extension (RFC 6066, section 3).
fn server_name(extension: &[u8]) -> Option<&[u8]> {
    let mut list = Reader(Reader(extension).vector(2)?);
    loop {
        let kind = list.number(1)?;
        let name = list.vector(2)?;
        if kind == 0 {
            return Some(name);
        }
    }
}

/// The first name in an ALPN extension (RFC 7301, section 3.1).
fn first_protocol(extension: &[u8]) -> Option<&[u8]> {
    Reader(Reader(extension).vector(2)?).vector(1)
}
