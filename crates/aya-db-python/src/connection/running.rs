//! Runs queries on a connection, and makes exceptions of what goes wrong.

use std::sync::Arc;

use aya_pgwire::{Answer, ServerMessage, Wait};
use aya_session::SurvivorError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::object::Connection;
use super::state::{Closed, Executing};
use super::{asides, green};
use crate::cursor::Early;
use crate::encoding::Encoding;
use crate::error;
use crate::lock::Locked as _;
use crate::notify::Notify;
use crate::wire::{Exchange, Fault, Link, Loss, Outcome, Patience};

/// Sends queries together and returns what each of them came to. It blocks, or turns the wait
/// callback's loop.
///
/// # Errors
/// If the connection is lost or unusable, or a signal handler raised. What the server says of the
/// queries, errors too, is in the outcomes.
pub(crate) fn exchange(slf: &Bound<'_, Connection>, queries: &[&[u8]]) -> PyResult<Vec<Outcome>> {
    let survives = slf.get().survives(slf.py());
    let result = match green::callback(slf.py()) {
        // A callback cannot wait for a server that is still to be found.
        Some(callback) if !survives => exchange_green(slf, queries, callback.bind(slf.py())),
        _ => blocking(slf, |line, wait| line.run(queries, wait)),
    };
    settle(slf);
    result
}

/// As [`exchange`], for one query whose rows are made while more of them come, where that can be.
///
/// # Errors
/// As of [`exchange`].
pub(crate) fn exchange_early(
    slf: &Bound<'_, Connection>,
    sql: &[u8],
    early: &mut Early,
) -> PyResult<Vec<Outcome>> {
    if green::is_set() || slf.get().survives(slf.py()) {
        return exchange(slf, &[sql]);
    }
    let result = blocking(slf, |line, wait| line.run(&[sql], &mut early.during(wait)));
    settle(slf);
    result
}

/// Hands out what came aside, and lets go of a session that was lost.
pub(crate) fn settle(slf: &Bound<'_, Connection>) {
    asides::publish(slf);
    forget_if_lost(slf.py(), slf.get());
}

/// Does something with the session that may block, without Python's lock, and hears signals.
pub(crate) fn blocking<T: Send>(
    slf: &Bound<'_, Connection>,
    work: impl FnOnce(&mut crate::wire::Line, &mut dyn Wait) -> Result<T, Fault> + Send,
) -> PyResult<T> {
    let py = slf.py();
    let this = slf.get();
    let mut patience = Patience::new(this.canceller.locked().clone());
    let result = py.detach(|| work(&mut this.wire.lock(), &mut patience));
    let raised = patience.raised();
    match (result, raised) {
        (Ok(_), Some(raised)) => Err(raised),
        (Ok(done), None) => Ok(done),
        (Err(fault), raised) => {
            let error = failed(slf, fault, None);
            Err(raised.unwrap_or(error))
        }
    }
}

fn exchange_green(
    slf: &Bound<'_, Connection>,
    queries: &[&[u8]],
    callback: &Bound<'_, PyAny>,
) -> PyResult<Vec<Outcome>> {
    let py = slf.py();
    let this = slf.get();
    {
        let mut executing = this.executing.locked();
        if !matches!(*executing, Executing::Nothing) {
            return Err(error::programming(
                py,
                "a single async query can be executed on the same connection",
            ));
        }
        *executing = Executing::Internal;
    }
    let begun = py.detach(|| this.wire.lock().begin(queries, Exchange::of(queries.len())));
    let result = match begun {
        Ok(()) => callback.call1((slf,)).map(|_| ()).inspect_err(|_| {
            // The callback failed, not the session: its answer cannot be waited for any more.
            if !this.is_closed() {
                this.close(py);
            }
        }),
        Err(fault) => Err(failed(slf, fault, None)),
    };
    let executing = std::mem::take(&mut *this.executing.locked());
    result?;
    match executing {
        Executing::Done(exchange) => Ok(exchange.outcomes().0),
        _ => {
            this.close(py);
            Err(error::operational(py, "the wait callback returned before the query was answered"))
        }
    }
}

