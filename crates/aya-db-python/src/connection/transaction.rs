//! The beginning and the end of transactions.

use pyo3::prelude::*;

use super::object::Connection;
use super::running::command;
use super::state::{Session, Status};
use super::{asides, opening};
use crate::error;
use crate::lock::Locked as _;
use crate::xid::Xid;

/// Begins a transaction if none is open and the connection has its statements run in one.
pub(crate) fn begin_if_needed(slf: &Bound<'_, Connection>) -> PyResult<()> {
    let _turn = slf.get().turns.take(slf.py());
    let Some(begin) = due(slf.get()) else { return Ok(()) };
    command(slf, begin.as_bytes())?;
    slf.get().state.locked().status = Status::Begin;
    Ok(())
}

/// The BEGIN that is due before the next statement.
pub(crate) fn due(this: &Connection) -> Option<String> {
    let state = this.state.locked();
    let wanted = !state.session.autocommit || state.entered;
    (state.status == Status::Ready && wanted).then(|| state.session.begin())
}

/// COMMIT, if a transaction is open.
pub(super) fn commit(slf: &Bound<'_, Connection>) -> PyResult<()> {
    let this = slf.get();
    let _turn = this.turns.take(slf.py());
    let is_open = {
        let mut state = this.state.locked();
        let is_open = state.status == Status::Begin;
        if is_open {
            state.mark += 1;
        }
        is_open
    };
    let done = match is_open {
        true => command(slf, b"COMMIT").map(|_| ()),
        false => {
            asides::publish(slf);
            Ok(())
        }
    };
    // However it went, no transaction is open any more.
    this.state.locked().status = Status::Ready;
    done
}

/// ROLLBACK, if a transaction is open.
pub(super) fn rollback(slf: &Bound<'_, Connection>) -> PyResult<()> {
    let this = slf.get();
    let _turn = this.turns.take(slf.py());
    {
        let mut state = this.state.locked();
        if state.status != Status::Begin {
            drop(state);
            asides::publish(slf);
            return Ok(());
        }
        state.mark += 1;
    }
    command(slf, b"ROLLBACK")?;
    this.state.locked().status = Status::Ready;
    Ok(())
}

/// Makes the session as it was when it was new.
pub(super) fn reset(slf: &Bound<'_, Connection>) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    let _turn = this.turns.take(py);
    let is_open = {
        let mut state = this.state.locked();
        state.mark += 1;
        state.status == Status::Begin
    };
    if is_open {
        command(slf, b"ROLLBACK")?;
    }
    command(slf, b"DISCARD ALL")?;
    this.state.locked().status = Status::Ready;
    this.forget_xid(py);
    opening::set_up(slf)
}

/// PREPARE TRANSACTION and what follows it.
pub(super) fn two_phase(
    slf: &Bound<'_, Connection>,
    words: &str,
    xid: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    let _turn = this.turns.take(py);
    let gid = Xid::from_python(xid)?.get().gid(py)?;
    this.state.locked().mark += 1;
    let dialect = this.dialect();
    let mut sql = format!("{words} ").into_bytes();
    let gid = pyo3::types::PyString::new(py, &gid);
    let gid = dialect.encoding.encode(&gid)?;
    crate::adapt::quote_string(&mut sql, &gid, &dialect)?;
    command(slf, &sql)?;
    Ok(())
}

/// Ends the two-phase transaction, or one that was prepared before.
pub(super) fn finish_two_phase(
    slf: &Bound<'_, Connection>,
    given: Option<&Bound<'_, PyAny>>,
    words: &str,
    end: fn(&Bound<'_, Connection>) -> PyResult<()>,
) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    let given = given.map(Xid::from_python).transpose()?;
    if let Some(xid) = given {
        if this.status() != Status::Ready {
            let text = "tpc_commit/tpc_rollback with a xid must be called outside a transaction";
            return Err(error::programming(py, text));
        }
        return two_phase(slf, words, xid.as_any());
    }
    let Some(xid) = this.xid_of(py) else {
        let text =
            "tpc_commit/tpc_rollback with no parameter must be called in a two-phase transaction";
        return Err(error::programming(py, text));
    };
    match this.status() {
        Status::Begin => end(slf)?,
        Status::Prepared => two_phase(slf, words, &xid)?,
        _ => {
            let text = "unexpected state in tpc_commit/tpc_rollback";
            return Err(error::interface(py, text));
        }
    }
    this.forget_xid(py);
    this.state.locked().status = Status::Ready;
    Ok(())
}

impl Session {
    /// The statement that begins a transaction.
    fn begin(self) -> String {
        let mut sql = "BEGIN".to_owned();
        if let Some(level) = self.isolation {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(super::session::LEVELS[usize::from(level) - 1]);
        }
        match self.readonly {
            Some(true) => sql.push_str(" READ ONLY"),
            Some(false) => sql.push_str(" READ WRITE"),
            None => {}
        }
        match self.deferrable {
            Some(true) => sql.push_str(" DEFERRABLE"),
            Some(false) => sql.push_str(" NOT DEFERRABLE"),
            None => {}
        }
        sql
    }
}

/// Fails a call that cannot be made inside a transaction.
pub(super) fn refuse_inside(slf: &Bound<'_, Connection>, call: &str) -> PyResult<()> {
    match slf.get().state.locked().status {
        Status::Ready => Ok(()),
        _ => {
            let text = format!("{call} cannot be used inside a transaction");
            Err(error::programming(slf.py(), text))
        }
    }
}
