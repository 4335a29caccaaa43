//! One connection to one server: tokio-postgres on a stream that we watch.
//!
//! tokio-postgres cannot tell a statement that was never sent from one that was, throws away the
//! transaction status and the command tag, and reports a lost connection as just "closed". The
//! [`tap`] reads the frame headers that pass by and keeps what is needed of them in
//! [`state::LinkState`]; nothing here decides what to do about it.
//!
//! ```text
//! tokio_postgres::Client -> Connection -> Tap -> (TLS) -> socket
//!                               |          |
//!                         driver task   LinkState <- Link (marks, sent?, status, notices, end)
//! ```

mod authentication;
mod connection;
mod driver;
mod frames;
mod state;
mod statements;
mod tap;

pub(crate) use self::authentication::ForbiddenAuthentication;
pub(crate) use self::connection::{Link, LinkFacts, LinkHandle, Mark};
pub(crate) use self::driver::drive;
pub(crate) use self::state::{End, LinkState, Severed};
pub(crate) use self::tap::Tap;
