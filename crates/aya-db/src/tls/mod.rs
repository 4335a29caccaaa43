//! TLS to a PostgreSQL server: what the `ssl*` parameters ask for, the request that comes before
//! the handshake, the checks on the certificate, and the channel binding for SCRAM.
//!
//! ```text
//! TlsSettings --load--> TlsContext            (files are read once)
//!                          |
//! attempts(sslmode) -> TlsAttempt -> negotiate(stream) -> Negotiated::{Plain, Tls}
//!                                                             |
//!                          tokio-postgres <- Established <- tls_server_end_point
//! ```
//!
//! The rules are those of libpq (PostgreSQL documentation, "SSL Support"). It knows nothing of
//! addresses, deadlines or passwords, and decides no retry: it says only whether another attempt
//! may fare better. The cryptography is ring's, named explicitly; the process-wide default
//! provider of rustls is neither read nor set.
//!
//! Where it differs from libpq:
//! - TLS 1.2 is the oldest protocol; a maximum below it is refused.
//! - `allow` and `prefer` never check the certificate, even if a root certificate file exists:
//!   such a check could only turn an encrypted connection into a plain one.
//! - A file that is named (`sslcert`, `sslcrl`, `sslcrldir`) must exist; libpq goes on without it.

mod attempt;
mod binding;
mod chain;
mod client_key;
mod context;
mod error;
mod established;
mod key_log;
mod names;
mod negotiate;
mod signature;
mod trust;
mod verifier;

#[cfg(test)]
mod tests;

pub(crate) use self::attempt::{TlsAttempt, attempts};
pub(crate) use self::context::TlsContext;
pub(crate) use self::error::TlsError;
pub(crate) use self::established::Established;
pub(crate) use self::negotiate::{Negotiated, negotiate};
