//! The two kinds of certificate that libpq takes and webpki does not: one that is itself in the
//! root file, and one of version 1 that an authority of the root file signed.
//!
//! Both are common in PostgreSQL's world: its documentation ("Creating Certificates") makes them.
//! There is no revocation list for the first; one for the second makes it a refusal, because the
//! list cannot be applied here.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, Error};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate, X509Version};

use crate::signature::{key_algorithm, strip_sequence};
use crate::trust::Trust;

/// Whether `certificate` is one of the two; `None` if it is for webpki to judge.
pub(crate) fn judge(
    certificate: &CertificateDer<'_>,
    trust: &Trust,
    now: UnixTime,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Option<Result<(), Error>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let is_root = parsed.issuer().as_raw() == parsed.subject().as_raw()
        && trust.certificates.iter().any(|root| root == certificate);
    if is_root {
        return Some(in_force(&parsed, now));
    }
    if parsed.version() != X509Version::V1 {
        return None;
    }
    if !trust.crls.is_empty() {
        return Some(Err(CertificateError::UnknownRevocationStatus.into()));
    }
    let issued = trust.certificates.iter().any(|root| issued_by(&parsed, root, now, algorithms));
    Some(match issued {
        true => in_force(&parsed, now),
        false => Err(CertificateError::UnknownIssuer.into()),
    })
}

fn issued_by(
    certificate: &X509Certificate<'_>,
    root: &CertificateDer<'_>,
    now: UnixTime,
    algorithms: &WebPkiSupportedAlgorithms,
) -> bool {
    let Ok((_, root)) = X509Certificate::from_der(root) else { return false };
    // A version 1 authority has no extensions to say that it is one; the root file says so.
    let authority = root.version() == X509Version::V1 || root.is_ca();
    if root.subject().as_raw() != certificate.issuer().as_raw()
        || !authority
        || in_force(&root, now).is_err()
    {
        return false;
    }
    let key = root.public_key();
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm AlgorithmIdentifier, ... }
    let signed_with = strip_sequence(certificate.as_raw())
        .and_then(|(inner, _)| strip_sequence(inner))
        .and_then(|(_, rest)| strip_sequence(rest))
        .map_or::<&[u8], _>(&[], |(id, _)| id);
    algorithms.all.iter().any(|algorithm| {
        algorithm.signature_alg_id().as_ref() == signed_with
            && algorithm.public_key_alg_id().as_ref() == key_algorithm(key)
            && algorithm
                .verify_signature(
                    &key.subject_public_key.data,
                    certificate.tbs_certificate.as_ref(),
                    &certificate.signature_value.data,
                )
                .is_ok()
    })
}

fn in_force(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let moment = i64::try_from(now.as_secs())
        .ok()
        .and_then(|seconds| ASN1Time::from_timestamp(seconds).ok())
        .ok_or(Error::FailedToGetCurrentTime)?;
    let validity = certificate.validity();
    if moment < validity.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if moment > validity.not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}
