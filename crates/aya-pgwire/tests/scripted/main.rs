//! Connections to servers that do what no PostgreSQL does, and some things that only newer ones
//! do.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod interruption;
mod peer;
mod tls;

/// Connections move between threads, and cancel requests come from any.
#[test]
fn values_go_from_thread_to_thread() {
    const fn moves<T: Send + Sync>() {}
    moves::<aya_pgwire::Connection>();
    moves::<aya_pgwire::Connecting>();
    moves::<aya_pgwire::Canceller>();
    moves::<aya_pgwire::ConnectError>();
    moves::<aya_pgwire::ConnectionError>();
    moves::<aya_pgwire::Table>();
}
