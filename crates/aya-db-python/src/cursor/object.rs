//! The class `cursor`: its methods, and the conditions under which they may be called.

use std::sync::{Mutex, OnceLock};

use aya_pgwire::Answer;
use pyo3::PyTraverseError;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::executing::{Rows, call, copy, execute, stream, take};
use super::many::execute_many;
use super::state::{Name, Objects, State};
use super::statement::{merged, text_of};
use super::{fetching, named};
use crate::adapt::quote_identifier;
use crate::connection::Check::{Blocking, NotExecuting, NotGreen, NotPrepared};
use crate::connection::{self, Connection};
use crate::error;
use crate::lock::Locked as _;
use crate::wire::Outcome;

/// Runs statements on its connection, and gives their rows.
#[pyclass(frozen, subclass, weakref, module = "aya_db.extensions", name = "cursor")]
#[derive(Debug)]
pub(crate) struct Cursor {
    connection: OnceLock<Py<Connection>>,
    pub(super) state: Mutex<State>,
    objects: Mutex<Objects>,
}

impl Cursor {
    /// The connection that it runs on.
    pub(crate) fn connection<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Connection>> {
        match self.connection.get() {
            Some(connection) => Ok(connection.bind(py).clone()),
            None => Err(error::interface(py, "the cursor has no connection")),
        }
    }

    /// Takes what a statement came to that was polled for.
    pub(crate) fn take(slf: &Bound<'_, Self>, outcome: Outcome) -> PyResult<()> {
        let sql = slf.get().objects.locked().query.as_ref().map(|sql| sql.clone_ref(slf.py()));
        let sql = sql.as_ref().map(|sql| sql.as_bytes(slf.py()));
        let rows = match outcome.answer {
            // The connection asks for no other stream than that of its replication cursor.
            Answer::CopyBoth(_) => Rows::Streamed,
            _ => Rows::Wanted,
        };
        take(slf, outcome, sql, rows)
    }

    /// Its connection, if both are open.
    pub(crate) fn open<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Connection>> {
        let connection = self.connection(py)?;
        match self.state.locked().closed || connection.get().is_closed() {
            false => Ok(connection),
            true => Err(error::interface(py, "cursor already closed")),
        }
    }

    /// Whether a stream of replication runs on it.
    pub(crate) fn is_streaming(&self) -> bool {
        self.state.locked().streaming
    }

    /// The stream is over.
    pub(crate) fn stop_streaming(&self) {
        self.state.locked().streaming = false;
    }

    /// Begins a stream of replication.
    pub(crate) fn start_streaming(
        slf: &Bound<'_, Self>,
        command: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let connection = slf.get().connection(slf.py())?;
        let sql = text_of(slf, &connection, command)?;
        stream(slf, &connection, &sql)
    }

    /// Forgets the rows of the last statement.
    pub(super) fn forget_results(&self) {
        let rows = self.state.locked().rows.take();
        drop(rows);
    }

    /// Forgets everything that the last statement came to.
    pub(super) fn reset(&self) {
        let rows = {
            let mut state = self.state.locked();
            state.rowcount = -1;
            state.row = 0;
            state.rows.take()
        };
        drop(rows);
        let description = self.objects.locked().description.take();
        drop(description);
    }

    pub(super) fn set_query(&self, query: Option<Bound<'_, PyBytes>>) {
        let former = std::mem::replace(&mut self.objects.locked().query, query.map(Bound::unbind));
        drop(former);
    }

    pub(super) fn has_query(&self) -> bool {
        self.objects.locked().query.is_some()
    }

    pub(super) fn set_statusmessage(&self, text: Bound<'_, PyString>) {
        let former = self.objects.locked().statusmessage.replace(text.unbind());
        drop(former);
    }

    pub(super) fn set_description(&self, description: Option<Py<PyTuple>>) -> Option<Py<PyTuple>> {
        std::mem::replace(&mut self.objects.locked().description, description)
    }