/// Runs a statement of the connection's own.
///
/// # Errors
/// If it fails.
pub(crate) fn command(slf: &Bound<'_, Connection>, sql: &[u8]) -> PyResult<Outcome> {
    let _turn = slf.get().turns.take(slf.py());
    let outcome = exchange(slf, &[sql])?.into_iter().next();
    match outcome {
        Some(Outcome { answer: Answer::Error(message), .. }) => {
            Err(refused(slf, message, Some(sql), None))
        }
        Some(outcome) => Ok(outcome),
        None => Err(error::operational(slf.py(), "unknown error")),
    }
}

/// The exception for an error that the server told.
pub(crate) fn refused(
    slf: &Bound<'_, Connection>,
    message: ServerMessage,
    query: Option<&[u8]>,
    cursor: Option<&Bound<'_, PyAny>>,
) -> PyErr {
    let encoding = slf.get().dialect().encoding;
    let report = message.report(query, encoding.name().as_bytes());
    slf.get().state.locked().last_error = Some(String::from_utf8_lossy(&report).into_owned());
    error::of_server(slf.py(), message, query, "", &encoding, cursor)
}

/// The exception for a query that did not run to its end.
pub(crate) fn failed(
    slf: &Bound<'_, Connection>,
    fault: Fault,
    cursor: Option<&Bound<'_, PyAny>>,
) -> PyErr {
    let py = slf.py();
    match fault {
        Fault::Lost(loss) => lost(slf, *loss, cursor),
        Fault::Unusable(text) => error::operational(py, text),
        Fault::Usage(usage) => error::operational(py, usage.to_string()),
        Fault::Broken(broken) => unsurvived(slf, &broken, cursor),
    }
}

/// The exception for what a session that outlives its server could not go on with. The connection
/// stays open: its next call goes on where one can.
fn unsurvived(
    slf: &Bound<'_, Connection>,
    error: &SurvivorError,
    cursor: Option<&Bound<'_, PyAny>>,
) -> PyErr {
    slf.get().state.locked().last_error = Some(error.to_string());
    error::of_survivor(slf.py(), error, cursor)
}

fn lost(slf: &Bound<'_, Connection>, loss: Loss, cursor: Option<&Bound<'_, PyAny>>) -> PyErr {
    let py = slf.py();
    let this = slf.get();
    let text = loss.text();
    {
        let mut state = this.state.locked();
        if state.closed == Closed::No {
            state.closed = Closed::Lost;
        }
        state.last_error = Some(text.clone());
    }
    let encoding: Arc<Encoding> = this.dialect().encoding;
    match loss.words {
        Some(words) => error::of_server(py, words, None, &text, &encoding, cursor),
        None => error::of_loss(py, &text, cursor),
    }
}

/// Lets go of a session that is lost.
fn forget_if_lost(py: Python<'_>, this: &Connection) {
    if this.state.locked().closed == Closed::Lost {
        this.let_go(py);
    }
}

impl Connection {
    /// Drops the session without a goodbye.
    pub(crate) fn let_go(&self, py: Python<'_>) {
        py.detach(|| {
            let mut line = self.wire.lock();
            line.link = Link::None;
            line.exchange = None;
        });
    }
}

/// Notices for the user, as libpq words them.
pub(super) fn notice_text<'py>(
    py: Python<'py>,
    encoding: &Encoding,
    notice: &ServerMessage,
) -> Bound<'py, pyo3::types::PyString> {
    encoding.decode_lossy(py, &notice.report(None, encoding.name().as_bytes()))
}

/// A notification for the user.
pub(super) fn notification<'py>(
    py: Python<'py>,
    encoding: &Encoding,
    notification: &aya_pgwire::Notification,
) -> PyResult<Bound<'py, Notify>> {
    let channel = encoding.decode_lossy(py, &notification.channel);
    let payload = encoding.decode_lossy(py, &notification.payload);
    Notify::make(py, notification.process_id, channel, payload)
}

/// Drops the oldest of more notices than a connection keeps.
pub(super) fn shorten(list: &Bound<'_, PyAny>) {
    if let Ok(list) = list.cast::<PyList>()
        && list.len() > MOST_NOTICES
    {
        // A list cannot refuse it.
        let _ = list.del_slice(0, list.len() - MOST_NOTICES);
    }
}

const MOST_NOTICES: usize = 50;
