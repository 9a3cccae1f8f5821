//! Reads the files that `bind` and `server` lines name. Nothing that runs sees any of it before all of it is read.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use lb_conf::diag::{Code, Diagnostic};
use lb_conf::host::Host;
use lb_conf::model::{
    BindTls, BindTlsSettings, CaSource, CertificateUse, ClientVerify, ServerTls, TlsTuning,
};
use lb_conf::span::Span;
use rustls::pki_types::CertificateDer;

use super::Shared;
use super::acceptor::Acceptor;
use super::certificate::Certificate;
use super::chain::{Authorities, RevocationList};
use super::error::{TlsError, TlsErrorKind};
use super::pem::Pem;
use super::router::now;
use super::store::Store;
use super::template::{Resumption, Template};
use super::tickets::KeyRing;
use super::verify::{ClientVerifier, ServerVerifier};

/// Something could not be loaded: the loader's errors say what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// Reads files for one configuration and collects what is wrong with them.
pub struct Loader<'a> {
    host: &'a dyn Host,
    tuning: &'a TlsTuning,
    shared: &'a Shared,
    certificates: BTreeMap<PathBuf, Arc<Certificate>>,
    rings: HashMap<PathBuf, Arc<KeyRing>>,
    acceptors: Vec<Weak<Acceptor>>,
    errors: Vec<TlsError>,
    notes: Vec<Diagnostic>,
}

/// Where authorities of the machine are, the first that is there.
const SYSTEM_CA: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Endings of files in a folder that belong to certificates beside them.
const COMPANIONS: [&str; 4] = ["key", "issuer", "ocsp", "sctl"];

/// Endings of files with authorities in a folder.
const CA_ENDINGS: [&str; 4] = ["pem", "crt", "cer", "crl"];

