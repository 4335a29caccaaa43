//! Every decision of the aya-db driver, as plain functions from values to values.
//!
//! This crate knows no clock, no randomness, no sockets, no files and no async runtime. Whatever
//! it needs of the world (`now`, dice, file contents, answers of servers) arrives as an argument,
//! and every decision comes back together with its reasons.
//!
//! ```text
//! sources -> Observation -> topology::fold -> ClusterSnapshot -> route::select -> candidates
//!                                                             -> pool, events
//! a failed attempt -> failure::classify -> Fate -> retry::decide -> again | stop
//! ```

pub mod conninfo;
pub mod continuity;
pub mod failure;
pub mod liveness;
pub mod observation;
pub mod pool;
pub mod retry;
pub mod route;
pub mod server_sql;
pub mod session;
pub mod snapshot;
pub mod sql_text;
mod sqlstate;
pub mod topology;
mod vocabulary;

pub use self::sqlstate::SqlState;
pub use self::vocabulary::{
    Fate, Generation, Lsn, MemberName, Moment, NodeId, ServerIncarnation, SystemIdentifier,
    Timeline, WallTime,
};