    pub(super) fn row_factory_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let objects = self.objects.locked();
        objects.row_factory.as_ref().map(|factory| factory.bind(py).clone())
    }

    /// What makes time zones for its rows.
    pub(crate) fn tzinfo_factory_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let objects = self.objects.locked();
        objects.tzinfo_factory.as_ref().map(|factory| factory.bind(py).clone())
    }

    /// Its own typecasters of text, if it has some.
    pub(crate) fn string_types_of<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let objects = self.objects.locked();
        objects.string_types.as_ref().map(|types| types.bind(py).clone())
    }

    /// The same, for one to be added.
    pub(crate) fn own_string_types<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let mut objects = self.objects.locked();
        let types = objects.string_types.get_or_insert_with(|| PyDict::new(py).into_any().unbind());
        types.bind(py).clone()
    }

    pub(crate) fn set_withhold(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_false = value.cast::<pyo3::types::PyBool>().is_ok_and(|value| !value.is_true());
        if !is_false && slf.get().state.locked().name.is_none() {
            let text = "trying to set .withhold on unnamed cursor";
            return Err(error::programming(slf.py(), text));
        }
        let withhold = value.is_truthy()?;
        slf.get().state.locked().withhold = withhold;
        Ok(())
    }

    pub(crate) fn set_scrollable(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if !value.is_none() && slf.get().state.locked().name.is_none() {
            let text = "trying to set .scrollable on unnamed cursor";
            return Err(error::programming(slf.py(), text));
        }
        let scrollable = if value.is_none() { None } else { Some(value.is_truthy()?) };
        slf.get().state.locked().scrollable = scrollable;
        Ok(())
    }

    fn is_named(&self) -> bool {
        self.state.locked().name.is_some()
    }

    fn refuse_named(slf: &Bound<'_, Self>, call: &str) -> PyResult<()> {
        let py = slf.py();
        if !slf.get().is_named() {
            return Ok(());
        }
        let text = format!("can't call .{call}() on named cursors");
        Err(error::on_cursor(py, error::programming(py, text), slf.as_any()))
    }
}

