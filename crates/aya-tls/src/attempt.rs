//! Which ways of securing a connection are tried, and in what order.

use aya_db_core::conninfo::SslMode;

/// One way to open a connection. Each attempt needs a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsAttempt {
    /// No TLS, and not a word about it.
    Plain,
    /// Asks for TLS and goes on without it, on the same connection, if the server has none.
    Offered,
    /// TLS or nothing.
    Required,
}

/// The attempts that `mode` allows over TCP, first choice first (PostgreSQL documentation,
/// `sslmode`). A Unix socket is never encrypted: there, the only attempt is
/// [`TlsAttempt::Plain`].
///
/// `allow` goes on to the second attempt when the server rejects the first, `prefer` also when
/// the handshake fails.
pub fn attempts(mode: SslMode) -> &'static [TlsAttempt] {
    match mode {
        SslMode::Disable => &[TlsAttempt::Plain],
        SslMode::Allow => &[TlsAttempt::Plain, TlsAttempt::Required],
        SslMode::Prefer => &[TlsAttempt::Offered, TlsAttempt::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[TlsAttempt::Required],
    }
}
