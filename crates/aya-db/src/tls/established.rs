//! The way into tokio-postgres for a connection whose TLS is already settled.
//!
//! With `SslMode::Require` and `SslNegotiation::Direct`, `Config::connect_raw` of tokio-postgres
//! 0.7.18 sends nothing of its own before the startup message; it hands the stream to its
//! connector and takes the result for encrypted. [`Established`] is a connector that returns the
//! stream as it is, be it encrypted or plain, with the channel binding that belongs to it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// The connector that connects nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Established {
    server_end_point: Option<Vec<u8>>,
}

impl Established {
    /// Hands over a stream with this channel binding; `None` for a plain one.
    pub(crate) fn new(server_end_point: Option<Vec<u8>>) -> Self {
        Self { server_end_point }
    }

    /// Makes `config` leave TLS to us.
    pub(crate) fn prepare(config: &mut tokio_postgres::Config) {
        config
            .ssl_mode(tokio_postgres::config::SslMode::Require)
            .ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> TlsConnect<T> for Established {
    type Stream = EstablishedStream<T>;
    type Error = Infallible;
    type Future = Ready<Result<EstablishedStream<T>, Infallible>>;

    fn connect(self, stream: T) -> Self::Future {
        ready(Ok(EstablishedStream { stream, server_end_point: self.server_end_point }))
    }
}

/// A stream with its channel binding.
#[derive(Debug)]
pub(crate) struct EstablishedStream<T> {
    stream: T,
    server_end_point: Option<Vec<u8>>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> TlsStream for EstablishedStream<T> {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.server_end_point {
            Some(digest) => ChannelBinding::tls_server_end_point(digest.clone()),
            None => ChannelBinding::none(),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for EstablishedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for EstablishedStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
