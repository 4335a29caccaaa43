//! What a connection knows of itself.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefReference};

use crate::dialect::Dialect;
use crate::encoding::Encoding;
use crate::wire::Exchange;

/// What a connection knows of itself, behind a lock that is held for a moment.
#[derive(Debug)]
pub(crate) struct State {
    /// Whether it is closed.
    pub(crate) closed: Closed,
    /// What it is in.
    pub(crate) status: Status,
    /// How a transaction begins.
    pub(crate) session: Session,
    /// Changes with each end of a transaction: what belongs to one knows by it that it is over.
    pub(crate) mark: u64,
    /// Whether a `with` block is entered.
    pub(crate) entered: bool,
    /// How values are written.
    pub(crate) dialect: Dialect,
    /// The version of the server, as libpq writes it: 180006 is 18.6.
    pub(crate) server_version: i32,
    /// The major version of the protocol.
    pub(crate) protocol: i32,
    /// Whether it never blocks.
    pub(crate) asynchronous: bool,
    /// The connection string, without its password.
    pub(crate) dsn: Option<String>,
    /// The same with it, for more connections of the kind.
    pub(super) whole_dsn: Whole,
    /// Whether it is a replication connection.
    pub(crate) replicates: bool,
    /// The process that made it.
    pub(crate) process: u32,
    /// What the last error was.
    pub(crate) last_error: Option<String>,
}

/// A connection string with its password, which no output shows.
#[derive(Clone, Default)]
pub(crate) struct Whole(pub(super) Arc<str>);

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Whole(..)")
    }
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// Whether there are none but those that the user begins.
    pub(crate) autocommit: bool,
    /// The level of isolation, 1 to 4.
    pub(crate) isolation: Option<u8>,
    /// Whether it may write.
    pub(crate) readonly: Option<bool>,
    /// Whether it may wait to be safe.
    pub(crate) deferrable: Option<bool>,
}

/// Whether a connection is closed. The numbers are those of `connection.closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It is not.
    No = 0,
    /// By its user.
    ByUser = 1,
    /// It was lost.
    Lost = 2,
}

/// What a connection is in. The numbers are those of `connection.status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It has not begun to connect.
    Setup = 0,
    /// No transaction is open.
    Ready = 1,
    /// One is.
    Begin = 2,
    /// One is prepared.
    Prepared = 5,
    /// It is connecting.
    Connecting = 20,
    /// It is connected, and sets the style of dates.
    DateStyle = 21,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            closed: Closed::No,
            status: Status::Setup,
            session: Session::default(),
            mark: 0,
            entered: false,
            dialect: Dialect { encoding: Encoding::utf8(), standard_strings: true },
            server_version: 0,
            protocol: 0,
            asynchronous: false,
            dsn: None,
            whole_dsn: Whole::default(),
            replicates: false,
            process: std::process::id(),
            last_error: None,
        }
    }

    /// Takes what the server says of the session.
    pub(super) fn learn(&mut self, session: &aya_pgwire::Session, encoding: Arc<Encoding>) {
        let standard = session.parameter("standard_conforming_strings");
        self.dialect = Dialect { encoding, standard_strings: standard != Some(b"off") };
        self.server_version = session.parameter("server_version").map_or(0, version);
        self.protocol = 3;
    }
}

/// As libpq makes a number of it: `18.6` is 180006, `9.6.24` is 90624, `19devel` is 190000.
fn version(text: &[u8]) -> i32 {
    let text = String::from_utf8_lossy(text);
    let number = |part: &str| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse::<i32>().ok()
    };
    let mut parts = text.split('.').map_while(number);
    let major = parts.next().unwrap_or(0);
    let minor = parts.next().unwrap_or(0);
    match major {
        10.. => major * 10_000 + minor,
        _ => (major * 100 + minor) * 100 + parts.next().unwrap_or(0),
    }
}

/// The Python objects that a connection holds.
#[derive(Debug)]
pub(crate) struct Objects {
    /// The list of notices.
    pub(crate) notices: Py<PyAny>,
    /// The list of notifications.
    pub(crate) notifies: Py<PyAny>,
    /// What makes its cursors.
    pub(crate) cursor_factory: Option<Py<PyAny>>,
    /// Its own typecasters of text.
    pub(crate) string_types: Py<PyDict>,
    /// Its own typecasters of binary values.
    pub(crate) binary_types: Py<PyDict>,
    /// The two-phase transaction that is open.
    pub(crate) xid: Option<Py<PyAny>>,
}

/// What runs on a connection whose user polls.
#[derive(Debug, Default)]
pub(crate) enum Executing {
    /// Nothing.
    #[default]
    Nothing,
    /// A query of this cursor.
    Cursor(Py<PyWeakrefReference>),
    /// A query of the connection's own, or one whose outcome is waited for.
    Internal,
    /// It is done, and whoever waits for it takes it.
    Done(Exchange),
}
