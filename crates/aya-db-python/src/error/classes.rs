//! The classes of exceptions: DB-API's, psycopg2's, and one for each condition of PostgreSQL.

use std::collections::HashMap;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule, PyTuple, PyType};

use super::conditions::{CLASSES, CONDITIONS};
use super::exception::Error;

/// The exceptions of DB-API and those that psycopg2 adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// `Warning`.
    Warning,
    /// `Error`, the base of all others but the warning.
    Error,
    /// `InterfaceError`.
    Interface,
    /// `DatabaseError`.
    Database,
    /// `DataError`.
    Data,
    /// `OperationalError`.
    Operational,
    /// `IntegrityError`.
    Integrity,
    /// `InternalError`.
    Internal,
    /// `ProgrammingError`.
    Programming,
    /// `NotSupportedError`.
    NotSupported,
    /// `QueryCanceledError`.
    QueryCanceled,
    /// `TransactionRollbackError`.
    TransactionRollback,
    /// `TransactionLost`.
    TransactionLost,
    /// `CommitUnknown`.
    CommitUnknown,
    /// `ReplayDiverged`.
    ReplayDiverged,
    /// `SessionStateLost`.
    SessionStateLost,
}

struct Kind {
    class: Class,
    name: &'static str,
    base: Class,
    module: &'static str,
    doc: &'static str,
}

struct Classes {
    known: Vec<(Class, &'static str, Py<PyType>)>,
    /// `sqlstate_errors`, in which a program may put classes of its own.
    by_code: Py<PyDict>,
    by_class: HashMap<&'static str, Py<PyType>>,
}

static MADE: PyOnceLock<Classes> = PyOnceLock::new();

/// The class.
pub(crate) fn of<'py>(py: Python<'py>, class: Class) -> PyResult<Bound<'py, PyType>> {
    made(py)?.known(py, class)
}

/// The class for a SQLSTATE.
pub(crate) fn of_code<'py>(py: Python<'py>, code: &str) -> PyResult<Bound<'py, PyType>> {
    let made = made(py)?;
    if let Some(own) = made.by_code.bind(py).get_item(code)?
        && let Ok(class) = own.cast_into::<PyType>()
    {
        return Ok(class);
    }
    match code.get(..2).and_then(|class| made.by_class.get(class)) {
        Some(class) => Ok(class.bind(py).clone()),
        None => made.known(py, Class::Database),
    }
}

/// Adds the classes to the module, and `sqlstate_errors`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let made = made(py)?;
    for (_, name, class) in &made.known {
        module.add(*name, class)?;
    }
    module.add("sqlstate_errors", &made.by_code)
}

fn made(py: Python<'_>) -> PyResult<&Classes> {
    MADE.get_or_try_init(py, || Classes::make(py))
}

impl Classes {
    fn make(py: Python<'_>) -> PyResult<Self> {
        let by_code = PyDict::new(py);
        let mut made =
            Self { known: Vec::new(), by_code: by_code.clone().unbind(), by_class: HashMap::new() };
        let exception = py.get_type::<PyException>();
        let warning =
            derive(py, "Warning", &exception, "aya_db", "Something of note that is no error.")?;
        made.known.push((Class::Warning, "Warning", warning));
        made.known.push((Class::Error, "Error", py.get_type::<Error>().unbind()));
        for Kind { class, name, base, module, doc } in KINDS {
            let base = made.known(py, *base)?;
            made.known.push((*class, name, derive(py, name, &base, module, doc)?));
        }
        for (code, name, base) in CONDITIONS {
            let base = made.named(py, base)?;
            by_code.set_item(code, derive(py, name, &base, "aya_db.errors", "")?)?;
        }
        for (class, name, base, doc) in FAILOVER {
            let base = match by_code.get_item(base)? {
                Some(base) => base.cast_into::<PyType>()?,
                None => made.known(py, Class::Operational)?,
            };
            made.known.push((*class, name, derive(py, name, &base, "aya_db.errors", doc)?));
        }
        for (prefix, name) in CLASSES {
            let class = made.named(py, name)?.unbind();
            made.by_class.insert(prefix, class);
        }
        Ok(made)
    }

