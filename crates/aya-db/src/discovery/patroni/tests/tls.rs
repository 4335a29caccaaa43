use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::super::super::TlsPem;
use super::*;

/// A private authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for `name` and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A Patroni behind TLS that wants a client certificate.
async fn secured(script: &Script, authority: &Authority, name: &str) -> (String, JoinHandle<()>) {
    let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&authority.pem)).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (pem, key) = authority.sign(name);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![certificate(&pem)],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let script = script.clone();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, script) = (acceptor.clone(), script.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    script.answer(stream).await;
                }
            });
        }
    });
    (url, task)
}

#[tokio::test]
async fn certificates_of_both_sides_are_checked() {
    let (authority, other) = (Authority::new(), Authority::new());
    let script = Script::default();
    script.json("/cluster", &cluster("a", 1));
    let (url, server) = secured(&script, &authority, "127.0.0.1").await;
    let (misnamed, misnamed_server) = secured(&script, &authority, "elsewhere.example").await;
    let poll = |url: &str, ca: &Authority, identity| {
        let tls = Some(TlsPem { ca: Some(ca.pem.clone()), identity });
        Polling::with(SourceSettings { endpoints: vec![url.to_owned()], login: None, tls })
    };

    let mut polling = poll(&url, &authority, Some(authority.sign("client")));
    assert!(polling.report().await.leader.is_some());
    polling.end().await;
    for (url, ca, identity, expected) in [
        (&url, &other, Some(authority.sign("client")), "invalid peer certificate"),
        (&url, &authority, None, "CertificateRequired"),
        (&url, &authority, Some(other.sign("client")), "error"),
        (&misnamed, &authority, Some(authority.sign("client")), "not valid for"),
    ] {
        let mut polling = poll(url, ca, identity);
        let reason = polling.lost().await;
        assert!(reason.contains(expected), "{expected}: {reason}");
        polling.end().await;
    }
    server.abort();
    misnamed_server.abort();
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_told_without_their_text() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("client");
    let junk = || "s3cret junk".to_owned();
    for (ca, identity, expected) in [
        (Some(junk()), None, "holds no certificate"),
        (None, Some((certificate.clone(), junk())), "the client's key"),
        (None, Some((junk(), key)), "the client's certificate"),
        (None, Some((certificate, authority.sign("client").1)), "the client's certificate"),
    ] {
        let tls = Some(TlsPem { ca, identity });
        let endpoints = vec!["https://127.0.0.1:1".to_owned()];
        let mut polling = Polling::with(SourceSettings { endpoints, login: None, tls });
        let reason = polling.lost().await;
        assert!(reason.contains(expected) && !reason.contains("s3cret"), "{reason}");
        polling.end().await;
    }
}
