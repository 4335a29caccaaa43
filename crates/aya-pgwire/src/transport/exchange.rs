//! The calls that block, each for as long as its [`Wait`] lets it.

use super::connection::Connection;
use super::error::ConnectionError;
use super::wait::{Interest, Readiness, Wait};
use crate::answer::Answer;
use crate::protocol_error::UsageError;
use crate::session::{Event, TransactionStatus};

/// Why [`Connection::run`] handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Every query that was sent has been answered.
    Ready(TransactionStatus),
    /// A COPY has begun, and its data is for the caller to send or to take.
    Copy,
}

impl Connection {
    /// The next event, however long it takes.
    ///
    /// # Errors
    /// If the connection is lost, or `wait` gave up.
    pub fn next_event(&mut self, wait: &mut dyn Wait) -> Result<Event, ConnectionError> {
        loop {
            if let Some(event) = self.session.next_event()? {
                return Ok(event);
            }
            let interest = self.send();
            if self.may_read && !self.is_due_to_wait() && self.receive()? {
                continue;
            }
            self.wait_for(interest, wait)?;
        }
    }

    /// Sends what is queued and hands every event to `each`, until all queries are answered or a
    /// COPY begins. It returns at once if no query is unanswered.
    ///
    /// # Errors
    /// If the connection is lost, or `wait` gave up; then the answers are still to come, and a
    /// later call takes them.
    pub fn run(
        &mut self,
        wait: &mut dyn Wait,
        each: &mut dyn FnMut(Event),
    ) -> Result<Stop, ConnectionError> {
        while self.session.pending() > 0 {
            let event = self.next_event(wait)?;
            let stop = match &event {
                Event::Ready(status) if self.session.pending() == 0 => Some(Stop::Ready(*status)),
                Event::Answer(Answer::CopyIn(_) | Answer::CopyOut(_) | Answer::CopyBoth(_)) => {
                    Some(Stop::Copy)
                }
                _ => None,
            };
            each(event);
            if let Some(stop) = stop {
                return Ok(stop);
            }
        }
        Ok(Stop::Ready(self.session.status()))
    }

    /// Sends everything that is queued. Whatever the server says meanwhile is kept.
    ///
    /// # Errors
    /// If the connection is lost, or `wait` gave up.
    pub fn flush(&mut self, wait: &mut dyn Wait) -> Result<(), ConnectionError> {
        while let Some(interest) = self.poll_flush()? {
            self.wait_for(interest, wait)?;
        }
        Ok(())
    }

    /// Queues data for COPY FROM STDIN, and sends when enough is queued that memory does not
    /// grow with the data.
    ///
    /// # Errors
    /// If no COPY takes data, which is for the caller to look into: the events tell why.
    pub fn copy_data(
        &mut self,
        data: &[u8],
        wait: &mut dyn Wait,
    ) -> Result<Result<(), UsageError>, ConnectionError> {
        if let Err(error) = self.session.copy_data(data) {
            return Ok(Err(error));
        }
        if self.session.unsent().len() >= COPY_AT_ONCE {
            self.flush(wait)?;
        }
        Ok(Ok(()))
    }

    fn wait_for(&mut self, interest: Interest, wait: &mut dyn Wait) -> Result<(), ConnectionError> {
        if let Some(arriving) = self.session.arriving() {
            wait.idle(arriving);
        }
        match wait.wait(self.stream.fd(), interest, None)? {
            Readiness::Ready => {
                (self.may_read, self.reads) = (true, 0);
                Ok(())
            }
            Readiness::TimedOut => Err(ConnectionError::TimedOut),
        }
    }
}

const COPY_AT_ONCE: usize = 64 * 1024;
