//! The server on this node: its process, its files, and what it says of itself. Decides nothing.

mod data;
mod files;
mod jobs;
mod postmaster;
mod probe;
mod programs;
mod server;
mod session;
mod source;

pub use self::postmaster::Postmaster;
pub use self::server::{Server, ServerError};
