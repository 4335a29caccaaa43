//! Runs statements, and takes what they come to.

use std::sync::{Arc, Mutex};

use aya_pgwire::Answer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple, PyWeakrefReference};

use super::copying;
use super::early::Early;
use super::object::Cursor;
use super::state::Fetched;
use super::statement::{merged, text_of};
use crate::cast::Plan;
use crate::column::Column;
use crate::connection::{self, Connection, Executing};
use crate::error;
use crate::lock::Locked as _;
use crate::wire::{Copied, Exchange, Outcome};

/// Whether the rows of a statement are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// They are.
    Wanted,
    /// Only how many.
    Counted,
    /// There are none: a stream begins.
    Streamed,
}

/// Whether a statement may begin a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// If one is due.
    IfDue,
    /// It must not.
    Never,
}

/// `execute()`, and a row of `executemany()` that waits for its answer.
pub(super) fn execute(
    slf: &Bound<'_, Cursor>,
    query: &Bound<'_, PyAny>,
    vars: Option<&Bound<'_, PyAny>>,
    rows: Rows,
) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    let connection = this.connection(py)?;
    let text = text_of(slf, &connection, query)?;
    this.forget_results();
    this.set_query(None);
    let mut sql = merged(slf, &connection, &text, vars)?;
    if let Some(declared) = this.declare(&sql) {
        sql = declared;
    }
    this.set_query(Some(PyBytes::new(py, &sql)));
    if connection.get().is_async() && rows == Rows::Wanted {
        return begin(slf, &connection, &sql, Exchange::of(1));
    }
    run(slf, &sql, rows, Begin::IfDue)
}

/// Runs a statement to its end, and takes what it came to.
pub(super) fn run(slf: &Bound<'_, Cursor>, sql: &[u8], rows: Rows, begin: Begin) -> PyResult<()> {
    let connection = slf.get().connection(slf.py())?;
    let _turn = connection.get().turns.take(slf.py());
    slf.get().forget_results();
    if begin == Begin::IfDue {
        connection::begin_if_needed(&connection)?;
    }
    if rows != Rows::Wanted {
        let outcome = connection::exchange(&connection, &[sql])?.into_iter().next();
        return take(slf, only(slf, outcome)?, Some(sql), rows);
    }
    let mut early = Early::new(slf)?;
    let outcome = connection::exchange_early(&connection, sql, &mut early)?.into_iter().next();
    take(slf, only(slf, outcome)?, Some(sql), rows)?;
    early.hand_over(slf.py())
}

fn only(slf: &Bound<'_, Cursor>, outcome: Option<Outcome>) -> PyResult<Outcome> {
    outcome.ok_or_else(|| error::operational(slf.py(), "unknown error"))
}

/// Begins a statement whose end is polled for.
fn begin(
    slf: &Bound<'_, Cursor>,
    connection: &Bound<'_, Connection>,
    sql: &[u8],
    exchange: Exchange,
) -> PyResult<()> {
    let py = slf.py();
    let this = connection.get();
    let begun = py.detach(|| {
        let mut line = this.wire.lock();
        line.begin(&[sql], exchange)?;
        line.flush()
    });
    begun.map_err(|fault| connection::failed(connection, fault, None))?;
    let asked = PyWeakrefReference::new(slf)?.unbind();
    let former = std::mem::replace(&mut *this.executing.locked(), Executing::Cursor(asked));
    drop(former);
    Ok(())
}

/// Takes what a statement came to.
pub(super) fn take(
    slf: &Bound<'_, Cursor>,
    outcome: Outcome,
    sql: Option<&[u8]>,
    rows: Rows,
) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    let connection = this.connection(py)?;
    let encoding = connection.get().dialect().encoding;
    this.reset();
    let tag: &[u8] = match &outcome.answer {
        Answer::Table(table) => table.tag.as_bytes(),
        Answer::Done(tag) => tag.as_bytes(),
        _ => b"",
    };
    this.set_statusmessage(encoding.decode_lossy(py, tag));
    match outcome.answer {
        Answer::Table(table) if rows == Rows::Wanted => {
            let columns = table.columns.iter().map(|column| Column::of(py, column, &encoding));
            let columns = columns.collect::<PyResult<Vec<_>>>()?;
            let description = PyTuple::new(py, columns)?;
            let plan = Plan::new(slf, &table.columns)?;
            let count = i64::try_from(table.rows.len()).unwrap_or(i64::MAX);
            let former = this.set_description(Some(description.unbind()));
            let mut state = this.state.locked();
            state.rowcount = count;
            state.rows = Some(Arc::new(Fetched { table, plan, early: Mutex::default() }));
            drop(state);
            drop(former);
            Ok(())
        }
        Answer::Table(table) => {
            this.state.locked().rowcount = counted(table.tag.rows());
            Ok(())
        }
        Answer::Done(tag) => {
            let mut state = this.state.locked();
            state.rowcount = counted(tag.rows());
            state.lastrowid = tag.inserted_oid().unwrap_or(0);
            Ok(())
        }
        Answer::Empty => Err(error::programming(py, "can't execute an empty query")),
        Answer::Error(message) => {
            Err(connection::refused(&connection, message, sql, Some(slf.as_any())))
        }
        Answer::CopyIn(_) => Err(error::programming(
            py,
            "can't execute COPY FROM: use the copy_from() method instead",
        )),
        Answer::CopyOut(_) => {
            Err(error::programming(py, "can't execute COPY TO: use the copy_to() method instead"))
        }
        Answer::CopyBoth(_) if rows == Rows::Streamed => {
            this.state.locked().streaming = true;
            Ok(())
        }
        Answer::CopyBoth(_) => Err(error::programming(
            py,
            "can't execute a command that begins replication: use start_replication() instead",
        )),
    }
}

