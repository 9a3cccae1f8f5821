//! TLS: the defaults of `global` go into the lines, and what does not fit together is found.

mod unused;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diag::{Code, Diagnostic};
use crate::draft::{
    BindDraft, BindTlsDraft, CertificateDraft, Level, ProxyDraft, ServerDraft, ServerTlsDraft, TlsDefaults,
    TlsWords, Verify, VersionWords,
};
use crate::host::Host;
use crate::model::{
    Bind, BindTls, BindTlsSettings, CaSource, CertificateUse, CheckTls, ClientVerify, Server, ServerTls,
    ServerVerify, TlsSuites, TlsVersion, TlsVersions,
};
use crate::span::Span;

/// TLS of the addresses of a proxy. Those of one line share it.
pub(super) fn fill_binds(
    drafts: &[BindDraft],
    defaults: &TlsDefaults,
    binds: &mut [Bind],
    host: &dyn Host,
    notes: &mut Vec<Diagnostic>,
) {
    let mut lines: HashMap<*const BindTlsDraft, Option<Arc<BindTls>>> = HashMap::new();
    for (draft, bind) in drafts.iter().zip(binds) {
        let tls = &draft.settings.tls;
        let line = lines.entry(Arc::as_ptr(tls)).or_insert_with(|| {
            unused::of_bind(tls, defaults, draft.span, host, notes);
            line(tls, draft.span, defaults, notes)
        });
        bind.tls = line.clone();
    }
}

/// TLS of the servers of a proxy and of their checks.
pub(super) fn fill_servers(
    draft: &ProxyDraft,
    defaults: &TlsDefaults,
    servers: &mut [Arc<Server>],
    host: &dyn Host,
    notes: &mut Vec<Diagnostic>,
) {
    for (draft_server, server) in draft.servers.iter().zip(servers) {
        let lines = self::server(draft_server, defaults, notes);
        let is_used = lines.traffic.is_some() || lines.check.is_some();
        unused::of_server(draft_server, is_used, defaults, host, notes);
        if !is_used {
            continue;
        }
        let server = Arc::make_mut(server);
        server.tls = lines.traffic;
        if let Some(check) = &mut server.check {
            check.tls = lines.check;
        }
    }
}

fn line(
    draft: &BindTlsDraft,
    address: Span,
    defaults: &TlsDefaults,
    notes: &mut Vec<Diagnostic>,
) -> Option<Arc<BindTls>> {
    let Some(enabled) = draft.enabled else {
        if let Some(certificate) = draft.certificates.first() {
            let warning = Diagnostic::warning(Code::NoEffect, "certificates have no effect without 'ssl'");
            notes.push(warning.at(certificate.path.span));
        }
        return None;
    };
    if draft.certificates.is_empty() {
        let error = Diagnostic::alert(Code::MissingArgument, "'ssl' needs a certificate").at(enabled);
        notes.push(error.related(address, "for this address").help("name one with 'crt' or 'crt-list'"));
    }
    let settings = Arc::new(bind_settings(draft, defaults, enabled, notes));
    let certificates = draft.certificates.iter().map(|c| certificate(c, draft, defaults, notes));
    Some(Arc::new(BindTls {
        certificates: certificates.collect(),
        settings,
        strict_sni: draft.strict_sni || defaults.bind.strict_sni,
        ticket_keys: draft.ticket_keys.clone(),
    }))
}

fn certificate(
    draft: &CertificateDraft,
    line: &BindTlsDraft,
    defaults: &TlsDefaults,
    notes: &mut Vec<Diagnostic>,
) -> CertificateUse {
    let span = draft.path.span;
    let settings = draft.settings.as_ref().map(|own| {
        let both = over(own, line);
        Arc::new(bind_settings(&both, defaults, span, notes))
    });
    CertificateUse {
        path: based(defaults.crt_base.as_deref(), &draft.path.value),
        list: draft.list.clone(),
        settings,
        names: draft.names.clone(),
        span,
    }
}

/// What one line of a list says, over what the `bind` line says.
fn over(own: &BindTlsDraft, line: &BindTlsDraft) -> BindTlsDraft {
    BindTlsDraft {
        words: words_over(&own.words, &line.words),
        ca_verify_file: own.ca_verify_file.clone().or_else(|| line.ca_verify_file.clone()),
        no_ca_names: own.no_ca_names || line.no_ca_names,
        ..line.clone()
    }
}

