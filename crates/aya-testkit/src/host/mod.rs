//! What the machine gives: processes, folders, addresses, and the right to start servers.

mod address;
mod identity;
mod logfile;
mod processes;
mod reaper;
mod scratch;

pub(crate) use address::Loopback;
pub(crate) use identity::Identity;
pub(crate) use logfile::{open, tail};
pub use processes::Processes;
pub use scratch::Scratch;
