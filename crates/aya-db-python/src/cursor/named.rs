//! Cursors of the server: DECLARE, FETCH, MOVE, CLOSE.

use pyo3::prelude::*;

use super::executing::{Begin, Rows, run};
use super::object::Cursor;
use crate::connection::Check;
use crate::error;
use crate::lock::Locked as _;

impl Cursor {
    /// The statement that makes a cursor of the server of `sql`; `None` if this is none.
    pub(super) fn declare(&self, sql: &[u8]) -> Option<Vec<u8>> {
        let state = self.state.locked();
        let name = state.name.as_ref()?;
        let scroll = match state.scrollable {
            None => "",
            Some(false) => "NO SCROLL ",
            Some(true) => "SCROLL ",
        };
        let hold = if state.withhold { "WITH" } else { "WITHOUT" };
        let head = [b"DECLARE ", &name.quoted[..], b" ", scroll.as_bytes()].concat();
        let tail = format!("CURSOR {hold} HOLD FOR ");
        Some([&head, tail.as_bytes(), sql].concat())
    }

    /// Its name as SQL has it, if it is a cursor of the server.
    pub(super) fn quoted_name(&self) -> Option<Vec<u8>> {
        self.state.locked().name.as_ref().map(|name| name.quoted.clone())
    }

    /// Fails if the transaction is over that it belonged to.
    pub(super) fn check_mark(&self, py: Python<'_>) -> PyResult<()> {
        let mark = self.connection(py)?.get().mark();
        let state = self.state.locked();
        match state.mark == mark || state.withhold {
            true => Ok(()),
            false => {
                drop(state);
                Err(error::programming(py, "named cursor isn't valid anymore"))
            }
        }
    }
}

/// Runs `command name` if this is a cursor of the server, for the method `call`.
pub(super) fn ask(slf: &Bound<'_, Cursor>, call: &str, command: &str) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    let Some(name) = this.quoted_name() else { return Ok(()) };
    this.check_mark(py)?;
    let connection = this.connection(py)?;
    connection.get().check(py, call, &[Check::NotExecuting, Check::NotPrepared])?;
    let sql = [command.as_bytes(), b" ", &name].concat();
    // Who outlives the transaction needs none.
    let begin = if this.state.locked().withhold { Begin::Never } else { Begin::IfDue };
    run(slf, &sql, Rows::Wanted, begin)
}

/// Closes the cursor on the server, if it is there.
pub(super) fn close(slf: &Bound<'_, Cursor>) -> PyResult<()> {
    const UNKNOWN: i32 = 4;
    const IN_ERROR: i32 = 3;
    let py = slf.py();
    let this = slf.get();
    let Some(name) = this.state.locked().name.clone() else { return Ok(()) };
    let Ok(connection) = this.connection(py) else { return Ok(()) };
    let checked = connection.get();
    checked.check(py, "close_named", &[Check::NotExecuting])?;
    if checked.is_closed() || matches!(checked.transaction_status(), UNKNOWN | IN_ERROR) {
        return Ok(());
    }
    if !this.has_query() {
        // It was never declared by this object, but somebody else may have.
        let mut sql = b"SELECT 1 FROM pg_catalog.pg_cursors WHERE name = ".to_vec();
        crate::adapt::quote_string(&mut sql, &name.plain, &checked.dialect())?;
        run(slf, &sql, Rows::Wanted, Begin::Never)?;
        if this.state.locked().rowcount == 0 {
            return Ok(());
        }
    }
    this.check_mark(py)?;
    run(slf, &[b"CLOSE ", &name.quoted[..]].concat(), Rows::Wanted, Begin::Never)
}
