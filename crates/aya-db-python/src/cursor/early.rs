//! Rows that become Python's while more of them come.
//!
//! A large answer keeps its server busy for a while, in which its reader would only wait. Rows whose values
//! take nothing but their bytes are made in that time, up to a number that is no burden to those who fetch
//! them one by one.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use aya_pgwire::{Arriving, Interest, Interrupted, Readiness, Wait};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::object::Cursor;
use crate::cast::Plan;
use crate::encoding::Encoding;
use crate::lock::Locked as _;

/// The rows of one query that are made before it has come to its end.
#[derive(Debug)]
pub(crate) struct Early {
    cursor: Py<Cursor>,
    /// What texts are decoded by.
    encoding: Arc<Encoding>,
    /// Which table of its session they are of.
    table: u64,
    plan: Option<Plan>,
    rows: Vec<Option<Py<PyTuple>>>,
    /// No more are made of this table.
    is_over: bool,
}

impl Early {
    /// For a query of this cursor.
    pub(super) fn new(cursor: &Bound<'_, Cursor>) -> PyResult<Self> {
        let connection = cursor.get().connection(cursor.py())?;
        Ok(Self {
            encoding: connection.get().dialect().encoding,
            cursor: cursor.clone().unbind(),
            table: 0,
            plan: None,
            rows: Vec::new(),
            is_over: false,
        })
    }

    /// A wait in which rows are made.
    pub(crate) fn during<'a>(&'a mut self, wait: &'a mut dyn Wait) -> Meanwhile<'a> {
        Meanwhile { early: self, wait }
    }

    fn read(&mut self, arriving: Arriving<'_>) {
        if arriving.number != self.table {
            *self = Self {
                table: arriving.number,
                plan: None,
                rows: Vec::new(),
                is_over: false,
                cursor: Python::attach(|py| self.cursor.clone_ref(py)),
                encoding: Arc::clone(&self.encoding),
            };
        }
        let most = MOST_VALUES / arriving.columns.len().max(1);
        let come = arriving.rows.len().min(most);
        if self.is_over || come < self.rows.len() + WORTH_IT {
            return;
        }
        // What cannot be read is told when it is fetched.
        let made = Python::attach(|py| self.make(py, arriving, come));
        self.is_over = !made.unwrap_or(false) || come == most;
    }

    /// Makes the rows up to this number; `false` if none are to be made of this table.
    fn make(&mut self, py: Python<'_>, arriving: Arriving<'_>, come: usize) -> PyResult<bool> {
        let cursor = self.cursor.bind(py);
        if self.plan.is_none() {
            let plan = Plan::new(cursor, arriving.columns)?;
            if !plan.is_plain() || cursor.get().row_factory_of(py).is_some() {
                return Ok(false);
            }
            self.plan = Some(plan);
        }
        let Some(plan) = &self.plan else { return Ok(false) };
        plan.extend(cursor, arriving.rows, come, &mut self.rows)?;
        Ok(true)
    }

    /// Hands the rows over to the cursor, if they are of the table that it was given in the end.
    pub(super) fn hand_over(self, py: Python<'_>) -> PyResult<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let this = self.cursor.bind(py).get();
        let connection = this.connection(py)?;
        let tables = connection.get().read(py, |line| {
            line.link.connection().map(|connection| connection.session().tables())
        });
        let same_texts = Arc::ptr_eq(&self.encoding, &connection.get().dialect().encoding);
        if let Some(fetched) = &this.state.locked().rows
            && tables == Some(self.table)
            && same_texts
        {
            *fetched.early.locked() = self.rows;
        }
        Ok(())
    }
}

/// See [`Early::during`].
pub(crate) struct Meanwhile<'a> {
    early: &'a mut Early,
    wait: &'a mut dyn Wait,
}

impl Wait for Meanwhile<'_> {
    fn idle(&mut self, arriving: Arriving<'_>) {
        self.early.read(arriving);
    }

    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted> {
        self.wait.wait(socket, interest, deadline)
    }
}

/// Fewer rows at once are not worth Python's lock.
const WORTH_IT: usize = 2_000;

/// About a hundred megabytes of objects at the most.
const MOST_VALUES: usize = 1 << 20;
