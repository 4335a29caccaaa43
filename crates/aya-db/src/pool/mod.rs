//! Connections, kept per node and handed out by generation.
//!
//! ```text
//! Published --> keeper --> Fleet { snapshot, a pool per node } (watch) --> checkout
//!                 |                                                          |
//!                 +-- flush on a new generation, reap, keep some idle        v
//!               NodePool (deadpool) <---- check-in ---- Pooled <---- Manager::create
//!                                            +--> handed to whoever waits for a slot
//! ```
//!
//! `reading` is the checkout of reads that ask for more than a role: it plans by `plan_read`, and asks
//! a standby how far it has replayed; `stay` is what a session does instead, which keeps its connection.
//! What becomes of a connection is decided in `aya_db_core::pool`; whom to ask in
//! `aya_db_core::route`. deadpool keeps the queue and the count.

mod checkout;
mod fleet;
mod handover;
mod keeper;
mod manager;
mod node_pool;
mod pooled;
mod reading;
mod stay;

pub use self::node_pool::PoolStatus;

pub(crate) use self::checkout::{Seeker, checkout};
pub(crate) use self::fleet::Fleet;
pub(crate) use self::keeper::Keeper;
pub(crate) use self::manager::Dialling;
pub(crate) use self::pooled::Pooled;
pub(crate) use self::reading::{Reading, checkout_read, explain_read};
pub(crate) use self::stay::{Stay, stay};