impl<'a> Loader<'a> {
    /// A loader that has read nothing.
    pub fn new(host: &'a dyn Host, tuning: &'a TlsTuning, shared: &'a Shared) -> Self {
        Self {
            host,
            tuning,
            shared,
            certificates: BTreeMap::new(),
            rings: HashMap::new(),
            acceptors: Vec::new(),
            errors: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The certificates for commands to replace, what is doubtful, and what is wrong.
    pub fn finish(self) -> (Store, Vec<Diagnostic>, Vec<TlsError>) {
        (Store::new(self.certificates, self.acceptors), self.notes, self.errors)
    }

    pub(super) fn keep_acceptor(&mut self, acceptor: &Arc<Acceptor>) {
        self.acceptors.push(Arc::downgrade(acceptor));
    }

    /// The place of the first certificate, for what concerns the whole line.
    pub(super) fn first_span(&self, tls: &BindTls) -> Span {
        tls.certificates.first().map(|line| line.span).unwrap_or_default()
    }

    fn fail(&mut self, path: &Path, span: Span, kind: impl Into<TlsErrorKind>) -> Failed {
        self.errors.push(TlsError { path: path.to_owned(), span, kind: kind.into() });
        Failed
    }

    /// The certificates that one `crt` or one line of a list stands for, in their order.
    pub(super) fn certificates(&mut self, line: &CertificateUse) -> Result<Vec<Arc<Certificate>>, Failed> {
        match self.host.list(&line.path) {
            Ok(Some(files)) => self.folder(&line.path, files, line.span),
            // What is no folder, or nothing at all, is told when it is read.
            Ok(None) | Err(_) => self.file_or_bundle(&line.path, line.span),
        }
    }

    fn folder(
        &mut self,
        path: &Path,
        mut files: Vec<PathBuf>,
        span: Span,
    ) -> Result<Vec<Arc<Certificate>>, Failed> {
        files.retain(|file| !is_hidden(file) && !has_ending(file, &COMPANIONS));
        files.sort();
        if files.is_empty() {
            return Err(self.fail(path, span, TlsErrorKind::EmptyFolder));
        }
        // All are read, so that all errors are told.
        let read: Vec<_> = files.iter().map(|file| self.certificate(file, span)).collect();
        read.into_iter().collect()
    }

    fn file_or_bundle(&mut self, path: &Path, span: Span) -> Result<Vec<Arc<Certificate>>, Failed> {
        let found = self.host.read(path);
        let absent = matches!(&found, Err(e) if e.kind() == io::ErrorKind::NotFound);
        if absent && self.tuning.extra.bundle && !self.certificates.contains_key(path) {
            let parts = ["rsa", "ecdsa"].map(|ending| with_ending(path, ending));
            let parts: Vec<_> = parts.into_iter().filter(|part| self.host.read(part).is_ok()).collect();
            if !parts.is_empty() {
                let read: Vec<_> = parts.iter().map(|part| self.certificate(part, span)).collect();
                return read.into_iter().collect();
            }
        }
        Ok(vec![self.certificate(path, span)?])
    }

    /// The certificate of a file, read once.
    pub(super) fn certificate(&mut self, path: &Path, span: Span) -> Result<Arc<Certificate>, Failed> {
        if let Some(known) = self.certificates.get(path) {
            return Ok(Arc::clone(known));
        }
        let certificate = Arc::new(self.read_certificate(path).map_err(|kind| self.fail(path, span, kind))?);
        self.staple(&certificate, span);
        self.certificates.insert(path.to_owned(), Arc::clone(&certificate));
        Ok(certificate)
    }

    fn read_certificate(&self, path: &Path) -> Result<Certificate, TlsErrorKind> {
        let mut pem = Pem::parse(&self.host.read(path)?)?;
        if pem.certificates.is_empty() {
            return Err(TlsErrorKind::NoCertificate);
        }
        if pem.key.is_none() {
            pem.key = self.key_beside(path)?;
        }
        Certificate::new(path, pem, self.issuer_beside(path))
    }

    fn key_beside(
        &self,
        path: &Path,
    ) -> Result<Option<rustls::pki_types::PrivateKeyDer<'static>>, TlsErrorKind> {
        if !self.tuning.extra.key {
            return Ok(None);
        }
        let beside = self.beside(path, "key");
        match self.host.read(&beside) {
            Ok(text) => Ok(Pem::parse(&text)?.key),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(TlsErrorKind::NoKey(beside)),
            Err(e) => Err(e.into()),
        }
    }

    fn issuer_beside(&self, path: &Path) -> Option<Pem> {
        let text = self.tuning.extra.issuer.then(|| self.host.read(&self.beside(path, "issuer")).ok())??;
        Pem::parse(&text).ok()
    }

    /// A response that cannot be sent is worth a warning: clients connect without it.
    fn staple(&mut self, certificate: &Certificate, span: Span) {
        let path = self.beside(&certificate.path, "ocsp");
        let read = self.tuning.extra.ocsp.then(|| self.host.read(&path).ok()).flatten();
        let Some(der) = read.filter(|der| !der.is_empty()) else { return };
        if let Err(e) = certificate.set_ocsp(&der, now()) {
            let message = format!("{}: OCSP response left out: {e}", path.display());
            self.notes.push(Diagnostic::warning(Code::File, message).at(span));
        }
    }

    fn beside(&self, path: &Path, ending: &str) -> PathBuf {
        match self.tuning.cut_extension && has_ending(path, &["crt"]) {
            true => path.with_extension(ending),
            false => with_ending(path, ending),
        }
    }

    /// The settings of a line in rustls' terms.
    pub(super) fn template(
        &mut self,
        settings: &BindTlsSettings,
        ticket_keys: Option<&Path>,
        span: Span,
    ) -> Result<Arc<Template>, Failed> {
        let ring = match ticket_keys {
            Some(path) => self.ring(path, span)?,
            None => Arc::clone(&self.shared.ring),
        };
        let verifier =
            settings.client.as_ref().map(|client| self.client_verifier(client, span)).transpose()?;
        let cache = self.shared.cache(self.tuning);
        let resumption = Resumption { ring, cache, lifetime: self.tuning.lifetime };
        let template = Template::new(settings, verifier.map(Arc::new), &resumption);
        template.map(Arc::new).map_err(|e| self.refused(span, e))
    }

    fn ring(&mut self, path: &Path, span: Span) -> Result<Arc<KeyRing>, Failed> {
        if let Some(known) = self.rings.get(path) {
            return Ok(Arc::clone(known));
        }
        let read =
            self.host.read(path).map_err(TlsErrorKind::from).and_then(|text| KeyRing::from_file(&text));
        let ring = Arc::new(read.map_err(|kind| self.fail(path, span, kind))?);
        self.rings.insert(path.to_owned(), Arc::clone(&ring));
        Ok(ring)
    }

    fn client_verifier(&mut self, client: &ClientVerify, span: Span) -> Result<ClientVerifier, Failed> {
        let announced = self.authorities(client.ca_file.as_ref(), None, None, span)?;
        let hints = if client.no_ca_names { Vec::new() } else { announced.subjects() };
        let authorities = match &client.ca_verify_file {
            None if client.crl_file.is_none() => announced,
            more => {
                self.authorities(client.ca_file.as_ref(), more.as_ref(), client.crl_file.as_deref(), span)?
            }
        };
        Ok(ClientVerifier {
            authorities,
            hints,
            required: client.required,
            crt_ignore: client.crt_ignore.clone(),
            ca_ignore: client.ca_ignore.clone(),
        })
    }

    /// What verifies a server.
    pub(super) fn server_verifier(&mut self, tls: &ServerTls) -> Result<ServerVerifier, Failed> {
        let Some(verify) = &tls.verify else { return Ok(ServerVerifier { authorities: None, host: None }) };
        let authorities =
            self.authorities(Some(&verify.ca_file), None, verify.crl_file.as_deref(), tls.span)?;
        Ok(ServerVerifier { authorities: Some(authorities), host: verify.host.clone() })
    }

    /// Settings that rustls does not take.
    pub(super) fn refused(&mut self, span: Span, error: rustls::Error) -> Failed {
        self.fail(Path::new("ssl"), span, error)
    }

    /// Authorities from one or two sources, with what they have revoked.
    pub(super) fn authorities(
        &mut self,
        first: Option<&CaSource>,
        second: Option<&CaSource>,
        revoked: Option<&Path>,
        span: Span,
    ) -> Result<Authorities, Failed> {
        let mut certificates = Vec::new();
        for source in [first, second].into_iter().flatten() {
            certificates.extend(self.ca_certificates(source, span)?);
        }
        let lists = revoked.map(|path| self.revocation_lists(path, span)).transpose()?.unwrap_or_default();
        let path = first.or(second).map(|source| self.ca_path(source)).unwrap_or_default();
        Authorities::new(certificates, lists).map_err(|(index, reason)| {
            self.fail(&path, span, TlsErrorKind::Certificate { number: index + 1, reason })
        })
    }

    fn ca_path(&self, source: &CaSource) -> PathBuf {
        match source {
            CaSource::Path(path) => path.clone(),
            CaSource::System => {
                let named = self.host.variable("SSL_CERT_FILE").map(PathBuf::from);
                let known = SYSTEM_CA.iter().map(PathBuf::from);
                let mut there = named.into_iter().chain(known).filter(|path| self.host.read(path).is_ok());
                there.next().unwrap_or_else(|| PathBuf::from(SYSTEM_CA[0]))
            }
        }
    }

    fn ca_certificates(
        &mut self,
        source: &CaSource,
        span: Span,
    ) -> Result<Vec<CertificateDer<'static>>, Failed> {
        let path = self.ca_path(source);
        let mut files = match self.host.list(&path) {
            Ok(Some(files)) => {
                files.into_iter().filter(|f| !is_hidden(f) && has_ending(f, &CA_ENDINGS)).collect()
            }
            Ok(None) | Err(_) => vec![path.clone()],
        };
        files.sort();
        let mut certificates = Vec::new();
        for file in &files {
            let read = self.host.read(file).map_err(TlsErrorKind::from).and_then(|text| Pem::parse(&text));
            certificates.extend(read.map_err(|kind| self.fail(file, span, kind))?.certificates);
        }
        match certificates.is_empty() {
            true => Err(self.fail(&path, span, TlsErrorKind::NoCertificate)),
            false => Ok(certificates),
        }
    }

    fn revocation_lists(&mut self, path: &Path, span: Span) -> Result<Vec<RevocationList>, Failed> {
        let read = self.host.read(path).map_err(TlsErrorKind::from).and_then(|text| Pem::parse(&text));
        let lists = read.map_err(|kind| self.fail(path, span, kind))?.revocation_lists;
        if lists.is_empty() {
            return Err(self.fail(path, span, TlsErrorKind::Crl("there is none in the file".into())));
        }
        let parsed: Result<Vec<_>, _> = lists.into_iter().map(RevocationList::parse).collect();
        parsed.map_err(|reason| self.fail(path, span, TlsErrorKind::Crl(reason)))
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|found| endings.iter().any(|ending| found == *ending))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}
