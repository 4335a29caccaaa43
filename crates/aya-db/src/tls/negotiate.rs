//! From a fresh connection to one that is encrypted, or known to stay plain.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aya_db_core::conninfo::SslNegotiation;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use aya_tls::{
    Handshake, SSL_REQUEST, SslAnswer, TlsAttempt, TlsContext, TlsError, tls_server_end_point,
};

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
            SslAnswer::Yes => {}
            SslAnswer::No if attempt == TlsAttempt::Offered => {
                return Ok(Negotiated::Plain(stream));
            }
            SslAnswer::No => {
                let host = server_name.to_owned();
                return Err(TlsError::NotSupported { host, mode: context.mode() });
            }
        }
    }
    let handshake = Handshake::new(context, server_name)?;
    let stream = TlsConnector::from(Arc::clone(handshake.config()))
        .connect(handshake.name().clone(), stream)
        .await
        .map_err(|error| handshake.explain_io(error))?;
    handshake.check(stream.get_ref().1)?;
    Ok(Negotiated::Tls(Box::new(stream)))
}

/// Sends `SSLRequest` and reads the one byte that answers it.
async fn ask<S>(stream: &mut S, host: &str) -> Result<SslAnswer, TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |during| move |source| TlsError::Io { during, host: host.to_owned(), source };
    stream.write_all(&SSL_REQUEST).await.map_err(broken("ask for TLS"))?;
    stream.flush().await.map_err(broken("ask for TLS"))?;
    let mut answer = [0; 16];
    let length = stream.read(&mut answer).await.map_err(broken("read the answer about TLS"))?;
    SslAnswer::read(&answer[..length], host)
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
                session.peer_certificates()?.first().and_then(tls_server_end_point)
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
