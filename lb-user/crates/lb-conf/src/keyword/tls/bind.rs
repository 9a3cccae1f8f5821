//! TLS of `bind` lines.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::{Args, Keyword, Sections, inert, newer, served, unread};
use super::{Parsed, crt_list, ignored, path, set_alpn, set_curves, set_verify};
use crate::draft::{BindSettings, BindTlsDraft, CertificateDraft, HasTls, Placed, TlsWords, Verify};

const F: Sections = Sections::FRONTEND;

impl BindSettings {
    /// TLS of the line, which its addresses share.
    pub(super) fn tls_mut(&mut self) -> &mut BindTlsDraft {
        Arc::make_mut(&mut self.tls)
    }
}

impl HasTls for BindSettings {
    fn words(&mut self) -> &mut TlsWords {
        &mut self.tls_mut().words
    }
}

static SHARED: [Keyword<BindSettings>; 18] = super::shared(F);

/// All of them.
pub(in crate::keyword) static BIND_TLS: &[&[Keyword<BindSettings>]] = &[&SHARED, OWN];

static OWN: &[Keyword<BindSettings>] = &[
    served("ssl", "", F, "terminates TLS", |b, a| {
        b.tls_mut().enabled = Some(a.last().span);
        Ok(())
    }),
    served("crt", "<file>", F, "a certificate with its key, or a folder of them", crt),
    served("crt-list", "<file>", F, "a list of certificates with their settings", crt_list::read),
    served("alpn", "<names>", F, "protocols that TLS clients can choose from", |b, a| set_alpn(b.words(), a)),
    served("no-alpn", "", F, "no choice of protocols by TLS", |b, _| {
        b.words().alpn = Some(Vec::new());
        Ok(())
    }),
    served("curves", "<list>", F, "groups for the key exchange", |b, a| set_curves(b.words(), a)),
    served("ecdhe", "<name>", F, "the group for the key exchange; an old form of curves", |b, a| {
        set_curves(b.words(), a)
    }),
    served("verify", "none|optional|required", F, "whether clients need a certificate", |b, a| {
        let choices =
            [("none", Verify::None), ("optional", Verify::Optional), ("required", Verify::Required)];
        set_verify(b.words(), a, &choices)
    }),
    served("ca-verify-file", "<file>", F, "authorities that verify but are not announced", |b, a| {
        b.tls_mut().ca_verify_file = Some(path(a)?);
        Ok(())
    }),
    served("ca-ignore-err", "<list>", F, "errors of authorities that are let through", |b, a| {
        b.tls_mut().ca_ignore = ignored(a)?;
        Ok(())
    }),
    served("crt-ignore-err", "<list>", F, "errors of certificates that are let through", |b, a| {
        b.tls_mut().crt_ignore = ignored(a)?;
        Ok(())
    }),
    served("no-ca-names", "", F, "does not announce authorities", |b, _| {
        b.tls_mut().no_ca_names = true;
        Ok(())
    }),
    served("strict-sni", "", F, "refuses names without a certificate", |b, _| {
        b.tls_mut().strict_sni = true;
        Ok(())
    }),
    served("tls-ticket-keys", "<file>", F, "keys of session tickets, shared with other instances", |b, a| {
        b.tls_mut().ticket_keys = Some(PathBuf::from(path(a)?));
        Ok(())
    }),
    served("prefer-client-ciphers", "", F, "the client's order of cipher suites counts", |b, _| {
        b.tls_mut().prefer_client_ciphers = true;
        Ok(())
    }),
    served("prefer-server-ciphers", "", F, "the server's order of cipher suites counts", |b, _| {
        b.tls_mut().prefer_client_ciphers = false;
        Ok(())
    }),
    newer("default-crt", "<file>", F, "the certificate for names without one"),
    newer("sigalgs", "<list>", F, "signature algorithms"),
    newer("client-sigalgs", "<list>", F, "signature algorithms of client certificates"),
    inert("npn", "<names>", F, "what came before ALPN", "clients have ALPN instead"),
    inert(
        "allow-0rtt",
        "",
        F,
        "takes early data of TLS 1.3",
        "early data are refused, and clients send them again",
    ),
    unread("generate-certificates", "", F, "makes certificates as names come up"),
    unread("ca-sign-file", "<file>", F, "the authority for certificates that are made"),
    unread("ca-sign-pass", "<text>", F, "the password of its key"),
    newer("ocsp-update", "on|off", F, "fetches OCSP responses"),
];

fn crt(bind: &mut BindSettings, args: &mut Args<'_>) -> Parsed {
    let path = path(args)?;
    let path = Placed::new(path, args.last().span);
    let certificate = CertificateDraft { path, list: None, settings: None, names: Vec::new() };
    bind.tls_mut().certificates.push(certificate);
    Ok(())
}
