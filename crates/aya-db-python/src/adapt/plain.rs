//! The adapters that need nothing but the value: `AsIs`, `Boolean`, `Float`, `Int`, `Decimal`.

use std::io::Write as _;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt};

use super::literal::number;
use super::wrapper::adapter;

/// Makes a class whose SQL depends on the value alone.
macro_rules! plain {
    ($(#[$attribute:meta])* $name:ident written by $write:path) => {
        adapter! {
            $(#[$attribute])*
            $name {}
            quoted by Self::quoted;

            #[pyo3(signature = (obj, /, **_kwargs))]
            fn __init__(&self, obj: &Bound<'_, PyAny>, _kwargs: Option<&Bound<'_, PyDict>>) {
                self.wrapped.set(obj);
            }
        }

        impl $name {
            fn quoted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
                let mut out = Vec::new();
                $write(&mut out, &self.wrapped.value(py))?;
                Ok(PyBytes::new(py, &out))
            }
        }
    };
}

plain! {
    /// Writes a value as its own text: for pieces of SQL.
    #[pyclass(frozen, subclass, module = "aya_db.extensions")]
    AsIs written by as_is
}

plain! {
    /// Writes the truth of a value.
    #[pyclass(frozen, subclass, module = "aya_db.extensions")]
    Boolean written by boolean
}

plain! {
    /// Writes a `float`.
    #[pyclass(frozen, subclass, module = "aya_db.extensions")]
    Float written by float
}

plain! {
    /// Writes an `int`, and what can be made one.
    #[pyclass(frozen, subclass, module = "aya_db.extensions")]
    Int written by int
}

plain! {
    /// Writes a `decimal.Decimal`.
    #[pyclass(frozen, subclass, module = "aya_db._psycopg")]
    Decimal written by decimal
}

/// Appends the text of a value.
pub(super) fn as_is(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match value.is_none() {
        true => out.extend_from_slice(b"NULL"),
        false => out.extend_from_slice(value.str()?.to_str()?.as_bytes()),
    }
    Ok(())
}

/// Appends `true` or `false`.
pub(super) fn boolean(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let word: &[u8] = if value.is_truthy()? { b"true" } else { b"false" };
    out.extend_from_slice(word);
    Ok(())
}

/// Appends a `float` as Python writes it, which is exact.
pub(super) fn float(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let float: f64 = value.extract()?;
    let word: &[u8] = match float {
        _ if float.is_nan() => b"'NaN'::float",
        f64::INFINITY => b"'Infinity'::float",
        f64::NEG_INFINITY => b"'-Infinity'::float",
        _ => {
            number(out, value.repr()?.to_str()?.as_bytes());
            return Ok(());
        }
    };
    out.extend_from_slice(word);
    Ok(())
}

/// Appends an `int`. Subclasses, as those of `enum`, may have another text: it is not asked for.
pub(super) fn int(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let exact = match value.is_exact_instance_of::<PyInt>() {
        true => value.clone(),
        false => value.py().get_type::<PyInt>().call1((value,))?,
    };
    if let Ok(small) = exact.extract::<i64>() {
        if small < 0 {
            out.push(b' ');
        }
        let _ = write!(out, "{small}");
    } else {
        number(out, exact.str()?.to_str()?.as_bytes());
    }
    Ok(())
}

/// Appends a `Decimal`. PostgreSQL's `numeric` had no infinity when this was agreed on: an
/// infinite one is no number.
pub(super) fn decimal(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let finite = value.call_method0("is_finite")?;
    match finite.is(PyBool::new(value.py(), true)) {
        true => number(out, value.str()?.to_str()?.as_bytes()),
        false => out.extend_from_slice(b"'NaN'::numeric"),
    }
    Ok(())
}
