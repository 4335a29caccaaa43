//! Opening one connection to one server, under one deadline.
//!
//! ```text
//! HostSpec -> resolve -> for each address: dial -> TLS -> startup, authentication -> Link
//! ```
//!
//! Which server to connect to, and what to do when it fails, is decided elsewhere.

mod authenticate;
mod cancel;
mod dial;
mod failure;
mod open;
mod session;
mod transport;

pub(crate) use self::authenticate::Label;
pub(crate) use self::cancel::cancel;
pub(crate) use self::dial::{Address, Dialled, dial};
pub(crate) use self::failure::{ConnectCause, ConnectFailure};
pub(crate) use self::open::open;
pub(crate) use self::session::Session;
pub(crate) use self::transport::Transport;
