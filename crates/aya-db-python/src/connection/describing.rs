//! What a connection tells of itself.

use std::os::fd::RawFd;

use aya_db::SystemSurroundings;
use aya_db_core::conninfo;
use aya_pgwire::TransactionStatus;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::object::Connection;
use crate::error;
use crate::lock::Locked as _;
use crate::wire::{Line, Link};

/// As libpq numbers them (`PGTransactionStatusType`).
const IDLE: i32 = 0;
const ACTIVE: i32 = 1;
const IN_TRANSACTION: i32 = 2;
const IN_ERROR: i32 = 3;
const UNKNOWN: i32 = 4;

impl Connection {
    /// Reads something off the session, which a query on another thread may be using.
    pub(crate) fn read<T: Send>(&self, py: Python<'_>, read: impl FnOnce(&Line) -> T + Send) -> T {
        self.with_line(py, |line| read(line))
    }

    /// Does something with the session that does not wait. Python's lock is let go of only if another
    /// thread has the session: to take it again may take longer than the work.
    pub(crate) fn with_line<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Line) -> T + Send,
    ) -> T {
        match self.wire.try_lock() {
            Some(mut line) => work(&mut line),
            None => py.detach(|| work(&mut self.wire.lock())),
        }
    }

    /// What the server last said of the transaction.
    pub(crate) fn transaction_status(&self) -> i32 {
        let Some(line) = self.wire.try_lock() else { return ACTIVE };
        match &line.link {
            Link::Open(connection) if connection.session().pending() > 0 => ACTIVE,
            Link::Open(connection) => number(connection.session().status()),
            Link::Surviving(survivor) => number(survivor.status()),
            Link::Lent => ACTIVE,
            Link::None | Link::Connecting(_) => UNKNOWN,
        }
    }

    /// Whether a transaction is open in which nothing has failed.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.transaction_status() == IN_TRANSACTION
    }

    /// A variable that the server reports.
    pub(crate) fn parameter_status(&self, py: Python<'_>, name: &str) -> Option<Vec<u8>> {
        self.read(py, |line| {
            let session = line.link.connection()?.session();
            session.parameter(name).map(<[u8]>::to_vec)
        })
    }

    /// Whether its session outlives its server.
    pub(crate) fn survives(&self, py: Python<'_>) -> bool {
        self.read(py, |line| matches!(line.link, Link::Surviving(_)))
    }

    /// The version of its server.
    pub(crate) fn server_version_number(&self) -> i32 {
        self.state.locked().server_version
    }

    /// What the last error was.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.state.locked().last_error.clone()
    }

    /// The socket.
    pub(crate) fn fd(&self, py: Python<'_>) -> Option<RawFd> {
        self.read(py, Line::fd)
    }

    /// The process on the server.
    pub(crate) fn backend_pid(&self) -> i32 {
        self.canceller.locked().as_ref().map_or(0, aya_pgwire::Canceller::process_id)
    }
}

const fn number(status: TransactionStatus) -> i32 {
    match status {
        TransactionStatus::Idle => IDLE,
        TransactionStatus::Open => IN_TRANSACTION,
        TransactionStatus::Failed => IN_ERROR,
    }
}

/// Every parameter that holds for this connection, without the passwords.
pub(super) fn dsn_parameters<'py>(py: Python<'py>, dsn: &str) -> PyResult<Bound<'py, PyDict>> {
    let parameters = PyDict::new(py);
    let settings = conninfo::defaults(&SystemSurroundings).and_then(|mut settings| {
        settings.merge(conninfo::parse(dsn)?);
        Ok(settings)
    });
    let settings = settings.map_err(|failed| error::internal(py, failed.to_string()))?;
    for (keyword, value) in settings.iter() {
        let is_public = conninfo::Keyword::find(keyword)
            .is_none_or(|keyword| matches!(keyword.privacy, conninfo::Privacy::Open));
        if is_public {
            parameters.set_item(keyword, value)?;
        }
    }
    Ok(parameters)
}
