//! Sessions that lose real servers.
//!
//! The servers come from `aya-testkit`, which `cargo xtask test` fetches.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod commits;
mod copying;
mod everywhere;
mod idle;
mod replay;
mod support;
mod waiting;
mod where_to;
