//! `Column`: an item of `cursor.description`.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::encoding::Encoding;

/// A column of a table of rows: a sequence of the seven values that DB-API asks for, and the column
/// of a table that it comes from.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "Column")]
#[derive(Debug)]
pub(crate) struct Column {
    values: [Option<Py<PyAny>>; 9],
}

/// The values by their place.
const NAMES: [&str; 9] = [
    "name",
    "type_code",
    "display_size",
    "internal_size",
    "precision",
    "scale",
    "null_ok",
    "table_oid",
    "table_column",
];

/// How many of them are items of the sequence.
const ITEMS: usize = 7;

const NUMERIC: u32 = 1700;

impl Column {
    /// As the server describes it.
    pub(crate) fn of<'py>(
        py: Python<'py>,
        column: &aya_pgwire::Column,
        encoding: &Encoding,
    ) -> PyResult<Bound<'py, Self>> {
        let int = |number: i64| number.into_pyobject(py).map(|it| it.into_any().unbind());
        let is_numeric = column.type_oid == NUMERIC;
        // The modifier of a type with one counts the four bytes of a length in.
        let modifier = match column.type_modifier {
            modifier @ 1.. => i64::from(modifier) - 4,
            modifier => i64::from(modifier),
        };
        let size = match (column.type_size, is_numeric) {
            (-1, true) => modifier >> 16,
            (-1, false) => modifier,
            (size, _) => i64::from(size),
        };
        let (precision, scale) = match is_numeric {
            true => (Some(int((modifier >> 16) & 0xffff)?), Some(int(modifier & 0xffff)?)),
            false => (None, None),
        };
        let table = (column.table_oid != 0).then(|| int(column.table_oid.into())).transpose()?;
        let number = (column.number > 0).then(|| int(column.number.into())).transpose()?;
        let values = [
            Some(encoding.decode_lossy(py, &column.name).into_any().unbind()),
            Some(int(column.type_oid.into())?),
            None,
            Some(int(size)?),
            precision,
            scale,
            None,
            table,
            number,
        ];
        Bound::new(py, Self { values })
    }

    fn get(&self, py: Python<'_>, place: usize) -> Py<PyAny> {
        match self.values.get(place) {
            Some(Some(value)) => value.clone_ref(py),
            _ => py.None(),
        }
    }

    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, (0..ITEMS).map(|place| self.get(py, place)))
    }
}

#[pymethods]
impl Column {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut values: [Option<Py<PyAny>>; 9] = Default::default();
        if args.len() > values.len() {
            return Err(PyTypeError::new_err(format!(
                "Column() takes at most {} arguments ({} given)",
                values.len(),
                args.len()
            )));
        }
        for (place, value) in values.iter_mut().zip(args) {
            *place = Some(value.unbind());
        }
        for (name, value) in kwargs.iter().flat_map(|kwargs| kwargs.iter()) {
            let name = name.cast::<PyString>()?.to_str()?.to_owned();
            let Some(place) = NAMES.iter().position(|known| *known == name) else {
                let text = format!("'{name}' is an invalid keyword argument for Column()");
                return Err(PyTypeError::new_err(text));
            };
            values[place] = Some(value.unbind());
        }
        Ok(Self { values })
    }

    /// The name of the column.
    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 0)
    }

    /// The number of its type.
    #[getter]
    fn type_code(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 1)
    }

    /// Always ``None``: it would take to look at each value.
    #[getter]
    fn display_size(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 2)
    }

    /// The size of its type in bytes; negative if it varies.
    #[getter]
    fn internal_size(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 3)
    }

    /// How many digits a ``numeric`` has.
    #[getter]
    fn precision(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 4)
    }

    /// How many of them are behind the point.
    #[getter]
    fn scale(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 5)
    }

    /// Always ``None``: the server does not say it.
    #[getter]
    fn null_ok(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 6)
    }

    /// The number of the table that it comes from, if from one.
    #[getter]
    fn table_oid(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 7)
    }

    /// Its number in that table.
    #[getter]
    fn table_column(&self, py: Python<'_>) -> Py<PyAny> {
        self.get(py, 8)
    }

    fn __len__(&self) -> usize {
        ITEMS
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.items(py)?.as_any().get_item(key)
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let items = self.items(py)?;
        let other = match other.cast::<Self>() {
            Ok(other) => other.get().items(py)?.into_any(),
            Err(_) => other.clone(),
        };
        Ok(items.rich_compare(other, pyo3::basic::CompareOp::Eq)?.unbind())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut shown = Vec::new();
        for (place, name) in NAMES.iter().enumerate() {
            if place < 2 {
                shown.push(format!("{name}={}", self.get(py, place).bind(py).repr()?));
            }
        }
        Ok(format!("Column({})", shown.join(", ")))
    }

    fn __getstate__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, (0..NAMES.len()).map(|place| self.get(py, place)))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let state = slf.get().__getstate__(slf.py())?;
        (slf.get_type(), state).into_pyobject(slf.py())
    }

    // The values are arguments already; a pickle of psycopg2's kind has nothing to add.
    #[pyo3(signature = (state, /))]
    fn __setstate__(&self, state: &Bound<'_, PyAny>) -> PyResult<()> {
        match state.is_none() || state.is_instance_of::<PyTuple>() {
            true => Ok(()),
            false => Err(PyTypeError::new_err("state is not a tuple")),
        }
    }
}
