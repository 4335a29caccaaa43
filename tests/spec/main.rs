//! Decisions of the pure crates, checked against cases kept as data.

#![expect(clippy::unwrap_used, reason = "a case that cannot be read fails its test")]

mod conninfo;
mod failure;
mod topology;