pub(super) fn counted(rows: Option<u64>) -> i64 {
    rows.map_or(-1, |rows| i64::try_from(rows).unwrap_or(i64::MAX))
}

/// `callproc()`.
pub(super) fn call<'py>(
    slf: &Bound<'py, Cursor>,
    procname: &[u8],
    parameters: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let connection = slf.get().connection(py)?;
    let given = parameters.filter(|parameters| !parameters.is_none());
    let count = given.map_or(Ok(0), PyAnyMethods::len)?;
    let named = given.filter(|_| count > 0).and_then(|given| given.cast::<PyDict>().ok());
    let mut sql = b"SELECT * FROM ".to_vec();
    sql.extend_from_slice(procname);
    sql.push(b'(');
    let values = match named {
        Some(named) => {
            let dialect = connection.get().dialect();
            for (index, name) in named.keys().iter().enumerate() {
                if index > 0 {
                    sql.push(b',');
                }
                let name = connection::name_text(&name)?;
                let name = PyString::new(py, &name);
                let name = dialect.encoding.encode(&name)?;
                let quoted = crate::adapt::quote_identifier(py, &name, &dialect.encoding)?;
                // A name may hold what the merging of values would take for a place of one.
                sql.extend(quoted.iter().flat_map(|byte| match byte {
                    b'%' => &b"%%"[..],
                    other => std::slice::from_ref(other),
                }));
                sql.extend_from_slice(b":=%s");
            }
            Some(named.values().into_any())
        }
        None => {
            sql.extend_from_slice(vec!["%s"; count].join(",").as_bytes());
            given.cloned()
        }
    };
    sql.push(b')');
    let query = PyBytes::new(py, &sql);
    execute(slf, query.as_any(), values.as_ref(), Rows::Wanted)?;
    Ok(match (named, parameters) {
        (None, Some(parameters)) => parameters.clone(),
        _ => py.None().into_bound(py),
    })
}

/// A statement that copies to or from a file.
pub(super) fn copy(
    slf: &Bound<'_, Cursor>,
    sql: &[u8],
    file: &Bound<'_, PyAny>,
    size: isize,
) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    this.set_query(Some(PyBytes::new(py, sql)));
    this.forget_results();
    let connection = this.connection(py)?;
    let _turn = connection.get().turns.take(py);
    connection::begin_if_needed(&connection)?;
    copying::run(slf, &connection, sql, file, size)
}

/// A command that begins a stream of replication.
pub(super) fn stream(
    slf: &Bound<'_, Cursor>,
    connection: &Bound<'_, Connection>,
    sql: &[u8],
) -> PyResult<()> {
    let py = slf.py();
    slf.get().set_query(Some(PyBytes::new(py, sql)));
    slf.get().forget_results();
    if connection.get().is_async() {
        return begin(slf, connection, sql, Exchange::copying());
    }
    let copied = connection::blocking(connection, |line, wait| line.run_copy(sql, wait));
    connection::settle(connection);
    let outcome = match copied? {
        Copied::Nothing(mut outcomes) => outcomes.pop(),
        Copied::In(exchange) | Copied::Out(exchange) | Copied::Both(exchange) => exchange.end(),
    };
    match outcome {
        Some(outcome) => take(slf, outcome, Some(sql), Rows::Streamed),
        None => Err(error::operational(py, "unknown error")),
    }
}

/// An empty list, for fetches that find nothing.
pub(super) fn nothing(py: Python<'_>) -> Bound<'_, PyList> {
    PyList::empty(py)
}
