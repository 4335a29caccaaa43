//! What an agent saw.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A unit whose write was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    /// The unit.
    pub(crate) id: i64,
    /// When the answer came.
    pub(crate) at: Duration,
}

/// A write that ended with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The unit.
    pub(crate) id: i64,
    /// When the error came.
    pub(crate) at: Duration,
    /// The error in a few words, the same for all errors of its sort.
    pub(crate) label: String,
    /// All that it says.
    pub(crate) message: String,
    /// What the error says of the unit.
    pub(crate) left: Left,
}

/// What a failed write left in the table, as far as its error tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Left {
    /// Nothing, for sure.
    Nothing,
    /// The unit or nothing.
    Perhaps,
    /// The unit, on the server that answered. The next leader may lack it.
    OneCopy,
    /// The error does not tell. The agent writes the same unit again.
    Untold,
}

/// Everything that an agent saw, in the order in which it happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    /// The acknowledged units.
    pub(crate) acks: Vec<Ack>,
    /// The errors.
    pub(crate) failures: Vec<Failure>,
}
