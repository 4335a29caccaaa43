//! `lobject`: large objects, by the functions that the server has for them
//! (<https://www.postgresql.org/docs/18/lo-funcs.html>).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::{Mutex, OnceLock};

use aya_pgwire::Answer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

use crate::cast::bytes_of_bytea;
use crate::connection::{self, Closed, Connection};
use crate::error;
use crate::lock::Locked as _;

/// A large object, which is read and written like a file, inside one transaction.
#[pyclass(frozen, subclass, module = "aya_db.extensions", name = "lobject")]
#[derive(Debug)]
pub(crate) struct LargeObject {
    opened: OnceLock<Opened>,
    descriptor: Mutex<Option<i64>>,
}

#[derive(Debug)]
struct Opened {
    connection: Py<Connection>,
    oid: u32,
    mode: Mode,
    /// The transaction that it belongs to.
    mark: u64,
}

/// How a large object is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mode {
    read: bool,
    write: bool,
    binary: bool,
}

impl Mode {
    /// `r`, `w`, `rw` or `n`, and behind it `t` or `b`; both parts may be missing.
    fn parse(text: &str) -> PyResult<Self> {
        let (access, rest) = match text {
            _ if text.starts_with("rw") => ((true, true), &text[2..]),
            _ if text.starts_with('r') => ((true, false), &text[1..]),
            _ if text.starts_with('w') => ((false, true), &text[1..]),
            _ if text.starts_with('n') => ((false, false), &text[1..]),
            _ => ((true, false), text),
        };
        let binary = match rest {
            "" | "t" => false,
            "b" => true,
            _ => {
                let text = format!("bad mode for lobject: '{text}'");
                return Err(PyValueError::new_err(text));
            }
        };
        Ok(Self { read: access.0, write: access.1, binary })
    }

    /// What the server's `lo_open` calls it.
    const fn flags(self) -> u32 {
        (if self.read { 0x4_0000 } else { 0 }) | (if self.write { 0x2_0000 } else { 0 })
    }

    fn text(self) -> String {
        let kind = if self.binary { "b" } else { "t" };
        match (self.read, self.write) {
            (true, true) => format!("rw{kind}"),
            (true, false) => format!("r{kind}"),
            (false, true) => format!("w{kind}"),
            (false, false) => "n".to_owned(),
        }
    }
}

/// Asks the server for one value.
fn ask(connection: &Bound<'_, Connection>, sql: &str) -> PyResult<Vec<u8>> {
    let py = connection.py();
    let outcome = connection::exchange(connection, &[sql.as_bytes()])?.pop();
    match outcome.map(|outcome| outcome.answer) {
        Some(Answer::Table(table)) => {
            let value = table.rows.get(0).and_then(|row| row.cell(0));
            Ok(value.unwrap_or_default().to_vec())
        }
        Some(Answer::Error(message)) => {
            let encoding = connection.get().dialect().encoding;
            let report = message.report(None, encoding.name().as_bytes());
            let text = encoding.decode_lossy(py, &report);
            Err(error::operational(py, text.to_string_lossy()))
        }
        _ => Err(error::operational(py, "unknown error")),
    }
}

fn number(connection: &Bound<'_, Connection>, sql: &str) -> PyResult<i64> {
    let answer = ask(connection, sql)?;
    let number = std::str::from_utf8(&answer).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| {
        let text = format!("the server answered {:?}", String::from_utf8_lossy(&answer));
        error::operational(connection.py(), text)
    })
}

