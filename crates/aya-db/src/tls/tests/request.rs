//! The request that comes before the handshake, and servers that answer it badly.

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use aya_tls::{TlsAttempt, TlsError};

use super::super::{Negotiated, negotiate};
use super::authority::{Authority, Folder};
use super::peer::{Peer, context, meet, told};

/// Asks a server that answers `bytes` and then hangs up.
async fn ask(
    bytes: &'static [u8],
    attempt: TlsAttempt,
) -> Result<Negotiated<tokio::io::DuplexStream>, TlsError> {
    let (ours, mut theirs) = duplex(1024);
    let server = tokio::spawn(async move {
        let mut request = [0; 8];
        theirs.read_exact(&mut request).await.unwrap();
        theirs.write_all(bytes).await.unwrap();
    });
    let context = context("sslmode=require").unwrap();
    let result = negotiate(ours, "db.test", &context, attempt).await;
    server.await.unwrap();
    result
}

#[tokio::test]
async fn bad_answers_are_told_apart() {
    let cases: [(&'static [u8], &str, bool); 8] = [
        (b"N", "the server does not support it, but sslmode=require needs it", true),
        (b"", "read the answer about TLS with \"db.test\"", false),
        (b"EFATAL secret text\0", "the server sent an error", false),
        (b"HTTP/1.1 400 Bad Request\r\n", "starts with byte 0x48", false),
        (b"S\x15\x03\x03", "unencrypted bytes came after the answer", false),
        (b"NE", "unencrypted bytes came after the answer", false),
        (b"\0", "starts with byte 0x00", false),
        (b"S", "shake hands over TLS with \"db.test\"", false),
    ];
    for (answer, expected, again) in cases {
        let error = ask(answer, TlsAttempt::Required).await.err().unwrap();
        let told = told(&error);
        assert!(told.contains(expected), "{answer:?}: {told}");
        assert!(!told.contains("secret"), "{told}");
        assert_eq!(error.next_attempt_may_help(), again, "{answer:?}");
    }
}

#[tokio::test]
async fn prefer_goes_on_without_tls_on_the_same_connection() {
    let stream = ask(b"N", TlsAttempt::Offered).await.unwrap();
    assert!(!stream.is_encrypted());
    assert_eq!(stream.tls_server_end_point(), None);
}

#[tokio::test]
async fn a_plain_attempt_says_nothing() {
    let (ours, mut theirs) = duplex(1024);
    let context = context("sslmode=disable").unwrap();
    let stream = negotiate(ours, "db.test", &context, TlsAttempt::Plain).await.unwrap();
    assert!(!stream.is_encrypted());
    drop(stream);
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"");
}

#[tokio::test]
async fn a_disabled_context_shakes_no_hands() {
    let (ours, theirs) = duplex(1024);
    let authority = Authority::new();
    let server = Peer::new(authority.sign(&["db.test"], "x")).serve(theirs);
    let context = context("sslmode=disable").unwrap();
    let error = negotiate(ours, "db.test", &context, TlsAttempt::Required).await.err().unwrap();
    assert!(error.to_string().contains("sslmode=disable"), "{error}");
    assert!(server.await.unwrap().is_err());
}

#[tokio::test]
async fn a_direct_handshake_needs_the_protocol_confirmed() {
    let peer = Peer { asks_first: false, ..Peer::new(Authority::new().sign(&["db.test"], "x")) };
    let direct = "sslmode=require sslnegotiation=direct";
    let met = meet(direct, "db.test", &peer).await;
    assert!(met.client.unwrap().is_encrypted());
    assert_eq!(met.server.unwrap().get_ref().1.alpn_protocol(), Some(&b"postgresql"[..]));

    let silent = Peer { alpn: false, ..peer };
    let error = meet(direct, "db.test", &silent).await.client.err().unwrap();
    assert!(error.to_string().contains("ALPN"), "{error}");

    let asked = Peer { asks_first: true, ..silent };
    assert!(meet("sslmode=require", "db.test", &asked).await.client.is_ok());
}

#[tokio::test]
async fn the_name_is_sent_unless_it_is_an_address_or_unwanted() {
    let peer = Peer::new(Authority::new().sign(&["db.test"], "x"));
    let cases = [
        ("", "db.test", Some("db.test")),
        ("sslsni=0", "db.test", None),
        ("", "127.0.0.1", None),
        ("", "::1", None),
        ("", "not a name", None),
    ];
    for (more, host, expected) in cases {
        let met = meet(&format!("sslmode=require {more}"), host, &peer).await;
        let server = met.server.unwrap();
        assert_eq!(server.get_ref().1.server_name(), expected, "{more} {host}");
    }
}

#[tokio::test]
async fn a_host_that_no_certificate_can_name_is_refused_by_verify_full() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let root = folder.write("root.crt", &authority.pem);
    let parameters = format!("sslmode=verify-full sslrootcert={}", root.display());
    let peer = Peer::new(authority.sign(&["db.test"], "x"));
    let error = meet(&parameters, "not a name", &peer).await.client.err().unwrap();
    assert!(error.to_string().contains("neither a DNS name nor an address"), "{error}");
}

#[tokio::test]
async fn secrets_are_logged_only_on_request() {
    let folder = Folder::new();
    let path = folder.path().join("keys.log");
    let peer = Peer::new(Authority::new().sign(&["db.test"], "x"));
    let parameters = format!("sslmode=require sslkeylogfile={}", path.display());
    meet(&parameters, "db.test", &peer).await.client.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().any(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
