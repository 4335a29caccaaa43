//! How a caller waits for a socket.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::answer::Arriving;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Bytes from the server.
    Read,
    /// Room for bytes to the server.
    Write,
    /// Whichever comes first: while much is sent, what the server says has to be read, or neither
    /// side would get on.
    ReadOrWrite,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Readiness {
    /// The socket is ready, or may be: nothing breaks if it is not.
    Ready,
    /// The deadline has passed.
    TimedOut,
}

/// The caller does not want to wait any longer. Why is for the caller to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Waits for sockets: the one place in which a blocking call spends its time.
///
/// [`Poller`](super::Poller) does so with `poll(2)`. A caller who has a lock to let go of
/// meanwhile, or an event loop to turn, brings its own.
pub trait Wait {
    /// What may be done before a wait, while the rows of an answer are still coming. Whatever takes
    /// long here keeps the server waiting, once the system's buffers are full.
    fn idle(&mut self, arriving: Arriving<'_>) {
        let _ = arriving;
    }

    /// Waits until `socket` is ready for `interest`, or `deadline` has passed.
    ///
    /// # Errors
    /// If the caller wants to give up. The connection stays as it is, and may be waited for
    /// again.
    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted>;
}
