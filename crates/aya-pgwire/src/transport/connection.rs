//! A session on its socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

use super::error::ConnectionError;
use super::stream::Stream;
use super::wait::Interest;
use crate::connect::{Canceller, Server};
use crate::session::{Event, Session};

/// A session on its socket, which never blocks by itself.
///
/// Dropping it closes the socket and sends nothing, so that a child process may drop what it has
/// inherited while its parent goes on. [`close`](Self::close) says goodbye.
#[derive(Debug)]
pub struct Connection {
    pub(super) stream: Stream,
    pub(super) session: Session,
    server: Arc<Server>,
    /// Why nothing can be written any more. It is told when nothing is left to be read, since the
    /// server may have said why.
    unwritable: Option<io::Error>,
    /// Whether a read is worth a try before a wait.
    pub(super) may_read: bool,
    /// How many reads there were since the last wait.
    pub(super) reads: u32,
}

/// What [`Connection::poll_event`] comes to.
#[derive(Debug)]
pub enum Polled {
    /// An event.
    Event(Event),
    /// Nothing happens until the socket is ready for this.
    Wait(Interest),
}

impl Connection {
    pub(crate) const fn new(stream: Stream, session: Session, server: Arc<Server>) -> Self {
        Self { stream, session, server, unwritable: None, may_read: true, reads: 0 }
    }

    /// The session, to queue messages. They are sent by the next call that moves bytes.
    pub const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Sends and receives what can be without waiting, until there is an event.
    ///
    /// # Errors
    /// If the connection is lost. Everything that the server had said before is told first.
    pub fn poll_event(&mut self) -> Result<Polled, ConnectionError> {
        self.reads = 0;
        loop {
            if let Some(event) = self.session.next_event()? {
                return Ok(Polled::Event(event));
            }
            let interest = self.send();
            if self.is_due_to_wait() || !self.receive()? {
                return Ok(Polled::Wait(interest));
            }
        }
    }

    /// Sends what can be without waiting; `None` once everything is sent. Whatever the server
    /// says meanwhile is kept for [`poll_event`](Self::poll_event).
    ///
    /// # Errors
    /// If the connection is lost.
    pub fn poll_flush(&mut self) -> Result<Option<Interest>, ConnectionError> {
        self.reads = 0;
        loop {
            if self.send() == Interest::Read {
                return Ok(None);
            }
            if self.is_due_to_wait() || !self.receive()? {
                return Ok(Some(Interest::ReadOrWrite));
            }
        }
    }

    /// Says goodbye, as far as there is room for it, and closes the socket.
    pub fn close(mut self) {
        self.session.terminate();
        self.send();
        self.stream.close_notify();
    }

    /// The session.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Where the connection leads.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.stream.tls().is_some()
    }

    /// What TLS agreed on, for those who want to show it.
    pub fn tls(&self) -> Option<&rustls::ClientConnection> {
        self.stream.tls()
    }

    /// What another thread can cancel the statement by that runs here; `None` if the server gave
    /// no key.
    pub fn canceller(&self) -> Option<Canceller> {
        let key = self.session.cancel_key()?.clone();
        Some(Canceller::new(Arc::clone(&self.server), key))
    }

    /// Sends what there is room for, and says what to wait for then.
    pub(super) fn send(&mut self) -> Interest {
        if self.unwritable.is_some() {
            return Interest::Read;
        }
        match self.write_all() {
            Ok(()) => Interest::Read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Interest::ReadOrWrite,
            Err(error) => {
                self.session.discard_unsent();
                self.unwritable = Some(error);
                self.may_read = true;
                Interest::Read
            }
        }
    }

    fn write_all(&mut self) -> io::Result<()> {
        while !self.session.unsent().is_empty() {
            let count = self.stream.write(self.session.unsent())?;
            self.session.mark_sent(count);
        }
        self.stream.flush()
    }

    /// Whether a wait is due though there may be more to read: a server that sends without pause
    /// must not keep the caller from its deadline and its other business. What TLS has
    /// deciphered must be read first, since no wait tells of it.
    pub(super) fn is_due_to_wait(&self) -> bool {
        self.reads >= READS_AT_ONCE && !(self.may_read && self.is_encrypted())
    }

    /// Reads once; `false` if nothing is there.
    pub(super) fn receive(&mut self) -> Result<bool, ConnectionError> {
        let spare = self.session.spare();
        let room = spare.len();
        match self.stream.read(spare) {
            Ok(0) => Err(self.ended()),
            Ok(count) => {
                self.session.received(count);
                self.reads += 1;
                // A read that is not filled has emptied the socket, or what TLS had deciphered;
                // if there is more by now, a wait ends at once.
                self.may_read = count == room;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.may_read = false;
                match self.unwritable.take() {
                    Some(error) => Err(ConnectionError::sending(error)),
                    None => Ok(false),
                }
            }
            Err(error) => Err(ConnectionError::receiving(error)),
        }
    }

    fn ended(&mut self) -> ConnectionError {
        match (self.unwritable.take(), self.is_encrypted()) {
            (Some(error), _) => ConnectionError::sending(error),
            (None, true) => ConnectionError::EndedTls,
            (None, false) => ConnectionError::Closed,
        }
    }
}

const READS_AT_ONCE: u32 = 16;

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.fd()
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.fd().as_raw_fd()
    }
}
