//! `ReplicationConnection`.

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::{LOGICAL, PHYSICAL};
use crate::connection::Connection;
use crate::dsn;

/// A connection for replication.
#[pyclass(
    frozen,
    subclass,
    extends = Connection,
    module = "aya_db.extensions",
    name = "ReplicationConnection"
)]
#[derive(Debug)]
pub(crate) struct ReplicationConnection {
    kind: AtomicI64,
}

#[pymethods]
impl ReplicationConnection {
    // The arguments are __init__'s: a subclass may have others.
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Connection::new(args, kwargs))
            .add_subclass(Self { kind: AtomicI64::new(0) })
    }

    #[pyo3(signature = (dsn, r#async = 0, replication_type = 0, async_ = 0))]
    fn __init__(
        slf: &Bound<'_, Self>,
        dsn: &Bound<'_, PyAny>,
        r#async: i64,
        replication_type: i64,
        async_: i64,
    ) -> PyResult<()> {
        let py = slf.py();
        let dsn = crate::connection::name_text(dsn)?;
        // A physical one has no database; its password is looked up under this name.
        let more: &[_] = match replication_type {
            PHYSICAL => &[("replication", "true"), ("dbname", "replication")],
            LOGICAL => &[("replication", "database")],
            _ => {
                return Err(PyTypeError::new_err(
                    "replication_type must be either REPLICATION_PHYSICAL or REPLICATION_LOGICAL",
                ));
            }
        };
        let dsn = dsn::with(&dsn, more).map_err(|wrong| dsn::invalid(py, &dsn, &wrong))?;
        slf.get().kind.store(replication_type, Ordering::Relaxed);
        let base = slf.as_any().cast::<Connection>()?;
        Connection::__init__(base, &dsn, r#async, async_)?;
        // Its commands are no transactions.
        base.get().set_autocommit_flag();
        Ok(())
    }

    /// ``REPLICATION_PHYSICAL`` or ``REPLICATION_LOGICAL``.
    #[getter]
    fn replication_type(&self) -> i64 {
        self.kind.load(Ordering::Relaxed)
    }
}
