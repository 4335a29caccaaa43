//! Real PostgreSQL, etcd and Patroni servers for tests, and the faults to put them through.
//!
//! ```text
//!   test or demo ──> PatroniCluster ──> Node ──> Patroni + PostgreSQL   (own 127.a.b.c each)
//!        │                 ├─────────> EtcdCluster ──> etcd members
//!        └── dials ──> FaultProxy ───────────^   every client link and every link between nodes
//! ```
//!
//! Everything a test starts lives in one scratch folder. Dropping the owner kills every process
//! whose working directory lies in that folder and removes it; a reaper process does the same
//! when the owner dies without dropping, even by `SIGKILL`.
//!
//! The kit decides nothing about failover: it launches servers, breaks them, and reports what
//! they say.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use std::time::Duration;
//! use aya_testkit::PatroniCluster;
//!
//! let mut cluster = PatroniCluster::builder().synchronous().start().await?;
//! let old = cluster.wait_leader(Duration::from_secs(60)).await?;
//! cluster.node_mut(&old)?.kill()?;
//! let new = cluster.wait_leader_other_than(&old, Duration::from_secs(60)).await?;
//! assert_ne!(old, new);
//! # Ok(()) }
//! ```

mod etcd;
mod host;
mod http;
mod pair;
mod patroni;
mod postgres;
mod proxy;
mod scripted;
mod servers;
mod sql;
mod wait;

pub use etcd::{EtcdCluster, EtcdCredentials, EtcdMember};
pub use host::{Processes, Scratch};
pub use http::{HttpAnswer, http_request};
pub use pair::Pair;
pub use patroni::{
    Extent, Node, NodeAnswer, PatroniCluster, PatroniClusterBuilder, PatroniTimings,
};
pub use postgres::{Account, Postgres, PostgresBuilder, SystemIdentifier};
pub use proxy::{FaultProxy, Lane, Snip, Snipper};
pub use scripted::{Script, ScriptedServer};
pub use servers::Servers;
pub use sql::sql;
pub use wait::until;
