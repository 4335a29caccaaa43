//! A TCP proxy that breaks on command.
//!
//! ```text
//!   client ──> listener ──> classify first bytes ──> lane ──> relay ──> server
//!                  ^                                  ^          ^
//!                  └──────────── weather: one fault for each lane ┘
//! ```
//!
//! A proxy has one address and one or more lanes. Lanes share the address, since Patroni
//! publishes one for clients and nodes alike, and are told apart by who speaks first bytes.

mod acceptor;
mod fault_proxy;
mod lane;
mod relay;
mod runtime;
mod snip;
mod weather;

pub use fault_proxy::FaultProxy;
pub use lane::Lane;
pub(crate) use runtime::handle;
pub use snip::{Snip, Snipper};
