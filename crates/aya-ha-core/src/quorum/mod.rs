//! How many failures the store of a cluster survives, and which hosts it shares with PostgreSQL.

mod judge;

pub use judge::{Health, HostLoss, Role, StoreMember, Verdict, judge};
