//! From a connection string to a session.

use std::sync::Arc;

use aya_db::SystemSurroundings;
use aya_db_core::conninfo::{self, ConnInfoError, Origin, TargetSessionAttrs};
use aya_pgwire::{ConnectEnd, ConnectError, Connecting, Progress, Target};
use aya_session::SurvivorError;
use pyo3::prelude::*;

use super::object::Connection;
use super::state::{Closed, Status};
use super::{green, running};
use crate::encoding::Encoding;
use crate::error;
use crate::lock::Locked as _;
use crate::wire::{Fault, Link, Patience, open_surviving};

/// Connects, or begins to.
pub(super) fn open(slf: &Bound<'_, Connection>, dsn: &str, asynchronous: bool) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    // `connect()` has checked it; who makes a connection in another way has not.
    let Ok(given) = conninfo::parse(dsn) else {
        return Err(error::internal(py, "the connection string is not valid"));
    };
    let replicates = given.get("replication").is_some();
    {
        let mut state = this.state.locked();
        state.dsn = Some(crate::dsn::obscured(dsn));
        state.whole_dsn = super::state::Whole(dsn.into());
        state.asynchronous = asynchronous;
        state.replicates = replicates;
        state.process = std::process::id();
    }
    let opened = match asynchronous {
        true => start(slf, dsn),
        false => connect(slf, dsn).and_then(|()| set_up(slf)),
    };
    if opened.is_err() {
        this.state.locked().closed = Closed::Lost;
        py.detach(|| this.wire.lock().link = Link::None);
    }
    opened
}

fn connect(slf: &Bound<'_, Connection>, dsn: &str) -> PyResult<()> {
    let py = slf.py();
    let this = slf.get();
    if let Some(callback) = green::callback(py) {
        start(slf, dsn)?;
        callback.bind(py).call1((slf,))?;
        let open = py.detach(|| matches!(this.wire.lock().link, Link::Open(_)));
        if !open {
            return Err(error::operational(
                py,
                "the wait callback returned before the connection was made",
            ));
        }
    } else {
        let target = target(py, dsn)?;
        let survives = target.info().survives_failover() && !this.state.locked().replicates;
        let mut patience = Patience::default();
        let made = py.detach(|| match survives {
            true => match open_surviving(target, &mut patience) {
                Ok(survivor) => Ok(Link::Surviving(Box::new(survivor))),
                Err(error) => Err(Made::Surviving(Box::new(error))),
            },
            false => match Connecting::new(target).finish(&mut patience) {
                Ok(connection) => Ok(Link::Open(Box::new(connection))),
                Err(error) => Err(Made::Plain(error)),
            },
        });
        if let Some(raised) = patience.raised() {
            return Err(raised);
        }
        let link = made.map_err(|failed| match failed {
            Made::Plain(failed) => refused(py, &failed),
            Made::Surviving(failed) => running::failed(slf, Fault::Broken(failed), None),
        })?;
        py.detach(|| this.wire.lock().link = link);
    }
    this.state.locked().status = Status::Ready;
    Ok(())
}

/// Why no session was made.
enum Made {
    Plain(ConnectError),
    Surviving(Box<SurvivorError>),
}

/// Begins to connect; `poll()` goes on.
fn start(slf: &Bound<'_, Connection>, dsn: &str) -> PyResult<()> {
    let py = slf.py();
    let target = target(py, dsn)?;
    let mut connecting = Connecting::new(target);
    let link = match py.detach(|| connecting.poll().map(|progress| (progress, connecting))) {
        Ok((Progress::Wait(_), connecting)) => Link::Connecting(Box::new(connecting)),
        Ok((Progress::Done(connection), _)) => Link::Open(connection),
        Err(failed) => return Err(refused(py, &failed)),
    };
    let this = slf.get();
    py.detach(|| this.wire.lock().link = link);
    Ok(())
}

fn target(py: Python<'_>, dsn: &str) -> PyResult<Arc<Target>> {
    let wrong = |failed: ConnInfoError| error::operational(py, crate::dsn::text(dsn, &failed));
    let mut settings = conninfo::parse(dsn).map_err(wrong)?;
    let (mut info, mut raw) =
        conninfo::resolve_raw(&settings, &SystemSurroundings).map_err(wrong)?;
    // Who survives a failover wants the leader, unless something else is asked for: the first of
    // several hosts may come back as a standby.
    let any = info.target_session_attrs() == TargetSessionAttrs::Any;
    if info.survives_failover() && any && settings.get("target_session_attrs").is_none() {
        let primary = settings.set("target_session_attrs", "primary", Origin::Default);
        primary.map_err(wrong)?;
        (info, raw) = conninfo::resolve_raw(&settings, &SystemSurroundings).map_err(wrong)?;
    }
    let target =
        Target::new(info).map_err(|failed| error::operational(py, format!("{failed}\n")))?;
    Ok(Arc::new(target.raw(&raw)))
}

/// The exception for a connection that could not be made.
pub(super) fn refused(py: Python<'_>, failed: &ConnectError) -> PyErr {
    match failed.end() {
        ConnectEnd::Interrupted => error::operational(py, "the attempt to connect was interrupted"),
        ConnectEnd::Exhausted | ConnectEnd::TimedOut => error::operational(py, failed.text()),
    }
}

/// Learns what the server says of the new session.
pub(super) fn learn(slf: &Bound<'_, Connection>) -> PyResult<Option<()>> {
    let py = slf.py();
    let this = slf.get();
    let facts = this.read(py, |line| {
        let connection = line.link.connection()?;
        let session = connection.session();
        let encoding = session.parameter("client_encoding").map(<[u8]>::to_vec);
        let iso = session.parameter("DateStyle").is_none_or(|style| style.starts_with(b"ISO"));
        Some((encoding, iso, connection.canceller()))
    });
    let Some((encoding, iso, canceller)) = facts else {
        return Err(error::operational(py, "no connection to the server\n"));
    };
    let Some(encoding) = encoding else {
        return Err(error::operational(py, "server didn't return client encoding"));
    };
    let encoding = Encoding::find(py, &String::from_utf8_lossy(&encoding))?;
    *this.canceller.locked() = canceller;
    py.detach(|| {
        let line = this.wire.lock();
        if let Some(connection) = line.link.connection() {
            this.state.locked().learn(connection.session(), encoding);
        }
    });
    let styled = iso || this.state.locked().replicates;
    Ok(styled.then_some(()))
}

/// What a session needs before it is its user's; `reset()` does it again.
pub(super) fn set_up(slf: &Bound<'_, Connection>) -> PyResult<()> {
    if learn(slf)?.is_none() {
        running::command(slf, b"SET datestyle TO 'ISO'")?;
    }
    slf.get().state.locked().session = super::state::Session::default();
    Ok(())
}
