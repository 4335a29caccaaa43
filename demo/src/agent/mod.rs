//! The agents: each writes one row after the other and keeps a log of what came back.
//!
//! ```text
//!   Crew ──> one task an agent ──> Writer ──> aya-db, or tokio-postgres
//!                 │
//!                 └──> Log: acknowledged rows, failures, each with its moment
//! ```

mod aya;
mod crew;
mod driver;
mod log;
mod plain;

pub(crate) use crew::Crew;
pub(crate) use driver::{Driver, DriverName};
pub(crate) use log::{Ack, Failure, Left, Log};
