//! The session and its transport against a real PostgreSQL.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod copy;
mod encodings;
mod errors;
mod hosts;
mod login;
mod losses;
mod queries;
mod replication;
mod steps;
mod support;
mod tls;
