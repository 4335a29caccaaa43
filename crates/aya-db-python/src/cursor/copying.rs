//! COPY between the server and a file of Python's.

use aya_pgwire::{Connection as Session, Event};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::executing::{Rows, take};
use super::object::Cursor;
use crate::connection::{self, Connection};
use crate::encoding::Encoding;
use crate::error;
use crate::wire::{Aside, Copied, Exchange, Fault, Loss, Outcome, Patience, drive};

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
        session: Some(session),
        exchange: Some(exchange),
        aside: Aside::default(),
        encoding: connection.get().dialect().encoding,
    };
    let moved = match copy.takes_data() {
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
    session: Option<Box<Session>>,
    exchange: Option<Exchange>,
    aside: Aside,
    encoding: std::sync::Arc<Encoding>,
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
    fn takes_data(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.session().takes_copy_data())
    }

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
            let Some(session) = &mut self.session else { return Moved::All };
            let mut patience = Patience::new(session.canceller());
            let sent = py.detach(|| session.copy_data(bytes, &mut patience));
            match (sent, patience.raised()) {
                (_, Some(raised)) => return Moved::FileFailed(raised),
                (Ok(Ok(())), None) => {}
                // Its error is among the answers.
                (Ok(Err(_)), None) => return Moved::All,
                (Err(error), None) => {
                    let loss = Loss::idle(error, &mut self.aside);
                    return Moved::Lost(Box::new(Fault::Lost(Box::new(loss))));
                }
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
                Err(other) => {
                    let kind = other.into_inner().get_type();
                    let text = format!("got {} from read() of the file, not bytes", kind.name()?);
                    return Err(PyTypeError::new_err(text));
                }
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
            let Some(session) = &mut self.session else { return Moved::All };
            let mut patience = Patience::new(session.canceller());
            let event = py.detach(|| session.next_event(&mut patience));
            if let Some(raised) = patience.raised() {
                return Moved::FileFailed(raised);
            }
            match event {
                Ok(Event::CopyData(data)) => {
                    let written = match is_text {
                        true => self
                            .encoding
                            .decode(py, data.as_bytes())
                            .and_then(|text| write.call1((text,))),
                        false => write.call1((PyBytes::new(py, data.as_bytes()),)),
                    };
                    if let Err(error) = written {
                        return Moved::FileFailed(error);
                    }
                }
                Ok(Event::CopyDone) => return Moved::All,
                Ok(event) => {
                    let failed = matches!(event, Event::Answer(_));
                    if let Some(exchange) = &mut self.exchange {
                        exchange.take(event, &mut self.aside);
                    }
                    if failed {
                        return Moved::All;
                    }
                }
                Err(error) => {
                    let loss = Loss::idle(error, &mut self.aside);
                    return Moved::Lost(Box::new(Fault::Lost(Box::new(loss))));
                }
            }
        }
    }

    /// Ends it, gives the session back, and tells what the statement came to.
    fn finish(mut self, moved: Moved) -> PyResult<Outcome> {
        let py = self.connection.py();
        let (Some(mut session), Some(mut exchange)) = (self.session.take(), self.exchange.take())
        else {
            return Err(error::operational(py, "no connection to the server\n"));
        };
        let sends = session.session().takes_copy_data();
        let raised = match moved {
            Moved::Lost(fault) => {
                drop(session);
                self.connection.get().let_go(py);
                return Err(connection::failed(self.connection, *fault, None));
            }
            Moved::All => {
                if sends {
                    // It takes data, so its end fits.
                    let _ = session.session_mut().copy_done();
                }
                None
            }
            Moved::FileFailed(error) if sends => {
                let reason = reason(py, &error);
                let reason = self.encoding.encode(&reason).map(std::borrow::Cow::into_owned);
                let reason = reason.unwrap_or_else(|_| b"error in .read() call".to_vec());
                let _ = session.session_mut().copy_fail(&reason);
                // The server's own error quotes it; what no server can quote is raised as it is.
                (!error.is_instance_of::<pyo3::exceptions::PyException>(py)).then_some(error)
            }
            Moved::FileFailed(error) => Some(error),
        };
        let mut patience = Patience::new(session.canceller());
        let aside = &mut self.aside;
        let ended = py.detach(|| drive(&mut session, &mut exchange, aside, &mut patience));
        let raised = raised.or_else(|| patience.raised());
        if let Err(error) = ended {
            let loss = Loss::during(error, exchange.outcomes().1, &mut self.aside);
            drop(session);
            self.connection.get().let_go(py);
            let fault = Fault::Lost(Box::new(loss));
            let error = connection::failed(self.connection, fault, None);
            return Err(raised.unwrap_or(error));
        }
        let this = self.connection.get();
        let aside = self.aside;
        py.detach(|| {
            let mut line = this.wire.lock();
            line.give_back(session);
            line.aside.add(aside);
        });
        match (raised, exchange.outcomes().0.pop()) {
            (Some(raised), _) => Err(raised),
            (None, Some(outcome)) => Ok(outcome),
            (None, None) => Err(error::operational(py, "unknown error")),
        }
    }
}

/// What the server is told of a file that failed.
fn reason<'py>(py: Python<'py>, error: &PyErr) -> Bound<'py, PyString> {
    let kind = error.get_type(py).name().map(|name| name.to_string()).unwrap_or_default();
    let text = error.value(py).str().map(|text| text.to_string()).unwrap_or_default();
    PyString::new(py, &format!("error in .read() call: {kind} {text}"))
}
