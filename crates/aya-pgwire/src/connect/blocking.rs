//! Making a connection on the caller's thread.

use std::sync::Arc;
use std::time::Instant;

use super::connecting::{Connecting, Progress};
use super::error::{ConnectEnd, ConnectError};
use super::target::Target;
use crate::transport::{Connection, Readiness, Wait};

/// Makes a connection to one of the hosts that the connection string names.
///
/// # Errors
/// If none will do, or `wait` gave up.
pub fn connect(target: Arc<Target>, wait: &mut dyn Wait) -> Result<Connection, ConnectError> {
    Connecting::new(target).finish(wait)
}

impl Connecting {
    /// Waits until the connection is made.
    ///
    /// # Errors
    /// If no host will do, or `wait` gave up.
    pub fn finish(mut self, wait: &mut dyn Wait) -> Result<Connection, ConnectError> {
        loop {
            let interest = match self.poll()? {
                Progress::Done(connection) => return Ok(*connection),
                Progress::Wait(interest) => interest,
            };
            let deadline = self.deadline();
            let Some(fd) = self.fd() else { continue };
            match wait.wait(fd, interest, deadline) {
                Ok(Readiness::Ready) => {}
                Ok(Readiness::TimedOut) => {
                    if deadline.is_none_or(|deadline| deadline > Instant::now()) {
                        return Err(self.give_up(ConnectEnd::TimedOut));
                    }
                    self.time_out();
                }
                Err(_) => return Err(self.give_up(ConnectEnd::Interrupted)),
            }
        }
    }
}
