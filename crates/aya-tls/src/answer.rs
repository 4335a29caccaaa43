//! The question whether a server speaks TLS, and its answer.

use std::io;

use crate::error::TlsError;

/// What is sent to ask: length 8, and the code 1234.5679 in place of a protocol version
/// (PostgreSQL documentation, "Message Flow", "SSL Session Encryption").
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// What a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslAnswer {
    /// It waits for the handshake.
    Yes,
    /// It has no TLS, and waits for a startup message.
    No,
}

impl SslAnswer {
    /// Reads everything that came at the first read after the question; nothing if the connection
    /// ended.
    ///
    /// The caller gives the read room for more than the answer: a server has nothing to add to it
    /// before we go on, so whatever comes along was put there by somebody else (CVE-2021-23222).
    ///
    /// # Errors
    /// If it is not one of the two answers and nothing else.
    pub fn read(bytes: &[u8], host: &str) -> Result<Self, TlsError> {
        let host = || host.to_owned();
        match *bytes {
            [] => Err(TlsError::Io {
                during: "read the answer about TLS",
                host: host(),
                source: io::ErrorKind::UnexpectedEof.into(),
            }),
            [b'S'] => Ok(Self::Yes),
            [b'N'] => Ok(Self::No),
            [b'S' | b'N', ..] => Err(TlsError::BytesAhead { host: host() }),
            // Its text is not shown: before the handshake it may be anybody's (CVE-2024-10977).
            [b'E', ..] => Err(TlsError::ServerError { host: host() }),
            [byte, ..] => Err(TlsError::NotPostgres { host: host(), byte }),
        }
    }
}
