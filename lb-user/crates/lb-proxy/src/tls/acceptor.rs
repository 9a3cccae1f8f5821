//! TLS of a `bind` line.

use std::sync::Arc;

use arc_swap::ArcSwap;
use lb_conf::model::{BindTls, SniFilter};
use rustls::pki_types::UnixTime;
use rustls::server::Acceptor as HelloReader;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::Certificate;
use super::error::HandshakeError;
use super::info::TlsInfo;
use super::loader::{Failed, Loader};
use super::router::{Entry, Router, Shown};
use super::template::Template;

/// The alert `unrecognized_name`, fatal, in a record of its own (RFC 8446, 6.2).
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70];

/// Shakes hands with the clients of one `bind` line. Workers share it; certificates can be replaced at any time.
#[derive(Debug)]
pub struct Acceptor {
    entries: Vec<Planned>,
    strict: bool,
    router: ArcSwap<Router>,
}

/// A line's certificates: what to build a router from again when one of them is replaced.
#[derive(Debug)]
struct Planned {
    certificates: Vec<ArcSwap<Certificate>>,
    template: Arc<Template>,
    names: Vec<SniFilter>,
}

impl Planned {
    fn entry(&self) -> Entry<'_> {
        let certificates = self.certificates.iter().map(ArcSwap::load_full).collect();
        Entry { certificates, template: &self.template, names: &self.names }
    }
}

impl Acceptor {
    /// Reads everything that a `bind` line names.
    ///
    /// # Errors
    ///
    /// Something is of no use; the loader holds what and why.
    pub fn load(tls: &BindTls, loader: &mut Loader<'_>) -> Result<Arc<Self>, Failed> {
        let default = loader.template(&tls.settings, tls.ticket_keys.as_deref(), loader.first_span(tls));
        let mut entries = Vec::new();
        let mut failed = default.is_err();
        for line in &tls.certificates {
            let own = line.settings.as_ref();
            let template = match own.filter(|own| **own != tls.settings) {
                Some(settings) => loader.template(settings, tls.ticket_keys.as_deref(), line.span),
                None => default.clone(),
            };
            match (loader.certificates(line), template) {
                (Ok(certificates), Ok(template)) => {
                    let certificates = certificates.into_iter().map(ArcSwap::new).collect();
                    entries.push(Planned { certificates, template, names: line.names.clone() });
                }
                _ => failed = true,
            }
        }
        if failed {
            return Err(Failed);
        }
        let router = Router::new(entries.iter().map(Planned::entry), tls.strict_sni);
        let acceptor =
            Arc::new(Self { entries, strict: tls.strict_sni, router: ArcSwap::from_pointee(router) });
        loader.keep_acceptor(&acceptor);
        Ok(acceptor)
    }

    /// Shows `new` wherever the certificate of the same file was shown.
    pub(super) fn replace(&self, new: &Arc<Certificate>) {
        let places = self.entries.iter().flat_map(|entry| &entry.certificates);
        for place in places.filter(|place| place.load().path == new.path) {
            place.store(Arc::clone(new));
        }
        self.router.store(Arc::new(Router::new(self.entries.iter().map(Planned::entry), self.strict)));
    }

    /// Shakes hands. The caller bounds the time that it may take.
    ///
    /// # Errors
    ///
    /// Why no hands were shaken. The client has got its alert where there is one for the case.
    pub async fn accept<IO>(&self, io: IO) -> Result<(TlsStream<IO>, TlsInfo), HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(HelloReader::default(), io).await;
        let mut start = hello.map_err(HandshakeError::from_io)?;
        let shown = self.router.load().choose(&start.client_hello()).map(Arc::clone);
        let Some(shown) = shown else {
            // Whether the alert arrives changes nothing.
            let _ = start.io.write_all(&UNRECOGNIZED_NAME).await;
            return Err(HandshakeError::UnknownName);
        };
        let stream = start.into_stream(Arc::clone(&shown.config)).await.map_err(HandshakeError::from_io)?;
        let info = info(&stream, &shown);
        Ok((stream, info))
    }
}

fn info<IO>(stream: &TlsStream<IO>, shown: &Shown) -> TlsInfo {
    let (_, connection) = stream.get_ref();
    let info = TlsInfo::new(connection, connection.server_name()).with_own(Arc::clone(&shown.certificate));
    let Some(verifier) = &shown.verifier else { return info };
    let error = verifier.passed_over(info.peer_chain(), UnixTime::now());
    info.with_passed_over(error.map(|e| (e.code(), e.depth)))
}
