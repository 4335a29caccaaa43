//! The client's certificate and private key.

use std::fs::{self, Metadata};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use aya_db_core::conninfo::{FileChoice, Secret, SslCertMode, TlsSettings};

use crate::error::TlsError;
use crate::trust::is_absent;

/// Reads the certificate and its key, if there is one to send.
pub(crate) fn load_client_key(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<Option<Arc<CertifiedKey>>, TlsError> {
    if settings.cert_mode == SslCertMode::Disable {
        return Ok(None);
    }
    let Some((cert_path, chain)) = read_chain(&settings.cert)? else {
        if settings.cert_mode == SslCertMode::Require {
            return Err(TlsError::Settings(
                "sslcertmode=require needs a client certificate, and there is none".to_owned(),
            ));
        }
        return Ok(None);
    };
    let Some(key_path) = settings.key.path().map(Path::new) else {
        return Err(TlsError::content(CERT, cert_path, "there is no private key for it"));
    };
    let key = read_key(key_path, settings.key_password.as_ref().map(Secret::expose))?;
    let mismatch = |reason: String| {
        TlsError::content(KEY, key_path, format!("for \"{}\": {reason}", cert_path.display()))
    };
    let signer =
        provider.key_provider.load_private_key(key).map_err(|error| mismatch(error.to_string()))?;
    match (signer.public_key(), own_key(&chain)) {
        (Some(ours), Some(theirs)) if *ours == *theirs => {
            Ok(Some(Arc::new(CertifiedKey::new(chain, signer))))
        }
        _ => Err(mismatch("it is the key of another certificate".to_owned())),
    }
}

/// The public key in the first certificate. rustls would read it for itself, but refuses
/// version 1 certificates, which PostgreSQL takes.
fn own_key(chain: &[CertificateDer<'_>]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(chain.first()?).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

/// The file and its chain; `None` if none is named and there is none at the usual place.
fn read_chain(
    choice: &FileChoice,
) -> Result<Option<(&Path, Vec<CertificateDer<'static>>)>, TlsError> {
    let Some(path) = choice.path().map(Path::new) else { return Ok(None) };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if is_absent(choice, &error) => return Ok(None),
        Err(error) => return Err(TlsError::file(CERT, path, error)),
    };
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::content(CERT, path, error.to_string()))?;
    match chain.is_empty() {
        true => Err(TlsError::content(CERT, path, "it holds no certificate in PEM form")),
        false => Ok(Some((path, chain))),
    }
}

fn read_key(path: &Path, password: Option<&str>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let metadata = fs::metadata(path).map_err(|error| TlsError::file(KEY, path, error))?;
    if !metadata.is_file() {
        return Err(TlsError::content(KEY, path, "it is not a regular file"));
    }
    check_access(path, &metadata)?;
    let text = fs::read(path).map_err(|error| TlsError::file(KEY, path, error))?;
    let text = String::from_utf8(text)
        .map_err(|_| TlsError::content(KEY, path, "it is not in PEM form"))?;
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        return decrypt(path, &text, password);
    }
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        let reason = "it is encrypted in the old PEM form; convert it with \
                      \"openssl pkcs8 -topk8 -v2 aes-256-cbc\"";
        return Err(TlsError::content(KEY, path, reason));
    }
    PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|error| TlsError::content(KEY, path, error.to_string()))
}

/// Decrypts a PKCS #8 key (PBES2; RFC 8018).
fn decrypt(
    path: &Path,
    text: &str,
    password: Option<&str>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let Some(password) = password.filter(|password| !password.is_empty()) else {
        return Err(TlsError::content(KEY, path, "it is encrypted, and sslpassword is not set"));
    };
    let (_, der) = pkcs8::SecretDocument::from_pem(text.trim())
        .map_err(|error| TlsError::content(KEY, path, error.to_string()))?;
    let encrypted = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der.as_bytes())
        .map_err(|_| TlsError::content(KEY, path, "its encryption is not PBES2 (PKCS #8)"))?;
    let document = encrypted.decrypt(password).map_err(|_| {
        let reason = "it cannot be decrypted: sslpassword is wrong, or the cipher is not supported";
        TlsError::content(KEY, path, reason)
    })?;
    Ok(PrivatePkcs8KeyDer::from(document.as_bytes().to_vec()).into())
}

/// Refuses a key that others can read, by the rule of libpq: nobody else for the user's own,
/// the group too for root's.
#[cfg(unix)]
fn check_access(path: &Path, metadata: &Metadata) -> Result<(), TlsError> {
    use std::os::unix::fs::MetadataExt;

    if access_is_narrow(metadata.uid(), metadata.mode()) {
        return Ok(());
    }
    let reason = "group or others have access to it; it must have the permissions 0600 or less, \
                  or 0640 or less if root owns it";
    Err(TlsError::content(KEY, path, reason))
}

/// Elsewhere, permissions are not these bits.
#[cfg(not(unix))]
fn check_access(_path: &Path, _metadata: &Metadata) -> Result<(), TlsError> {
    Ok(())
}

#[cfg(unix)]
fn access_is_narrow(owner: u32, mode: u32) -> bool {
    let forbidden = if owner == 0 { 0o037 } else { 0o077 };
    mode & forbidden == 0
}

/// Sends the certificate and remembers whether it was asked for.
#[derive(Debug)]
pub(crate) struct Presenter {
    key: Arc<CertifiedKey>,
    asked: Arc<AtomicBool>,
}

impl Presenter {
    /// For one connection, with the flag that becomes true when the server asks.
    pub(crate) fn new(key: Arc<CertifiedKey>, asked: Arc<AtomicBool>) -> Self {
        Self { key, asked }
    }
}

impl ResolvesClientCert for Presenter {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        // Which authorities the server names is no reason to hold the certificate back: libpq
        // sends it in any case, and the server says what is wrong with it.
        self.key.key.choose_scheme(schemes)?;
        self.asked.store(true, Ordering::Relaxed);
        Some(Arc::clone(&self.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

const CERT: &str = "the client certificate";
const KEY: &str = "the private key";

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_the_group_of_roots_key_may_read_it() {
        let cases = [
            (1000, 0o600, true),
            (1000, 0o400, true),
            (1000, 0o640, false),
            (1000, 0o604, false),
            (0, 0o640, true),
            (0, 0o660, false),
            (0, 0o644, false),
            (0, 0o650, false),
        ];
        for (owner, mode, expected) in cases {
            assert_eq!(access_is_narrow(owner, 0o100_000 | mode), expected, "{owner} {mode:o}");
        }
    }
}
