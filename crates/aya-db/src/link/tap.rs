//! A stream that tells [`LinkState`] which protocol frames have passed through it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use aya_db_core::conninfo::RequireAuth;

use super::authentication::Authentication;
use super::frames::Scanner;
use super::state::LinkState;
use crate::connect::Transport;
use crate::tls::Negotiated;

/// What lies beneath a [`Tap`].
pub(crate) trait Beneath: AsyncRead + AsyncWrite + Unpin {
    /// Whether the other side is known to have closed the stream.
    fn is_at_end(&self) -> bool;
}

impl Beneath for Negotiated<Transport> {
    fn is_at_end(&self) -> bool {
        self.transport().is_at_end()
    }
}

/// Wraps the plain-text side of a connection's stream.
///
/// A frame counts as sent when the transport has taken its last byte. Before that the server
/// cannot have acted on it; after that it may have.
///
/// The kernel takes what is written to a connection that the server has already closed, and the
/// runtime may be late to tell of the end. So after a connection was idle the kernel is asked
/// before the first byte of a request: one that goes nowhere is then known not to have been sent.
#[derive(Debug)]
pub(crate) struct Tap<S> {
    inner: S,
    outgoing: Scanner,
    incoming: Scanner,
    state: Arc<LinkState>,
    require_auth: RequireAuth,
    authentication: Authentication,
}

impl<S> Tap<S> {
    pub(crate) fn new(inner: S, state: Arc<LinkState>, require_auth: RequireAuth) -> Self {
        Self {
            inner,
            outgoing: Scanner::outgoing(),
            incoming: Scanner::incoming(),
            state,
            require_auth,
            authentication: Authentication::default(),
        }
    }
}

impl<S: Beneath> AsyncRead for Tap<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        if !new.is_empty() {
            let state = &this.state;
            state.heard_something();
            let mut forbidden = None;
            this.incoming.feed(new, |frame| {
                state.frame_received(frame);
                if frame.tag == b'R' && forbidden.is_none() {
                    forbidden = this.authentication.refuses(frame, &this.require_auth);
                }
            });
            if let Some(forbidden) = forbidden {
                return Poll::Ready(Err(io::Error::other(forbidden)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Beneath> AsyncWrite for Tap<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.state.must_ask_kernel() && this.inner.is_at_end() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let taken = ready!(Pin::new(&mut this.inner).poll_write(cx, buf))?;
        let state = &this.state;
        this.outgoing.feed(&buf[..taken], |frame| state.frame_sent(frame));
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    impl Beneath for DuplexStream {
        fn is_at_end(&self) -> bool {
            false
        }
    }

    const STARTUP: &[u8] = b"\0\0\0\x09\0\x03\0\0\0";
    const QUERY: &[u8] = b"Q\0\0\0\x06;\0";
    const EXECUTE_SYNC: &[u8] = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04";
    const READY: &[u8] = b"Z\0\0\0\x05I";

    #[tokio::test]
    async fn a_statement_counts_as_sent_with_its_last_byte() {
        let (client, mut server) = duplex(1024);
        let state = LinkState::new();
        let mut tap = Tap::new(client, state.clone(), RequireAuth::Any);
        tap.write_all(STARTUP).await.unwrap();
        tap.write_all(&QUERY[..QUERY.len() - 1]).await.unwrap();
        assert_eq!((state.works_sent(), state.outstanding()), (0, 0));
        tap.write_all(&QUERY[QUERY.len() - 1..]).await.unwrap();
        assert_eq!((state.works_sent(), state.outstanding()), (1, 1));

        server.write_all(READY).await.unwrap();
        let mut answer = vec![0; READY.len()];
        tap.read_exact(&mut answer).await.unwrap();
        assert_eq!((state.outstanding(), state.status()), (0, b'I'));
    }

    #[tokio::test]
    async fn an_execute_counts_when_its_sync_has_gone() {
        let (client, _server) = duplex(1024);
        let state = LinkState::new();
        let mut tap = Tap::new(client, state.clone(), RequireAuth::Any);
        tap.write_all(STARTUP).await.unwrap();
        tap.write_all(&EXECUTE_SYNC[..EXECUTE_SYNC.len() - 1]).await.unwrap();
        assert_eq!(state.works_sent(), 0);
        tap.write_all(&EXECUTE_SYNC[EXECUTE_SYNC.len() - 1..]).await.unwrap();
        assert_eq!(state.works_sent(), 1);
        tap.write_all(b"S\0\0\0\x04").await.unwrap();
        assert_eq!(state.works_sent(), 1, "a lone Sync is no work");
    }
}
