//! `List`: arrays.

use std::ops::Range;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::quote::{Scope, quote_into};
use super::recursion::Deeper;
use super::wrapper::adapter;
use crate::connection::Connection;

adapter! {
    /// Writes a list as an array.
    #[pyclass(frozen, subclass, module = "aya_db._psycopg")]
    List {}
    quoted by Self::quoted;

    #[pyo3(signature = (obj, /, **_kwargs))]
    fn __init__(&self, obj: &Bound<'_, PyList>, _kwargs: Option<&Bound<'_, PyDict>>) {
        self.wrapped.set(obj);
    }

    /// Takes the connection that the items are written for.
    #[pyo3(signature = (conn, /))]
    fn prepare(&self, conn: &Bound<'_, Connection>) {
        self.wrapped.prepare(conn);
    }
}

impl List {
    fn quoted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let value = self.wrapped.value(py);
        let Ok(items) = value.cast::<PyList>() else {
            return Err(PyTypeError::new_err("can't quote non-list object"));
        };
        let mut out = Vec::new();
        Scope::with(py, self.wrapped.connection(py).as_ref(), |scope| {
            list(&mut out, items, scope)
        })?;
        Ok(PyBytes::new(py, &out))
    }
}

/// Appends an array: `ARRAY[...]`, whose type follows from its items.
///
/// Where nothing says a type, that cannot be: an empty list, and one that holds only NULLs or lists
/// of them, are written as text, `'{...}'`. An empty list between others does not need that, and
/// PostgreSQL does not read it there.
pub(super) fn list(
    out: &mut Vec<u8>,
    items: &Bound<'_, PyList>,
    scope: &Scope<'_, '_>,
) -> PyResult<()> {
    if items.is_empty() {
        out.extend_from_slice(EMPTY);
        return Ok(());
    }
    let _deeper = Deeper::enter(items.py(), c" while quoting a list")?;
    let start = out.len();
    out.extend_from_slice(b"ARRAY[");
    let mut nulls = Some(Vec::new());
    for item in items {
        let from = out.len();
        quote_into(out, &item, scope)?;
        let typed = !item.is_none() && (!item.is_instance_of::<PyList>() || is_array(out, from));
        match &mut nulls {
            Some(places) if !typed => places.push(from..out.len()),
            _ => nulls = None,
        }
        out.push(b',');
    }
    out.pop();
    out.push(b']');
    if let Some(places) = nulls {
        let text = text_of_nulls(out, &places);
        out.truncate(start);
        out.extend_from_slice(&text);
    }
    Ok(())
}

/// Whether the list that was written from here on is an `ARRAY[...]`. An empty one becomes it.
fn is_array(out: &mut Vec<u8>, from: usize) -> bool {
    if &out[from..] == EMPTY {
        out.truncate(from);
        out.extend_from_slice(b"ARRAY[]");
    }
    out.get(from) == Some(&b'A')
}

/// The array as text, of NULLs and such arrays at these places.
fn text_of_nulls(out: &[u8], places: &[Range<usize>]) -> Vec<u8> {
    let items = places.iter().map(|place| match &out[place.clone()] {
        [b'\'', inner @ .., _] => inner,
        bare => bare,
    });
    let items: Vec<&[u8]> = items.collect();
    [b"'{", items.join(&b',').as_slice(), b"}'"].concat()
}

const EMPTY: &[u8] = b"'{}'";
