//! What every connection of one configuration shares.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aya_db_core::conninfo::{
    ServerNameIndication, SslCertMode, SslMode, SslNegotiation, TlsSettings, TlsVersion,
};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};

use crate::client_key::{Presenter, load_client_key};
use crate::error::TlsError;
use crate::key_log::KeyLogFile;
use crate::trust::load_trust;
use crate::verifier::Verifier;

/// Certificates, keys and rules, read once. Cheap to clone.
#[derive(Clone)]
pub struct TlsContext {
    mode: SslMode,
    negotiation: SslNegotiation,
    handshake: Option<Rules>,
}

#[derive(Clone)]
struct Rules {
    config: Arc<ClientConfig>,
    /// The key to present, if the server has to ask for it.
    demanded: Option<Arc<CertifiedKey>>,
    origin: Arc<str>,
}

impl TlsContext {
    /// Reads the files that `settings` name. It blocks on the file system; no file is looked at
    /// if TLS is disabled.
    ///
    /// # Errors
    /// If a file cannot be read or used, or the mode needs a root certificate and there is none.
    pub fn load(settings: &TlsSettings) -> Result<Self, TlsError> {
        let handshake = match settings.mode {
            SslMode::Disable => None,
            SslMode::Allow
            | SslMode::Prefer
            | SslMode::Require
            | SslMode::VerifyCa
            | SslMode::VerifyFull => Some(Rules::load(settings)?),
        };
        Ok(Self { mode: settings.mode, negotiation: settings.negotiation, handshake })
    }

    /// The mode it was made for.
    pub const fn mode(&self) -> SslMode {
        self.mode
    }

    /// How TLS begins.
    pub const fn negotiation(&self) -> SslNegotiation {
        self.negotiation
    }

    /// What one handshake needs, and the flag that becomes true when the server asks for a
    /// certificate that it has to ask for.
    ///
    /// # Errors
    /// If TLS is disabled.
    pub(crate) fn client_config(
        &self,
    ) -> Result<(Arc<ClientConfig>, Option<Arc<AtomicBool>>), TlsError> {
        let Some(handshake) = &self.handshake else {
            return Err(TlsError::Settings("sslmode=disable allows no TLS".to_owned()));
        };
        let Some(key) = &handshake.demanded else {
            return Ok((Arc::clone(&handshake.config), None));
        };
        let asked = Arc::new(AtomicBool::new(false));
        let mut config = ClientConfig::clone(&handshake.config);
        config.client_auth_cert_resolver =
            Arc::new(Presenter::new(Arc::clone(key), Arc::clone(&asked)));
        Ok((Arc::new(config), Some(asked)))
    }

    /// What certificates are checked against, for errors.
    pub(crate) fn origin(&self) -> String {
        self.handshake.as_ref().map_or("nothing", |handshake| &handshake.origin).to_owned()
    }
}

impl Rules {
    fn load(settings: &TlsSettings) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Verifier::new(settings.mode, load_trust(settings)?, &provider)?;
        let origin = verifier.origin().into();
        let key = load_client_key(settings, &provider)?;
        let mut config = Self::builder(settings, &provider, verifier, key.as_ref())?;
        config.enable_sni = settings.sni == ServerNameIndication::On;
        config.alpn_protocols = vec![ALPN.to_vec()];
        // PostgreSQL resumes no session, and a resumed one would skip the checks.
        config.resumption = Resumption::disabled();
        if let Some(path) = &settings.key_log_file {
            config.key_log = Arc::new(KeyLogFile::open(Path::new(path))?);
        }
        let demanded = key.filter(|_| settings.cert_mode == SslCertMode::Require);
        Ok(Self { config: Arc::new(config), demanded, origin })
    }

    fn builder(
        settings: &TlsSettings,
        provider: &Arc<CryptoProvider>,
        verifier: Verifier,
        key: Option<&Arc<CertifiedKey>>,
    ) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(versions(settings))
            .map_err(|error| TlsError::Settings(format!("set up TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(match key {
            Some(key) => {
                let resolver = SingleCertAndKey::from(CertifiedKey::clone(key));
                builder.with_client_cert_resolver(Arc::new(resolver))
            }
            None => builder.with_no_client_auth(),
        })
    }
}

impl fmt::Debug for TlsContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsContext").field("mode", &self.mode).finish_non_exhaustive()
    }
}

fn versions(settings: &TlsSettings) -> &'static [&'static SupportedProtocolVersion] {
    let newest = settings.max_version.unwrap_or(TlsVersion::Tls13);
    match (settings.min_version, newest) {
        (TlsVersion::Tls12, TlsVersion::Tls12) => ONLY_TLS12,
        (TlsVersion::Tls12, TlsVersion::Tls13) => BOTH,
        (TlsVersion::Tls13, _) => ONLY_TLS13,
    }
}

/// The name under which PostgreSQL 17 and later is reached without asking first.
pub(crate) const ALPN: &[u8] = b"postgresql";

const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];
const ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];
