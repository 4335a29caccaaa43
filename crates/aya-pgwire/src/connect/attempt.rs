//! One address, one way: from the first packet to a session that is what was wanted.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use aya_db_core::failure::ConnectStage;
use aya_db_core::route::{Intent, SessionFacts, accepts};
use aya_tls::{TlsAttempt, tls_server_end_point};

use super::error::AttemptCause;
use super::opening::{Failed, Opened, Opening};
use super::server::Server;
use crate::answer::Answer;
use crate::protocol_error::UsageError;
use crate::session::{Event, Session};
use crate::transport::{Connection, ConnectionError, Interest, Polled, Stream};

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt {
    server: Server,
    intent: Intent,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Opening(Box<Opening>),
    /// Startup and login.
    Starting(Box<Connection>),
    /// The server was asked for its role.
    Asking(Box<Connection>, Option<SessionFacts>),
    /// Nothing is left of it.
    Over,
}

/// What [`Attempt::poll`] comes to.
#[derive(Debug)]
pub(super) enum Tried {
    /// It goes on when the socket is ready for this.
    Wait(Interest),
    /// A session that is what was wanted.
    Done(Box<Connection>),
}

impl Attempt {
    pub(super) fn new(server: &Server, intent: Intent) -> Result<Self, Failed> {
        let step = Step::Opening(Box::new(Opening::new(server)?));
        Ok(Self { server: server.clone(), intent, step })
    }

    pub(super) const fn server(&self) -> &Server {
        &self.server
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.step {
            Step::Opening(opening) => Some(opening.fd()),
            Step::Starting(connection) | Step::Asking(connection, _) => Some(connection.as_fd()),
            Step::Over => None,
        }
    }

    pub(super) const fn stage(&self) -> ConnectStage {
        match &self.step {
            Step::Opening(opening) => opening.stage(),
            Step::Starting(_) => ConnectStage::Auth,
            Step::Asking(..) | Step::Over => ConnectStage::RoleCheck,
        }
    }

    /// Goes as far as it can without waiting. After an error it is over.
    pub(super) fn poll(&mut self) -> Result<Tried, Failed> {
        loop {
            let stage = self.stage();
            let next = match std::mem::replace(&mut self.step, Step::Over) {
                Step::Opening(opening) => match opening.poll()? {
                    Opened::Wait(interest, opening) => {
                        self.step = Step::Opening(Box::new(opening));
                        return Ok(Tried::Wait(interest));
                    }
                    Opened::Stream(stream) => self.start(stream),
                },
                Step::Starting(connection) => self.go_on_starting(connection),
                Step::Asking(connection, facts) => self.go_on_asking(connection, facts),
                Step::Over => Err(AttemptCause::Connection(ConnectionError::Closed)),
            };
            match next.map_err(|cause| (stage, cause))? {
                Next::Step => {}
                Next::Tried(tried) => return Ok(tried),
            }
        }
    }

    fn start(&mut self, stream: Stream) -> Result<Next, AttemptCause> {
        let mut startup = self.server.target.startup(&self.server.host);
        let mut server = self.server.clone();
        server.way = TlsAttempt::Plain;
        if let Some(tls) = stream.tls() {
            let certificate = tls.peer_certificates().and_then(|chain| chain.first());
            startup = startup.over_tls(certificate.and_then(tls_server_end_point));
            server.way = TlsAttempt::Required;
        }
        let session = Session::new(startup)?;
        let connection = Connection::new(stream, session, Arc::new(server));
        self.step = Step::Starting(Box::new(connection));
        Ok(Next::Step)
    }

    fn go_on_starting(&mut self, mut connection: Box<Connection>) -> Result<Next, AttemptCause> {
        loop {
            match connection.poll_event()? {
                Polled::Wait(interest) => {
                    self.step = Step::Starting(connection);
                    return Ok(Next::Tried(Tried::Wait(interest)));
                }
                Polled::Event(Event::LastWords(words)) => return Err(AttemptCause::Server(words)),
                Polled::Event(Event::Ready(_)) => return self.started(connection),
                Polled::Event(_) => {}
            }
        }
    }

    fn started(&mut self, mut connection: Box<Connection>) -> Result<Next, AttemptCause> {
        if accepts(NOTHING_WANTED, self.intent).is_ok() && accepts(STANDBY, self.intent).is_ok() {
            return Ok(Next::Tried(Tried::Done(connection)));
        }
        let Some(facts) = reported(connection.session()) else {
            connection.session_mut().query(QUESTION)?;
            self.step = Step::Asking(connection, None);
            return Ok(Next::Step);
        };
        self.judge(connection, facts)
    }

    fn go_on_asking(
        &mut self,
        mut connection: Box<Connection>,
        mut facts: Option<SessionFacts>,
    ) -> Result<Next, AttemptCause> {
        loop {
            match connection.poll_event()? {
                Polled::Wait(interest) => {
                    self.step = Step::Asking(connection, facts);
                    return Ok(Next::Tried(Tried::Wait(interest)));
                }
                Polled::Event(Event::Answer(Answer::Table(table))) => {
                    let row = table.rows.get(0);
                    let told = |column| row.and_then(|row| row.cell(column)) == Some(b"t");
                    facts =
                        Some(SessionFacts { in_hot_standby: told(0), default_read_only: told(1) });
                }
                Polled::Event(Event::Answer(Answer::Error(error)) | Event::LastWords(error)) => {
                    return Err(AttemptCause::Server(error));
                }
                Polled::Event(Event::Ready(_)) => {
                    let facts = facts.ok_or(ConnectionError::Closed)?;
                    return self.judge(connection, facts);
                }
                Polled::Event(_) => {}
            }
        }
    }

    fn judge(
        &mut self,
        connection: Box<Connection>,
        facts: SessionFacts,
    ) -> Result<Next, AttemptCause> {
        match accepts(facts, self.intent) {
            Ok(()) => Ok(Next::Tried(Tried::Done(connection))),
            Err(refusal) => {
                connection.close();
                Err(AttemptCause::Role(refusal))
            }
        }
    }
}

/// What one step leads to.
enum Next {
    Step,
    Tried(Tried),
}

impl From<UsageError> for AttemptCause {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// The role as servers report it unasked since PostgreSQL 14
/// (<https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-ASYNC>).
fn reported(session: &Session) -> Option<SessionFacts> {
    Some(SessionFacts {
        in_hot_standby: session.parameter("in_hot_standby")? == b"on",
        default_read_only: session.parameter("default_transaction_read_only")? == b"on",
    })
}

/// How older ones are asked.
const QUESTION: &[u8] = b"select pg_catalog.pg_is_in_recovery(), \
    pg_catalog.current_setting('default_transaction_read_only') = 'on'";

/// An intent that takes both of these wants nothing in particular.
const NOTHING_WANTED: SessionFacts =
    SessionFacts { in_hot_standby: false, default_read_only: false };
const STANDBY: SessionFacts = SessionFacts { in_hot_standby: true, default_read_only: true };
