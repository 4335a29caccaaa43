//! `poll()`: goes on with what is under way, without blocking.

use std::time::Instant;

use aya_pgwire::{Answer, Interest, Progress};
use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;

use super::object::Connection;
use super::state::{Executing, Status};
use super::{asides, opening, running};
use crate::cursor::Cursor;
use crate::error;
use crate::lock::Locked as _;
use crate::wire::{Exchange, Fault, Link, Outcome};

/// What `poll()` asks its caller to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poll {
    /// Nothing: it is done.
    Ok = 0,
    /// Until there is something to read.
    Read = 1,
    /// Until there is room to write.
    Write = 2,
}

impl From<Interest> for Poll {
    fn from(interest: Interest) -> Self {
        match interest {
            Interest::Read => Self::Read,
            // What comes meanwhile is read by the next poll.
            Interest::Write | Interest::ReadOrWrite => Self::Write,
        }
    }
}

/// Goes on.
pub(super) fn poll(slf: &Bound<'_, Connection>) -> PyResult<Poll> {
    let this = slf.get();
    let (status, asynchronous) = {
        let state = this.state.locked();
        (state.status, state.asynchronous)
    };
    match status {
        Status::Setup => {
            this.state.locked().status = Status::Connecting;
            Ok(Poll::Write)
        }
        Status::Connecting => match poll_connecting(slf)? {
            Poll::Ok if asynchronous => begin_set_up(slf),
            poll => Ok(poll),
        },
        Status::DateStyle => {
            let (poll, outcome) = poll_query(slf)?;
            match outcome {
                Some(Outcome { answer: Answer::Done(_), .. }) => {
                    this.state.locked().status = Status::Ready;
                    Ok(Poll::Ok)
                }
                Some(_) => Err(error::operational(slf.py(), "can't set datestyle to ISO")),
                None => Ok(poll),
            }
        }
        Status::Ready | Status::Begin | Status::Prepared => {
            let (poll, outcome) = poll_query(slf)?;
            if let Some(outcome) = outcome {
                finish(slf, outcome)?;
            }
            Ok(poll)
        }
    }
}

fn poll_connecting(slf: &Bound<'_, Connection>) -> PyResult<Poll> {
    let py = slf.py();
    let this = slf.get();
    let progress = py.detach(|| {
        let mut line = this.wire.lock();
        let Link::Connecting(connecting) = &mut line.link else { return Ok(Poll::Ok) };
        if connecting.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            connecting.time_out();
        }
        match connecting.poll()? {
            Progress::Wait(interest) => Ok(interest.into()),
            Progress::Done(connection) => {
                line.link = Link::Open(connection);
                Ok(Poll::Ok)
            }
        }
    });
    progress.map_err(|failed| opening::refused(py, &failed))
}

/// The part of the set up that a connection does for itself, if its user does not block.
fn begin_set_up(slf: &Bound<'_, Connection>) -> PyResult<Poll> {
    let py = slf.py();
    let this = slf.get();
    let styled = opening::learn(slf)?.is_some();
    {
        let mut state = this.state.locked();
        // Who does not block begins and ends transactions by statements of his own.
        state.session.autocommit = true;
        state.status = if styled { Status::Ready } else { Status::DateStyle };
    }
    if styled {
        return Ok(Poll::Ok);
    }
    let begun = py.detach(|| this.wire.lock().begin(&[b"SET datestyle TO 'ISO'"], Exchange::of(1)));
    begun.map_err(|fault| running::failed(slf, fault, None))?;
    Ok(Poll::Write)
}

/// Goes on with a query, if there is one; its outcome once there is.
fn poll_query(slf: &Bound<'_, Connection>) -> PyResult<(Poll, Option<Outcome>)> {
    let py = slf.py();
    let this = slf.get();
    let polled = py.detach(|| {
        let mut line = this.wire.lock();
        // A COPY has the session, and only its own end ends it.
        if matches!(line.link, Link::Lent) {
            return Ok((Poll::Ok, None));
        }
        Ok::<_, Fault>(match line.poll()? {
            Some(interest) => (interest.into(), None),
            None => (Poll::Ok, line.exchange.take()),
        })
    });
    asides::publish(slf);
    let (poll, exchange) = match polled {
        Ok(polled) => polled,
        Err(fault) => {
            *this.executing.locked() = Executing::Nothing;
            return Err(running::failed(slf, fault, None));
        }
    };
    let Some(exchange) = exchange else { return Ok((poll, None)) };
    let mut executing = this.executing.locked();
    if matches!(*executing, Executing::Internal) {
        *executing = Executing::Done(exchange);
        return Ok((poll, None));
    }
    drop(executing);
    Ok((poll, exchange.end()))
}

/// Hands the outcome to the cursor that asked.
fn finish(slf: &Bound<'_, Connection>, outcome: Outcome) -> PyResult<()> {
    let py = slf.py();
    let executing = std::mem::take(&mut *slf.get().executing.locked());
    let Executing::Cursor(asked) = executing else { return Ok(()) };
    let Some(cursor) = asked.bind(py).upgrade() else {
        return Err(error::interface(py, "the asynchronous cursor has disappeared"));
    };
    let Ok(cursor) = cursor.cast::<Cursor>() else {
        return Err(PySystemError::new_err("what ran the query is no cursor"));
    };
    Cursor::take(cursor, outcome)
}
