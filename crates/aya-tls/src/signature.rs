//! Whether the server holds the key of the certificate that it shows.
//!
//! rustls checks this only for version 3 certificates; PostgreSQL's documentation long made
//! version 1 ones ("Creating Certificates", with OpenSSL before 3.2), and libpq takes them.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, DigitallySignedStruct, Error};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

/// Checks a TLS 1.2 signature by the key of `certificate`, whatever its version.
pub(crate) fn verify_by_key(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::from(CertificateError::BadEncoding))?;
    let key = parsed.public_key();
    let candidates = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
    for algorithm in candidates.flat_map(|(_, algorithms)| algorithms.iter()) {
        if algorithm.public_key_alg_id().as_ref() == key_algorithm(key)
            && algorithm
                .verify_signature(&key.subject_public_key.data, message, signed.signature())
                .is_ok()
        {
            return Ok(HandshakeSignatureValid::assertion());
        }
    }
    Err(CertificateError::BadSignature.into())
}

/// The content of the `AlgorithmIdentifier` in `key`, without its own tag and length: the form
/// in which algorithms name themselves.
pub(crate) fn key_algorithm<'a>(key: &SubjectPublicKeyInfo<'a>) -> &'a [u8] {
    // SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, BIT STRING }
    strip_sequence(key.raw).and_then(|(inner, _)| strip_sequence(inner)).map_or(&[], |(id, _)| id)
}

/// The content of the sequence at the front of `der`, and what follows it.
pub(crate) fn strip_sequence(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag != 0x30 {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
