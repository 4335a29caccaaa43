//! From a connection string to a session that is what was wanted.
//!
//! ```text
//! Target: ConnInfo, TLS files, startup parameters
//!    |
//! Connecting: hosts -> addresses -> ways (TLS or plain)   one after the other
//!                                    |
//!                 Opening: TCP -> SSLRequest -> handshake -> Stream
//!                                    |
//!                 Attempt: startup, login -> role -> Connection
//! ```
//!
//! Only the resolution of names blocks beyond what a caller lets it: there is no other way to ask
//! the system's resolver on one's own thread, and libpq does the same.

mod address;
mod attempt;
mod blocking;
mod canceller;
mod connecting;
mod error;
mod opening;
mod peer;
mod server;
mod target;

pub use self::address::Address;
pub use self::blocking::connect;
pub use self::canceller::{CancelError, Canceller};
pub use self::connecting::{Connecting, Progress};
pub use self::error::{AttemptCause, AttemptFailure, ConnectEnd, ConnectError};
pub use self::server::Server;
pub use self::target::Target;
