//! What tokio-postgres makes of a connection that is handed over.

use ring::digest::{SHA256, SHA384, SHA512, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, duplex};

use aya_tls::tls_server_end_point;

use super::super::Established;
use super::authority::Authority;

#[tokio::test]
async fn tokio_postgres_starts_at_once_with_its_startup_message() {
    let (ours, mut theirs) = duplex(1024);
    let mut config = tokio_postgres::Config::new();
    config.user("app");
    Established::prepare(&mut config);
    let client =
        tokio::spawn(
            async move { config.connect_raw(ours, Established::new(None)).await.map(|_| ()) },
        );
    let mut head = [0; 8];
    theirs.read_exact(&mut head).await.unwrap();
    assert_eq!(&head[4..], [0, 3, 0, 0], "the protocol version, not a request for TLS");
    drop(theirs);
    assert!(client.await.unwrap().is_err());
}

#[test]
fn the_channel_binding_takes_the_hash_of_the_signature() {
    let authorities = [
        (&rcgen::PKCS_ECDSA_P256_SHA256, Some(&SHA256)),
        (&rcgen::PKCS_ECDSA_P384_SHA384, Some(&SHA384)),
        (&rcgen::PKCS_ED25519, None),
    ];
    for (algorithm, hash) in authorities {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(["db.test".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let expected = hash.map(|hash| digest(hash, certificate.der()).as_ref().to_vec());
        assert_eq!(tls_server_end_point(certificate.der()), expected, "{algorithm:?}");
    }
    // What was signed with RSA: plain by SHA-1, plain by SHA-512, PSS by SHA-384.
    let fixtures = [
        (include_str!("fixtures/rsa-sha1.crt"), &SHA256),
        (include_str!("fixtures/rsa-sha512.crt"), &SHA512),
        (include_str!("fixtures/rsa-pss-sha384.crt"), &SHA384),
    ];
    for (pem, hash) in fixtures {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let expected = digest(hash, &certificate).as_ref().to_vec();
        assert_eq!(tls_server_end_point(&certificate), Some(expected));
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let signed = Authority::new().sign_key(&["db.test"], "x", &key);
    let certificate = CertificateDer::from_pem_slice(signed.cert.as_bytes()).unwrap();
    assert_eq!(tls_server_end_point(&certificate).map(|digest| digest.len()), Some(32));
}
