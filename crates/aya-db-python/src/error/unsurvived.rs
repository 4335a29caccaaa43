//! Exceptions for what a failover has ended.

use aya_db_core::Fate;
use aya_session::{Broken, Loss, SurvivorError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::classes::{self, Class};
use super::exception::{FATES, Told};

/// The exception for what a session that outlives its server could not go on with.
///
/// The words by which frameworks know a lost connection are in it only where the connection is lost:
/// one that goes on is not to be thrown away.
pub(crate) fn of_survivor(
    py: Python<'_>,
    error: &SurvivorError,
    cursor: Option<&Bound<'_, PyAny>>,
) -> PyErr {
    let broken = match error {
        SurvivorError::Broken(broken) => broken,
        SurvivorError::NoServer(none) => {
            let fate = Some(word(Fate::NotSent));
            let text = format!("{}\n", none.text().trim_end());
            let told = Told { fate, ..Told::default() };
            return super::raise(classes::of(py, Class::Operational), told, text);
        }
        SurvivorError::OutOfTurn(_) | SurvivorError::Usage(_) | SurvivorError::NoLedger => {
            return super::programming(py, error.to_string());
        }
        SurvivorError::Interrupted | SurvivorError::TimedOut => {
            return super::operational(py, error.to_string());
        }
    };
    let class = match broken.loss() {
        Loss::Transaction => Class::TransactionLost,
        Loss::CommitUnknown => Class::CommitUnknown,
        Loss::ReplayDiverged => Class::ReplayDiverged,
        Loss::SessionState => Class::SessionStateLost,
        Loss::Connection => Class::Operational,
    };
    let text = text(broken);
    let told = Told {
        pgerror: Some(PyString::new(py, &text).unbind()),
        pgcode: Some(broken.sqlstate().code().to_owned()),
        cursor: cursor.map(|cursor| cursor.clone().unbind()),
        fate: Some(word(broken.fate())),
        message: None,
    };
    super::raise(classes::of(py, class), told, text)
}

fn text(broken: &Broken) -> String {
    if broken.loss() == Loss::Connection {
        return format!("{}\n", broken.text().trim_end());
    }
    let mut text = format!("{} ({}, {})", broken.kind(), broken.code(), broken.fate());
    for more in [broken.reason(), broken.advice()].into_iter().flatten() {
        text.push_str(": ");
        text.push_str(more);
    }
    text.push('\n');
    text
}

const fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::NotSent => FATES[0],
        Fate::RolledBack => FATES[1],
        Fate::Unknown => FATES[2],
        Fate::Committed => FATES[3],
    }
}
