//! A blocking session that survives the loss of its server.
//!
//! It speaks the simple query protocol over [`aya_pgwire`], on its caller's thread, in bytes of whatever
//! encoding. What a loss means is decided in [`aya_db_core`]; here bytes are moved.
//!
//! ```text
//! run(queries) --> Flight: one Step after another
//!                     |
//!                     Step: Ready --> Asked --> done, its events are handed over
//!                             ^         |  the connection is lost
//!                             |      Failure --> classify, decide
//!                             |         |
//!                             +-- again +-- Curing: Record, on another connection
//!                                       +-- Settling: a commit in doubt
//!                                       +-- SurvivorError
//! ```
//!
//! - A session that is lost while idle is made anew, with its settings, channels and prepared statements,
//!   before the next query.
//! - A statement that stands alone runs again where that does no harm. One that writes is put into a
//!   transaction, so that its commit can be looked up.
//! - An open transaction is replayed: its statements run again on the new leader, and what they give is
//!   compared with what the caller has seen.
//! - A COMMIT whose answer is lost is looked up, by the commit ledger or by the leader's history.
//!
//! Answers are handed over once a call is complete, so that nothing is seen twice. Errors that a server
//! answers are events; a [`SurvivorError`] tells what could not be continued.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use aya_db_core::conninfo::{ConnInfo, FixedSurroundings};
//! use aya_pgwire::{Poller, Target};
//! use aya_session::{Options, Survivor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = "host=db1,db2 user=app target_session_attrs=read-write";
//! let target = Target::new(ConnInfo::parse(text, &FixedSurroundings::default())?)?;
//! let mut wait = Poller::new();
//! let mut session = Survivor::open(Arc::new(target), Options::default(), &mut wait)?;
//! session.run(&[b"begin", b"update account set balance = 0 where id = 7"], &mut wait)?;
//! session.run(&[b"commit"], &mut wait)?;
//! # Ok(()) }
//! ```
//!
//! # When a wait is given up
//!
//! A call whose `Wait` gives up returns [`SurvivorError::Interrupted`], and its exchange stays under way:
//! the caller may cancel the statement with [`Survivor::canceller`], and goes on with
//! [`Survivor::resume`], or gives the exchange up with [`Survivor::abandon`].
#![cfg(unix)]

mod abandon;
mod after;
mod begin;
mod copy;
mod copying;
mod course;
mod doubt;
mod error;
mod failure;
mod flight;
mod follow;
mod kind;
mod link;
mod literal;
mod lookup;
mod options;
mod picture;
mod ping;
mod prepared;
mod replay;
mod round;
mod search;
mod session;
mod sleep;
mod state;
mod survivor;
mod token;
mod transaction;
mod view;
mod vigil;
mod waits;
mod watch;

pub use self::error::{Broken, Loss, NoServer, SurvivorError};
pub use self::flight::{End, Reply};
pub use self::options::{Options, Patience, Survival};
pub use self::survivor::Survivor;
pub use self::watch::Watch;
pub use aya_db_core::server_sql::COMMIT_LEDGER_SQL;
