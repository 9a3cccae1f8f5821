//! TLS towards servers.

use std::net::IpAddr;
use std::sync::Arc;

use lb_conf::model::ServerTls;
use rustls::client::{ClientSessionMemoryCache, Resumption, Tls12Resumption};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate::Certificate;
use super::error::HandshakeError;
use super::info::TlsInfo;
use super::loader::{Failed, Loader};
use super::provider::{provider, versions};
use super::verify::ServerVerifier;

/// Sessions that are kept for each server: as many as there may be names that it is asked for.
const SESSIONS: usize = 256;

/// Shakes hands with one server. Workers share it, and its sessions.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    own: Option<Arc<Certificate>>,
}

impl Connector {
    /// Reads everything that a `server` line names.
    ///
    /// # Errors
    ///
    /// Something is of no use; the loader holds what and why.
    pub fn load(tls: &ServerTls, loader: &mut Loader<'_>) -> Result<Self, Failed> {
        let verifier = loader.server_verifier(tls);
        let own = tls.certificate.as_ref().map(|path| loader.certificate(path, tls.span)).transpose();
        let (verifier, own) = (verifier?, own?);
        let config = config(tls, verifier, own.as_ref()).map_err(|e| loader.refused(tls.span, e))?;
        Ok(Self { config: Arc::new(config), own })
    }

    /// The same with other protocols to choose from: `check-alpn`.
    #[must_use]
    pub fn with_alpn(&self, protocols: &[impl AsRef<str>]) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = protocols.iter().map(|p| p.as_ref().as_bytes().to_vec()).collect();
        Self { config: Arc::new(config), own: self.own.clone() }
    }

    /// Shakes hands, and asks for `name` where it is given. The caller bounds the time that it may take.
    ///
    /// # Errors
    ///
    /// Why no hands were shaken.
    pub async fn connect<IO>(
        &self,
        io: IO,
        name: Option<&str>,
        address: IpAddr,
    ) -> Result<(TlsStream<IO>, TlsInfo), HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        // What is no host name cannot be asked for; an address asks for nothing.
        let host = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
        let host = host.unwrap_or_else(|| ServerName::from(address));
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(host, io).await.map_err(HandshakeError::from_io)?;
        let info = TlsInfo::new(stream.get_ref().1, name);
        let info = match &self.own {
            Some(own) => info.with_own(Arc::clone(own)),
            None => info,
        };
        Ok((stream, info))
    }
}

fn config(
    tls: &ServerTls,
    verifier: ServerVerifier,
    own: Option<&Arc<Certificate>>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider(&tls.suites));
    let builder = builder.with_protocol_versions(&versions(tls.suites.versions))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match own {
        Some(own) => builder.with_client_cert_resolver(own.resolver()),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = tls.alpn.iter().map(|p| p.as_bytes().to_vec()).collect();
    config.resumption = resumption(tls);
    Ok(config)
}

fn resumption(tls: &ServerTls) -> Resumption {
    if tls.no_reuse {
        return Resumption::disabled();
    }
    let resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(SESSIONS)));
    match tls.no_tickets {
        true => resumption.tls12_resumption(Tls12Resumption::SessionIdOnly),
        false => resumption,
    }
}
