//! A PostgreSQL session without I/O, and a transport for it that blocks its own caller alone.
//!
//! It speaks the simple query protocol, in bytes of whatever encoding, and keeps everything that
//! a server says: each result of a query of several statements, with its columns as the server
//! describes them, its rows, and its command tag; notices and notifications in their order;
//! server variables; every field of an error; COPY in, out and both ways. Drivers that prepare
//! statements and bind parameters are served better by `tokio-postgres`.
//!
//! # The session
//!
//! [`Session`] is a value. It is fed the bytes that a server sends, gives the bytes that are to
//! go to it, and turns what it was fed into [`Event`]s. It knows no socket, no clock and no
//! deadline.
//!
//! ```
//! use aya_pgwire::{Answer, Event, Session, Startup, TransactionStatus};
//!
//! # fn exchange(sent: &[u8], into: &mut [u8]) -> usize {
//! #     let answer: &[u8] = match sent.first() {
//! #         Some(b'Q') => b"T\0\0\0\x1a\0\x01n\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0\
//! #             D\0\0\0\x0b\0\x01\0\0\0\x017C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I",
//! #         _ => b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I",
//! #     };
//! #     into[..answer.len()].copy_from_slice(answer);
//! #     answer.len()
//! # }
//! fn next(session: &mut Session) -> Result<Event, Box<dyn std::error::Error>> {
//!     loop {
//!         if let Some(event) = session.next_event()? {
//!             return Ok(event);
//!         }
//!         let sent = session.unsent().to_vec();
//!         session.mark_sent(sent.len());
//!         let count = exchange(&sent, session.spare()); // a socket's write and read
//!         session.received(count);
//!     }
//! }
//!
//! let mut session = Session::new(Startup::new("app").parameter("database", "shop"))?;
//! assert_eq!(next(&mut session)?, Event::Ready(TransactionStatus::Idle));
//!
//! session.query(b"select 7 as n")?;
//! let Event::Answer(Answer::Table(table)) = next(&mut session)? else { panic!() };
//! assert_eq!(&*table.columns[0].name, b"n");
//! assert_eq!(table.columns[0].type_oid, 23);
//! assert_eq!(table.rows.get(0).and_then(|row| row.cell(0)), Some(&b"7"[..]));
//! assert_eq!(table.tag.as_bytes(), b"SELECT 1");
//! assert_eq!(next(&mut session)?, Event::Ready(TransactionStatus::Idle));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Queries may be sent ahead of the answers to earlier ones: call [`Session::query`] several
//! times, and take events until as many [`Event::Ready`] have come.
//!
//! # The connection
//!
//! On Unix, [`connect`] makes a [`Connection`]: a session on a socket, with TLS by rustls if
//! asked. Its calls that may block take a [`Wait`], in which they spend all their time;
//! [`Poller`] is one with `poll(2)`, a deadline, and a question to its caller whenever a signal
//! comes in.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use aya_db_core::conninfo::{ConnInfo, FixedSurroundings};
//! use aya_pgwire::{Answer, Event, Poller, Stop, Target, connect};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let info = ConnInfo::parse("host=db1,db2 user=app", &FixedSurroundings::default())?;
//! let mut wait = Poller::new();
//! let mut connection = connect(Arc::new(Target::new(info)?), &mut wait)?;
//! connection.session_mut().query(b"begin")?; // sent together with the next
//! connection.session_mut().query(b"select 1; select 2")?;
//! let mut tables = Vec::new();
//! let stop = connection.run(&mut wait, &mut |event| match event {
//!     Event::Answer(Answer::Table(table)) => tables.push(table),
//!     Event::Answer(Answer::Error(error)) => eprintln!("{error}"),
//!     _ => {}
//! })?;
//! assert!(matches!(stop, Stop::Ready(_)));
//! connection.close();
//! # Ok(()) }
//! ```
//!
//! The same without waiting: [`Connecting::poll`] while the connection is made,
//! [`Connection::poll_event`] afterwards; both say what the file descriptor has to be ready for.
//! [`Canceller`] cancels from another thread. Dropping a connection closes its socket and sends
//! nothing, so a child process may drop what it inherits; [`Connection::close`] says goodbye.
//!
//! Errors say what libpq would, since programs look for its words, and carry the facts that
//! `aya_db_core::failure` classifies. A server that ends a session answers the running query with
//! an error first ([`Event::LastWords`] if none runs), and the loss comes after it;
//! `PQerrorMessage` would tell both, one after the other. Whether a byte of a message may have left is told by
//! [`Session::sent_since`], with the [`Session::queued_in_all`] from before it was queued.
//!
//! Whatever bytes a server sends, they end in an event, in the wish for more bytes, or in a
//! [`SessionError`]; a length that is merely claimed takes no memory.

mod answer;
mod codec;
#[cfg(unix)]
mod connect;
mod protocol_error;
mod session;
#[cfg(unix)]
mod transport;

pub use self::answer::{
    Answer, Arriving, Cells, Column, CommandTag, CopyData, CopyShape, Field, Format, Row, Rows,
    ServerMessage, Table,
};
#[cfg(unix)]
pub use self::connect::{
    Address, AttemptCause, AttemptFailure, CancelError, Canceller, ConnectEnd, ConnectError,
    Connecting, Progress, Server, Target, connect,
};
pub use self::protocol_error::{ProtocolError, UsageError};
pub use self::session::{
    CancelKey, Event, LoginError, Notification, Parameter, ProtocolVersion, Session, SessionError,
    Startup, TransactionStatus,
};
#[cfg(unix)]
pub use self::transport::{
    Connection, ConnectionError, Interest, Interrupted, Polled, Poller, Readiness, Stop, Wait,
};