fn words_over(own: &TlsWords, below: &TlsWords) -> TlsWords {
    let (min, max) = (own.versions.min, own.versions.max);
    TlsWords {
        ciphers: own.ciphers.clone().or_else(|| below.ciphers.clone()),
        ciphersuites: own.ciphersuites.clone().or_else(|| below.ciphersuites.clone()),
        curves: own.curves.clone().or_else(|| below.curves.clone()),
        versions: VersionWords {
            min: min.or(below.versions.min),
            max: max.or(below.versions.max),
            without_12: own.versions.without_12.or(below.versions.without_12),
            without_13: own.versions.without_13.or(below.versions.without_13),
        },
        no_tickets: own.no_tickets.or(below.no_tickets),
        alpn: own.alpn.clone().or_else(|| below.alpn.clone()),
        verify: own.verify.or(below.verify),
        ca_file: own.ca_file.clone().or_else(|| below.ca_file.clone()),
        crl_file: own.crl_file.clone().or_else(|| below.crl_file.clone()),
    }
}

fn bind_settings(
    draft: &BindTlsDraft,
    defaults: &TlsDefaults,
    span: Span,
    notes: &mut Vec<Diagnostic>,
) -> BindTlsSettings {
    let words = words_over(&draft.words, &defaults.bind.words);
    BindTlsSettings {
        suites: suites(&words, span, notes),
        alpn: words.alpn.clone().unwrap_or_default(),
        prefer_client_ciphers: draft.prefer_client_ciphers || defaults.bind.prefer_client_ciphers,
        no_tickets: words.no_tickets.unwrap_or(false),
        client: client(draft, &words, defaults, notes),
    }
}

fn suites(words: &TlsWords, span: Span, notes: &mut Vec<Diagnostic>) -> TlsSuites {
    TlsSuites {
        versions: versions(&words.versions, span, notes),
        ciphers: words.ciphers.clone(),
        ciphersuites: words.ciphersuites.clone(),
        curves: words.curves.clone(),
    }
}

fn versions(words: &VersionWords, span: Span, notes: &mut Vec<Diagnostic>) -> TlsVersions {
    let min = match words.min.map(|min| min.value) {
        Some(Level::Spoken(version)) => version,
        Some(Level::Older) | None => TlsVersion::V12,
    };
    let max = match words.max.map(|max| max.value) {
        Some(Level::Spoken(version)) => version,
        Some(Level::Older) | None => TlsVersion::V13,
    };
    let has_12 = min == TlsVersion::V12 && words.without_12.is_none();
    let has_13 = max == TlsVersion::V13 && words.without_13.is_none();
    match (has_12, has_13) {
        (true, true) => TlsVersions::default(),
        (true, false) => TlsVersions { min: TlsVersion::V12, max: TlsVersion::V12 },
        (false, true) => TlsVersions { min: TlsVersion::V13, max: TlsVersion::V13 },
        (false, false) => {
            let error = Diagnostic::alert(Code::Conflict, "no version of TLS is left");
            let error = error.at(span).help("TLSv1.2 and TLSv1.3 are spoken");
            let reasons =
                [words.without_12, words.without_13, words.min.map(|m| m.span), words.max.map(|m| m.span)];
            let add = |error: Diagnostic, place| error.related(place, "this takes some away");
            notes.push(reasons.into_iter().flatten().fold(error, add));
            TlsVersions::default()
        }
    }
}

fn client(
    draft: &BindTlsDraft,
    words: &TlsWords,
    defaults: &TlsDefaults,
    notes: &mut Vec<Diagnostic>,
) -> Option<ClientVerify> {
    let verify = words.verify.filter(|verify| verify.value != Verify::None)?;
    if words.ca_file.is_none() && draft.ca_verify_file.is_none() {
        let error = Diagnostic::alert(Code::MissingArgument, "'verify' needs authorities").at(verify.span);
        notes.push(error.help("name them with 'ca-file'"));
    }
    let base = defaults.ca_base.as_deref();
    Some(ClientVerify {
        required: verify.value == Verify::Required,
        ca_file: words.ca_file.as_deref().map(|file| authorities(base, file)),
        ca_verify_file: draft.ca_verify_file.as_deref().map(|file| authorities(base, file)),
        crl_file: words.crl_file.as_deref().map(|file| based(base, file)),
        no_ca_names: draft.no_ca_names,
        crt_ignore: draft.crt_ignore.clone(),
        ca_ignore: draft.ca_ignore.clone(),
    })
}

