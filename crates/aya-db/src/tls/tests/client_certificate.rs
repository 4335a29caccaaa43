//! The client's certificate and key.

use super::authority::{Authority, Folder};
use super::peer::{Peer, context, meet, told};

#[tokio::test]
async fn the_certificate_is_sent_as_the_mode_says() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let client = authority.sign(&[], "app");
    let cert = folder.write("client.crt", &client.cert);
    let key = folder.write("client.key", &client.key);
    let files = format!("sslmode=require sslcert={} sslkey={}", cert.display(), key.display());
    let asking = Peer {
        client_root: Some(authority.pem.clone()),
        ..Peer::new(authority.sign(&["db.test"], "x"))
    };
    let silent = Peer { client_root: None, ..asking.clone() };
    let cases = [
        ("", &asking, Ok(true)),
        ("sslcertmode=allow", &silent, Ok(false)),
        ("sslcertmode=disable", &asking, Ok(false)),
        ("sslcertmode=require", &asking, Ok(true)),
        ("sslcertmode=require", &silent, Err("the server did not ask")),
    ];
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (mode, peer, expected) in &cases {
            let peer = Peer { versions: vec![version], ..Peer::clone(peer) };
            let met = meet(&format!("{files} {mode}"), "db.test", &peer).await;
            match (met.client, expected) {
                (Ok(_), Ok(sent)) => {
                    let server = met.server.unwrap();
                    let seen = server.get_ref().1.peer_certificates().is_some();
                    assert_eq!(seen, *sent, "{mode}");
                }
                (Err(error), Err(expected)) => {
                    assert!(told(&error).contains(expected), "{mode}: {}", told(&error));
                }
                (client, _) => panic!("{mode}: {client:?}"),
            }
        }
    }
}

#[test]
fn encrypted_keys_open_with_their_password_alone() {
    let folder = Folder::new();
    let cert = folder.write("client.crt", include_str!("fixtures/server.crt"));
    let key = folder.write("client.key", include_str!("fixtures/encrypted.key"));
    let old = folder.write(
        "old.key",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAA==\n\
         -----END EC PRIVATE KEY-----\n",
    );
    let with = |key: &std::path::Path, password: &str| {
        let (cert, key) = (cert.display(), key.display());
        context(&format!("sslmode=require sslcert={cert} sslkey={key} sslpassword='{password}'"))
    };
    assert!(with(&key, "secret").is_ok());
    let cases = [
        (&key, "wrong-one", "cannot be decrypted"),
        (&key, "", "sslpassword is not set"),
        (&old, "secret", "old PEM form"),
    ];
    for (key, password, expected) in cases {
        let told = told(&with(key, password).unwrap_err());
        assert!(told.contains(expected) && !told.contains("wrong-one"), "{told}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_named() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let (client, other) = (authority.sign(&[], "app"), authority.sign(&[], "app"));
    let cert = folder.write("client.crt", &client.cert);
    let foreign = folder.write("foreign.key", &other.key);
    let junk = folder.write("junk.key", "s3cret");
    let missing = folder.path().join("missing.key");
    #[cfg_attr(not(unix), expect(unused_mut, reason = "permissions are Unix's"))]
    let mut cases = vec![
        (foreign, "foreign.key\": for"),
        (junk, "junk.key\": "),
        (missing, "read the private key"),
        (folder.path().to_owned(), "not a regular file"),
    ];
    #[cfg(unix)]
    {
        let open = folder.write("open.key", &client.key);
        super::authority::set_mode(&open, 0o604);
        cases.push((open, "group or others have access"));
    }
    for (key, expected) in cases {
        let parameters =
            format!("sslmode=require sslcert={} sslkey={}", cert.display(), key.display());
        let told = told(&context(&parameters).unwrap_err());
        assert!(told.contains(expected) && !told.contains("s3cret"), "{told}");
    }
}
