//! The class `connection`: its methods, and the conditions under which they may be called.

use std::sync::Mutex;

use aya_pgwire::{Canceller, Poller};
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyInt, PyList, PyString, PyTuple};

use super::checks::Check::{Blocking, NoTwoPhase, NotGreen, NotPrepared, Open};
use super::session::{self, Change};
use super::state::{Closed, Executing, Objects, State, Status};
use super::{describing, opening, polling, reads, running, transaction};
use crate::cursor::Cursor;
use crate::dialect::Dialect;
use crate::encoding::{Encoding, clean};
use crate::error;
use crate::info::ConnectionInfo;
use crate::lobject::LargeObject;
use crate::lock::Locked as _;
use crate::turn::Turns;
use crate::wire::Wire;
use crate::xid::Xid;

/// A session with a server.
///
/// Its cursors run statements. Threads may share it: a call waits for those of other threads.
#[pyclass(frozen, subclass, weakref, module = "aya_db.extensions", name = "connection")]
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) wire: Wire,
    pub(crate) turns: Turns,
    pub(crate) state: Mutex<State>,
    pub(crate) executing: Mutex<Executing>,
    pub(super) canceller: Mutex<Option<Canceller>>,
    objects: Mutex<Option<Objects>>,
}

impl Connection {
    /// How values are written for it.
    pub(crate) fn dialect(&self) -> Dialect {
        self.state.locked().dialect.clone()
    }

    /// Whether it is closed, by its user or by a loss.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.locked().closed != Closed::No
    }

    /// Whether it never blocks.
    pub(crate) fn is_async(&self) -> bool {
        self.state.locked().asynchronous
    }

    /// What it is in.
    pub(crate) fn status(&self) -> Status {
        self.state.locked().status
    }

    /// Changes with each end of a transaction.
    pub(crate) fn mark(&self) -> u64 {
        self.state.locked().mark
    }

    /// Whether it begins no transactions.
    pub(crate) fn autocommit(&self) -> bool {
        self.state.locked().session.autocommit
    }

    /// Has no transactions begun from here on.
    pub(crate) fn set_autocommit_flag(&self) {
        self.state.locked().session.autocommit = true;
    }

    pub(super) fn has_xid(&self) -> bool {
        self.objects.locked().as_ref().is_some_and(|objects| objects.xid.is_some())
    }

    pub(super) fn forget_xid(&self, _py: Python<'_>) {
        let former = self.objects.locked().as_mut().and_then(|objects| objects.xid.take());
        drop(former);
    }

    pub(super) fn xid_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let objects = self.objects.locked();
        objects.as_ref()?.xid.as_ref().map(|xid| xid.bind(py).clone())
    }

    /// The lists of notices and notifications.
    pub(super) fn lists<'py>(
        &self,
        py: Python<'py>,
    ) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let objects = self.objects.locked();
        let objects = objects.as_ref()?;
        Some((objects.notices.bind(py).clone(), objects.notifies.bind(py).clone()))
    }

    /// Its own typecasters of text.
    pub(crate) fn string_types_dict<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        self.objects.locked().as_ref().map(|objects| objects.string_types.bind(py).clone())
    }

    /// Its own typecasters of binary values.
    pub(crate) fn binary_types_dict<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        self.objects.locked().as_ref().map(|objects| objects.binary_types.bind(py).clone())
    }

    /// Closes it. What runs on another thread comes to its end first.
    pub(crate) fn close(&self, py: Python<'_>) {
        let ours = {
            let mut state = self.state.locked();
            if state.closed == Closed::ByUser {
                return;
            }
            state.closed = Closed::ByUser;
            state.process == std::process::id()
        };
        py.detach(|| {
            let mut line = self.wire.lock();
            let link = std::mem::take(&mut line.link);
            line.exchange = None;
            if ours {
                link.close();
            }
        });
    }

    fn objects<T>(&self, py: Python<'_>, read: impl FnOnce(&Objects) -> T) -> PyResult<T> {
        match &*self.objects.locked() {
            Some(objects) => Ok(read(objects)),
            None => Err(error::interface(py, "the connection was not initialized")),
        }
    }
}