#[pymethods]
impl Cursor {
    // The arguments are __init__'s: a subclass may have others.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    pub(crate) fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { connection: OnceLock::new(), state: Mutex::default(), objects: Mutex::default() }
    }

    #[pyo3(signature = (conn, name = None))]
    fn __init__(
        slf: &Bound<'_, Self>,
        conn: &Bound<'_, Connection>,
        name: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        let name = name.map(connection::name_bytes).transpose()?;
        let encoding = conn.get().dialect().encoding;
        if name.as_ref().is_some_and(|name| name.contains(&0)) {
            return Err(PyValueError::new_err("embedded null byte"));
        }
        let name = name.map(|plain| {
            let quoted = quote_identifier(py, &plain, &encoding)?;
            Ok::<_, PyErr>(Name { plain, quoted })
        });
        let name = name.transpose()?;
        {
            let mut state = this.state.locked();
            state.name = name;
            state.mark = conn.get().mark();
        }
        let timezone = py.import("datetime")?.getattr("timezone")?;
        let former = this.objects.locked().tzinfo_factory.replace(timezone.unbind());
        drop(former);
        // A second __init__ changes nothing of the connection.
        let _ = this.connection.set(conn.clone().unbind());
        Ok(())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let closed = slf.get().state.locked().closed;
        format!("<cursor object at {:p}; closed: {}>", slf.as_ptr(), i32::from(closed))
    }

    /// Close the cursor.
    fn close(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().state.locked().closed {
            return Ok(());
        }
        named::close(slf)?;
        slf.get().forget_results();
        slf.get().state.locked().closed = true;
        Ok(())
    }

    /// Run a statement, with the values in it that ``vars`` holds.
    #[pyo3(signature = (query, vars = None))]
    fn execute(
        slf: &Bound<'_, Self>,
        query: &Bound<'_, PyAny>,
        vars: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let this = slf.get();
        if this.is_named() {
            let connection = this.connection(py)?;
            let text = if this.has_query() {
                Some("can't call .execute() on named cursors more than once")
            } else if connection.get().autocommit() && !this.state.locked().withhold {
                Some("can't use a named cursor outside of transactions")
            } else {
                None
            };
            if let Some(text) = text {
                return Err(error::on_cursor(py, error::programming(py, text), slf.as_any()));
            }
            this.check_mark(py)?;
        }
        let connection = this.open(py)?;
        connection.get().check(py, "execute", &[NotExecuting, NotPrepared])?;
        execute(slf, query, vars, Rows::Wanted)
    }

    /// Run a statement once for each item of ``vars_list``.
    #[pyo3(signature = (query, vars_list))]
    fn executemany(
        slf: &Bound<'_, Self>,
        query: &Bound<'_, PyAny>,
        vars_list: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        slf.get().state.locked().rowcount = -1;
        let connection = slf.get().open(py)?;
        connection.get().check(py, "executemany", &[Blocking, NotPrepared])?;
        Self::refuse_named(slf, "executemany")?;
        execute_many(slf, query, vars_list)
    }

    /// Return the statement that `execute()` would send.
    #[pyo3(signature = (query, vars = None))]
    fn mogrify<'py>(
        slf: &Bound<'py, Self>,
        query: &Bound<'py, PyAny>,
        vars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let py = slf.py();
        let connection = slf.get().connection(py)?;
        let text = text_of(slf, &connection, query)?;
        let sql = merged(slf, &connection, &text, vars)?;
        Ok(PyBytes::new(py, &sql))
    }

    /// Return a value of the type with this number as Python has it.
    #[pyo3(signature = (oid, value, /))]
    fn cast<'py>(
        slf: &Bound<'py, Self>,
        oid: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        crate::cast::cast_value(slf, oid, value)
    }

    /// Return the next row, or ``None``.
    fn fetchone<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        slf.get().open(slf.py())?;
        if !slf.get().is_named() {
            return fetching::one(slf);
        }
        named::ask(slf, "fetchone", "FETCH FORWARD 1 FROM")?;
        fetching::one(slf)
    }

    /// Return the next rows, `arraysize` of them unless ``size`` says how many.
    #[pyo3(signature = (size = None))]
    fn fetchmany<'py>(slf: &Bound<'py, Self>, size: Option<i64>) -> PyResult<Bound<'py, PyList>> {
        slf.get().open(slf.py())?;
        let size = size.unwrap_or_else(|| slf.get().state.locked().arraysize);
        if slf.get().is_named() {
            named::ask(slf, "fetchmany", &format!("FETCH FORWARD {size} FROM"))?;
        }
        fetching::many(slf, size)
    }

    /// Return all rows that are left.
    fn fetchall<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        slf.get().open(slf.py())?;
        if slf.get().is_named() {
            named::ask(slf, "fetchall", "FETCH FORWARD ALL FROM")?;
        }
        fetching::many(slf, -1)
    }

    /// Call a function of the server; return the parameters as they were given.
    #[pyo3(signature = (procname, parameters = None, /))]
    fn callproc<'py>(
        slf: &Bound<'py, Self>,
        procname: &Bound<'py, PyAny>,
        parameters: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let name = connection::name_bytes(procname)?;
        let connection = slf.get().open(py)?;
        connection.get().check(py, "callproc", &[NotExecuting, NotPrepared])?;
        Self::refuse_named(slf, "callproc")?;
        call(slf, &name, parameters)
    }

    /// PostgreSQL gives no second set of rows.
    fn nextset(&self, py: Python<'_>) -> PyResult<()> {
        self.open(py)?;
        Err(error::not_supported(py, "not supported by PostgreSQL"))
    }

    /// Do nothing: there is nothing to prepare.
    #[pyo3(signature = (_sizes, /))]
    fn setinputsizes(&self, py: Python<'_>, _sizes: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open(py).map(|_| ())
    }

    /// Do nothing: there is nothing to prepare.
    #[pyo3(signature = (_size, _column = 0, /))]
    fn setoutputsize(&self, py: Python<'_>, _size: i64, _column: i64) -> PyResult<()> {
        self.open(py).map(|_| ())
    }

    /// Go to another row: ``value`` rows on, or the row ``value`` if the mode is ``absolute``.
    #[pyo3(signature = (value, mode = "relative"))]
    fn scroll(slf: &Bound<'_, Self>, value: i32, mode: &str) -> PyResult<()> {
        slf.get().open(slf.py())?;
        if !slf.get().is_named() {
            return fetching::scroll(slf, value.into(), mode);
        }
        let command = match mode {
            "absolute" => format!("MOVE ABSOLUTE {value} FROM"),
            _ => format!("MOVE {value} FROM"),
        };
        named::ask(slf, "scroll", &command)
    }

    /// Fill a table from a file.
    #[pyo3(signature = (file, table, sep = "\t", null = "\\N", size = 8192, columns = None))]
    fn copy_from(
        slf: &Bound<'_, Self>,
        file: &Bound<'_, PyAny>,
        table: &str,
        sep: &str,
        null: &str,
        size: isize,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !file.hasattr("read")? {
            return Err(PyTypeError::new_err("argument 1 must have a .read() method"));
        }
        Self::check_copy(slf, "copy_from")?;
        let sql = Self::copy_statement(slf, table, columns, "FROM stdin", sep, null)?;
        copy(slf, &sql, file, size)
    }

    /// Write a table to a file.
    #[pyo3(signature = (file, table, sep = "\t", null = "\\N", columns = None))]
    fn copy_to(
        slf: &Bound<'_, Self>,
        file: &Bound<'_, PyAny>,
        table: &str,
        sep: &str,
        null: &str,
        columns: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if !file.hasattr("write")? {
            return Err(PyTypeError::new_err("argument 1 must have a .write() method"));
        }
        Self::check_copy(slf, "copy_to")?;
        let sql = Self::copy_statement(slf, table, columns, "TO stdout", sep, null)?;
        copy(slf, &sql, file, 0)
    }

    /// Run a COPY statement of one's own, with this file.
    #[pyo3(signature = (sql, file, size = 8192))]
    fn copy_expert(
        slf: &Bound<'_, Self>,
        sql: &Bound<'_, PyAny>,
        file: &Bound<'_, PyAny>,
        size: isize,
    ) -> PyResult<()> {
        let connection = Self::check_copy(slf, "copy_expert")?;
        let text = text_of(slf, &connection, sql)?;
        if !file.hasattr("read")? && !file.hasattr("write")? {
            return Err(PyTypeError::new_err(
                "file must be a readable file-like object for COPY FROM; a writable file-like object for COPY TO.",
            ));
        }
        copy(slf, &text, file, size)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    #[pyo3(signature = (_kind, _error, _trace, /))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _trace: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        slf.call_method0("close").map(|_| ())
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().open(slf.py())?;
        Ok(slf.clone())
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !slf.get().is_named() {
            return Self::fetchone(slf);
        }
        let py = slf.py();
        let connection = slf.get().open(py)?;
        connection.get().check(py, "next", &[NotExecuting, NotPrepared])?;
        slf.get().check_mark(py)?;
        if fetching::is_exhausted(slf) {
            let itersize = slf.get().state.locked().itersize;
            named::ask(slf, "next", &format!("FETCH FORWARD {itersize} FROM"))?;
        }
        fetching::one(slf)
    }

    /// Whether it, or its connection, is closed.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        let connection = self.connection.get();
        self.state.locked().closed
            || connection.is_some_and(|connection| connection.bind(py).get().is_closed())
    }

    /// The connection that it runs on.
    #[getter(connection)]
    fn connection_or_none(&self, py: Python<'_>) -> Option<Py<Connection>> {
        self.connection.get().map(|connection| connection.clone_ref(py))
    }

    /// Its name, if it is a cursor of the server.
    #[getter]
    fn name(&self) -> Option<String> {
        let state = self.state.locked();
        state.name.as_ref().map(|name| String::from_utf8_lossy(&name.plain).into_owned())
    }

    /// How many rows the last statement gave or touched; -1 if nobody knows.
    #[getter]
    fn rowcount(&self) -> i64 {
        self.state.locked().rowcount
    }

    /// The number of the next row.
    #[getter]
    fn rownumber(&self) -> usize {
        self.state.locked().row
    }

    /// The identity of the row that was inserted; 0 on servers since 12.
    #[getter]
    fn lastrowid(&self) -> u32 {
        self.state.locked().lastrowid
    }

    /// How many rows `fetchmany()` fetches.
    #[getter]
    fn arraysize(&self) -> i64 {
        self.state.locked().arraysize
    }

    #[setter]
    fn set_arraysize(&self, value: i64) {
        self.state.locked().arraysize = value;
    }

    /// How many rows of a cursor of the server an iteration fetches at a time.
    #[getter]
    fn itersize(&self) -> i64 {
        self.state.locked().itersize
    }

    #[setter]
    fn set_itersize(&self, value: i64) {
        self.state.locked().itersize = value;
    }

    /// Whether a cursor of the server outlives its transaction.
    #[getter]
    fn withhold(&self) -> bool {
        self.state.locked().withhold
    }

    #[setter(withhold)]
    fn put_withhold(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::set_withhold(slf, value)
    }

    /// Whether a cursor of the server can go back; ``None`` to leave it to the server.
    #[getter]
    fn scrollable(&self) -> Option<bool> {
        self.state.locked().scrollable
    }

    #[setter(scrollable)]
    fn put_scrollable(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::set_scrollable(slf, value)
    }

    /// The columns of the rows, or ``None`` if the statement gave none.
    #[getter]
    fn description(&self, py: Python<'_>) -> Option<Py<PyTuple>> {
        self.objects.locked().description.as_ref().map(|it| it.clone_ref(py))
    }

    /// What the statement said at its end.
    #[getter]
    fn statusmessage(&self, py: Python<'_>) -> Option<Py<PyString>> {
        self.objects.locked().statusmessage.as_ref().map(|it| it.clone_ref(py))
    }

    /// The last statement, as it was sent.
    #[getter]
    fn query(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.objects.locked().query.as_ref().map(|it| it.clone_ref(py))
    }

    /// What makes rows in place of tuples: it is called with the cursor.
    #[getter]
    fn row_factory(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.objects.locked().row_factory.as_ref().map(|it| it.clone_ref(py))
    }

    #[setter]
    fn set_row_factory(&self, value: Option<Py<PyAny>>) {
        let former = std::mem::replace(&mut self.objects.locked().row_factory, value);
        drop(former);
    }

    /// What makes time zones: it is called with the distance from UTC.
    #[getter]
    fn tzinfo_factory(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.objects.locked().tzinfo_factory.as_ref().map(|it| it.clone_ref(py))
    }

    #[setter]
    fn set_tzinfo_factory(&self, value: Option<Py<PyAny>>) {
        let former = std::mem::replace(&mut self.objects.locked().tzinfo_factory, value);
        drop(former);
    }

    /// Its own typecasters, or ``None``.
    #[getter]
    fn string_types(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.objects.locked().string_types.as_ref().map(|it| it.clone_ref(py))
    }

    #[setter]
    fn set_string_types(&self, value: Option<Py<PyAny>>) {
        let former = std::mem::replace(&mut self.objects.locked().string_types, value);
        drop(former);
    }

    /// Its own typecasters for binary values, or ``None``.
    #[getter]
    fn binary_types(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.objects.locked().binary_types.as_ref().map(|it| it.clone_ref(py))
    }

    #[setter]
    fn set_binary_types(&self, value: Option<Py<PyAny>>) {
        let former = std::mem::replace(&mut self.objects.locked().binary_types, value);
        drop(former);
    }

    /// ``None``: psycopg2 keeps the name and no value.
    #[getter]
    fn typecaster(&self) -> Option<Py<PyAny>> {
        None
    }

    /// There is no libpq underneath, so there is no address to tell.
    #[getter]
    fn pgresult_ptr(&self) -> Option<usize> {
        None
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(connection) = self.connection.get() {
            visit.call(connection)?;
        }
        if let Ok(objects) = self.objects.try_lock() {
            visit.call(&objects.description)?;
            visit.call(&objects.row_factory)?;
            visit.call(&objects.tzinfo_factory)?;
            visit.call(&objects.string_types)?;
            visit.call(&objects.binary_types)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let objects = std::mem::take(&mut *self.objects.locked());
        drop(objects);
        self.forget_results();
    }
}

