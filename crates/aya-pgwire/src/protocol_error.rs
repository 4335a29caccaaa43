//! What a server may not send, and what a caller may not ask.

use std::fmt;

/// The server sent something that is not PostgreSQL's protocol, or not its turn. Nothing that
/// comes after it can be understood: the connection is of no more use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolError {
    what: &'static str,
    tag: u8,
}

impl ProtocolError {
    /// A message of type `tag` that does not hold what it should.
    pub(crate) const fn malformed(tag: u8, what: &'static str) -> Self {
        Self { what, tag }
    }

    /// A message of type `tag` at a moment at which there is none such.
    pub(crate) const fn unexpected(tag: u8) -> Self {
        Self { what: "it is not expected at this point", tag }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, tag } = self;
        write!(f, "bad message of type \"{}\" from server: {what}", tag.escape_ascii())
    }
}

impl std::error::Error for ProtocolError {}

/// A call that does not fit the state of the session. Nothing was queued, and nothing is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A zero byte would end the text before its end.
    #[error("the text holds a zero byte")]
    ZeroByte,
    /// The protocol counts the bytes of a message with 31 bits.
    #[error("the message is longer than the protocol allows")]
    TooLong,
    /// COPY data, but no COPY takes any: the server ended it, or none was begun.
    #[error("no COPY FROM STDIN is in progress")]
    NotCopying,
    /// The session is not open yet.
    #[error("the session is still starting up")]
    Starting,
}
