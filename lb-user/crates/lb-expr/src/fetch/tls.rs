//! Fetches from TLS connections that the daemon terminates or opens.

use crate::ctx::{Connection, Ctx, Tls};
use crate::place::Source::{ClientL5, ServerL4};
use crate::resolve::Layer;
use crate::sample::Sample;
use crate::sample::SampleType::{Bin, Bool, Sint, Str};
use crate::table::FetchRow;

const CLIENT: &[Layer] = &[Layer::ClientTls];
const SERVER: &[Layer] = &[Layer::ServerTls];
const CERTIFICATE: &[Layer] = &[Layer::ClientCertificates];

pub(super) static ROWS: &[FetchRow] = &[
    FetchRow::plain(&["ssl_fc"], Bool, ClientL5, "whether the client's connection uses TLS", |c| {
        Some(Sample::Bool(c.client?.tls().is_some()))
    }),
    FetchRow::plain(&["ssl_fc_alg_keysize"], Sint, ClientL5, "bits of the symmetric key", |c| {
        Some(Sample::Int(client(c)?.key_bits()?.into()))
    })
    .needs(CLIENT),
    FetchRow::plain(&["ssl_fc_use_keysize"], Sint, ClientL5, "bits of the symmetric key", |c| {
        Some(Sample::Int(client(c)?.key_bits()?.into()))
    })
    .needs(CLIENT),
    FetchRow::plain(&["ssl_fc_alpn"], Str, ClientL5, "the protocol that ALPN agreed on", |c| {
        client(c)?.alpn().map(Sample::str)
    })
    .needs(CLIENT),
    FetchRow::plain(&["ssl_fc_cipher"], Str, ClientL5, "the cipher suite", |c| {
        client(c)?.cipher().map(Sample::str)
    })
    .needs(CLIENT),
    FetchRow::plain(
        &["ssl_fc_has_crt"],
        Bool,
        ClientL5,
        "whether the client presented a certificate in this connection",
        |c| Some(Sample::Bool(client(c)?.peer_certificate().is_some())),
    )
    .needs(CLIENT),
    FetchRow::plain(
        &["ssl_fc_has_early"],
        Bool,
        ClientL5,
        "whether early data came and the handshake is not over",
        |c| client(c)?.has_early_data().map(Sample::Bool),
    )
    .needs(CLIENT),
    FetchRow::plain(&["ssl_fc_has_sni"], Bool, ClientL5, "whether the client named a server", |c| {
        Some(Sample::Bool(client(c).is_some_and(|tls| tls.sni().is_some())))
    })
    .needs(CLIENT),
    FetchRow::plain(&["ssl_fc_is_resumed"], Bool, ClientL5, "whether the client resumed a session", |c| {
        Some(Sample::Bool(client(c).and_then(Tls::is_resumed).unwrap_or(false)))
    })
    .needs(CLIENT),
    FetchRow::plain(&["ssl_fc_protocol"], Str, ClientL5, "the version of TLS, `TLSv1.3`", |c| {
        client(c)?.protocol().map(Sample::str)
    })
    .needs(CLIENT),
    FetchRow::plain(&["ssl_fc_sni"], Str, ClientL5, "the server that the client named", |c| {
        client(c)?.sni().map(Sample::str)
    })
    .needs(CLIENT),
    FetchRow::plain(&["ssl_c_used"], Bool, ClientL5, "whether the client presented a certificate", |c| {
        Some(Sample::Bool(client(c)?.peer_certificate().is_some()))
    })
    .needs(CERTIFICATE),
    FetchRow::plain(
        &["ssl_c_verify"],
        Sint,
        ClientL5,
        "the result of verifying the client's certificate; 0 is success",
        |c| Some(Sample::Int(client(c)?.verify_result()?.into())),
    )
    .needs(CERTIFICATE),
    FetchRow::plain(
        &["ssl_c_chain_der"],
        Bin,
        ClientL5,
        "the certificates that the client sent above its own, DER",
        |c| {
            let tls = client(c)?;
            let chain = tls.peer_chain()?;
            let above = chain.get(tls.peer_certificate()?.len()..)?;
            (!above.is_empty()).then(|| Sample::bin(above.to_vec()))
        },
    )
    .needs(CERTIFICATE),
    FetchRow::plain(
        &["ssl_c_err"],
        Sint,
        ClientL5,
        "what was wrong with the client's certificate and passed over",
        |c| Some(Sample::Int(client(c)?.certificate_error()?.into())),
    )
    .needs(CERTIFICATE),
    FetchRow::plain(
        &["ssl_c_ca_err"],
        Sint,
        ClientL5,
        "what was wrong with its authorities and passed over",
        |c| Some(Sample::Int(client(c)?.authority_error()?.0.into())),
    )
    .needs(CERTIFICATE),
    FetchRow::plain(
        &["ssl_c_ca_err_depth"],
        Sint,
        ClientL5,
        "how far above the client's certificate that was",
        |c| Some(Sample::Int(client(c)?.authority_error()?.1.into())),
    )
    .needs(CERTIFICATE),
    FetchRow::plain(&["ssl_s_chain_der"], Bin, ClientL5, "the server's chain of certificates, DER", |c| {
        Some(Sample::bin(server(c)?.peer_chain()?))
    })
    .needs(SERVER),
    FetchRow::plain(
        &["ssl_fc_err"],
        Sint,
        ClientL5,
        "OpenSSL's error of the client's connection; no stream begins with one",
        |c| client(c).map(|_| Sample::Int(0)),
    )
    .needs(CLIENT),
    FetchRow::plain(
        &["ssl_fc_err_str"],
        Str,
        ClientL5,
        "OpenSSL's words for ssl_fc_err; there are none",
        |_| None,
    )
    .needs(CLIENT),
    FetchRow::plain(
        &["ssl_bc_err"],
        Sint,
        ServerL4,
        "OpenSSL's error of the server's connection; no stream uses one that failed",
        |c| server(c).map(|_| Sample::Int(0)),
    )
    .needs(SERVER),
    FetchRow::plain(
        &["ssl_bc_err_str"],
        Str,
        ServerL4,
        "OpenSSL's words for ssl_bc_err; there are none",
        |_| None,
    )
    .needs(SERVER),
    FetchRow::plain(&["ssl_bc"], Bool, ServerL4, "whether the server's connection uses TLS", |c| {
        Some(Sample::Bool(c.upstream?.tls().is_some()))
    }),
    FetchRow::plain(&["ssl_bc_alg_keysize"], Sint, ServerL4, "bits of the symmetric key", |c| {
        Some(Sample::Int(server(c)?.key_bits()?.into()))
    })
    .needs(SERVER),
    FetchRow::plain(&["ssl_bc_use_keysize"], Sint, ServerL4, "bits of the symmetric key", |c| {
        Some(Sample::Int(server(c)?.key_bits()?.into()))
    })
    .needs(SERVER),
    FetchRow::plain(&["ssl_bc_alpn"], Str, ServerL4, "the protocol that ALPN agreed on", |c| {
        server(c)?.alpn().map(Sample::str)
    })
    .needs(SERVER),
    FetchRow::plain(&["ssl_bc_cipher"], Str, ServerL4, "the cipher suite", |c| {
        server(c)?.cipher().map(Sample::str)
    })
    .needs(SERVER),
    FetchRow::plain(&["ssl_bc_is_resumed"], Bool, ServerL4, "whether a session was resumed", |c| {
        server(c)?.is_resumed().map(Sample::Bool)
    })
    .needs(SERVER),
    FetchRow::plain(&["ssl_bc_protocol"], Str, ServerL4, "the version of TLS, `TLSv1.3`", |c| {
        server(c)?.protocol().map(Sample::str)
    })
    .needs(SERVER),
];

pub(super) fn client<'a>(ctx: &Ctx<'a>) -> Option<&'a dyn Tls> {
    let client: &'a dyn Connection = ctx.client?;
    client.tls()
}

pub(super) fn server<'a>(ctx: &Ctx<'a>) -> Option<&'a dyn Tls> {
    let upstream: &'a dyn Connection = ctx.upstream?;
    upstream.tls()
}
