//! One node of the cluster: it looks, decides and acts, over and over.
//!
//! ```text
//!  keys     (the store's watch)  --+
//!  lease    (renewals)           --+                                  +--> store
//!  lookout  (probes, pidfd)      --+--> View --> plan::decide --> execute --> server, as jobs
//!  peers    (their answers)      --+                                  +--> other nodes
//!  requests (REST)               --+
//! ```
//!
//! The agent alone owns the view. Each of the others is a task that tells it one thing.

mod act;
mod announce;
mod execute;
mod keys;
mod lease;
mod lookout;
mod node;
mod orders;
mod peers;
mod view;
mod work;

pub use self::node::run;
