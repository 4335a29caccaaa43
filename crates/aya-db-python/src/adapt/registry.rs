//! `adapters`: which types are written by what, and `adapt`, which looks there.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDate, PyDateTime, PyDelta, PyDict, PyFloat, PyInt, PyList,
    PyMemoryView, PyString, PyTime, PyTuple, PyType,
};

use super::binary::binary;
use super::list::list;
use super::moment::Kind;
use super::plain::{as_is, boolean, decimal, float, int};
use super::protocol::IsqlQuote;
use super::quote::Scope;
use super::quoted_string::text;
use super::type_name::type_name;
use crate::error;

/// The dictionary `adapters`, and what it takes to read it quickly.
#[derive(Debug)]
pub(super) struct Registry {
    adapters: Py<PyDict>,
    protocol: Py<PyType>,
    /// The keys of the types that have an adapter from the start.
    keys: Vec<(Py<PyType>, Py<PyTuple>)>,
    /// Our adapters, and what writes the same without making one.
    writers: Vec<(Py<PyAny>, Writer)>,
}

/// What one of our adapters would write, without making it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Writer {
    AsIs,
    Binary,
    Boolean,
    Decimal,
    Float,
    Int,
    List,
    Moment(Kind),
    Text,
}

static REGISTRY: PyOnceLock<Registry> = PyOnceLock::new();

impl Registry {
    /// The one of this process. The module holds the adapters that it registers.
    pub(super) fn make<'py>(module: &Bound<'py, PyModule>) -> PyResult<&'py Self> {
        let py = module.py();
        REGISTRY.get_or_try_init(py, || {
            let mut made = Self {
                adapters: PyDict::new(py).unbind(),
                protocol: py.get_type::<IsqlQuote>().unbind(),
                keys: Vec::new(),
                writers: Vec::new(),
            };
            for (adapter, writer, classes) in first_adapters(py) {
                let adapter = module.getattr(adapter)?;
                for class in classes {
                    let key = PyTuple::new(py, [&class, made.protocol(py)])?;
                    made.adapters(py).set_item(&key, &adapter)?;
                    made.keys.push((class.unbind(), key.unbind()));
                }
                made.writers.push((adapter.unbind(), writer));
            }
            Ok(made)
        })
    }

    /// The one that the module has made.
    pub(super) fn get(py: Python<'_>) -> PyResult<&Self> {
        REGISTRY.get(py).ok_or_else(|| error::internal(py, "the module is not initialized"))
    }

    /// The dictionary, which users change as they like.
    pub(super) fn adapters<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.adapters.bind(py)
    }

    /// `ISQLQuote`.
    pub(super) fn protocol<'py>(&self, py: Python<'py>) -> &Bound<'py, PyType> {
        self.protocol.bind(py)
    }

    /// What writes a value, if the adapter of exactly its type is one of ours right now.
    pub(super) fn writer_of(&self, value: &Bound<'_, PyAny>) -> PyResult<Option<Writer>> {
        let py = value.py();
        let class = value.get_type_ptr().cast();
        let adapters = self.adapters(py);
        let adapter = match self.keys.iter().find(|(known, _)| known.as_ptr() == class) {
            Some((_, key)) => adapters.get_item(key.bind(py))?,
            None => adapters.get_item((value.get_type(), self.protocol(py)))?,
        };
        let Some(adapter) = adapter else { return Ok(None) };
        let ours = self.writers.iter().find(|(ours, _)| adapter.is(ours));
        Ok(ours.map(|(_, writer)| *writer).filter(|writer| match writer {
            Writer::Moment(kind) => kind.takes(value),
            _ => true,
        }))
    }
}

/// Our adapters by name, and the types that they are registered for from the start.
fn first_adapters(py: Python<'_>) -> Vec<(&'static str, Writer, Vec<Bound<'_, PyType>>)> {
    let bytes =
        [py.get_type::<PyBytes>(), py.get_type::<PyByteArray>(), py.get_type::<PyMemoryView>()];
    vec![
        ("AsIs", Writer::AsIs, vec![]),
        ("Decimal", Writer::Decimal, vec![]),
        ("Float", Writer::Float, vec![py.get_type::<PyFloat>()]),
        ("Int", Writer::Int, vec![py.get_type::<PyInt>()]),
        ("Boolean", Writer::Boolean, vec![py.get_type::<PyBool>()]),
        ("QuotedString", Writer::Text, vec![py.get_type::<PyString>()]),
        ("Binary", Writer::Binary, bytes.into()),
        ("List", Writer::List, vec![py.get_type::<PyList>()]),
        ("DateFromPy", Writer::Moment(Kind::Date), vec![py.get_type::<PyDate>()]),
        ("TimeFromPy", Writer::Moment(Kind::Time), vec![py.get_type::<PyTime>()]),
        ("TimestampFromPy", Writer::Moment(Kind::Timestamp), vec![py.get_type::<PyDateTime>()]),
        ("IntervalFromPy", Writer::Moment(Kind::Interval), vec![py.get_type::<PyDelta>()]),
    ]
}

impl Writer {
    /// Appends a value.
    pub(super) fn write(
        self,
        out: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        scope: &Scope<'_, '_>,
    ) -> PyResult<()> {
        match self {
            Self::AsIs => as_is(out, value),
            Self::Binary => binary(out, value, scope),
            Self::Boolean => boolean(out, value),
            Self::Decimal => decimal(out, value),
            Self::Float => float(out, value),
            Self::Int => int(out, value),
            Self::List => list(out, value.cast::<PyList>()?, scope),
            Self::Moment(kind) => kind.write(out, value),
            Self::Text => text(out, value, scope.dialect),
        }
    }
}

/// The object that writes a value as SQL, or that speaks another protocol for it.
#[pyfunction]
#[pyo3(signature = (obj, protocol = None, alternate = None, /))]
pub(super) fn adapt<'py>(
    obj: &Bound<'py, PyAny>,
    protocol: Option<&Bound<'py, PyAny>>,
    alternate: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    // PEP 246 has it; psycopg2 takes it, and never answers it.
    let _ = alternate;
    match protocol {
        Some(protocol) => adapt_to(obj, protocol),
        None => adapt_to(obj, Registry::get(obj.py())?.protocol(obj.py())),
    }
}

/// Asks the registry for exactly this type, the protocol, the value, and the registry for the types
/// that it derives from.
pub(super) fn adapt_to<'py>(
    value: &Bound<'py, PyAny>,
    protocol: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let adapters = Registry::get(py)?.adapters(py);
    let class = value.get_type();
    if let Some(adapter) = adapters.get_item((&class, protocol))? {
        return adapter.call1((value,));
    }
    if let Some(adapted) = ask(protocol, "__adapt__", value)? {
        return Ok(adapted);
    }
    if let Some(adapted) = ask(value, "__conform__", protocol)? {
        return Ok(adapted);
    }
    for ancestor in class.mro().iter().skip(1) {
        if let Some(adapter) = adapters.get_item((ancestor, protocol))? {
            return adapter.call1((value,));
        }
    }
    Err(error::programming(py, format!("can't adapt type '{}'", type_name(value))))
}

/// What a method answers that may not be there. A `TypeError` is a no: a class may have it as a
/// method of its objects.
fn ask<'py>(
    whom: &Bound<'py, PyAny>,
    method: &str,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Ok(method) = whom.getattr(method) else {
        return Ok(None);
    };
    match method.call1((argument,)) {
        Ok(answer) => Ok(Some(answer).filter(|answer| !answer.is_none())),
        Err(error) if error.is_instance_of::<PyTypeError>(whom.py()) => Ok(None),
        Err(error) => Err(error),
    }
}
