//! COPY between the server and a file of Python's.

use std::borrow::Cow;
use std::sync::Arc;

use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::executing::{Rows, take};
use super::object::Cursor;
use crate::connection::{self, Connection};
use crate::encoding::Encoding;
use crate::error;
use crate::wire::{Aside, Copied, Exchange, Fault, Finish, Lent, Outcome, Patience};

/// Runs a statement that copies, and moves its data.
pub(super) fn run(
    slf: &Bound<'_, Cursor>,
    connection: &Bound<'_, Connection>,
    sql: &[u8],
    file: &Bound<'_, PyAny>,
    size: isize,
) -> PyResult<()> {
    let py = slf.py();
    let begun = connection::blocking(connection, |line, wait| {
        let copied = line.run_copy(sql, wait)?;
        let session = match copied {
            Copied::Nothing(_) => None,
            _ => line.lend(),
        };
        Ok((copied, session))
    });
    let (copied, session) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            connection::settle(connection);
            return Err(error);
        }
    };
    let sends = matches!(copied, Copied::In(_));
    let (exchange, session) = match (copied, session) {
        (Copied::Nothing(outcomes), _) => {
            connection::settle(connection);
            let outcome = outcomes.into_iter().next();
            return match outcome {
                Some(outcome) => take(slf, outcome, Some(sql), Rows::Wanted),
                None => Err(error::operational(py, "unknown error")),
            };
        }
        (Copied::In(exchange) | Copied::Out(exchange) | Copied::Both(exchange), Some(session)) => {
            (exchange, session)
        }
        (_, None) => return Err(error::operational(py, "no connection to the server\n")),
    };
    let mut copy = Copy {
        connection,
        session,
        exchange,
        aside: Aside::default(),
        encoding: connection.get().dialect().encoding,
        sends,
    };
    let moved = match sends {
        true => copy.send(file, size),
        false => copy.receive(file),
    };
    let outcome = copy.finish(moved);
    connection::settle(connection);
    take(slf, outcome?, Some(sql), Rows::Counted)
}

/// A COPY that is under way, with the session taken out of its connection.
struct Copy<'a, 'py> {
    connection: &'a Bound<'py, Connection>,
    session: Lent,
    exchange: Exchange,
    aside: Aside,
    encoding: Arc<Encoding>,
    /// Whether data goes to the server.
    sends: bool,
}

/// How the moving of data ended.
enum Moved {
    /// All of it went.
    All,
    /// The file failed; the server is told why, or its data is taken and thrown away.
    FileFailed(PyErr),
    /// The session failed.
    Lost(Box<Fault>),
}

impl Copy<'_, '_> {
    /// COPY FROM STDIN.
    fn send(&mut self, file: &Bound<'_, PyAny>, size: isize) -> Moved {
        let py = file.py();
        let read = match file.getattr("read") {
            Ok(read) => read,
            Err(error) => return Moved::FileFailed(error),
        };
        loop {
            let piece = match self.read(&read, size) {
                Ok(Some(piece)) => piece,
                Ok(None) => return Moved::All,
                Err(error) => return Moved::FileFailed(error),
            };
            let bytes = piece.as_bytes();
            let mut patience = Patience::new(self.session.canceller());
            let (session, aside) = (&mut self.session, &mut self.aside);
            let sent = py.detach(|| session.send(bytes, aside, &mut patience));
            match (sent, patience.raised()) {
                (_, Some(raised)) => return Moved::FileFailed(raised),
                (Ok(true), None) => {}
                (Ok(false), None) => return Moved::All,
                (Err(fault), None) => return Moved::Lost(Box::new(fault)),
            }
        }
    }

