//! The agents: each writes one unit after the other, a row or a transaction of several, and keeps
//! a log of what came back.
//!
//! ```text
//!   Crew ──> one task an agent ──> Writer ──> aya-db, or tokio-postgres
//!    │            │
//!    │            └──> Log: acknowledged units, failures, each with its moment
//!    │            ┌──>
//!    └──> one task a process of agents in Python
//! ```

mod aya;
mod crew;
mod driver;
mod habits;
mod log;
mod plain;
mod python;
mod unit;

pub(crate) use aya::{conninfo, label, left};
pub(crate) use crew::Crew;
pub(crate) use driver::{Driver, DriverName, message};
pub(crate) use habits::{Habits, Manner, Resolution, Work};
pub(crate) use log::{Ack, Failure, Left, Log};
pub(crate) use python::{Library, Living};
pub(crate) use unit::MISREAD;
