//! The class of typecasters, and how users make and register them.

use std::borrow::Cow;

use pyo3::PyTraverseError;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use super::builtin;
use super::decoder::Decoder;
use super::scene::Scene;
use crate::connection::Connection;
use crate::cursor::Cursor;

/// Casts values of some types from SQL to Python.
///
/// It is equal to each of its types' numbers, and so stands for them in comparisons with
/// ``cursor.description``.
#[pyclass(frozen, module = "aya_db._psycopg", name = "type")]
#[derive(Debug)]
pub(crate) struct Caster {
    /// Its name.
    #[pyo3(get)]
    name: Py<PyAny>,
    /// The numbers of its types.
    #[pyo3(get)]
    values: Py<PyTuple>,
    pub(super) decoder: Decoder,
}

impl Caster {
    pub(super) fn new<'py>(
        py: Python<'py>,
        name: &str,
        oids: &[u32],
        decoder: Decoder,
    ) -> PyResult<Bound<'py, Self>> {
        let name = PyString::intern(py, name).into_any().unbind();
        let values = PyTuple::new(py, oids)?.unbind();
        Bound::new(py, Self { name, values, decoder })
    }
}

#[pymethods]
impl Caster {
    #[pyo3(signature = (value, cur, /))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        cur: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(value) = text_of(value)? else { return Ok(py.None().into_bound(py)) };
        let scene = match cur.cast::<Cursor>() {
            Ok(cursor) => Scene::of(cursor)?,
            Err(_) => Scene::bare(py)?,
        };
        self.decoder.decode(&scene, Some(&value))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let name = slf.get().name.bind(slf.py()).str()?;
        Ok(format!("<psycopg2._psycopg.type '{name}' at {:p}>", slf.as_ptr()))
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let values = self.values.bind(py);
        let equal = match other.cast::<Self>() {
            Ok(other) => {
                let others = other.get().values.bind(py);
                let mut equal = false;
                for value in values {
                    equal = equal || others.contains(value)?;
                }
                equal
            }
            Err(_) => match other.extract::<i64>() {
                Ok(number) => values.contains(number)?,
                Err(_) => return Ok(py.NotImplemented()),
            },
        };
        Ok(pyo3::types::PyBool::new(py, equal).to_owned().into_any().unbind())
    }

    fn __hash__(slf: &Bound<'_, Self>) -> usize {
        slf.as_ptr() as usize >> 4
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.name)?;
        visit.call(&self.values)?;
        let mut decoder = &self.decoder;
        loop {
            match decoder {
                Decoder::Function(function) => return visit.call(function),
                Decoder::Array(items) => decoder = items,
                _ => return Ok(()),
            }
        }
    }
}

/// Return a typecaster of the types with these numbers.
///
/// ``castobj`` is called with the text of a value, or ``None``, and the cursor.
#[pyfunction]
#[pyo3(signature = (values, name = None, castobj = None, baseobj = None))]
pub(crate) fn new_type<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyTuple>,
    name: Option<&Bound<'py, PyString>>,
    castobj: Option<&Bound<'py, PyAny>>,
    baseobj: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Caster>> {
    // psycopg2 takes a base and uses none.
    let _ = baseobj;
    let decoder = castobj.map_or(Decoder::Nothing, |cast| Decoder::Function(cast.clone().unbind()));
    let name = name.map_or_else(|| py.None(), |name| name.clone().into_any().unbind());
    Bound::new(py, Caster { name, values: values.clone().unbind(), decoder })
}

/// Return a typecaster of arrays, whose items ``baseobj`` casts.
#[pyfunction]
#[pyo3(signature = (values, name, baseobj))]
pub(crate) fn new_array_type<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyTuple>,
    name: &Bound<'py, PyString>,
    baseobj: &Bound<'py, Caster>,
) -> PyResult<Bound<'py, Caster>> {
    let decoder = Decoder::Array(Box::new(baseobj.get().decoder.clone_ref(py)));
    let name = name.clone().into_any().unbind();
    Bound::new(py, Caster { name, values: values.clone().unbind(), decoder })
}

/// Have values of a typecaster's types cast by it: on a connection, on a cursor, or everywhere.
#[pyfunction]
#[pyo3(signature = (obj, scope = None, /))]
pub(crate) fn register_type(
    obj: &Bound<'_, Caster>,
    scope: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let py = obj.py();
    let types: Bound<'_, PyAny> = match scope {
        None => builtin::string_types(py)?.clone().into_any(),
        Some(scope) => {
            if let Ok(cursor) = scope.cast::<Cursor>() {
                cursor.get().own_string_types(py)
            } else if let Ok(connection) = scope.cast::<Connection>() {
                match connection.get().string_types_dict(py) {
                    Some(types) => types.into_any(),
                    None => PyDict::new(py).into_any(),
                }
            } else {
                let text = "argument 2 must be a connection, cursor or None";
                return Err(PyTypeError::new_err(text));
            }
        }
    };
    add(obj, &types)
}

/// Registers a typecaster for each of its types.
pub(super) fn add(caster: &Bound<'_, Caster>, types: &Bound<'_, PyAny>) -> PyResult<()> {
    for oid in caster.get().values.bind(caster.py()) {
        types.set_item(oid, caster)?;
    }
    Ok(())
}

/// The text of a value that a user passes: `str`, `bytes`, or `None` for NULL.
pub(super) fn text_of<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Option<Cow<'a, [u8]>>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(Cow::Borrowed(text.to_str()?.as_bytes())));
    }
    match value.cast::<PyBytes>() {
        Ok(bytes) => Ok(Some(Cow::Borrowed(bytes.as_bytes()))),
        Err(_) => Err(PyTypeError::new_err(format!(
            "a bytes-like object is required, not '{}'",
            value.get_type().name()?
        ))),
    }
}
