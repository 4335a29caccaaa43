//! Why a connection cannot be used.

use std::io;

use aya_db_core::failure::Cause;

use super::wait::Interrupted;
use crate::session::SessionError;

/// Why a call on a connection failed. The words are those of libpq, which programs look for.
///
/// [`TimedOut`](Self::TimedOut) and [`Interrupted`](Self::Interrupted) leave the connection as it
/// is; after any other there is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The server, or somebody between, closed it.
    #[error(
        "server closed the connection unexpectedly\n\tThis probably means the server terminated \
         abnormally\n\tbefore or while processing the request."
    )]
    Closed,
    /// The same of an encrypted connection, with the goodbye of TLS.
    #[error("SSL connection has been closed unexpectedly")]
    EndedTls,
    /// The same of an encrypted connection, without it.
    #[error("SSL SYSCALL error: EOF detected")]
    ClosedTls,
    /// A read failed.
    #[error("could not receive data from server: {}", system_text(.0))]
    Receive(#[source] io::Error),
    /// A write failed.
    #[error("could not send data to server: {}", system_text(.0))]
    Send(#[source] io::Error),
    /// What came is not what TLS allows.
    #[error("SSL error: {0}")]
    Tls(#[source] rustls::Error),
    /// What came is not what the protocol allows, or this side cannot log in.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The deadline has passed.
    #[error("timeout expired")]
    TimedOut,
    /// The caller gave up.
    #[error("interrupted")]
    Interrupted,
}

impl ConnectionError {
    /// What went wrong, in the words of the classification.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Closed
            | Self::EndedTls
            | Self::ClosedTls
            | Self::Receive(_)
            | Self::Send(_)
            | Self::Tls(_) => Cause::ConnectionLost,
            Self::Session(SessionError::Protocol(_)) => Cause::Protocol,
            Self::Session(SessionError::Login(_)) => Cause::Authentication,
            Self::TimedOut => Cause::Deadline,
            Self::Interrupted => Cause::Cancelled,
        }
    }

    /// Whether the connection is gone with it.
    pub const fn is_loss(&self) -> bool {
        !matches!(self, Self::TimedOut | Self::Interrupted)
    }

    pub(super) fn receiving(error: io::Error) -> Self {
        match Self::of(error) {
            Ok(known) => known,
            Err(error) => Self::Receive(error),
        }
    }

    pub(super) fn sending(error: io::Error) -> Self {
        match Self::of(error) {
            Ok(known) => known,
            Err(error) => Self::Send(error),
        }
    }

    fn of(error: io::Error) -> Result<Self, io::Error> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};

        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (error.kind(), inner) {
            (_, Some(tls)) => Ok(Self::Tls(tls.clone())),
            (UnexpectedEof, None) => Ok(Self::ClosedTls),
            (BrokenPipe | ConnectionReset, None) => Ok(Self::Closed),
            _ => Err(error),
        }
    }
}

impl From<Interrupted> for ConnectionError {
    fn from(Interrupted: Interrupted) -> Self {
        Self::Interrupted
    }
}

/// The system's words for an error, as `strerror` says them.
pub(crate) fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error ").unwrap_or(text.len());
    text[..end].to_owned()
}
