//! Reads on standbys, and reads that see what was written.

use aya_db_core::route::CausalToken;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::object::Connection;
use super::running;
use crate::dsn;
use crate::error;
use crate::lock::Locked as _;
use crate::wire::{Fault, Link};

/// The causal token of what was committed.
pub(super) fn token(slf: &Bound<'_, Connection>) -> PyResult<Option<String>> {
    let _turn = slf.get().turns.take(slf.py());
    let token = running::blocking(slf, |line, wait| match &mut line.link {
        Link::Surviving(survivor) => Ok(survivor.token(wait).map_err(Fault::from)?),
        _ => Ok(None),
    });
    running::settle(slf);
    Ok(token?.map(|token| token.to_string()))
}

/// The next reads see what the token stands for.
pub(super) fn stand_behind(slf: &Bound<'_, Connection>, token: &str) -> PyResult<()> {
    let token: CausalToken =
        token.parse().map_err(|wrong| PyValueError::new_err(format!("after: {wrong}")))?;
    let this = slf.get();
    let stands = slf.py().detach(|| match &mut this.wire.lock().link {
        Link::Surviving(survivor) => {
            survivor.stand_behind(token);
            true
        }
        _ => false,
    });
    match stands {
        true => Ok(()),
        false => Err(error::programming(
            slf.py(),
            "a causal token needs a connection with failover: name several hosts, etcd or \
             Patroni, or connect with failover=True",
        )),
    }
}

/// A connection of the same kind, to a standby if there is one.
pub(super) fn read_only<'py>(slf: &Bound<'py, Connection>) -> PyResult<Bound<'py, PyAny>> {
    let py = slf.py();
    let whole = slf.get().state.locked().whole_dsn.clone();
    let wanted = [("target_session_attrs", "prefer-standby"), ("failover", "on")];
    let dsn = dsn::with(&whole.0, &wanted).map_err(|wrong| dsn::invalid(py, &whole.0, &wrong))?;
    let token = match slf.get().status() {
        super::state::Status::Ready => token(slf)?,
        _ => None,
    };
    let made = py.get_type::<Connection>().call1((dsn,))?;
    made.setattr("readonly", true)?;
    if let Some(token) = token {
        stand_behind(made.cast()?, &token)?;
    }
    Ok(made)
}
