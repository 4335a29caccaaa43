//! What a cursor knows of itself.

use std::sync::{Arc, Mutex};

use aya_pgwire::Table;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::cast::Plan;
use crate::lock::Locked as _;

/// What a cursor knows of itself, behind a lock that is held for a moment.
#[derive(Debug)]
pub(crate) struct State {
    /// Whether it is closed.
    pub(super) closed: bool,
    /// Its name, if it is a cursor of the server.
    pub(super) name: Option<Name>,
    /// The rows that were fetched, and how their values become Python's.
    pub(super) rows: Option<Arc<Fetched>>,
    /// The next row.
    pub(super) row: usize,
    /// How many rows there are or were touched; −1 if nobody knows.
    pub(super) rowcount: i64,
    /// The identity of the row that was inserted.
    pub(super) lastrowid: u32,
    /// How many rows `fetchmany()` fetches.
    pub(super) arraysize: i64,
    /// How many rows of a cursor of the server are fetched at a time.
    pub(super) itersize: i64,
    /// The transaction that it belongs to.
    pub(super) mark: u64,
    /// Whether it outlives its transaction.
    pub(super) withhold: bool,
    /// Whether a stream of replication runs on it.
    pub(super) streaming: bool,
    /// Whether it can go back; `None` to leave it to the server.
    pub(super) scrollable: Option<bool>,
}

/// The name of a cursor of the server.
#[derive(Debug, Clone)]
pub(super) struct Name {
    /// As it was given.
    pub(super) plain: Vec<u8>,
    /// As SQL has it.
    pub(super) quoted: Vec<u8>,
}

/// Rows with the way to read them.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) table: Table,
    pub(super) plan: Plan,
    /// Rows that were made already, from the first one on, each until it is fetched.
    pub(super) early: Mutex<Vec<Option<Py<PyTuple>>>>,
}

impl Fetched {
    /// Takes the rows of these numbers that were made already.
    pub(super) fn take_early(&self, from: usize, count: usize) -> Vec<Option<Py<PyTuple>>> {
        let mut early = self.early.locked();
        if from == 0 && count >= early.len() {
            return std::mem::take(&mut *early);
        }
        let end = from.saturating_add(count).min(early.len());
        let range = early.get_mut(from..end).unwrap_or_default();
        range.iter_mut().map(Option::take).collect()
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            closed: false,
            name: None,
            rows: None,
            row: 0,
            rowcount: -1,
            lastrowid: 0,
            arraysize: 1,
            itersize: 2000,
            mark: 0,
            withhold: false,
            streaming: false,
            scrollable: None,
        }
    }
}

/// The Python objects that a cursor holds.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// The columns of the rows.
    pub(super) description: Option<Py<PyTuple>>,
    /// What the statement said at its end.
    pub(super) statusmessage: Option<Py<PyString>>,
    /// The statement as it was sent.
    pub(super) query: Option<Py<PyBytes>>,
    /// What makes rows in place of tuples.
    pub(super) row_factory: Option<Py<PyAny>>,
    /// What makes time zones.
    pub(super) tzinfo_factory: Option<Py<PyAny>>,
    /// Its own typecasters of text.
    pub(super) string_types: Option<Py<PyAny>>,
    /// Its own typecasters of binary values.
    pub(super) binary_types: Option<Py<PyAny>>,
}
