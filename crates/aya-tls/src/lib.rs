//! TLS to a PostgreSQL server: what the `ssl*` parameters ask for, the checks on the certificate,
//! and the channel binding for SCRAM.
//!
//! ```text
//! TlsSettings --load--> TlsContext                 (files are read once)
//!                          |
//! attempts(sslmode) -> TlsAttempt: plain, or
//!                          |   SSL_REQUEST -> SslAnswer, unless sslnegotiation=direct
//!                      Handshake -> rustls::ClientConnection -> check -> tls_server_end_point
//! ```
//!
//! The rules are those of libpq (PostgreSQL documentation, "SSL Support"). It moves no bytes: its
//! callers do, on a tokio stream or on a socket of their own. It knows nothing of addresses,
//! deadlines or passwords, and decides no retry: it says only whether another attempt may fare
//! better. The cryptography is ring's, named explicitly; the process-wide default provider of
//! rustls is neither read nor set.
//!
//! Where it differs from libpq:
//! - TLS 1.2 is the oldest protocol; a maximum below it is refused.
//! - `allow` and `prefer` never check the certificate, even if a root certificate file exists:
//!   such a check could only turn an encrypted connection into a plain one.
//! - A file that is named (`sslcert`, `sslcrl`, `sslcrldir`) must exist; libpq goes on without it.

mod answer;
mod attempt;
mod binding;
mod chain;
mod client_key;
mod context;
mod error;
mod handshake;
mod key_log;
mod names;
mod signature;
mod trust;
mod verifier;

pub use self::answer::{SSL_REQUEST, SslAnswer};
pub use self::attempt::{TlsAttempt, attempts};
pub use self::binding::tls_server_end_point;
pub use self::context::TlsContext;
pub use self::error::TlsError;
pub use self::handshake::Handshake;
pub use self::names::NameMismatch;
