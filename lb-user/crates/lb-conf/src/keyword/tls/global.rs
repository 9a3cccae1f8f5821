//! TLS in `global`.

use std::path::PathBuf;

use super::super::args::invalid;
use super::super::lookup::check_status;
use super::super::{Args, Keyword, Row, Sections, inert, newer, served};
use super::bind::BIND_TLS;
use super::server::SERVER_TLS;
use super::{Parsed, path, set_ciphers, set_ciphersuites, set_curves};
use crate::diag::{Code, Diagnostic};
use crate::draft::{BindSettings, GlobalDraft, ServerSettings};
use crate::model::ExtraFiles;

const G: Sections = Sections::GLOBAL;

/// Options of listeners that `ssl-default-bind-options` may set; those of servers are the same but for the last.
const OPTIONS: [&str; 14] = [
    "ssl-min-ver",
    "ssl-max-ver",
    "no-sslv3",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "no-tls-tickets",
    "prefer-client-ciphers",
];

/// Sets where names of files begin. HAProxy, too, refuses a second one.
fn base(field: &mut Option<PathBuf>, args: &mut Args<'_>) -> Parsed {
    if field.is_some() {
        let message = format!("'{}' is set already", args.head().text);
        return Err(Diagnostic::alert(Code::Duplicate, message).at(args.head().span));
    }
    *field = Some(PathBuf::from(path(args)?));
    Ok(())
}

/// All of them.
pub(in crate::keyword) static GLOBAL_TLS: &[Keyword<GlobalDraft>] = &[
    served("ca-base", "<folder>", G, "where relative ca-file names begin", |g, a| {
        base(&mut g.tls.ca_base, a)
    }),
    served("crt-base", "<folder>", G, "where relative crt names begin", |g, a| base(&mut g.tls.crt_base, a)),
    served("ssl-default-bind-ciphers", "<list>", G, "cipher suites of listeners, TLS 1.2", |g, a| {
        set_ciphers(&mut g.tls.bind.words, a)
    }),
    served("ssl-default-bind-ciphersuites", "<list>", G, "cipher suites of listeners, TLS 1.3", |g, a| {
        set_ciphersuites(&mut g.tls.bind.words, a)
    }),
    served("ssl-default-bind-curves", "<list>", G, "groups for the key exchange of listeners", |g, a| {
        set_curves(&mut g.tls.bind.words, a)
    }),
    served("ssl-default-bind-options", "<option>…", G, "TLS settings of listeners", |g, a| {
        let mut bind = BindSettings { tls: g.tls.bind.clone().into(), ..BindSettings::default() };
        read_options(BIND_TLS, &OPTIONS, &mut bind, a)?;
        g.tls.bind = bind.tls_mut().clone();
        Ok(())
    }),
    served("ssl-default-server-ciphers", "<list>", G, "cipher suites of servers, TLS 1.2", |g, a| {
        set_ciphers(&mut g.tls.server.words, a)
    }),
    served("ssl-default-server-ciphersuites", "<list>", G, "cipher suites of servers, TLS 1.3", |g, a| {
        set_ciphersuites(&mut g.tls.server.words, a)
    }),
    served("ssl-default-server-options", "<option>…", G, "TLS settings of servers", |g, a| {
        let mut server = ServerSettings { tls: g.tls.server.clone(), ..ServerSettings::default() };
        let (_, options) = OPTIONS.split_last().unwrap_or((&"", &[]));
        read_options(SERVER_TLS, options, &mut server, a)?;
        g.tls.server = server.tls;
        Ok(())
    }),
    served("ssl-server-verify", "none|required", G, "whether servers' certificates are verified", |g, a| {
        g.tls.trust_servers = a.choice(&[("none", true), ("required", false)])?;
        Ok(())
    }),
    served(
        "ssl-load-extra-files",
        "<kind>…",
        G,
        "which extra files are read with a certificate",
        extra_files,
    ),
    served("ssl-load-extra-del-ext", "", G, "how names of extra files are made", |g, _| {
        g.model.tls.cut_extension = true;
        Ok(())
    }),
    served("ssl-dh-param-file", "<file>", G, "Diffie-Hellman groups; rustls uses none", |_, a| {
        let file = path(a)?;
        a.host.read(file.as_ref()).map_err(|e| {
            let message = format!("cannot read '{file}': {e}");
            Diagnostic::alert(Code::File, message).at(a.last().span)
        })?;
        let note = Diagnostic::notice(Code::NoEffect, "Diffie-Hellman groups have no effect");
        a.note(note.at(a.whole()).label("rustls exchanges keys on elliptic curves and by ML-KEM only"));
        Ok(())
    }),
    served("tune.ssl.cachesize", "<number>", G, "TLS sessions that are kept", |g, a| {
        g.model.tls.cache_size = a.number(0..=u32::MAX)?;
        Ok(())
    }),
    served("tune.ssl.lifetime", "<time>", G, "how long TLS sessions can be resumed", |g, a| {
        g.model.tls.lifetime = a.time_in(std::time::Duration::from_secs(1))?;
        Ok(())
    }),
    served("tune.ssl.capture-buffer-size", "<number>", G, "what is kept of a TLS greeting", |g, a| {
        g.model.tls.capture = a.number(0..=u32::MAX)?;
        Ok(())
    }),
    served("tune.ssl.capture-cipherlist-size", "<number>", G, "what is kept of a TLS greeting", |g, a| {
        g.model.tls.capture = a.number(0..=u32::MAX)?;
        Ok(())
    }),
    inert(
        "tune.ssl.force-private-cache",
        "",
        G,
        "processes share no TLS sessions",
        "there is one process, and its sessions are its own",
    ),
    newer("ssl-default-bind-client-sigalgs", "<list>", G, "signature algorithms of client certificates"),
    newer("ssl-default-bind-sigalgs", "<list>", G, "signature algorithms of listeners"),
    newer("ssl-default-server-client-sigalgs", "<list>", G, "signature algorithms of own certificates"),
    newer("ssl-default-server-curves", "<list>", G, "groups for the key exchange of servers"),
    newer("ssl-default-server-sigalgs", "<list>", G, "signature algorithms of servers"),
    newer("ssl-security-level", "<number>", G, "how weak keys may be"),
    inert(
        "ssl-skip-self-issued-ca",
        "",
        G,
        "does not send self-issued authorities",
        "chains are sent as their files have them",
    ),
    inert(
        "tune.ssl.hard-maxrecord",
        "<number>",
        G,
        "the largest TLS record at all",
        "rustls sizes records itself",
    ),
    inert("tune.ssl.keylog", "on|off", G, "keeps keys for analysis", "keys are never kept"),
    inert("tune.ssl.maxrecord", "<number>", G, "the largest TLS record", "rustls sizes records itself"),
    newer("tune.ssl.ocsp-update.maxdelay", "<time>", G, "between two fetches of an OCSP response"),
    newer("tune.ssl.ocsp-update.mindelay", "<time>", G, "between two fetches of an OCSP response"),
    inert(
        "tune.ssl.ssl-ctx-cache-size",
        "<number>",
        G,
        "made certificates that are kept",
        "no certificates are made",
    ),
];

