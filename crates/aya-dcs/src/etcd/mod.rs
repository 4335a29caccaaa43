//! etcd v3 over gRPC, one member at a time.
//!
//! The client library would spread calls over all members; a frozen one then costs every n-th
//! call its deadline. So this module opens a channel to each member by itself: a race over the
//! members, a little apart, is won by the first that answers a linearizable read, which proves
//! that it is alive, knows us, and belongs to a quorum. A watch repeats that proof every
//! half second on the side, because a watch on a member that is frozen or cut off from its
//! quorum is just silent.
//!
//! ```text
//! EtcdStore --race--> Member --range--> Range
//!                       +---watch--> EtcdWatch (events; linearizable read every half second)
//! ```
//!
//! It refuses to know whose keys it reads.

mod error;
mod member;
mod settings;
mod store;
mod watch;
mod write;

pub use self::settings::{Credentials, EtcdSettings, EtcdTls};
pub use self::store::EtcdStore;
pub use self::watch::EtcdWatch;

#[cfg(test)]
mod tests;
