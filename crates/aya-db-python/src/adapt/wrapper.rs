//! What all adapters have in common: they wrap a value, and write it as SQL when asked.

use std::sync::Mutex;

use pyo3::PyTraverseError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;

use crate::connection::Connection;
use crate::lock::Locked as _;

/// The value that an adapter wraps, and the connection that it was prepared for.
///
/// Both are set after the object is made: subclasses have constructors of their own, which call
/// ours or do not.
#[derive(Debug, Default)]
pub(super) struct Wrapped {
    value: Mutex<Option<Py<PyAny>>>,
    connection: Mutex<Option<Py<Connection>>>,
}

impl Wrapped {
    pub(super) fn set(&self, value: &Bound<'_, PyAny>) {
        let former = self.value.locked().replace(value.clone().unbind());
        drop(former);
    }

    /// The value; `None` of Python if there is none.
    pub(super) fn value<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let value = self.value.locked().as_ref().map(|value| value.clone_ref(py));
        value.map_or_else(|| py.None().into_bound(py), |value| value.into_bound(py))
    }

    pub(super) fn prepare(&self, connection: &Bound<'_, Connection>) {
        let former = self.connection.locked().replace(connection.clone().unbind());
        drop(former);
    }

    /// The connection that it was prepared for.
    pub(super) fn connection<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Connection>> {
        let connection = self.connection.locked().as_ref().map(|it| it.clone_ref(py));
        connection.map(|connection| connection.into_bound(py))
    }

    // A lock that is held right now is held by somebody who is still using the object.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(value) = self.value.try_lock() {
            visit.call(&*value)?;
        }
        if let Ok(connection) = self.connection.try_lock() {
            visit.call(&*connection)?;
        }
        Ok(())
    }

    pub(super) fn clear(&self) {
        let former = (self.value.locked().take(), self.connection.locked().take());
        drop(former);
    }
}

/// Makes the class of an adapter: what they have in common, and more.
///
/// `$quoted` is a function of the object that gives its SQL. Python's classes cannot be generic
/// over it, so that a macro has to repeat them.
macro_rules! adapter {
    (
        $(#[$attribute:meta])*
        $name:ident { $($field:ident: $type:ty,)* }
        quoted by $quoted:path;
        $($more:tt)*
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Default)]
        pub(crate) struct $name {
            wrapped: $crate::adapt::wrapper::Wrapped,
            $($field: $type,)*
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*_args, **_kwargs))]
            fn new(
                _args: &Bound<'_, pyo3::types::PyTuple>,
                _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
            ) -> Self {
                Self::default()
            }

            /// The value that it wraps.
            #[getter]
            fn adapted<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
                self.wrapped.value(py)
            }

            /// The value as SQL.
            fn getquoted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyBytes>> {
                $quoted(self, py)
            }

            /// Itself, for who asks for an ``ISQLQuote``.
            fn __conform__<'py>(
                slf: Bound<'py, Self>,
                proto: &Bound<'py, PyAny>,
            ) -> Option<Bound<'py, Self>> {
                let protocol = proto.py().get_type::<$crate::adapt::protocol::IsqlQuote>();
                proto.is(&protocol).then_some(slf)
            }

            fn __str__(&self, py: Python<'_>) -> PyResult<String> {
                Ok(String::from_utf8_lossy($quoted(self, py)?.as_bytes()).into_owned())
            }

            fn __traverse__(&self, visit: pyo3::gc::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
                self.wrapped.traverse(&visit)
            }

            fn __clear__(&self) {
                self.wrapped.clear();
            }

            $($more)*
        }
    };
}

pub(super) use adapter;
