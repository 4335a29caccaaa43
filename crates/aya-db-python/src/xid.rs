//! `Xid`: the identity of a two-phase transaction, in the form of X/Open XA.

use std::sync::Mutex;

use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::cursor::Cursor;
use crate::lock::Locked as _;

/// The identity of a two-phase transaction: a sequence of its three parts.
///
/// One that somebody else has made, in a form of their own, has `gtrid` alone.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "Xid")]
#[derive(Debug)]
pub(crate) struct Xid {
    format_id: Option<i32>,
    gtrid: String,
    bqual: Option<String>,
    /// What `tpc_recover()` found: when it was prepared, by whom, where.
    found: Mutex<[Option<Py<PyAny>>; 3]>,
}

impl Xid {
    /// A `Xid`, or the text of one.
    pub(crate) fn from_python<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        match value.cast::<Self>() {
            Ok(xid) => Ok(xid.clone()),
            Err(_) => Self::from_string(value.py(), value),
        }
    }

    /// The name that the server knows the transaction by.
    pub(crate) fn gid(&self, py: Python<'_>) -> PyResult<String> {
        match (self.format_id, &self.bqual) {
            (Some(format_id), Some(bqual)) => {
                Ok(format!("{format_id}_{}_{}", coded(py, &self.gtrid)?, coded(py, bqual)?))
            }
            _ => Ok(self.gtrid.clone()),
        }
    }

    /// Three parts, unless the text is of another form.
    fn parse(py: Python<'_>, text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let (format_id, gtrid, bqual) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !format_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (gtrid, bqual) = (decoded(py, gtrid).ok()?, decoded(py, bqual).ok()?);
        Self::new(format_id.parse().ok()?, &gtrid, &bqual).ok()
    }

    fn get(&self, py: Python<'_>, place: usize) -> Option<Py<PyAny>> {
        self.found.locked().get(place)?.as_ref().map(|found| found.clone_ref(py))
    }
}

#[pymethods]
impl Xid {
    #[new]
    #[pyo3(signature = (format_id, gtrid, bqual))]
    fn new(format_id: i32, gtrid: &str, bqual: &str) -> PyResult<Self> {
        if format_id < 0 {
            let text = "format_id must be a non-negative 32-bit integer";
            return Err(PyValueError::new_err(text));
        }
        for (name, part) in [("gtrid", gtrid), ("bqual", bqual)] {
            if part.len() > LONGEST {
                let text = format!("{name} must be a string no longer than 64 characters");
                return Err(PyValueError::new_err(text));
            }
            if !part.bytes().all(|byte| matches!(byte, 0x20..0x7f)) {
                let text = format!("{name} must contain only printable characters.");
                return Err(PyValueError::new_err(text));
            }
        }
        Ok(Self {
            format_id: Some(format_id),
            gtrid: gtrid.to_owned(),
            bqual: Some(bqual.to_owned()),
            found: Mutex::default(),
        })
    }

    /// Return the identity that the server calls so.
    #[staticmethod]
    #[pyo3(signature = (text, /))]
    fn from_string<'py>(py: Python<'py>, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let known = text.is_instance_of::<PyString>() || text.is_instance_of::<PyBytes>();
        if !known {
            return Err(PyTypeError::new_err("not a valid transaction id"));
        }
        let text = crate::connection::name_text(text)?;
        let xid = Self::parse(py, &text).unwrap_or_else(|| Self {
            format_id: None,
            gtrid: text,
            bqual: None,
            found: Mutex::default(),
        });
        Bound::new(py, xid)
    }

    /// The number of the form that the parts have.
    #[getter]
    fn format_id(&self) -> Option<i32> {
        self.format_id
    }

    /// The identity of the transaction as a whole.
    #[getter]
    fn gtrid(&self) -> &str {
        &self.gtrid
    }

    /// The identity of the part that this database has in it.
    #[getter]
    fn bqual(&self) -> Option<&str> {
        self.bqual.as_deref()
    }

    /// When it was prepared, if `tpc_recover()` found it.
    #[getter]
    fn prepared(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get(py, 0)
    }

    /// Who has prepared it.
    #[getter]
    fn owner(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get(py, 1)
    }

    /// The database that it is in.
    #[getter]
    fn database(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.get(py, 2)
    }

    fn __len__(&self) -> usize {
        3
    }

    fn __getitem__(&self, py: Python<'_>, index: isize) -> PyResult<Py<PyAny>> {
        Ok(match index {
            0 | -3 => self.format_id.into_pyobject(py)?.into_any().unbind(),
            1 | -2 => PyString::new(py, &self.gtrid).into_any().unbind(),
            2 | -1 => self.bqual.as_deref().into_pyobject(py)?.into_any().unbind(),
            _ => return Err(PyIndexError::new_err("index out of range")),
        })
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        self.gid(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let shown = |text: &str| PyString::new(py, text).repr().map(|shown| shown.to_string());
        match (self.format_id, &self.bqual) {
            (Some(format_id), Some(bqual)) => {
                Ok(format!("<Xid: ({format_id}, {}, {})>", shown(&self.gtrid)?, shown(bqual)?))
            }
            _ => Ok(format!("<Xid: {} (unparsed)>", shown(&self.gtrid)?)),
        }
    }
}

/// The transactions that are prepared and not finished.
pub(crate) fn recover<'py>(connection: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = connection.py();
    let cursor = py.get_type::<Cursor>().call1((connection,))?;
    let sql = "SELECT gid, prepared, owner, database FROM pg_prepared_xacts";
    cursor.call_method1("execute", (sql,))?;
    let rows = cursor.call_method0("fetchall")?;
    cursor.call_method0("close")?;
    let xids = PyList::empty(py);
    for row in rows.try_iter()? {
        let row = row?;
        let xid = Xid::from_string(py, &row.get_item(0)?)?;
        let found = [row.get_item(1)?, row.get_item(2)?, row.get_item(3)?];
        *xid.get().found.locked() = found.map(|value| Some(value.unbind()));
        xids.append(xid)?;
    }
    Ok(xids.into_any())
}

fn coded(py: Python<'_>, text: &str) -> PyResult<String> {
    let coded = py.import("base64")?.call_method1("b64encode", (text.as_bytes(),))?;
    coded.call_method1("decode", ("ascii",))?.extract()
}

fn decoded(py: Python<'_>, text: &str) -> PyResult<String> {
    let decoded = py.import("base64")?.call_method1("b64decode", (text,))?;
    decoded.call_method1("decode", ("utf-8",))?.extract()
}

const LONGEST: usize = 64;
