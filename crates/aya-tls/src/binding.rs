//! The channel binding of SCRAM-SHA-256-PLUS: a digest of the server's certificate.

use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// The `tls-server-end-point` of RFC 5929, section 4.1: the digest by the hash with which the
/// certificate is signed, SHA-256 in place of MD5 and SHA-1.
///
/// `None` if the signature has no hash of its own (Ed25519), for which the RFC defines nothing
/// and PostgreSQL refuses channel binding, or one that ring lacks (SHA-224).
pub fn tls_server_end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let oid = match SignatureAlgorithm::try_from(&parsed.signature_algorithm).ok() {
        Some(SignatureAlgorithm::RSASSA_PSS(parameters)) => {
            parameters.hash_algorithm_oid().to_id_string()
        }
        _ => parsed.signature_algorithm.algorithm.to_id_string(),
    };
    hash_of(&oid).map(|hash| digest(hash, certificate).as_ref().to_vec())
}

/// The hash for the identifier of a signature or of a hash.
fn hash_of(oid: &str) -> Option<&'static Algorithm> {
    match oid {
        // md5, sha1; and with RSA, ECDSA and DSA
        "1.2.840.113549.2.5"
        | "1.3.14.3.2.26"
        | "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10045.4.1"
        | "1.2.840.10040.4.3" => Some(&SHA256),
        "2.16.840.1.101.3.4.2.1"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.3.2"
        | "2.16.840.1.101.3.4.3.2" => Some(&SHA256),
        "2.16.840.1.101.3.4.2.2"
        | "1.2.840.113549.1.1.12"
        | "1.2.840.10045.4.3.3"
        | "2.16.840.1.101.3.4.3.3" => Some(&SHA384),
        "2.16.840.1.101.3.4.2.3"
        | "1.2.840.113549.1.1.13"
        | "1.2.840.10045.4.3.4"
        | "2.16.840.1.101.3.4.3.4" => Some(&SHA512),
        _ => None,
    }
}