fn authorities(base: Option<&Path>, file: &str) -> CaSource {
    match file {
        "@system-ca" => CaSource::System,
        file => CaSource::Path(based(base, file)),
    }
}

fn based(base: Option<&Path>, file: &str) -> PathBuf {
    // An absolute path replaces the base.
    base.map_or_else(|| file.into(), |base| base.join(file))
}

/// TLS of a server, for its traffic and for its checks.
#[derive(Debug, Default)]
struct ServerLines {
    traffic: Option<Arc<ServerTls>>,
    check: Option<CheckTls>,
}

fn server(draft: &ServerDraft, defaults: &TlsDefaults, notes: &mut Vec<Diagnostic>) -> ServerLines {
    let tls = &draft.settings.tls;
    let check = &draft.settings.check;
    // A check of the server's own address speaks as its traffic does; one of another address only if told to.
    let elsewhere = check.port.is_some() || check.addr.is_some();
    let in_check = match tls.check {
        Some(said) => said.value.then_some(said.span),
        None => tls.enabled.filter(|_| !elsewhere),
    };
    let Some(span) = tls.enabled.or(in_check) else { return ServerLines::default() };
    http2(tls, notes);
    let lines = Arc::new(server_tls(tls, defaults, span, notes));
    let in_check = in_check.filter(|_| check.enabled.is_some());
    ServerLines {
        check: in_check.map(|_| CheckTls {
            tls: Arc::clone(&lines),
            sni: tls.check_sni.clone(),
            // Checks speak HTTP/1.
            alpn: Some(tls.check_alpn.as_ref().map(|alpn| alpn.value.clone()).unwrap_or_default()),
        }),
        traffic: tls.enabled.map(|_| lines),
    }
}

/// Whom HTTP/2 is offered must be spoken to in it, which checks are not.
fn http2(tls: &ServerTlsDraft, notes: &mut Vec<Diagnostic>) {
    let offers = |list: &Vec<crate::model::Name>| list.iter().any(|name| &**name == "h2");
    if let Some(alpn) = tls.check_alpn.as_ref().filter(|alpn| offers(&alpn.value)) {
        let error = Diagnostic::alert(Code::NotServed, "checks by HTTP/2 are not supported yet by lbx");
        notes.push(error.at(alpn.span).help("offer http/1.1 alone"));
    }
}

fn server_tls(
    draft: &ServerTlsDraft,
    defaults: &TlsDefaults,
    span: Span,
    notes: &mut Vec<Diagnostic>,
) -> ServerTls {
    let words = words_over(&draft.words, &defaults.server.words);
    ServerTls {
        suites: suites(&words, span, notes),
        verify: server_verify(draft, &words, defaults, span, notes),
        sni: draft.sni.clone(),
        alpn: words.alpn.clone().unwrap_or_default(),
        certificate: draft.certificate.as_deref().map(|file| based(defaults.crt_base.as_deref(), file)),
        no_reuse: draft.no_reuse,
        no_tickets: words.no_tickets.unwrap_or(false),
        span,
    }
}

fn server_verify(
    draft: &ServerTlsDraft,
    words: &TlsWords,
    defaults: &TlsDefaults,
    span: Span,
    notes: &mut Vec<Diagnostic>,
) -> Option<ServerVerify> {
    let none = words.verify.map_or(defaults.trust_servers, |verify| verify.value == Verify::None);
    if none {
        return None;
    }
    let Some(ca_file) = words.ca_file.as_deref() else {
        let message = "server certificates are verified, and no authorities are named for it";
        let error =
            Diagnostic::alert(Code::MissingArgument, message).at(words.verify.map_or(span, |v| v.span));
        let help = "name them with 'ca-file', as '@system-ca' for those of this machine, or trust any with 'verify none'";
        notes.push(error.help(help));
        return None;
    };
    let base = defaults.ca_base.as_deref();
    Some(ServerVerify {
        ca_file: authorities(base, ca_file),
        crl_file: words.crl_file.as_deref().map(|file| based(base, file)),
        host: draft.verify_host.clone(),
    })
}
