//! The session: what it has sent, what it waits for, and what it makes of the answers.

use aya_db_core::failure::Sent;

use super::cancel_key::CancelKey;
use super::copying::Copying;
use super::event::{Event, TransactionStatus};
use super::login::Login;
use super::login_error::SessionError;
use super::negotiate::negotiate;
use super::notification::Notification;
use super::parameters::{Parameter, Parameters};
use super::startup::{ProtocolVersion, Startup};
use crate::answer::{
    Answer, Arriving, Column, CommandTag, CopyData, CopyShape, Rows, ServerMessage, Table,
};
use crate::codec::{Frame, Incoming, Outgoing, Reader, Unfinished};
use crate::protocol_error::{ProtocolError, UsageError};

/// One session with a server, without a socket: see the [crate's documentation](crate).
#[derive(Debug)]
pub struct Session {
    pub(super) outgoing: Outgoing,
    incoming: Incoming,
    /// Until the first ReadyForQuery.
    login: Option<Login>,
    pub(super) copying: Copying,
    /// Whether the present statement has begun a COPY.
    copied: bool,
    /// The table whose rows are coming.
    table: Option<(Box<[Column]>, Rows)>,
    /// How many tables have begun to come.
    tables: u64,
    pending: usize,
    status: TransactionStatus,
    parameters: Parameters,
    cancel_key: Option<CancelKey>,
    protocol: ProtocolVersion,
    used_password: bool,
    /// Whether the server has said anything.
    heard: bool,
    failed: Option<SessionError>,
}

impl Session {
    /// Queues the startup message.
    ///
    /// # Errors
    /// If a parameter holds a zero byte.
    pub fn new(startup: Startup) -> Result<Self, UsageError> {
        let mut outgoing = Outgoing::default();
        startup.write(&mut outgoing)?;
        Ok(Self {
            outgoing,
            incoming: Incoming::new(),
            protocol: startup.protocol,
            login: Some(Login::new(startup)),
            copying: Copying::No,
            copied: false,
            table: None,
            tables: 0,
            pending: 1,
            status: TransactionStatus::Idle,
            parameters: Parameters::default(),
            cancel_key: None,
            used_password: false,
            heard: false,
            failed: None,
        })
    }

    /// Queues a query: one or several statements, in the client's encoding.
    ///
    /// It may be called before earlier queries are answered. Each is then answered in turn, up to
    /// a [`Event::Ready`] of its own, and an error of one does not keep the server from running
    /// the next.
    ///
    /// # Errors
    /// If the text holds a zero byte or is too long, or the session has not started. Nothing is
    /// queued then.
    pub fn query(&mut self, sql: &[u8]) -> Result<(), UsageError> {
        if self.login.is_some() {
            return Err(UsageError::Starting);
        }
        self.outgoing.string(b'Q', sql)?;
        self.pending += 1;
        Ok(())
    }

    /// Queues the goodbye. The server closes the connection.
    pub fn terminate(&mut self) {
        // A message without a body always fits.
        let _ = self.outgoing.typed(b'X', &[]);
    }

    /// Room to read into. Never empty.
    pub fn spare(&mut self) -> &mut [u8] {
        self.incoming.spare()
    }

    /// `count` bytes were read into the front of [`spare`](Self::spare).
    pub fn received(&mut self, count: usize) {
        self.incoming.filled(count);
    }

    /// `count` bytes of [`unsent`](Self::unsent) have gone to the server.
    pub fn mark_sent(&mut self, count: usize) {
        self.outgoing.mark_sent(count);
    }

    /// Forgets what has not been sent: nothing more can be.
    pub(crate) fn discard_unsent(&mut self) {
        self.outgoing.discard_unsent();
    }

