//! The extension module of the Python package `aya_db`: what is C in psycopg2.
//!
//! ```text
//!  cursor -> adapt (values to SQL) -> connection -> wire -> aya-pgwire
//!         <- cast  (SQL to values) <-            <-
//! ```

mod adapt;
mod cast;
mod column;
mod connection;
mod cursor;
mod dialect;
mod dsn;
mod encoding;
mod error;
mod info;
mod lobject;
mod lock;
mod notify;
mod replication;
mod turn;
mod wire;
mod xid;

use pyo3::prelude::*;

/// The module `aya_db._psycopg`.
#[pymodule]
mod _psycopg {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::cast::{new_array_type, new_type, register_type};
    #[pymodule_export]
    use crate::column::Column;
    #[pymodule_export]
    use crate::connection::{Connection, connect, get_wait_callback, set_wait_callback};
    #[pymodule_export]
    use crate::cursor::Cursor;
    #[pymodule_export]
    use crate::dsn::{encrypt_password, libpq_version, parse_dsn};
    #[pymodule_export]
    use crate::error::Diagnostics;
    #[pymodule_export]
    use crate::info::ConnectionInfo;
    #[pymodule_export]
    use crate::lobject::LargeObject;
    #[pymodule_export]
    use crate::notify::Notify;
    #[pymodule_export]
    use crate::replication::{ReplicationConnection, ReplicationCursor, ReplicationMessage};
    #[pymodule_export]
    use crate::xid::Xid;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // The version of psycopg2 that this stands in for.
        module.add("__version__", "2.9.13 (dt dec pq3 ext lo64)")?;
        module.add("__libpq_version__", crate::dsn::LIBPQ_VERSION)?;
        module.add("COMMIT_LEDGER_SQL", aya_session::COMMIT_LEDGER_SQL)?;
        module.add("apilevel", "2.0")?;
        module.add("paramstyle", "pyformat")?;
        module.add("threadsafety", 2)?;
        module.add("REPLICATION_PHYSICAL", crate::replication::PHYSICAL)?;
        module.add("REPLICATION_LOGICAL", crate::replication::LOGICAL)?;
        module.add("encodings", crate::encoding::dictionary(module.py())?)?;
        crate::error::register(module)?;
        crate::connection::add_exceptions(module)?;
        crate::adapt::register(module)?;
        crate::cast::register(module)
    }
}