/// A connection that nobody holds any more says goodbye, but for one that a child process has
/// inherited: its parent may still use it.
impl Drop for Connection {
    fn drop(&mut self) {
        if self.state.locked().process == std::process::id()
            && let Some(mut line) = self.wire.try_lock()
        {
            std::mem::take(&mut line.link).close();
        }
    }
}

/// Gives the class the exceptions, as DB-API asks for them on the connection.
pub(crate) fn add_exceptions(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let class = module.py().get_type::<Connection>();
    for name in EXCEPTIONS {
        class.setattr(name, module.getattr(name)?)?;
    }
    Ok(())
}

const EXCEPTIONS: [&str; 10] = [
    "Error",
    "Warning",
    "InterfaceError",
    "DatabaseError",
    "InternalError",
    "OperationalError",
    "ProgrammingError",
    "IntegrityError",
    "DataError",
    "NotSupportedError",
];

#[pymethods]
impl Connection {
    // The arguments are __init__'s: a subclass may have others.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    pub(crate) fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self {
            wire: Wire::default(),
            turns: Turns::default(),
            state: Mutex::new(State::new()),
            executing: Mutex::default(),
            canceller: Mutex::default(),
            objects: Mutex::new(None),
        }
    }

    #[pyo3(signature = (dsn, r#async = 0, async_ = 0))]
    pub(crate) fn __init__(
        slf: &Bound<'_, Self>,
        dsn: &str,
        r#async: i64,
        async_: i64,
    ) -> PyResult<()> {
        let py = slf.py();
        let objects = Objects {
            notices: PyList::empty(py).into_any().unbind(),
            notifies: PyList::empty(py).into_any().unbind(),
            cursor_factory: None,
            string_types: PyDict::new(py).unbind(),
            binary_types: PyDict::new(py).unbind(),
            xid: None,
        };
        let former = slf.get().objects.locked().replace(objects);
        drop(former);
        opening::open(slf, dsn, r#async != 0 || async_ != 0)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let state = slf.get().state.locked();
        format!(
            "<connection object at {:p}; dsn: '{}', closed: {}>",
            slf.as_ptr(),
            state.dsn.as_deref().unwrap_or("<unintialized>"),
            state.closed as i32,
        )
    }

    /// Return a new cursor.
    ///
    /// With a name it is a cursor of the server, which sends its rows as they are fetched.
    #[pyo3(signature = (name = None, cursor_factory = None, withhold = None, scrollable = None))]
    fn cursor<'py>(
        slf: &Bound<'py, Self>,
        name: Option<&Bound<'py, PyAny>>,
        cursor_factory: Option<&Bound<'py, PyAny>>,
        withhold: Option<&Bound<'py, PyAny>>,
        scrollable: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        this.check(py, "cursor", &[Open])?;
        let own = this.cursor_factory(py);
        let default = py.get_type::<Cursor>().into_any();
        let factory = cursor_factory.cloned().or_else(|| own.map(|own| own.into_bound(py)));
        let factory = factory.unwrap_or(default);
        if !matches!(this.status(), Status::Ready | Status::Begin | Status::Prepared) {
            return Err(error::operational(py, "asynchronous connection attempt underway"));
        }
        if name.is_some() && this.is_async() {
            let text = "asynchronous connections cannot produce named cursors";
            return Err(error::programming(py, text));
        }
        let made = factory.call1((slf, name))?;
        let Ok(cursor) = made.cast::<Cursor>() else {
            let text = "cursor factory must be subclass of psycopg2.extensions.cursor";
            return Err(PyTypeError::new_err(text));
        };
        if let Some(withhold) = withhold {
            Cursor::set_withhold(cursor, withhold)?;
        }
        if let Some(scrollable) = scrollable {
            Cursor::set_scrollable(cursor, scrollable)?;
        }
        Ok(made)
    }

    /// Close the connection. What is not committed is rolled back by the server.
    #[pyo3(name = "close")]
    fn close_by_user(&self, py: Python<'_>) {
        self.close(py);
    }

    /// Commit the transaction, if one is open.
    fn commit(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().check(slf.py(), "commit", &[Open, Blocking, NoTwoPhase])?;
        transaction::commit(slf)
    }

    /// Roll the transaction back, if one is open.
    fn rollback(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().check(slf.py(), "rollback", &[Open, Blocking, NoTwoPhase])?;
        transaction::rollback(slf)
    }

    /// Return a transaction identifier for the methods of two-phase commit.
    #[pyo3(signature = (format_id, gtrid, bqual))]
    fn xid<'py>(
        slf: &Bound<'py, Self>,
        format_id: &Bound<'py, PyAny>,
        gtrid: &Bound<'py, PyAny>,
        bqual: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().check(slf.py(), "xid", &[Open])?;
        slf.py().get_type::<Xid>().call1((format_id, gtrid, bqual))
    }

    /// Begin a two-phase transaction.
    #[pyo3(signature = (xid, /))]
    fn tpc_begin(slf: &Bound<'_, Self>, xid: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        this.check(py, "tpc_begin", &[Open, Blocking])?;
        transaction::refuse_inside(slf, "tpc_begin")?;
        let xid = Xid::from_python(xid)?;
        if this.autocommit() {
            let text = "tpc_begin can't be called in autocommit mode";
            return Err(error::programming(py, text));
        }
        transaction::begin_if_needed(slf)?;
        if let Some(objects) = &mut *this.objects.locked() {
            objects.xid = Some(xid.into_any().unbind());
        }
        Ok(())
    }

    /// Prepare the two-phase transaction: from here on it can be committed even after a crash.
    fn tpc_prepare(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        this.check(py, "tpc_prepare", &[Open, Blocking, NotPrepared])?;
        let Some(xid) = this.xid_of(py) else {
            let text = "prepare must be called inside a two-phase transaction";
            return Err(error::programming(py, text));
        };
        transaction::two_phase(slf, "PREPARE TRANSACTION", &xid)?;
        this.state.locked().status = Status::Prepared;
        Ok(())
    }

    /// Commit the two-phase transaction, or one that was prepared before.
    #[pyo3(signature = (xid = None, /))]
    fn tpc_commit(slf: &Bound<'_, Self>, xid: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        slf.get().check(slf.py(), "tpc_commit", &[Open, Blocking])?;
        transaction::finish_two_phase(slf, xid, "COMMIT PREPARED", transaction::commit)
    }

    /// Roll the two-phase transaction back, or one that was prepared before.
    #[pyo3(signature = (xid = None, /))]
    fn tpc_rollback(slf: &Bound<'_, Self>, xid: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        slf.get().check(slf.py(), "tpc_rollback", &[Open, Blocking])?;
        transaction::finish_two_phase(slf, xid, "ROLLBACK PREPARED", transaction::rollback)
    }

    /// Return the transactions that are prepared and not finished.
    fn tpc_recover<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        this.check(py, "tpc_recover", &[Open, Blocking, NotPrepared])?;
        let was_ready = this.status() == Status::Ready;
        let xids = crate::xid::recover(slf.as_any())?;
        if was_ready && this.status() == Status::Begin {
            slf.call_method0("rollback")?;
        }
        Ok(xids)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let py = slf.py();
        let this = slf.get();
        this.check(py, "__enter__", &[Open])?;
        let was_entered = std::mem::replace(&mut this.state.locked().entered, true);
        match was_entered {
            false => Ok(slf.clone()),
            true => Err(error::programming(py, "the connection cannot be re-entered recursively")),
        }
    }

    #[pyo3(signature = (kind, _error, _trace, /))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        slf.get().state.locked().entered = false;
        slf.call_method0(if kind.is_none() { "commit" } else { "rollback" })?;
        Ok(())
    }

    /// Say how the next transactions are to be. What is ``None`` stays as it is.
    #[pyo3(signature = (isolation_level = None, readonly = None, deferrable = None, autocommit = None))]
    fn set_session(
        slf: &Bound<'_, Self>,
        isolation_level: Option<&Bound<'_, PyAny>>,
        readonly: Option<&Bound<'_, PyAny>>,
        deferrable: Option<&Bound<'_, PyAny>>,
        autocommit: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        Self::check_session(slf)?;
        let change = Change {
            isolation: isolation_level.map(session::isolation).transpose()?,
            readonly: readonly.map(session::switch).transpose()?,
            deferrable: deferrable.map(session::switch).transpose()?,
            autocommit: autocommit.map(PyAnyMethods::is_truthy).transpose()?,
        };
        session::change(slf, change)
    }

    /// Whether each statement is a transaction of its own.
    #[getter(autocommit)]
    fn get_autocommit(&self) -> bool {
        self.autocommit()
    }

    #[setter]
    fn set_autocommit(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::check_session(slf)?;
        let autocommit = Some(value.is_truthy()?);
        session::change(slf, Change { autocommit, ..Change::default() })
    }

    /// The level of isolation of the next transactions; ``None`` for the server's default.
    #[getter]
    fn isolation_level(&self) -> Option<u8> {
        self.state.locked().session.isolation
    }

    #[setter]
    fn set_isolation_level(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::check_session(slf)?;
        let isolation = Some(session::isolation(value)?);
        session::change(slf, Change { isolation, ..Change::default() })
    }

    /// Whether the next transactions cannot write; ``None`` for the server's default.
    #[getter]
    fn readonly(&self) -> Option<bool> {
        self.state.locked().session.readonly
    }

    #[setter]
    fn set_readonly(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::check_session(slf)?;
        let readonly = Some(session::switch(value)?);
        session::change(slf, Change { readonly, ..Change::default() })
    }

    /// Whether the next transactions may wait to be safe; ``None`` for the server's default.
    #[getter]
    fn deferrable(&self) -> Option<bool> {
        self.state.locked().session.deferrable
    }

    #[setter]
    fn set_deferrable(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::check_session(slf)?;
        let deferrable = Some(session::switch(value)?);
        session::change(slf, Change { deferrable, ..Change::default() })
    }

    /// Switch the level of isolation; 0 stands for autocommit. An open transaction is rolled back.
    #[pyo3(name = "set_isolation_level", signature = (level, /))]
    fn switch_isolation_level(slf: &Bound<'_, Self>, level: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        slf.get().check(py, "\"isolation_level\"", &[Open, Blocking, NotPrepared])?;
        let level = match level.is_instance_of::<PyInt>() {
            _ if level.is_none() => None,
            true => match level.extract::<i64>()? {
                level @ 0..=4 => u8::try_from(level).ok(),
                _ => {
                    let text = "isolation level must be between 0 and 4";
                    return Err(PyValueError::new_err(text));
                }
            },
            false => Some(1),
        };
        let _turn = slf.get().turns.take(py);
        transaction::rollback(slf)?;
        let change = match level {
            Some(0) => Change { autocommit: Some(true), ..Change::default() },
            level => {
                Change { autocommit: Some(false), isolation: Some(level), ..Change::default() }
            }
        };
        session::change(slf, change)
    }

    /// Switch the client encoding. An open transaction is rolled back.
    #[pyo3(signature = (encoding, /))]
    fn set_client_encoding(slf: &Bound<'_, Self>, encoding: &str) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        this.check(py, "set_client_encoding", &[Open, Blocking, NotPrepared])?;
        let name = clean(encoding);
        if this.dialect().encoding.name() == name {
            return Ok(());
        }
        let _turn = this.turns.take(py);
        transaction::rollback(slf)?;
        // What the server makes of a name comes first: it knows more of them than Python.
        running::command(slf, format!("SET client_encoding TO '{name}'").as_bytes())?;
        this.state.locked().dialect.encoding = Encoding::find(py, &name)?;
        Ok(())
    }

    /// Return what the server last said of the transaction, as ``TRANSACTION_STATUS_*``.
    fn get_transaction_status(&self) -> i32 {
        self.transaction_status()
    }

    /// Return the value of a variable that the server reports, or ``None``.
    #[pyo3(signature = (parameter, /))]
    fn get_parameter_status<'py>(
        &self,
        py: Python<'py>,
        parameter: &str,
    ) -> PyResult<Option<Bound<'py, PyString>>> {
        self.check(py, "get_parameter_status", &[Open])?;
        let value = self.parameter_status(py, parameter);
        let encoding = self.dialect().encoding;
        Ok(value.map(|value| encoding.decode_lossy(py, &value)))
    }

    /// Return the parameters of the connection that hold, without passwords.
    fn get_dsn_parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.check(py, "get_dsn_parameters", &[Open])?;
        let dsn = self.state.locked().dsn.clone();
        describing::dsn_parameters(py, dsn.as_deref().unwrap_or_default())
    }

    /// Return the number of the server's process.
    fn get_backend_pid(&self, py: Python<'_>) -> PyResult<i32> {
        self.check(py, "get_backend_pid", &[Open])?;
        Ok(self.backend_pid())
    }

    /// Return a capsule that holds no connection of libpq, since there is none underneath.
    ///
    /// Its name is not the one of psycopg2's, so that C code which asks for a ``PGconn`` by that
    /// name is refused.
    fn get_native_connection<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        self.check(py, "get_native_connection", &[Open])?;
        PyCapsule::new_with_value(py, (), c"aya_db.connection.no_native_connection")
    }

    /// Return a large object: the one with this number, or a new one.
    #[pyo3(signature = (oid = 0, mode = None, new_oid = 0, new_file = None, lobject_factory = None))]
    fn lobject<'py>(
        slf: &Bound<'py, Self>,
        oid: u32,
        mode: Option<&str>,
        new_oid: u32,
        new_file: Option<&Bound<'py, PyAny>>,
        lobject_factory: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        slf.get().check(py, "lobject", &[Open, Blocking, NotGreen, NotPrepared])?;
        let default = py.get_type::<LargeObject>().into_any();
        let factory = lobject_factory.unwrap_or(&default);
        let mode = mode.unwrap_or_default();
        let made = match new_file {
            Some(file) => factory.call1((slf, oid, mode, new_oid, file))?,
            None => factory.call1((slf, oid, mode, new_oid))?,
        };
        if !made.is_instance_of::<LargeObject>() {
            let text = "lobject factory must be subclass of psycopg2.extensions.lobject";
            return Err(PyTypeError::new_err(text));
        }
        Ok(made)
    }

    /// Make the session as it was when it was new.
    fn reset(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().check(slf.py(), "reset", &[Open, Blocking])?;
        transaction::reset(slf)
    }

    /// Go on with what is under way, without blocking; return what to wait for, as ``POLL_*``.
    fn poll(slf: &Bound<'_, Self>) -> PyResult<i32> {
        slf.get().check(slf.py(), "poll", &[Open])?;
        Ok(polling::poll(slf)? as i32)
    }

    /// Return the file descriptor of the socket.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        self.check(py, "fileno", &[Open])?;
        Ok(self.fd(py).unwrap_or(-1))
    }

    /// Return whether something is under way on an asynchronous connection.
    fn isexecuting(&self) -> bool {
        let (asynchronous, status) = {
            let state = self.state.locked();
            (state.asynchronous, state.status)
        };
        asynchronous
            && (status != Status::Ready || !matches!(*self.executing.locked(), Executing::Nothing))
    }

    /// Ask the server to cancel what runs. It can be called from any thread.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        this.check(py, "cancel", &[Open, NotPrepared])?;
        if !matches!(this.status(), Status::Ready | Status::Begin) {
            return Err(error::operational(py, "asynchronous connection attempt underway"));
        }
        let canceller = this.canceller.locked().clone();
        match canceller {
            Some(canceller) => py
                .detach(|| canceller.cancel(&mut Poller::new()))
                .map_err(|failed| error::operational(py, failed.to_string())),
            None => Err(error::operational(py, "the server gave no key to cancel by")),
        }
    }

    /// The causal token of what was committed on this connection: a read that stands behind it sees
    /// all of that. ``None`` without failover, and on a standby.
    #[getter]
    fn causal_token(slf: &Bound<'_, Self>) -> PyResult<Option<String>> {
        slf.get().check(slf.py(), "causal_token", &[Open])?;
        reads::token(slf)
    }

    /// Return a connection for reads, to a standby if there is one. It sees what was committed on
    /// this one.
    fn read_only<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().check(slf.py(), "read_only", &[Open, Blocking])?;
        reads::read_only(slf)
    }

    #[pyo3(signature = (token, /))]
    fn _stand_behind(slf: &Bound<'_, Self>, token: &str) -> PyResult<()> {
        slf.get().check(slf.py(), "after", &[Open])?;
        reads::stand_behind(slf, token)
    }

    /// 0 while it is open, 1 once it was closed, 2 once it was lost.
    #[getter]
    fn closed(&self) -> i32 {
        self.state.locked().closed as i32
    }

    /// PostgreSQL's name of the client encoding.
    #[getter]
    fn encoding(&self) -> String {
        self.dialect().encoding.name().to_owned()
    }

    /// The connection string, without its password.
    #[getter]
    fn dsn(&self) -> Option<String> {
        self.state.locked().dsn.clone()
    }

    /// 1 if it never blocks, else 0.
    #[getter]
    fn async_(&self) -> i32 {
        i32::from(self.is_async())
    }

    /// 1 if it never blocks, else 0.
    #[getter(r#async)]
    fn is_asynchronous(&self) -> i32 {
        i32::from(self.is_async())
    }

    /// What it is in, as ``STATUS_*``.
    #[getter(status)]
    fn status_number(&self) -> i32 {
        self.status() as i32
    }

    /// The version of the server, as in 180006.
    #[getter]
    fn server_version(&self) -> i32 {
        self.state.locked().server_version
    }

    /// The major version of the protocol.
    #[getter]
    fn protocol_version(&self) -> i32 {
        self.state.locked().protocol
    }

    /// What it knows of the session.
    #[getter]
    fn info<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().get_type::<ConnectionInfo>().call1((slf,))
    }

    /// There is no libpq underneath, so there is no address to tell.
    #[getter]
    fn pgconn_ptr(&self) -> Option<usize> {
        None
    }

    /// The last notices of the server, oldest first.
    #[getter]
    fn notices(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.objects(py, |objects| objects.notices.clone_ref(py))
    }

    #[setter]
    fn set_notices(&self, value: Py<PyAny>) {
        let mut objects = self.objects.locked();
        let former = objects.as_mut().map(|objects| std::mem::replace(&mut objects.notices, value));
        drop(objects);
        drop(former);
    }

    /// The notifications that came, oldest first.
    #[getter]
    fn notifies(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.objects(py, |objects| objects.notifies.clone_ref(py))
    }

    #[setter]
    fn set_notifies(&self, value: Py<PyAny>) {
        let mut objects = self.objects.locked();
        let former =
            objects.as_mut().map(|objects| std::mem::replace(&mut objects.notifies, value));
        drop(objects);
        drop(former);
    }

    /// What makes the cursors; ``None`` for `extensions.cursor`.
    #[getter]
    fn cursor_factory(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let objects = self.objects.locked();
        objects.as_ref()?.cursor_factory.as_ref().map(|factory| factory.clone_ref(py))
    }

    #[setter]
    fn set_cursor_factory(&self, value: Option<Py<PyAny>>) {
        let mut objects = self.objects.locked();
        let former =
            objects.as_mut().map(|objects| std::mem::replace(&mut objects.cursor_factory, value));
        drop(objects);
        drop(former);
    }

    /// The typecasters of this connection.
    #[getter]
    fn string_types<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        self.string_types_dict(py)
    }

    /// The typecasters of this connection for binary values.
    #[getter]
    fn binary_types<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        self.binary_types_dict(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(objects) = self.objects.try_lock()
            && let Some(objects) = &*objects
        {
            visit.call(&objects.notices)?;
            visit.call(&objects.notifies)?;
            visit.call(&objects.cursor_factory)?;
            visit.call(&objects.string_types)?;
            visit.call(&objects.binary_types)?;
            visit.call(&objects.xid)?;
        }
        match self.executing.try_lock() {
            Ok(executing) => match &*executing {
                Executing::Cursor(cursor) => visit.call(cursor),
                _ => Ok(()),
            },
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let objects = self.objects.locked().take();
        drop(objects);
    }
}

impl Connection {
    fn check_session(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        slf.get().check(py, "set_session", &[Open, Blocking])?;
        transaction::refuse_inside(slf, "set_session")
    }
}
