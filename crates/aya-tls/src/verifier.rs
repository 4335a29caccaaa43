//! The check of the server's certificate, as strict as `sslmode` says.

use std::sync::Arc;

use aya_db_core::conninfo::SslMode;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::chain;
use crate::error::TlsError;
use crate::names::check_name;
use crate::signature::verify_by_key;
use crate::trust::Trust;

/// Checks the chain, the name, both or neither. That the server holds the certificate's key is
/// checked always: the channel binding of SCRAM rests on it.
#[derive(Debug)]
pub(crate) struct Verifier {
    chain: Option<Chain>,
    name: NameCheck,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Chain {
    trust: Trust,
    webpki: Arc<WebPkiServerVerifier>,
}

/// Whether the certificate must be made out to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NameCheck {
    Needed,
    Skipped,
}

impl Verifier {
    /// Checks against `trust`, or nothing without it.
    pub(crate) fn new(
        mode: SslMode,
        trust: Option<Trust>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let chain = trust.map(|trust| Chain::new(trust, provider)).transpose()?;
        let name = match mode {
            SslMode::VerifyFull => NameCheck::Needed,
            SslMode::Disable
            | SslMode::Allow
            | SslMode::Prefer
            | SslMode::Require
            | SslMode::VerifyCa => NameCheck::Skipped,
        };
        Ok(Self { chain, name, algorithms: provider.signature_verification_algorithms })
    }

    /// What certificates are checked against, for errors.
    pub(crate) fn origin(&self) -> String {
        match &self.chain {
            Some(chain) => chain.trust.origin.clone(),
            None => "no authorities".to_owned(),
        }
    }
}

impl Chain {
    fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let roots = Arc::new(trust.roots.clone());
        let webpki = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider))
            .with_crls(trust.crls.iter().cloned())
            // OpenSSL minds the dates of a list; webpki only if told to.
            .enforce_revocation_expiration()
            .build()
            .map_err(|error| {
                TlsError::Settings(format!(
                    "use {} and the revocation lists: {error}",
                    trust.origin
                ))
            })?;
        Ok(Self { trust, webpki })
    }

    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<(), Error> {
        if let Some(verdict) = chain::judge(end_entity, &self.trust, now, algorithms) {
            return verdict;
        }
        match self.webpki.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            Ok(_) => Ok(()),
            // webpki looks at the name last, when everything else is in order; names are judged
            // by the rules of libpq instead.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(chain) = &self.chain {
            let algorithms = &self.algorithms;
            chain.check(end_entity, intermediates, server_name, ocsp_response, now, algorithms)?;
        }
        if self.name == NameCheck::Needed {
            check_name(end_entity, &server_name.to_str()).map_err(|mismatch| {
                Error::from(CertificateError::Other(OtherError(Arc::new(mismatch))))
            })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_by_key(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::from(CertificateError::BadEncoding))?;
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