/// Writes all of it.
fn write_to(connection: &Bound<'_, Connection>, descriptor: i64, data: &[u8]) -> PyResult<usize> {
    let mut written = 0;
    for piece in data.chunks(PIECE) {
        let mut sql = format!("SELECT pg_catalog.lowrite({descriptor}, '\\x");
        sql.reserve(2 * piece.len() + 16);
        for byte in piece {
            for digit in [byte >> 4, byte & 15] {
                sql.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
        }
        sql.push_str("'::bytea)");
        if !connection.get().dialect().standard_strings {
            sql = sql.replacen("'\\x", "E'\\\\x", 1);
        }
        written += usize::try_from(number(connection, &sql)?)?;
    }
    Ok(written)
}

/// Reads up to so many bytes.
fn read_from(
    connection: &Bound<'_, Connection>,
    descriptor: i64,
    size: usize,
) -> PyResult<Vec<u8>> {
    let mut data = Vec::new();
    while data.len() < size {
        let piece = (size - data.len()).min(PIECE);
        let sql = format!("SELECT pg_catalog.loread({descriptor}, {piece})");
        let read = bytes_of_bytea(&ask(connection, &sql)?);
        data.extend_from_slice(&read);
        if read.len() < piece {
            break;
        }
    }
    Ok(data)
}

fn of_file(py: Python<'_>, doing: &str, path: &str, failed: &std::io::Error) -> PyErr {
    let text = failed.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    error::operational(py, format!("could not {doing} file \"{path}\": {text}\n"))
}

/// Fills a new large object from a file.
fn import(connection: &Bound<'_, Connection>, path: &str) -> PyResult<u32> {
    let py = connection.py();
    let mut file = File::open(path).map_err(|failed| of_file(py, "open", path, &failed))?;
    let oid = create(connection, 0)?;
    let sql = format!("SELECT pg_catalog.lo_open({oid}, {})", 0x2_0000);
    let descriptor = number(connection, &sql)?;
    let mut buffer = vec![0; PIECE];
    loop {
        let read = py.detach(|| file.read(&mut buffer));
        let count = read.map_err(|failed| of_file(py, "read from", path, &failed))?;
        if count == 0 {
            break;
        }
        write_to(connection, descriptor, &buffer[..count])?;
    }
    number(connection, &format!("SELECT pg_catalog.lo_close({descriptor})"))?;
    Ok(oid)
}

fn create(connection: &Bound<'_, Connection>, oid: u32) -> PyResult<u32> {
    // Poolers know lo_creat better than lo_create.
    let sql = match oid {
        0 => "SELECT pg_catalog.lo_creat(-1)".to_owned(),
        oid => format!("SELECT pg_catalog.lo_create({oid})"),
    };
    Ok(u32::try_from(number(connection, &sql)?)?)
}

impl LargeObject {
    fn opened(&self, py: Python<'_>) -> PyResult<&Opened> {
        self.opened.get().ok_or_else(|| error::interface(py, "lobject already closed"))
    }

    fn is_closed(&self, py: Python<'_>) -> bool {
        let connected = self.opened.get().map(|opened| opened.connection.bind(py).get());
        self.descriptor.locked().is_none() || connected.is_none_or(Connection::is_closed)
    }

    /// The connection and the descriptor, if it can be read or written.
    fn usable<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, Connection>, i64)> {
        let descriptor = *self.descriptor.locked();
        let Some(descriptor) = descriptor.filter(|_| !self.is_closed(py)) else {
            return Err(error::interface(py, "lobject already closed"));
        };
        let opened = self.opened(py)?;
        let connection = opened.connection.bind(py).clone();
        self.check_transaction(py)?;
        if connection.get().mark() != opened.mark {
            return Err(error::programming(py, "lobject isn't valid anymore"));
        }
        Ok((connection, descriptor))
    }

    fn check_transaction(&self, py: Python<'_>) -> PyResult<()> {
        match self.opened(py)?.connection.bind(py).get().autocommit() {
            false => Ok(()),
            true => Err(error::programming(py, "can't use a lobject outside of transactions")),
        }
    }

    /// Closes it on the server, where it is open.
    fn close_there(&self, py: Python<'_>) -> PyResult<()> {
        let opened = self.opened(py)?;
        let connection = opened.connection.bind(py);
        let this = connection.get();
        let closed = this.state.locked().closed;
        match closed {
            Closed::No => {}
            Closed::ByUser => return Ok(()),
            Closed::Lost => return Err(error::operational(py, "the connection is broken")),
        }
        if this.autocommit() || this.mark() != opened.mark {
            return Ok(());
        }
        let descriptor = self.descriptor.locked().take();
        if let Some(descriptor) = descriptor {
            number(connection, &format!("SELECT pg_catalog.lo_close({descriptor})"))?;
        }
        Ok(())
    }

    fn tell_there(connection: &Bound<'_, Connection>, descriptor: i64) -> PyResult<i64> {
        number(connection, &format!("SELECT pg_catalog.lo_tell64({descriptor})"))
    }

    fn seek_there(
        connection: &Bound<'_, Connection>,
        descriptor: i64,
        offset: i64,
        whence: i32,
    ) -> PyResult<i64> {
        let sql = format!("SELECT pg_catalog.lo_lseek64({descriptor}, {offset}, {whence})");
        number(connection, &sql)
    }
}

