//! Reading a cluster's state from a distributed configuration store, and writing it.
//!
//! [`Store`] is all that the rest of the workspace knows of such a store: a linearizable range of
//! a prefix, and a watch that goes on from its revision; [`Writer`] adds leases and transactions
//! for who leads. [`memory`] implements both for tests, `etcd` (behind the cargo feature of that
//! name) for production; one contract suite holds them to the same promises. [`patroni`] turns the entries that Patroni keeps there into the
//! vocabulary of `aya-db-core`; it is made of plain functions and knows no store.
//!
//! ```text
//! Store::range -> Range --+--> patroni::Keys -> patroni::Decoded { report, warnings }
//! Watch::next  -> Batch --+
//! ```
//!
//! The crate refuses to know what a leader key means for the driver: that a key alone is never
//! believed is decided in `aya-db-core`.

#[cfg(test)]
mod contract;
#[cfg(feature = "etcd")]
pub mod etcd;
pub mod memory;
pub mod patroni;
mod store;
mod writer;

pub use self::store::{Batch, Entry, Event, Range, Revision, Store, StoreError, Watch};
pub use self::writer::{Compare, LeaseId, Outcome, Renewal, Txn, Write, Writer};
