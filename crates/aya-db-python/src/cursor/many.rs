//! `executemany()`: each row by itself, in its order, until one fails.
//!
//! In an open transaction, rows are sent without waiting for the answers to those before them: once
//! one has failed, the server refuses everything until the transaction ends, so that what was sent
//! too early has no effect. Only statements are sent so that cannot end the transaction themselves,
//! and only rows of a list or a tuple: what yields rows one by one may use the connection in between.

use aya_db_core::sql_text::{is_plain_read, is_plain_write};
use aya_pgwire::Answer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::executing::{Begin, Rows, counted, execute, run, take};
use super::object::Cursor;
use super::statement::{merged, text_of};
use crate::connection::{self, Connection};
use crate::lock::Locked as _;
use crate::wire::Outcome;

/// `executemany()`.
pub(super) fn execute_many(
    slf: &Bound<'_, Cursor>,
    query: &Bound<'_, PyAny>,
    vars_list: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let mut many = Many {
        slf,
        connection: slf.get().connection(slf.py())?,
        total: Some(0),
        held: Vec::new(),
        bytes: 0,
    };
    let is_list = vars_list.is_exact_instance_of::<PyList>();
    let ahead = is_list || vars_list.is_exact_instance_of::<PyTuple>();
    let mut rows = vars_list.try_iter()?;
    let Some(first) = rows.next() else { return many.end() };
    // It begins the transaction, if there is to be one.
    many.alone(query, &first?)?;
    let text = match ahead && many.is_in_transaction() {
        true => Some(text_of(slf, &many.connection, query)?),
        false => None,
    };
    for vars in rows {
        match (&text, vars) {
            (Some(text), Ok(vars)) => many.hold(text, query, &vars)?,
            (None, Ok(vars)) => many.alone(query, &vars)?,
            (_, Err(error)) => {
                many.send()?;
                return Err(error);
            }
        }
    }
    many.end()
}

struct Many<'a, 'py> {
    slf: &'a Bound<'py, Cursor>,
    connection: Bound<'py, Connection>,
    /// How many rows were affected, if all of them could be counted.
    total: Option<i64>,
    /// What is still to be sent.
    held: Vec<Vec<u8>>,
    bytes: usize,
}

impl Many<'_, '_> {
    /// Whether the server is in a transaction, and a failure in it makes it refuse what follows.
    fn is_in_transaction(&self) -> bool {
        self.connection.get().is_in_transaction()
    }

    /// Executes a row and waits for its answer.
    fn alone(&mut self, query: &Bound<'_, PyAny>, vars: &Bound<'_, PyAny>) -> PyResult<()> {
        execute(self.slf, query, Some(vars), Rows::Counted)?;
        self.count(self.slf.get().state.locked().rowcount);
        Ok(())
    }

    /// Executes a row together with those that follow it.
    fn hold(
        &mut self,
        text: &[u8],
        query: &Bound<'_, PyAny>,
        vars: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let sql = match merged(self.slf, &self.connection, text, Some(vars)) {
            Ok(sql) => sql,
            Err(error) => {
                self.send()?;
                self.slf.get().forget_results();
                self.slf.get().set_query(None);
                return Err(error);
            }
        };
        if !self.stays_in_transaction(&sql) {
            self.send()?;
            return self.alone(query, vars);
        }
        self.bytes += sql.len();
        self.held.push(sql);
        match self.bytes >= MOST_BYTES || self.held.len() >= MOST_ROWS {
            true => self.send(),
            false => Ok(()),
        }
    }

    /// Whether the server is to be trusted to stay in the transaction, whatever the statement does.
    fn stays_in_transaction(&self, sql: &[u8]) -> bool {
        let dialect = self.connection.get().dialect();
        // Elsewhere a part of a character may look like a quote.
        let is_plain = dialect.standard_strings && (sql.is_ascii() || dialect.encoding.is_utf8());
        let text = is_plain.then(|| std::str::from_utf8(sql).ok()).flatten();
        text.is_some_and(|sql| is_plain_write(sql) || is_plain_read(sql))
            && self.is_in_transaction()
    }

    /// Sends what is held, and takes what it comes to.
    fn send(&mut self) -> PyResult<()> {
        let held = std::mem::take(&mut self.held);
        self.bytes = 0;
        let Some(last) = held.last() else { return Ok(()) };
        let py = self.slf.py();
        let connection = self.connection.clone();
        let _turn = connection.get().turns.take(py);
        // Another thread may have ended the transaction meanwhile.
        if !self.is_in_transaction() {
            return held.iter().try_for_each(|sql| self.run(sql));
        }
        self.slf.get().forget_results();
        self.slf.get().set_query(Some(PyBytes::new(py, last)));
        let queries: Vec<&[u8]> = held.iter().map(Vec::as_slice).collect();
        let outcomes = connection::exchange(&connection, &queries)?;
        let mut pairs = queries.into_iter().zip(outcomes).peekable();
        while let Some((sql, outcome)) = pairs.next() {
            match &outcome.answer {
                Answer::Done(tag) if pairs.peek().is_some() => self.count(counted(tag.rows())),
                Answer::Table(table) if pairs.peek().is_some() => {
                    self.count(counted(table.tag.rows()));
                }
                _ => self.take(sql, outcome)?,
            }
        }
        Ok(())
    }

    fn run(&mut self, sql: &[u8]) -> PyResult<()> {
        let slf = self.slf;
        slf.get().set_query(Some(PyBytes::new(slf.py(), sql)));
        run(slf, sql, Rows::Counted, Begin::IfDue)?;
        self.count(slf.get().state.locked().rowcount);
        Ok(())
    }

    /// Takes the last outcome, or the first error.
    fn take(&mut self, sql: &[u8], outcome: Outcome) -> PyResult<()> {
        let slf = self.slf;
        slf.get().set_query(Some(PyBytes::new(slf.py(), sql)));
        take(slf, outcome, Some(sql), Rows::Counted)?;
        self.count(slf.get().state.locked().rowcount);
        Ok(())
    }

    fn count(&mut self, rows: i64) {
        self.total = self.total.filter(|_| rows >= 0).map(|total| total + rows);
    }

    fn end(mut self) -> PyResult<()> {
        self.send()?;
        self.slf.get().state.locked().rowcount = self.total.unwrap_or(-1);
        Ok(())
    }
}

/// Enough to be worth a packet, and little enough to be waited for after Ctrl-C.
const MOST_BYTES: usize = 64 * 1024;
const MOST_ROWS: usize = 500;