impl Cursor {
    fn check_copy<'py>(slf: &Bound<'py, Self>, call: &str) -> PyResult<Bound<'py, Connection>> {
        let py = slf.py();
        let connection = slf.get().open(py)?;
        connection.get().check(py, call, &[Blocking, NotGreen, NotPrepared])?;
        Ok(connection)
    }

    /// `COPY table (columns) FROM stdin WITH DELIMITER AS 'sep' NULL AS 'null'`.
    fn copy_statement(
        slf: &Bound<'_, Self>,
        table: &str,
        columns: Option<&Bound<'_, PyAny>>,
        direction: &str,
        sep: &str,
        null: &str,
    ) -> PyResult<Vec<u8>> {
        let py = slf.py();
        let dialect = slf.get().connection(py)?.get().dialect();
        let encoded = |text: &str| {
            let text = PyString::new(py, text);
            dialect.encoding.encode(&text).map(std::borrow::Cow::into_owned)
        };
        if table.contains('\0') {
            return Err(PyValueError::new_err("the name of the table holds a zero byte"));
        }
        let mut sql = b"COPY ".to_vec();
        sql.extend(quote_identifier(py, &encoded(table)?, &dialect.encoding)?);
        let mut opened = false;
        if let Some(columns) = columns.filter(|columns| !columns.is_none()) {
            for column in columns.try_iter()? {
                sql.push(if opened { b',' } else { b'(' });
                opened = true;
                let column = connection::name_bytes(&column?)?;
                sql.extend(quote_identifier(py, &column, &dialect.encoding)?);
            }
        }
        if opened {
            sql.push(b')');
        }
        sql.extend_from_slice(format!(" {direction} WITH DELIMITER AS ").as_bytes());
        crate::adapt::quote_string(&mut sql, &encoded(sep)?, &dialect)?;
        sql.extend_from_slice(b" NULL AS ");
        crate::adapt::quote_string(&mut sql, &encoded(null)?, &dialect)?;
        Ok(sql)
    }
}
