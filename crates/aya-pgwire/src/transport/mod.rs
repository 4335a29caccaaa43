//! A session on a socket, moved by its caller's own thread.
//!
//! ```text
//!              next_event(wait), run(wait, each)        blocks in Wait, on the caller's thread
//!  caller --+
//!              poll_event()  -> Event | Wait(Interest)  never blocks; select() on fd
//!                  |
//!              Connection = Session + Stream (socket, perhaps TLS)
//! ```

mod connection;
mod error;
mod exchange;
mod poller;
mod stream;
mod wait;

pub use self::connection::{Connection, Polled};
pub use self::error::ConnectionError;
pub(crate) use self::error::system_text;
pub use self::exchange::Stop;
pub use self::poller::Poller;
pub(crate) use self::stream::Stream;
pub use self::wait::{Interest, Interrupted, Readiness, Wait};
