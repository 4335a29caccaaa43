use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsPem;

/// The TLS of an HTTP client. An error names the part that cannot be used, not its content.
pub(super) fn client_config(tls: Option<&TlsPem>) -> Result<ClientConfig, String> {
    let pem = tls.cloned().unwrap_or_default();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots(pem.ca.as_deref())?);
    let Some((certificate, key)) = &pem.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate)
        .map_err(|error| format!("the client's certificate cannot be read: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| "the client's key cannot be read".to_owned())?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| format!("the client's certificate cannot be used: {error}"))
}

fn roots(ca: Option<&str>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    let Some(ca) = ca else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(store);
    };
    let authorities = certificates(ca)
        .map_err(|error| format!("the authorities' certificates cannot be read: {error}"))?;
    for authority in authorities {
        store
            .add(authority)
            .map_err(|error| format!("an authority's certificate cannot be used: {error}"))?;
    }
    if store.is_empty() {
        return Err("the authorities' file holds no certificate".to_owned());
    }
    Ok(store)
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect()
}