/// Reads options by the rows of the lines that they are for.
fn read_options<T>(
    tables: &'static [&'static [Keyword<T>]],
    allowed: &[&'static str],
    target: &mut T,
    args: &mut Args<'_>,
) -> Parsed {
    if args.peek().is_none() {
        args.word("an option such as no-tls-tickets")?;
    }
    while let Some(word) = args.take() {
        let named = |row: &Row| row.name == word.text && allowed.contains(&row.name);
        let Some(keyword) = tables.iter().flat_map(|table| table.iter()).find(|k| named(&k.row)) else {
            let error = invalid(word, format!("unknown option '{}'", word.text));
            return Err(error.nearest(word, allowed.iter().copied()));
        };
        if let Some(parse) = keyword.parse {
            parse(target, args)?;
        }
        check_status(&keyword.row, std::slice::from_ref(word))?;
    }
    Ok(())
}

fn extra_files(global: &mut GlobalDraft, args: &mut Args<'_>) -> Parsed {
    type Set = fn(&mut ExtraFiles);
    let kinds: [(&str, Set); 7] = [
        ("none", |_| {}),
        ("all", |extra| *extra = ExtraFiles::default()),
        ("bundle", |extra| extra.bundle = true),
        ("key", |extra| extra.key = true),
        ("ocsp", |extra| extra.ocsp = true),
        ("issuer", |extra| extra.issuer = true),
        ("sctl", |_| {}),
    ];
    let mut extra = ExtraFiles::NONE;
    loop {
        args.choice(&kinds)?(&mut extra);
        if args.last().text == "sctl" {
            let note = Diagnostic::notice(Code::NoEffect, ".sctl files are not read");
            args.note(note.at(args.last().span).label("clients take timestamps from the certificate itself"));
        }
        if args.peek().is_none() {
            break;
        }
    }
    global.model.tls.extra = extra;
    Ok(())
}
