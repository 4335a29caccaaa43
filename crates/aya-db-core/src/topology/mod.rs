//! Who leads: observations folded, one after another, into the picture of the cluster.
//!
//! Nothing here asks, waits or reads a clock. A leader key alone is never trusted: a leader is
//! confirmed by its own answer (not in recovery, the same database cluster, a timeline not below
//! the highest seen), and every conclusion leaves its reason in the snapshot.
//!
//! ```text
//!  Observation --+                        +--> ClusterSnapshot (leadership, nodes, reasons)
//!                +--> fold --> Folded ----+
//!  snapshot -----+                        +--> ClusterEvent ...
//!  snapshot, now, settings --> probe_plan --> how often to ask whom, in which order
//! ```
//!
//! How a server that answers "primary" is judged, first match wins:
//!
//! 1. another database cluster: refused;
//! 2. a timeline below the highest seen: refused;
//! 3. the confirmed leader itself, perhaps under its other address: confirmed again;
//! 4. a timeline above all seen before: confirmed, whatever the sources say;
//! 5. a live source names it: confirmed; a live source names another: refused, unless that
//!    other one is refuted or may be the same server under an address we cannot reach;
//! 6. another leader is confirmed: refused, the confirmed one is kept;
//! 7. the leader lost last is only suspected and has not had its say: refused for now;
//! 8. otherwise confirmed.

mod answer;
mod diff;
mod draft;
mod events;
mod explain;
mod fold;
mod judge;
mod probe;
mod report;
mod switchover;

pub use self::diff::changed;
pub use self::events::{ClusterEvent, StalePrimaryReason};
pub use self::explain::explain;
pub use self::fold::{Folded, fold, initial};
pub(crate) use self::judge::names;
pub use self::probe::{NodePace, Pace, ProbePlan, ProbeSettings, probe_plan};
