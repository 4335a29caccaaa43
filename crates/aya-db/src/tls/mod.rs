//! TLS on tokio's streams: the request that comes before the handshake, the handshake, and the way
//! of the result into tokio-postgres.
//!
//! ```text
//! attempts(sslmode) -> TlsAttempt -> negotiate(stream) -> Negotiated::{Plain, Tls}
//!                                                             |
//!                          tokio-postgres <- Established <- tls_server_end_point
//! ```
//!
//! What is asked for, what is checked and what an answer means is `aya-tls`' to say.

mod established;
mod negotiate;

#[cfg(test)]
mod tests;

pub(crate) use self::established::Established;
pub(crate) use self::negotiate::{Negotiated, negotiate};
