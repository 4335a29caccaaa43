use std::fs;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

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
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// An etcd that wants a client certificate.
async fn secured(authority: &Authority, files: &TempDir, name: &str) -> Etcd {
    let (certificate, key) = authority.sign(name);
    let file = |name: &str, content: &str| {
        let path = files.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let arguments = [
        format!("--cert-file={}", file("server.pem", &certificate)),
        format!("--key-file={}", file("server.key", &key)),
        format!("--trusted-ca-file={}", file("ca.pem", &authority.pem)),
        "--client-cert-auth".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Etcd::start_with("https", 1, &arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn live_certificates_of_both_sides_are_checked() {
    let (authority, other) = (Authority::new(), Authority::new());
    let files = tempfile::tempdir().unwrap();
    let etcd = secured(&authority, &files, "127.0.0.1").await;
    let identity = || Some(authority.sign("client"));
    let tls = |ca: &Authority, identity_pem| EtcdTls { ca_pem: Some(ca.pem.clone()), identity_pem };
    let read = async |endpoints: Vec<String>, tls: Option<EtcdTls>| {
        let settings = EtcdSettings { endpoints, tls, ..EtcdSettings::default() };
        EtcdStore::new(&settings, 0).unwrap().range("/").await
    };

    read(etcd.endpoints(), Some(tls(&authority, identity()))).await.unwrap();
    for (case, tls) in [
        ("a server of another authority", Some(tls(&other, identity()))),
        ("no client certificate", Some(tls(&authority, None))),
        ("a client certificate of another authority", {
            Some(tls(&authority, Some(other.sign("client"))))
        }),
        ("no TLS", None),
    ] {
        let error = read(etcd.endpoints(), tls).await.expect_err(case);
        assert!(matches!(error, StoreError::Unavailable { .. }), "{case}: {error:?}");
        assert!(!error.to_string().contains("BEGIN"), "{case}: {error}");
    }

    let files = tempfile::tempdir().unwrap();
    let misnamed = secured(&authority, &files, "elsewhere.example").await;
    let error = read(misnamed.endpoints(), Some(tls(&authority, identity()))).await.unwrap_err();
    assert!(error.to_string().contains("not valid for"), "{error}");
}