#[pymethods]
impl LargeObject {
    // The arguments are __init__'s: a subclass may have others.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { opened: OnceLock::new(), descriptor: Mutex::default() }
    }

    #[pyo3(signature = (conn, oid = 0, mode = None, new_oid = 0, new_file = None, /))]
    fn __init__(
        &self,
        conn: &Bound<'_, Connection>,
        oid: u32,
        mode: Option<&str>,
        new_oid: u32,
        new_file: Option<&str>,
    ) -> PyResult<()> {
        let py = conn.py();
        let this = conn.get();
        if this.is_closed() {
            return Err(error::operational(py, NO_CONNECTION));
        }
        if this.autocommit() {
            return Err(error::programming(py, "can't use a lobject outside of transactions"));
        }
        let mut mode = Mode::parse(mode.unwrap_or_default())?;
        let mark = this.mark();
        connection::begin_if_needed(conn)?;
        let oid = match (oid, new_file) {
            (0, Some(path)) => import(conn, path)?,
            (0, None) => create(conn, new_oid)?,
            (oid, _) => {
                self.open(conn, oid, mode, mark)?;
                return Ok(());
            }
        };
        // What is new is written first.
        (mode.read, mode.write) = (false, true);
        self.open(conn, oid, mode, mark)
    }

    /// Close it. Its transaction's end does so too.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.is_closed(py) {
            true => Ok(()),
            false => self.close_there(py),
        }
    }

    /// Return up to ``size`` bytes or characters' bytes, by default all that are left.
    #[pyo3(signature = (size = -1, /))]
    fn read<'py>(&self, py: Python<'py>, size: isize) -> PyResult<Bound<'py, PyAny>> {
        let (connection, descriptor) = self.usable(py)?;
        let size = match usize::try_from(size) {
            Ok(size) => size,
            Err(_) => {
                let at = Self::tell_there(&connection, descriptor)?;
                let end = Self::seek_there(&connection, descriptor, 0, 2)?;
                Self::seek_there(&connection, descriptor, at, 0)?;
                usize::try_from(end - at).unwrap_or(0)
            }
        };
        let data = read_from(&connection, descriptor, size)?;
        match self.opened(py)?.mode.binary {
            true => Ok(PyBytes::new(py, &data).into_any()),
            false => Ok(connection.get().dialect().encoding.decode(py, &data)?.into_any()),
        }
    }

    /// Write text or bytes; return how many bytes were written.
    #[pyo3(signature = (data, /))]
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let (connection, descriptor) = self.usable(py)?;
        if let Ok(bytes) = data.cast::<PyBytes>() {
            return write_to(&connection, descriptor, bytes.as_bytes());
        }
        let Ok(text) = data.cast::<PyString>() else {
            return Err(PyTypeError::new_err(format!(
                "lobject.write requires a string; got {} instead",
                data.get_type().name()?
            )));
        };
        let encoding = connection.get().dialect().encoding;
        write_to(&connection, descriptor, &encoding.encode(text)?)
    }

    /// Go to another place, counted from the beginning, from here (1) or from the end (2).
    #[pyo3(signature = (offset, whence = 0, /))]
    fn seek(&self, py: Python<'_>, offset: i64, whence: i32) -> PyResult<i64> {
        let (connection, descriptor) = self.usable(py)?;
        Self::seek_there(&connection, descriptor, offset, whence)
    }

    /// Return the present place.
    fn tell(&self, py: Python<'_>) -> PyResult<i64> {
        let (connection, descriptor) = self.usable(py)?;
        Self::tell_there(&connection, descriptor)
    }

    /// Remove it from the database.
    fn unlink(&self, py: Python<'_>) -> PyResult<()> {
        let opened = self.opened(py)?;
        let connection = opened.connection.bind(py);
        if connection.get().is_closed() {
            return Err(error::operational(py, NO_CONNECTION));
        }
        connection::begin_if_needed(connection)?;
        self.close_there(py)?;
        number(connection, &format!("SELECT pg_catalog.lo_unlink({})", opened.oid))?;
        Ok(())
    }

    /// Write all of it to a file.
    #[pyo3(signature = (filename, /))]
    fn export(&self, py: Python<'_>, filename: &str) -> PyResult<()> {
        self.check_transaction(py)?;
        let opened = self.opened(py)?;
        let connection = opened.connection.bind(py);
        if connection.get().is_closed() {
            return Err(error::operational(py, NO_CONNECTION));
        }
        connection::begin_if_needed(connection)?;
        let sql = format!("SELECT pg_catalog.lo_open({}, {})", opened.oid, 0x4_0000);
        let descriptor = number(connection, &sql)?;
        let failed = |failed: std::io::Error| of_file(py, "write to", filename, &failed);
        let mut file =
            File::create(filename).map_err(|failed| of_file(py, "open", filename, &failed))?;
        loop {
            let data = read_from(connection, descriptor, PIECE)?;
            py.detach(|| file.write_all(&data)).map_err(failed)?;
            if data.len() < PIECE {
                break;
            }
        }
        number(connection, &format!("SELECT pg_catalog.lo_close({descriptor})"))?;
        Ok(())
    }

    /// Make it so many bytes long.
    #[pyo3(signature = (len = 0, /))]
    fn truncate(&self, py: Python<'_>, len: i64) -> PyResult<()> {
        let (connection, descriptor) = self.usable(py)?;
        number(&connection, &format!("SELECT pg_catalog.lo_truncate64({descriptor}, {len})"))?;
        Ok(())
    }

    /// Whether it cannot be read or written any more.
    #[getter]
    fn closed(&self, py: Python<'_>) -> bool {
        self.is_closed(py)
    }

    /// Its number in the database.
    #[getter]
    fn oid(&self, py: Python<'_>) -> PyResult<u32> {
        self.opened(py).map(|opened| opened.oid)
    }

    /// How it was opened.
    #[getter]
    fn mode(&self, py: Python<'_>) -> PyResult<String> {
        self.opened(py).map(|opened| opened.mode.text())
    }
}

impl LargeObject {
    fn open(
        &self,
        connection: &Bound<'_, Connection>,
        oid: u32,
        mode: Mode,
        mark: u64,
    ) -> PyResult<()> {
        if mode.read || mode.write {
            let sql = format!("SELECT pg_catalog.lo_open({oid}, {})", mode.flags());
            *self.descriptor.locked() = Some(number(connection, &sql)?);
        }
        // A second __init__ changes nothing.
        let connection = connection.clone().unbind();
        let _ = self.opened.set(Opened { connection, oid, mode, mark });
        Ok(())
    }
}

/// libpq's words for a connection that is closed.
const NO_CONNECTION: &str = "connection pointer is NULL\n";

/// How much is read and written at a time.
const PIECE: usize = 1 << 20;
