//! TLS with a server that is bent for the occasion.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use aya_pgwire::ConnectionError;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::peer::{Peer, patience, read_untyped, welcome};

fn config(alpn: &[&[u8]]) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["db.test".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

fn encrypted(stream: TcpStream, alpn: &[&[u8]]) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config(alpn)).unwrap(), stream)
}

#[test]
fn a_direct_handshake_asks_nothing_first() {
    let peer = Peer::start(|stream| {
        let mut stream = encrypted(stream, &[b"postgresql"]);
        welcome(&mut stream);
        // The end without a goodbye, as of a process that is killed.
        stream.sock.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let mut connection = peer.connect("sslmode=require sslnegotiation=direct").unwrap();
    assert!(connection.is_encrypted());
    let error = connection.next_event(&mut patience()).unwrap_err();
    assert!(matches!(error, ConnectionError::ClosedTls), "{error:?}");
    assert_eq!(error.to_string(), "SSL SYSCALL error: EOF detected");
    peer.join();
}

#[test]
fn an_end_with_a_goodbye_is_told_as_libpq_does() {
    let peer = Peer::start(|stream| {
        let mut stream = encrypted(stream, &[b"postgresql"]);
        welcome(&mut stream);
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.sock.read(&mut [0]);
    });
    let mut connection = peer.connect("sslmode=require sslnegotiation=direct").unwrap();
    let error = connection.next_event(&mut patience()).unwrap_err();
    assert_eq!(error.to_string(), "SSL connection has been closed unexpectedly");
    drop(connection);
    peer.join();
}

#[test]
fn a_direct_handshake_needs_the_protocol_confirmed() {
    let peer = Peer::start(|stream| {
        let mut stream = encrypted(stream, &[]);
        let _ = stream.read(&mut [0]);
    });
    let error = peer.connect("sslmode=require sslnegotiation=direct").unwrap_err();
    assert!(error.text().contains("postgresql"), "{}", error.text());
    peer.join();
}

#[test]
fn bytes_ahead_of_the_handshake_are_refused() {
    let peer = Peer::start(|mut stream| {
        read_untyped(&mut stream);
        stream.write_all(b"SE").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let error = peer.connect("sslmode=require").unwrap_err();
    assert!(error.text().contains("may tamper"), "{}", error.text());
    peer.join();
}

#[test]
fn a_server_without_tls_is_talked_to_on_the_same_connection() {
    let peer = Peer::start(|mut stream| {
        assert_eq!(read_untyped(&mut stream), [4, 210, 22, 47]);
        stream.write_all(b"N").unwrap();
        welcome(&mut stream);
        let mut goodbye = Vec::new();
        stream.read_to_end(&mut goodbye).unwrap();
        assert_eq!(goodbye, b"X\0\0\0\x04");
    });
    let connection = peer.connect("").unwrap();
    assert!(!connection.is_encrypted());
    connection.close();
    peer.join();
}

#[test]
fn what_is_not_tls_behind_the_handshake_ends_the_connection() {
    let peer = Peer::start(|mut stream| {
        read_untyped(&mut stream);
        stream.write_all(b"S").unwrap();
        let mut stream = encrypted(stream, &[]);
        welcome(&mut stream);
        stream.sock.write_all(b"\x17\x03\x03\0\x05wrong").unwrap();
        let _ = stream.sock.read(&mut [0]);
    });
    let mut connection = peer.connect("sslmode=require").unwrap();
    let error = connection.next_event(&mut patience()).unwrap_err();
    assert!(matches!(error, ConnectionError::Tls(_)), "{error:?}");
    assert!(error.is_loss());
    drop(connection);
    peer.join();
}
