//! Asks a server to cancel what a session runs.

use std::sync::Arc;

use super::error::AttemptCause;
use super::opening::{Opened, Opening};
use super::server::Server;
use crate::session::CancelKey;
use crate::transport::{ConnectionError, Interest, Readiness, Stream, Wait};

/// Asks the server of a session to cancel the statement that runs there, over a connection of
/// its own that is secured like the session's. It may be used from any thread, and after the
/// session has ended.
#[derive(Debug, Clone)]
pub struct Canceller {
    server: Arc<Server>,
    key: CancelKey,
}

/// Why the request did not arrive, or may not have.
#[derive(Debug, thiserror::Error)]
#[error("{server} failed: {}", .cause.text())]
pub struct CancelError {
    server: String,
    cause: Box<AttemptCause>,
}

impl Canceller {
    pub(crate) const fn new(server: Arc<Server>, key: CancelKey) -> Self {
        Self { server, key }
    }

    /// The number of the server's process that runs the session.
    pub const fn process_id(&self) -> i32 {
        self.key.process_id()
    }

    /// Sends the request, and waits until the server has taken it. Whether anything was
    /// cancelled, the statement's own answer tells.
    ///
    /// # Errors
    /// If the request could not be sent, or `wait` gave up.
    pub fn cancel(&self, wait: &mut dyn Wait) -> Result<(), CancelError> {
        self.request(wait).map_err(|cause| CancelError {
            server: self.server.to_string(),
            cause: Box::new(cause),
        })
    }

    fn request(&self, wait: &mut dyn Wait) -> Result<(), AttemptCause> {
        let mut opening = Opening::new(&self.server).map_err(|(_, cause)| cause)?;
        let mut stream = loop {
            match opening.poll().map_err(|(_, cause)| cause)? {
                Opened::Stream(stream) => break stream,
                Opened::Wait(interest, waiting) => {
                    pause(wait.wait(waiting.fd(), interest, None)?)?;
                    opening = waiting;
                }
            }
        };
        let request = self.key.request();
        let mut left = &request[..];
        while !left.is_empty() || stream.wants_write() {
            let moved = match left {
                [] => stream.flush().map(|()| 0),
                _ => stream.write(left),
            };
            match moved {
                Ok(count) => left = &left[count..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    pause(wait.wait(stream.fd(), Interest::Write, None)?)?;
                }
                Err(error) => return Err(ConnectionError::Send(error).into()),
            }
        }
        await_end(stream, wait)
    }
}

/// The server closes the connection once it has passed the request on. However it ends, it has
/// been read.
fn await_end(mut stream: Stream, wait: &mut dyn Wait) -> Result<(), AttemptCause> {
    let mut byte = [0; 1];
    loop {
        match stream.read(&mut byte) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                pause(wait.wait(stream.fd(), Interest::Read, None)?)?;
            }
            Ok(1..) => {}
            Ok(0) | Err(_) => return Ok(()),
        }
    }
}

fn pause(readiness: Readiness) -> Result<(), AttemptCause> {
    match readiness {
        Readiness::Ready => Ok(()),
        Readiness::TimedOut => Err(AttemptCause::TimedOut),
    }
}
