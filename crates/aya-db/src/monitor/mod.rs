//! Knows who leads. One monitor per process and cluster, on a thread of its own, so that neither
//! a busy nor an ended runtime of the application keeps it from watching.
//!
//! ```text
//! etcd, Patroni --+                        +--> Published (watch)  --> pools, callers who wait
//! prober, a node -+--> Observation --> owner --> ClusterSnapshot   --> Cluster::snapshot
//! statements -----+     (bounded)          +--> ClusterEvent      --> events, tracing, metrics
//!   Suspicion                              +--> ProbePlan, Pace   --> probers, sources
//!
//! sentinel: links that owe an answer --> pings --> sever, Suspicion
//! ```
//!
//! It refuses to know of statements and pools. What the observations mean is decided in
//! `aya-db-core`.

mod failures;
mod handle;
mod owner;
mod ping;
mod prober;
mod question;
mod registry;
mod sentinel;
mod sources;

pub(crate) use self::failures::HostReport;
pub(crate) use self::handle::{Monitor, Published};
pub(crate) use self::registry::monitor_of;
