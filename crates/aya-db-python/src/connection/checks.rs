//! Calls that a connection cannot take in the state that it is in.

use pyo3::prelude::*;

use super::green;
use super::object::Connection;
use super::state::{Closed, Executing, Status};
use crate::error;
use crate::lock::Locked as _;

/// One thing that a call asks of its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// It is not closed.
    Open,
    /// It blocks.
    Blocking,
    /// No two-phase transaction is open.
    NoTwoPhase,
    /// None is prepared.
    NotPrepared,
    /// No query is being polled for.
    NotExecuting,
    /// No callback waits in place of it.
    NotGreen,
}

impl Connection {
    /// Fails `call` if the connection is not as it has to be for it.
    pub(crate) fn check(&self, py: Python<'_>, call: &str, checks: &[Check]) -> PyResult<()> {
        for check in checks {
            match self.breach(*check) {
                None => {}
                Some(breach) if matches!(check, Check::Open) => {
                    return Err(error::interface(py, breach));
                }
                Some(breach) => return Err(error::programming(py, format!("{call} {breach}"))),
            }
        }
        Ok(())
    }

    fn breach(&self, check: Check) -> Option<&'static str> {
        let state = self.state.locked();
        let (breach, text) = match check {
            Check::Open => (state.closed != Closed::No, "connection already closed"),
            Check::Blocking => (state.asynchronous, "cannot be used in asynchronous mode"),
            Check::NotPrepared => (
                state.status == Status::Prepared,
                "cannot be used with a prepared two-phase transaction",
            ),
            Check::NoTwoPhase => {
                drop(state);
                (self.has_xid(), "cannot be used during a two-phase transaction")
            }
            Check::NotExecuting => {
                drop(state);
                let executing = self.executing.locked();
                let busy = !matches!(*executing, Executing::Nothing);
                (busy, "cannot be used while an asynchronous query is underway")
            }
            Check::NotGreen => {
                drop(state);
                (green::is_set(), "cannot be used with an asynchronous callback.")
            }
        };
        breach.then_some(text)
    }
}
