//! A server within the test: it answers the request for TLS and shakes hands.

use std::sync::Arc;

use aya_db_core::conninfo::{ConnInfo, FixedSurroundings};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use aya_tls::{TlsAttempt, TlsContext, TlsError, attempts};

use super::super::{Negotiated, negotiate};
use super::authority::Pair;

/// What the server is like.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) pair: Pair,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) alpn: bool,
    /// The authority of clients, if the server wants their certificates.
    pub(super) client_root: Option<String>,
    /// Bytes that follow the answer.
    pub(super) answer: &'static [u8],
    pub(super) asks_first: bool,
}

impl Peer {
    pub(super) fn new(pair: Pair) -> Self {
        Self {
            pair,
            versions: vec![&TLS13, &TLS12],
            alpn: true,
            client_root: None,
            answer: b"S",
            asks_first: true,
        }
    }

    /// Serves one connection: the request, the answer, the handshake, and one byte back.
    pub(super) fn serve(
        self,
        mut stream: DuplexStream,
    ) -> JoinHandle<std::io::Result<TlsStream<DuplexStream>>> {
        tokio::spawn(async move {
            if self.asks_first {
                let mut request = [0; 8];
                stream.read_exact(&mut request).await?;
                assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
                stream.write_all(self.answer).await?;
            }
            let mut stream = TlsAcceptor::from(Arc::new(self.config())).accept(stream).await?;
            let mut byte = [0];
            stream.read_exact(&mut byte).await?;
            stream.write_all(&byte).await?;
            stream.flush().await?;
            Ok(stream)
        })
    }

    fn config(&self) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions)
            .unwrap();
        let builder = match &self.client_root {
            None => builder.with_no_client_auth(),
            Some(root) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
                builder.with_client_cert_verifier(
                    WebPkiClientVerifier::builder_with_provider(
                        Arc::new(roots),
                        Arc::clone(&provider),
                    )
                    .allow_unauthenticated()
                    .build()
                    .unwrap(),
                )
            }
        };
        let chain = CertificateDer::pem_slice_iter(self.pair.cert.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.pair.key.as_bytes()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let certified = CertifiedKey::new(chain.collect::<Result<_, _>>().unwrap(), key);
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        if self.alpn {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        config
    }
}

/// The context for these parameters.
pub(super) fn context(parameters: &str) -> Result<TlsContext, TlsError> {
    let home = FixedSurroundings { home: None, ..FixedSurroundings::default() };
    let info = ConnInfo::parse(&format!("host=db.test user=app {parameters}"), &home)
        .unwrap_or_else(|error| panic!("{parameters}: {error}"));
    TlsContext::load(info.tls())
}

/// What came of one connection.
pub(super) struct Met {
    pub(super) client: Result<Negotiated<DuplexStream>, TlsError>,
    pub(super) server: std::io::Result<TlsStream<DuplexStream>>,
}

/// Connects to `host` with the first TLS attempt that the mode has, and sends a byte to and fro.
pub(super) async fn meet(parameters: &str, host: &str, peer: &Peer) -> Met {
    let context = context(parameters).unwrap_or_else(|error| panic!("{parameters}: {error}"));
    let attempt = attempts(context.mode()).iter().find(|attempt| **attempt != TlsAttempt::Plain);
    let (ours, theirs) = duplex(1 << 16);
    let server = peer.clone().serve(theirs);
    let mut client = negotiate(ours, host, &context, *attempt.unwrap()).await;
    if let Ok(stream) = &mut client {
        let _ = stream.write_all(b"x").await;
        let _ = stream.flush().await;
        let mut byte = [0];
        let _ = stream.read_exact(&mut byte).await;
    }
    Met { client, server: server.await.unwrap() }
}

/// The error with everything that lies beneath it.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