    fn known<'py>(&self, py: Python<'py>, class: Class) -> PyResult<Bound<'py, PyType>> {
        let mut known = self.known.iter();
        let found =
            known.find(|(known, ..)| *known == class).map(|(.., made)| made.bind(py).clone());
        found.ok_or_else(|| PyException::new_err("an exception that is not made yet"))
    }

    fn named<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyType>> {
        let mut known = self.known.iter();
        let found =
            known.find(|(_, known, _)| *known == name).map(|(.., made)| made.bind(py).clone());
        found.ok_or_else(|| PyException::new_err(format!("no exception is called {name}")))
    }
}

/// A class like one that a `class` statement makes, which costs less than running it.
fn derive(
    py: Python<'_>,
    name: &str,
    base: &Bound<'_, PyType>,
    module: &str,
    doc: &str,
) -> PyResult<Py<PyType>> {
    let members = PyDict::new(py);
    members.set_item("__module__", module)?;
    if !doc.is_empty() {
        members.set_item("__doc__", doc)?;
    }
    let bases = PyTuple::new(py, [base])?;
    let class = py.get_type::<PyType>().call1((name, bases, members))?;
    Ok(class.cast_into::<PyType>()?.unbind())
}

/// What a failover can end: the class, its name, and the SQLSTATE whose exception it is a kind of.
const FAILOVER: &[(Class, &str, &str, &str)] = &[
    (
        Class::TransactionLost,
        "TransactionLost",
        "",
        "The open transaction is lost, and nothing of it is kept: it is safe to run it again.",
    ),
    (
        Class::CommitUnknown,
        "CommitUnknown",
        "08007",
        "The answer to a commit is lost, and nobody can tell what became of it.",
    ),
    (
        Class::ReplayDiverged,
        "ReplayDiverged",
        "40001",
        "The transaction was replayed on another server, and a statement gave something else there.",
    ),
    (
        Class::SessionStateLost,
        "SessionStateLost",
        "",
        "Something that the session held, such as a temporary table, is lost with its server.",
    ),
];

const KINDS: &[Kind] = &[
    Kind {
        class: Class::Interface,
        name: "InterfaceError",
        base: Class::Error,
        module: "aya_db",
        doc: "An error of how the module was used.",
    },
    Kind {
        class: Class::Database,
        name: "DatabaseError",
        base: Class::Error,
        module: "aya_db",
        doc: "An error that the database told.",
    },
    Kind {
        class: Class::Internal,
        name: "InternalError",
        base: Class::Database,
        module: "aya_db",
        doc: "The database found itself in a state that it should not be in.",
    },
    Kind {
        class: Class::Operational,
        name: "OperationalError",
        base: Class::Database,
        module: "aya_db",
        doc: "An error of the database's operation, such as a lost connection.",
    },
    Kind {
        class: Class::Programming,
        name: "ProgrammingError",
        base: Class::Database,
        module: "aya_db",
        doc: "An error in the program, such as a table that does not exist.",
    },
    Kind {
        class: Class::Integrity,
        name: "IntegrityError",
        base: Class::Database,
        module: "aya_db",
        doc: "A constraint of the database would be broken.",
    },
    Kind {
        class: Class::Data,
        name: "DataError",
        base: Class::Database,
        module: "aya_db",
        doc: "An error in the values, such as a division by zero.",
    },
    Kind {
        class: Class::NotSupported,
        name: "NotSupportedError",
        base: Class::Database,
        module: "aya_db",
        doc: "Something that the database, or this module, does not do.",
    },
    Kind {
        class: Class::QueryCanceled,
        name: "QueryCanceledError",
        base: Class::Operational,
        module: "aya_db.extensions",
        doc: "The statement was cancelled.",
    },
    Kind {
        class: Class::TransactionRollback,
        name: "TransactionRollbackError",
        base: Class::Operational,
        module: "aya_db.extensions",
        doc: "The server rolled the transaction back, as after a deadlock; it may be run again.",
    },
];