    /// What comes of the bytes that have been read; `None` if it takes more of them.
    ///
    /// # Errors
    /// If they are not the protocol, or this side cannot log in. The session is of no more use,
    /// and every later call fails the same way.
    pub fn next_event(&mut self) -> Result<Option<Event>, SessionError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let event = self.advance();
        if let Err(error) = &event {
            self.failed = Some(error.clone());
        }
        event
    }

    /// What is to go to the server.
    pub fn unsent(&self) -> &[u8] {
        self.outgoing.unsent()
    }

    /// How many bytes were ever queued: a mark in front of whatever is queued next.
    pub const fn queued_in_all(&self) -> u64 {
        self.outgoing.queued_in_all()
    }

    /// How many bytes have ever gone.
    pub const fn sent_in_all(&self) -> u64 {
        self.outgoing.sent_in_all()
    }

    /// Whether a byte of what was queued behind `mark` can have reached the server.
    pub const fn sent_since(&self, mark: u64) -> Sent {
        match self.sent_in_all() > mark {
            true => Sent::Yes,
            false => Sent::No,
        }
    }

    /// How many queries have not been answered to their end; the startup counts as one.
    pub const fn pending(&self) -> usize {
        self.pending
    }

    /// Whether the session has not begun yet.
    pub const fn is_starting(&self) -> bool {
        self.login.is_some()
    }

    /// The status at the latest [`Event::Ready`].
    pub const fn status(&self) -> TransactionStatus {
        self.status
    }

    /// The latest value of a server variable that the server reports.
    pub fn parameter(&self, name: &str) -> Option<&[u8]> {
        self.parameters.get(name)
    }

    /// All of them.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter()
    }

    /// What a cancel request takes; `None` if the server gives none.
    pub const fn cancel_key(&self) -> Option<&CancelKey> {
        self.cancel_key.as_ref()
    }

    /// Whether the server asked for the password when the session started.
    pub const fn used_password(&self) -> bool {
        self.used_password
    }

    /// The version of the protocol that is spoken.
    pub const fn protocol(&self) -> ProtocolVersion {
        self.protocol
    }

    /// Whether bytes have come of which nothing has been made: less than a message, after
    /// [`next_event`](Self::next_event) has returned `None`.
    pub const fn holds_input(&self) -> bool {
        !self.incoming.is_empty()
    }

    fn advance(&mut self) -> Result<Option<Event>, SessionError> {
        if !self.heard {
            match self.incoming.next_bare_error() {
                Ok(None) => {}
                Ok(Some(text)) => {
                    self.heard = true;
                    return Ok(Some(Event::LastWords(ServerMessage::bare(text))));
                }
                Err(Unfinished) => return Ok(None),
            }
        }
        while let Some(frame) = self.incoming.next()? {
            self.heard = true;
            if let Some(event) = self.take(&frame)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// The table whose rows are coming, as far as they have come.
    pub(crate) fn arriving(&self) -> Option<Arriving<'_>> {
        let (columns, rows) = self.table.as_ref()?;
        Some(Arriving { number: self.tables, columns, rows })
    }

    /// How many tables have begun to come in this session.
    pub const fn tables(&self) -> u64 {
        self.tables
    }

    fn take(&mut self, frame: &Frame) -> Result<Option<Event>, SessionError> {
        let body = self.incoming.body(frame);
        let event = match frame.tag {
            b'D' => {
                let Some((_, rows)) = &mut self.table else { return Err(unexpected(frame)) };
                rows.push(body)?;
                return Ok(None);
            }
            b'N' => Event::Notice(ServerMessage::read(b'N', body)?),
            b'A' => Event::Notification(Notification::read(body)?),
            b'S' => Event::Parameter(self.parameters.take(body)?),
            b'E' => {
                let message = ServerMessage::read(b'E', body)?;
                self.table = None;
                self.copying = Copying::No;
                self.copied = false;
                match self.login.is_some() || self.pending == 0 {
                    true => Event::LastWords(message),
                    false => Event::Answer(Answer::Error(message)),
                }
            }
            b'Z' => Event::Ready(self.ready(frame)?),
            b'd' if self.copying.gives_data() => Event::CopyData(self.copy_messages(frame)),
            b'c' if self.copying.gives_data() => {
                self.copying = self.copying.received();
                Event::CopyDone
            }
            // A server that streams may have sent some more before it read our CopyDone, and has
            // been seen to do so behind its own.
            b'd' | b'c' if self.copied => return Ok(None),
            _ if self.login.is_some() => return self.take_of_login(frame).map(|()| None),
            _ if self.pending > 0 && self.copying == Copying::No => {
                return self.take_of_query(frame);
            }
            _ => return Err(unexpected(frame)),
        };
        Ok(Some(event))
    }

    fn take_of_login(&mut self, frame: &Frame) -> Result<(), SessionError> {
        let Some(login) = &mut self.login else { return Err(unexpected(frame)) };
        let body = self.incoming.body(frame);
        match frame.tag {
            b'R' => login.take(body, &mut self.outgoing),
            b'K' if login.is_done() => {
                self.cancel_key = Some(CancelKey::read(body)?);
                Ok(())
            }
            b'v' => {
                self.protocol = negotiate(body, login.startup())?;
                Ok(())
            }
            _ => Err(unexpected(frame)),
        }
    }

    fn take_of_query(&mut self, frame: &Frame) -> Result<Option<Event>, SessionError> {
        let body = self.incoming.body(frame);
        let answer = match frame.tag {
            b'T' if self.table.is_none() => {
                let columns = Column::read_all(body)?;
                let rows = Rows::new(columns.len());
                self.tables += 1;
                self.table = Some((columns, rows));
                return Ok(None);
            }
            b'C' => {
                let mut reader = Reader::new(b'C', body);
                let tag = CommandTag::new(reader.string()?);
                reader.end()?;
                self.copied = false;
                match self.table.take() {
                    Some((columns, rows)) => Answer::Table(Table { columns, rows, tag }),
                    None => Answer::Done(tag),
                }
            }
            b'I' if self.table.is_none() => Answer::Empty,
            b'G' if self.table.is_none() => {
                (self.copying, self.copied) = (Copying::In, true);
                Answer::CopyIn(CopyShape::read(b'G', body)?)
            }
            b'H' if self.table.is_none() => {
                (self.copying, self.copied) = (Copying::Out, true);
                Answer::CopyOut(CopyShape::read(b'H', body)?)
            }
            b'W' if self.table.is_none() => {
                (self.copying, self.copied) = (Copying::Both, true);
                Answer::CopyBoth(CopyShape::read(b'W', body)?)
            }
            _ => return Err(unexpected(frame)),
        };
        Ok(Some(Event::Answer(answer)))
    }

    fn ready(&mut self, frame: &Frame) -> Result<TransactionStatus, SessionError> {
        let in_turn = self.pending > 0
            && self.copying == Copying::No
            && self.table.is_none()
            && self.login.as_ref().is_none_or(Login::is_done);
        if !in_turn {
            return Err(unexpected(frame));
        }
        let status = match self.incoming.body(frame) {
            b"I" => TransactionStatus::Idle,
            b"T" => TransactionStatus::Open,
            b"E" => TransactionStatus::Failed,
            _ => return Err(ProtocolError::malformed(b'Z', "a status that there is not").into()),
        };
        // The password has done its work.
        if let Some(login) = self.login.take() {
            self.used_password = login.used_password();
        }
        self.pending -= 1;
        self.status = status;
        Ok(status)
    }

    /// The CopyData message of this frame, and those that have come behind it. What is wrong
    /// behind them is told when it is its turn.
    fn copy_messages(&mut self, first: &Frame) -> CopyData {
        let mut data = CopyData::default();
        data.push(self.incoming.body(first));
        while let Some(frame) = self.incoming.next_of(b'd') {
            data.push(self.incoming.body(&frame));
        }
        data
    }
}

fn unexpected(frame: &Frame) -> SessionError {
    ProtocolError::unexpected(frame.tag).into()
}
