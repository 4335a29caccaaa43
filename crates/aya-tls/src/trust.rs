//! The authorities to trust, and the certificates that they have taken back.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::Path;

use aya_db_core::conninfo::{FileChoice, RootCert, SslMode, TlsSettings};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::error::TlsError;

/// What a server's certificate is checked against.
#[derive(Debug)]
pub(crate) struct Trust {
    /// The authorities.
    pub(crate) roots: RootCertStore,
    /// The certificates as they stand in the file; none for those of the system.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    /// The lists of revoked certificates.
    pub(crate) crls: Vec<CertificateRevocationListDer<'static>>,
    /// Where the authorities come from, for errors.
    pub(crate) origin: String,
}

/// Reads what `settings` name, or `None` if certificates are not checked.
pub(crate) fn load_trust(settings: &TlsSettings) -> Result<Option<Trust>, TlsError> {
    if settings.mode < SslMode::Require {
        return Ok(None);
    }
    let choice = match &settings.root_cert {
        RootCert::System => return system_roots().map(Some),
        RootCert::File(choice) => choice,
    };
    let Some(path) = choice.path().map(Path::new) else {
        return without_roots(settings.mode, "there is no home folder to look for one".to_owned());
    };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if is_absent(choice, &error) => {
            let place = format!("there is no root certificate file \"{}\"", path.display());
            return without_roots(settings.mode, place);
        }
        Err(error) => return Err(TlsError::file(ROOT, path, error)),
    };
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::content(ROOT, path, error.to_string()))?;
    if certificates.is_empty() {
        return Err(TlsError::content(ROOT, path, "it holds no certificate in PEM form"));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &certificates {
        roots
            .add(certificate.clone())
            .map_err(|error| TlsError::content(ROOT, path, error.to_string()))?;
    }
    let crls = load_crls(settings)?;
    let origin = format!("the authorities of \"{}\"", path.display());
    Ok(Some(Trust { roots, certificates, crls, origin }))
}

/// Whether `error` means that a file nobody named does not exist.
pub(crate) fn is_absent(choice: &FileChoice, error: &Error) -> bool {
    matches!(choice, FileChoice::IfPresent(_))
        && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn without_roots(mode: SslMode, place: String) -> Result<Option<Trust>, TlsError> {
    match mode {
        SslMode::VerifyCa | SslMode::VerifyFull => Err(TlsError::NoRootCertificate { place, mode }),
        SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => Ok(None),
    }
}

fn system_roots() -> Result<Trust, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One certificate that cannot be used must not make the others useless.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(TlsError::Settings(format!(
            "the system has no trusted authorities for sslrootcert=system{reason}"
        )));
    }
    Ok(Trust {
        roots,
        certificates: Vec::new(),
        crls: Vec::new(),
        origin: "the authorities of the system".to_owned(),
    })
}

/// Every list of the file and of the folder.
fn load_crls(
    settings: &TlsSettings,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let mut crls = Vec::new();
    if let Some(path) = settings.crl.path().map(Path::new) {
        match fs::read(path) {
            Ok(text) => {
                let found = push_crls(&mut crls, path, &text)?;
                if found == 0 {
                    let reason = "it holds no revocation list in PEM form";
                    return Err(TlsError::content(CRL, path, reason));
                }
            }
            Err(error) if is_absent(&settings.crl, &error) => {}
            Err(error) => return Err(TlsError::file(CRL, path, error)),
        }
    }
    if let Some(folder) = settings.crl_dir.as_deref().map(Path::new) {
        let read = |error| TlsError::file(CRL_DIR, folder, error);
        // The names that OpenSSL looks for (<hash>.r<n>) say nothing that the lists do not.
        for (index, entry) in fs::read_dir(folder).map_err(read)?.enumerate() {
            let path = entry.map_err(read)?.path();
            if index >= CRL_FILES_MAX {
                let reason = format!("it holds more than {CRL_FILES_MAX} files");
                return Err(TlsError::content(CRL_DIR, folder, reason));
            }
            if path.is_file() {
                let text = fs::read(&path).map_err(|error| TlsError::file(CRL, &path, error))?;
                push_crls(&mut crls, &path, &text)?;
            }
        }
    }
    Ok(crls)
}

fn push_crls(
    crls: &mut Vec<CertificateRevocationListDer<'static>>,
    path: &Path,
    text: &[u8],
) -> Result<usize, TlsError> {
    let before = crls.len();
    for crl in CertificateRevocationListDer::pem_slice_iter(text) {
        crls.push(crl.map_err(|error| TlsError::content(CRL, path, error.to_string()))?);
    }
    Ok(crls.len() - before)
}

const ROOT: &str = "the root certificate file";
const CRL: &str = "the revocation list";
const CRL_DIR: &str = "the folder of revocation lists";
const CRL_FILES_MAX: usize = 4096;
