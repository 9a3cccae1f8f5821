//! TLS of `server` lines.

use super::super::args::invalid;
use super::super::{Args, Keyword, Sections, inert, newer, served};
use super::{Parsed, alpn_list, path, set_alpn, set_verify};
use crate::diag::Diagnostic;
use crate::draft::{HasTls, Placed, ServerSettings, TlsWords, Verify};
use crate::model::Name;

const B: Sections = Sections::BACKEND.union(Sections::DEFAULTS);

impl HasTls for ServerSettings {
    fn words(&mut self) -> &mut TlsWords {
        &mut self.tls.words
    }
}

static SHARED: [Keyword<ServerSettings>; 18] = super::shared(B);

/// All of them.
pub(in crate::keyword) static SERVER_TLS: &[&[Keyword<ServerSettings>]] = &[&SHARED, OWN];

static OWN: &[Keyword<ServerSettings>] = &[
    served("ssl", "", B, "speaks TLS", |s, a| {
        s.tls.enabled = Some(a.last().span);
        Ok(())
    }),
    served("no-ssl", "", B, "speaks no TLS", |s, _| {
        s.tls.enabled = None;
        Ok(())
    }),
    served("alpn", "<names>", B, "protocols that are offered by TLS", |s, a| set_alpn(s.words(), a)),
    served("no-alpn", "", B, "offers no protocols by TLS", |s, _| {
        s.words().alpn = Some(Vec::new());
        Ok(())
    }),
    served("sni", "<expression>", B, "the name that is asked for by TLS", sni),
    served("verify", "none|required", B, "whether its certificate is verified", |s, a| {
        set_verify(s.words(), a, &[("none", Verify::None), ("required", Verify::Required)])
    }),
    served("verifyhost", "<name>", B, "the name that its certificate must have", |s, a| {
        s.tls.verify_host = Some(name(a)?);
        Ok(())
    }),
    served("no-verifyhost", "", B, "its certificate may have any name", |s, _| {
        s.tls.verify_host = None;
        Ok(())
    }),
    served("crt", "<file>", B, "a client certificate with its key", |s, a| {
        s.tls.certificate = Some(path(a)?);
        Ok(())
    }),
    served("ssl-reuse", "", B, "TLS sessions are resumed", |s, _| {
        s.tls.no_reuse = false;
        Ok(())
    }),
    served("no-ssl-reuse", "", B, "TLS sessions are not resumed", |s, _| {
        s.tls.no_reuse = true;
        Ok(())
    }),
    served("check-ssl", "", B, "checks use TLS", |s, a| {
        s.tls.check = Some(Placed::new(true, a.last().span));
        Ok(())
    }),
    served("no-check-ssl", "", B, "checks use no TLS", |s, a| {
        s.tls.check = Some(Placed::new(false, a.last().span));
        Ok(())
    }),
    served("check-sni", "<name>", B, "the name that checks ask for by TLS", |s, a| {
        s.tls.check_sni = Some(name(a)?);
        Ok(())
    }),
    served("check-alpn", "<names>", B, "protocols that checks offer by TLS", |s, a| {
        s.tls.check_alpn = Some(alpn_list(a)?);
        Ok(())
    }),
    inert("npn", "<names>", B, "what came before ALPN", "servers have ALPN instead"),
    newer("no-sni-auto", "", B, "no name is taken from the request"),
    newer("sni-auto", "", B, "the name is taken from the request"),
    inert("allow-0rtt", "", B, "sends early data of TLS 1.3", "early data are never sent"),
];

fn name(args: &mut Args<'_>) -> Result<Name, Diagnostic> {
    Ok(args.word("a host name")?.text.as_str().into())
}

/// `sni str(NAME)`, which is known at once, or another expression, which is compiled when all names are known.
fn sni(settings: &mut ServerSettings, args: &mut Args<'_>) -> Parsed {
    let word = args.word("an expression such as req.hdr(host)")?;
    let fixed = word.strip_prefix("str(").and_then(|rest| rest.strip_suffix(')'));
    let fixed = fixed.filter(|name| !name.contains(['(', ',']));
    if fixed == Some("") {
        return Err(invalid(word, "an empty name"));
    }
    settings.tls.sni = fixed.map(Into::into);
    settings.tls.sni_word = fixed.is_none().then(|| word.clone());
    Ok(())
}
