//! One handshake: what it takes, and what is made of its end.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aya_db_core::conninfo::{SslMode, SslNegotiation};
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, Error};

use crate::context::{ALPN, TlsContext};
use crate::error::TlsError;
use crate::names::NameMismatch;

/// What one handshake with a host takes.
#[derive(Debug)]
pub struct Handshake {
    host: String,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    /// Becomes true when the server asks for a certificate that it has to ask for.
    asked: Option<Arc<AtomicBool>>,
    negotiation: SslNegotiation,
    origin: String,
}

impl Handshake {
    /// A handshake with `host`, as the user wrote it: the certificate must be for it.
    ///
    /// # Errors
    /// If TLS is disabled, or the host's name is to be checked and is none.
    pub fn new(context: &TlsContext, host: &str) -> Result<Self, TlsError> {
        let (config, asked) = context.client_config()?;
        Ok(Self {
            host: host.to_owned(),
            name: name_for(host, context)?,
            config,
            asked,
            negotiation: context.negotiation(),
            origin: context.origin(),
        })
    }

    /// How rustls is set up.
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// The name to send and to check.
    pub const fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// rustls, ready to begin.
    ///
    /// # Errors
    /// If rustls cannot be set up like this.
    pub fn connection(&self) -> Result<ClientConnection, TlsError> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|source| TlsError::Handshake { host: self.host.clone(), source })
    }

    /// What can be judged only when the handshake is over.
    ///
    /// # Errors
    /// If the server did not confirm the protocol though it was not asked first, or did not ask
    /// for a certificate that it has to ask for.
    pub fn check(&self, session: &ClientConnection) -> Result<(), TlsError> {
        if self.negotiation == SslNegotiation::Direct && session.alpn_protocol() != Some(ALPN) {
            return Err(TlsError::NoAlpn { host: self.host.clone() });
        }
        if self.asked.as_ref().is_some_and(|asked| !asked.load(Ordering::Relaxed)) {
            let reason = "the server did not ask for one that this key can sign for";
            return Err(TlsError::CertNotUsed { host: self.host.clone(), reason });
        }
        Ok(())
    }

    /// What an error of the stream means, be it rustls' own or the network's.
    pub fn explain_io(&self, error: io::Error) -> TlsError {
        let found = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).cloned();
        match found {
            Some(source) => self.explain(source),
            None => TlsError::Io {
                during: "shake hands over TLS",
                host: self.host.clone(),
                source: error,
            },
        }
    }

    /// What an error of rustls means.
    pub fn explain(&self, error: Error) -> TlsError {
        let host = self.host.clone();
        if let Error::InvalidCertificate(CertificateError::Other(other)) = &error
            && let Some(mismatch) = other.0.downcast_ref::<NameMismatch>()
        {
            return TlsError::WrongName { host, source: mismatch.clone() };
        }
        match error {
            source @ (Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_)) => {
                TlsError::Certificate { host, roots: self.origin.clone(), source }
            }
            source => TlsError::Handshake { host, source },
        }
    }
}

/// The name to send and to check. A host that can be neither is no obstacle where neither
/// happens.
fn name_for(host: &str, context: &TlsContext) -> Result<ServerName<'static>, TlsError> {
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) if context.mode() == SslMode::VerifyFull => {
            Err(TlsError::HostName { host: host.to_owned() })
        }
        // No name is sent with an address.
        Err(_) => Ok(ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into())),
    }
}
