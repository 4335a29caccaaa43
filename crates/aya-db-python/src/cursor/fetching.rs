//! From the rows that came to Python's.

use std::sync::Arc;

use aya_pgwire::Row;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::executing::nothing;
use super::object::Cursor;
use super::state::Fetched;
use crate::error;
use crate::lock::Locked as _;

/// The rows that a statement gave.
///
/// # Errors
/// `ProgrammingError` if it gave none, or none was run.
fn rows(slf: &Bound<'_, Cursor>) -> PyResult<Arc<Fetched>> {
    let rows = slf.get().state.locked().rows.clone();
    rows.ok_or_else(|| error::programming(slf.py(), "no results to fetch"))
}

/// The next row.
pub(super) fn one<'py>(slf: &Bound<'py, Cursor>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let fetched = rows(slf)?;
    let (at, factory) = {
        let at = slf.get().state.locked().row;
        (at, slf.get().row_factory_of(slf.py()))
    };
    if factory.is_none()
        && let Some(row) = fetched.take_early(at, 1).pop().flatten()
    {
        slf.get().state.locked().row = at + 1;
        return Ok(Some(row.into_bound(slf.py()).into_any()));
    }
    let Some(row) = fetched.table.rows.get(at) else { return Ok(None) };
    let built = build(slf, &fetched, row, factory.as_ref());
    // A row that cannot be read is behind all the same.
    slf.get().state.locked().row = at + 1;
    built.map(Some)
}

/// The next rows; as many as there are, if `size` is negative.
pub(super) fn many<'py>(slf: &Bound<'py, Cursor>, size: i64) -> PyResult<Bound<'py, PyList>> {
    let py = slf.py();
    let fetched = rows(slf)?;
    let this = slf.get();
    let at = this.state.locked().row;
    let left = fetched.table.rows.len().saturating_sub(at);
    let count = usize::try_from(size).map_or(left, |size| size.min(left));
    if count == 0 {
        return Ok(nothing(py));
    }
    let list = match this.row_factory_of(py) {
        None => {
            let early = fetched.take_early(at, count);
            let made = fetched.plan.rows(slf, &fetched.table.rows, (at, count), early);
            this.state.locked().row = at + count;
            made?
        }
        Some(factory) => {
            let mut made = Vec::with_capacity(count);
            for index in at..at + count {
                this.state.locked().row = index + 1;
                let Some(row) = fetched.table.rows.get(index) else { break };
                made.push(build(slf, &fetched, row, Some(&factory))?);
            }
            PyList::new(py, made)?
        }
    };
    Ok(list)
}

fn build<'py>(
    slf: &Bound<'py, Cursor>,
    fetched: &Fetched,
    row: Row<'_>,
    factory: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let Some(factory) = factory else {
        return Ok(fetched.plan.row(slf, row)?.into_any());
    };
    let made = factory.call1((slf,))?;
    for (index, cell) in row.cells().enumerate() {
        made.set_item(index, fetched.plan.value(slf, index, cell)?)?;
    }
    Ok(made)
}

/// Whether all rows were fetched.
pub(super) fn is_exhausted(slf: &Bound<'_, Cursor>) -> bool {
    let state = slf.get().state.locked();
    state.rows.as_ref().is_none_or(|fetched| state.row >= fetched.table.rows.len())
}

/// Goes to another row of those that came.
pub(super) fn scroll(slf: &Bound<'_, Cursor>, value: i64, mode: &str) -> PyResult<()> {
    let py = slf.py();
    let wrong = |text: &str| error::on_cursor(py, error::programming(py, text), slf.as_any());
    let mut state = slf.get().state.locked();
    let row = i64::try_from(state.row).unwrap_or(i64::MAX);
    let to = match mode {
        "relative" => row.saturating_add(value),
        "absolute" => value,
        _ => {
            drop(state);
            return Err(wrong("scroll mode must be 'relative' or 'absolute'"));
        }
    };
    match usize::try_from(to) {
        Ok(row) if to < state.rowcount => {
            state.row = row;
            Ok(())
        }
        _ => {
            drop(state);
            Err(wrong("scroll destination out of bounds"))
        }
    }
}