    /// The next piece of the file; `None` at its end.
    fn read<'py>(
        &self,
        read: &Bound<'py, PyAny>,
        size: isize,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let py = read.py();
        let piece = read.call1((size,))?;
        let bytes = match piece.cast_into::<PyBytes>() {
            Ok(bytes) => bytes,
            Err(other) => match other.into_inner().cast_into::<PyString>() {
                Ok(text) => PyBytes::new(py, &self.encoding.encode(&text)?),
                // As psycopg2 does, the server is told that it was the file, and no more.
                Err(_) => return Err(PyTypeError::new_err("")),
            },
        };
        Ok(Some(bytes).filter(|bytes| !bytes.as_bytes().is_empty()))
    }

    /// COPY TO STDOUT.
    fn receive(&mut self, file: &Bound<'_, PyAny>) -> Moved {
        let py = file.py();
        let prepared = file.getattr("write").and_then(|write| {
            let text_file = py.import("io")?.getattr("TextIOBase")?;
            Ok((write, file.is_instance(&text_file)?))
        });
        let (write, is_text) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Moved::FileFailed(error),
        };
        loop {
            let mut patience = Patience::new(self.session.canceller());
            let (session, exchange, aside) =
                (&mut self.session, &mut self.exchange, &mut self.aside);
            let data = py.detach(|| session.next(exchange, aside, &mut patience));
            if let Some(raised) = patience.raised() {
                return Moved::FileFailed(raised);
            }
            let data = match data {
                Ok(Some(data)) => data,
                Ok(None) => return Moved::All,
                Err(fault) => return Moved::Lost(Box::new(fault)),
            };
            let written = match is_text {
                true => {
                    self.encoding.decode(py, data.as_bytes()).and_then(|text| write.call1((text,)))
                }
                false => write.call1((PyBytes::new(py, data.as_bytes()),)),
            };
            if let Err(error) = written {
                return Moved::FileFailed(error);
            }
        }
    }

    /// Ends it, gives the session back, and tells what the statement came to.
    fn finish(mut self, moved: Moved) -> PyResult<Outcome> {
        let py = self.connection.py();
        let (raised, reason) = match moved {
            Moved::Lost(fault) => return Err(self.failed(*fault)),
            Moved::All => (None, None),
            Moved::FileFailed(error) if self.sends => {
                let reason = reason(py, &error);
                let reason = self.encoding.encode(&reason).map(Cow::into_owned);
                let reason = reason.unwrap_or_else(|_| b"error in .read() call".to_vec());
                // The server's own error quotes it; what no server can quote is raised as it is.
                let raised = !error.is_instance_of::<PyException>(py);
                (raised.then_some(error), Some(reason))
            }
            Moved::FileFailed(error) => (Some(error), None),
        };
        let finish = reason.as_deref().map_or(Finish::Done, Finish::Failed);
        let mut patience = Patience::new(self.session.canceller());
        let sends = self.sends;
        let (session, exchange, aside) = (&mut self.session, &mut self.exchange, &mut self.aside);
        let ended = py.detach(|| session.finish(finish, sends, exchange, aside, &mut patience));
        let raised = raised.or_else(|| patience.raised());
        if let Err(fault) = ended {
            let error = self.failed(fault);
            return Err(raised.unwrap_or(error));
        }
        let outcome = {
            let Self { connection, session, exchange, aside, .. } = self;
            give_back(connection, session, aside);
            exchange.outcomes().0.pop()
        };
        match (raised, outcome) {
            (Some(raised), _) => Err(raised),
            (None, Some(outcome)) => Ok(outcome),
            (None, None) => Err(error::operational(py, "unknown error")),
        }
    }

    /// A session that outlives its server is given back all the same.
    fn failed(self, fault: Fault) -> PyErr {
        let Self { connection, session, aside, .. } = self;
        match session {
            Lent::Surviving(_) => give_back(connection, session, aside),
            Lent::Plain(session) => {
                drop(session);
                connection.get().let_go(connection.py());
            }
        }
        connection::failed(connection, fault, None)
    }
}

fn give_back(connection: &Bound<'_, Connection>, session: Lent, aside: Aside) {
    let this = connection.get();
    connection.py().detach(|| {
        let mut line = this.wire.lock();
        line.give_back(session);
        line.aside.add(aside);
    });
}

/// What the server is told of a file that failed.
fn reason<'py>(py: Python<'py>, error: &PyErr) -> Bound<'py, PyString> {
    let kind = error.get_type(py).name().map(|name| name.to_string()).unwrap_or_default();
    let text = error.value(py).str().map(|text| text.to_string()).unwrap_or_default();
    match text.is_empty() {
        true => PyString::new(py, "error in .read() call"),
        false => PyString::new(py, &format!("error in .read() call: {kind} {text}")),
    }
}
