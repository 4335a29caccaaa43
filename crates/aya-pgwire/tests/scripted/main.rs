//! Connections to servers that do what no PostgreSQL does, and some things that only newer ones
//! do.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod interruption;
mod peer;
mod tls;
