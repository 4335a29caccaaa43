//! From a fresh connection to one that is encrypted, or known to stay plain.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use aya_db_core::conninfo::{SslMode, SslNegotiation};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::attempt::TlsAttempt;
use super::binding;
use super::context::{ALPN, TlsContext};
use super::error::TlsError;
use super::names::NameMismatch;

/// Agrees with the server on how `stream`, fresh and without a byte on it, is secured.
///
/// `server_name` is the host as the user wrote it, for which the certificate must be.
///
/// It knows no deadline; dropping it midway drops the stream, and the server sees the
/// connection end before it has begun.
///
/// # Errors
/// [`TlsError`]; the stream is gone with it.
pub(crate) async fn negotiate<S>(
    mut stream: S,
    server_name: &str,
    context: &TlsContext,
    attempt: TlsAttempt,
) -> Result<Negotiated<S>, TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if attempt == TlsAttempt::Plain {
        return Ok(Negotiated::Plain(stream));
    }
    if context.negotiation() == SslNegotiation::Postgres {
        match ask(&mut stream, server_name).await? {
            Answer::Yes => {}
            Answer::No if attempt == TlsAttempt::Offered => return Ok(Negotiated::Plain(stream)),
            Answer::No => {
                let host = server_name.to_owned();
                return Err(TlsError::NotSupported { host, mode: context.mode() });
            }
        }
    }
    let (config, asked) = context.client_config()?;
    let name = name_for(server_name, context)?;
    let stream = TlsConnector::from(config)
        .connect(name, stream)
        .await
        .map_err(|error| explain(error, server_name, context))?;
    let (_, session) = stream.get_ref();
    if context.negotiation() == SslNegotiation::Direct && session.alpn_protocol() != Some(ALPN) {
        return Err(TlsError::NoAlpn { host: server_name.to_owned() });
    }
    if asked.is_some_and(|asked| !asked.load(Ordering::Relaxed)) {
        let reason = "the server did not ask for one that this key can sign for";
        return Err(TlsError::CertNotUsed { host: server_name.to_owned(), reason });
    }
    Ok(Negotiated::Tls(Box::new(stream)))
}

enum Answer {
    Yes,
    No,
}

/// Sends `SSLRequest` and reads the one byte that answers it (PostgreSQL documentation,
/// "Message Flow", "SSL Session Encryption").
async fn ask<S>(stream: &mut S, host: &str) -> Result<Answer, TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |during| move |source| TlsError::Io { during, host: host.to_owned(), source };
    stream.write_all(&SSL_REQUEST).await.map_err(broken("ask for TLS"))?;
    stream.flush().await.map_err(broken("ask for TLS"))?;
    // Room for more than the answer: a server has nothing to add to it before we go on, so
    // whatever comes along was put there by somebody else (CVE-2021-23222).
    let mut answer = [0; 16];
    let length = stream.read(&mut answer).await.map_err(broken("read the answer about TLS"))?;
    let host = || host.to_owned();
    match answer[..length] {
        [] => Err(TlsError::Io {
            during: "read the answer about TLS",
            host: host(),
            source: io::ErrorKind::UnexpectedEof.into(),
        }),
        [b'S'] => Ok(Answer::Yes),
        [b'N'] => Ok(Answer::No),
        [b'S' | b'N', ..] => Err(TlsError::BytesAhead { host: host() }),
        // Its text is not shown: before the handshake it may be anybody's (CVE-2024-10977).
        [b'E', ..] => Err(TlsError::ServerError { host: host() }),
        [byte, ..] => Err(TlsError::NotPostgres { host: host(), byte }),
    }
}

/// The name to send and to check. A host that can be neither is no obstacle where neither
/// happens.
fn name_for(host: &str, context: &TlsContext) -> Result<ServerName<'static>, TlsError> {
    match ServerName::try_from(host.to_owned()) {
        Ok(name) => Ok(name),
        Err(_) if context.mode() == SslMode::VerifyFull => {
            Err(TlsError::HostName { host: host.to_owned() })
        }
        // No name is sent with an address.
        Err(_) => Ok(ServerName::IpAddress(IpAddr::V4(Ipv4Addr::UNSPECIFIED).into())),
    }
}

fn explain(error: io::Error, host: &str, context: &TlsContext) -> TlsError {
    let host = host.to_owned();
    let found = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).cloned();
    if let Some(Error::InvalidCertificate(CertificateError::Other(other))) = &found
        && let Some(mismatch) = other.0.downcast_ref::<NameMismatch>()
    {
        return TlsError::WrongName { host, source: mismatch.clone() };
    }
    match found {
        Some(source @ (Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_))) => {
            TlsError::Certificate { host, roots: context.origin(), source }
        }
        Some(source) => TlsError::Handshake { host, source },
        None => TlsError::Io { during: "shake hands over TLS", host, source: error },
    }
}

/// A connection on which the startup message can be sent.
#[derive(Debug)]
pub(crate) enum Negotiated<S> {
    /// It is not encrypted.
    Plain(S),
    /// It is.
    Tls(Box<TlsStream<S>>),
}

impl<S> Negotiated<S> {
    /// Whether it is encrypted.
    pub(crate) const fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The connection beneath.
    pub(crate) fn transport(&self) -> &S {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// The channel binding for SCRAM-SHA-256-PLUS (RFC 5929), if there is one.
    pub(crate) fn tls_server_end_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => {
                let (_, session) = stream.get_ref();
                session.peer_certificates()?.first().and_then(binding::tls_server_end_point)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Negotiated<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Negotiated<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

/// Length 8, and the code 1234.5679 in place of a protocol version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
