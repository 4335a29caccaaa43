//! PostgreSQL nodes under Patroni, on etcd, behind fault proxies.

mod builder;
mod cluster;
mod config;
mod front;
mod node;

pub use builder::{PatroniClusterBuilder, PatroniTimings};
pub use cluster::PatroniCluster;
pub use node::{Extent, Node, NodeAnswer};
