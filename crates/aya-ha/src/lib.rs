//! The HA daemon: one per node, it runs PostgreSQL under an etcd lease and fails over by itself.
//!
//! Everything is decided in `aya-ha-core`; this crate looks, acts and answers.

pub mod agent;
pub mod api;
mod clock;
pub mod files;
pub mod postgres;
