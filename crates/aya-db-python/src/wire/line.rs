//! The session itself, and who may use it.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya_pgwire::{Answer, Connecting, Connection, Interest, Polled, Stop, UsageError, Wait};

use aya_session::{Survivor, SurvivorError};

use super::exchange::{Aside, Exchange, Outcome, Step};
use super::lent::Lent;
use super::loss::Loss;
use super::surviving;

/// The session behind a lock, under which whole exchanges run. Who waits for it must not hold
/// Python's lock.
#[derive(Debug, Default)]
pub(crate) struct Wire(Mutex<Line>);

/// The session, what runs on it, and what it has said aside.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// How far it is.
    pub(crate) link: Link,
    /// What runs on it while its user polls.
    pub(crate) exchange: Option<Exchange>,
    /// What has not been told to the user yet.
    pub(crate) aside: Aside,
}

/// How far a session is.
#[derive(Debug, Default)]
pub(crate) enum Link {
    /// There is none, or none any more.
    #[default]
    None,
    /// It is being made.
    Connecting(Box<Connecting>),
    /// There is one.
    Open(Box<Connection>),
    /// There is one that outlives its server.
    Surviving(Box<Survivor>),
    /// There is one, and a COPY has it.
    Lent,
}

impl Wire {
    /// Waits for the session.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session if nobody is using it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, Line>> {
        self.0.try_lock().ok()
    }
}

/// Why a query did not run to its end.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The session is lost.
    Lost(Box<Loss>),
    /// The session is being made, is used by a COPY, or is not there.
    Unusable(&'static str),
    /// The query cannot be sent.
    Usage(UsageError),
    /// A session that outlives its server could not go on with what it was doing.
    Broken(Box<SurvivorError>),
}

impl From<SurvivorError> for Fault {
    fn from(error: SurvivorError) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl From<UsageError> for Fault {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

impl Link {
    /// The open session.
    pub(crate) fn open(&mut self) -> Result<&mut Connection, Fault> {
        match self {
            Self::Open(connection) => Ok(connection),
            Self::Surviving(_) => Err(Fault::Unusable(
                "a session that outlives its server cannot be used without blocking\n",
            )),
            Self::Lent => Err(Fault::Unusable("another command is already in progress\n")),
            Self::None => Err(Fault::Unusable("no connection to the server\n")),
            Self::Connecting(_) => Err(Fault::Unusable("asynchronous connection attempt underway")),
        }
    }
}

impl Link {
    /// Says goodbye, where there is a session to say it to.
    pub(crate) fn close(self) {
        match self {
            Self::Open(connection) => connection.close(),
            Self::Surviving(survivor) => survivor.close(),
            Self::None | Self::Connecting(_) | Self::Lent => {}
        }
    }

    /// The session as it is at this moment, for what is read off it.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match self {
            Self::Open(connection) => Some(connection),
            Self::Surviving(survivor) => survivor.connection(),
            Self::None | Self::Connecting(_) | Self::Lent => None,
        }
    }
}

impl Line {
    /// Takes it out for a COPY, until it is [given back](Self::give_back).
    pub(crate) fn lend(&mut self) -> Option<Lent> {
        match std::mem::replace(&mut self.link, Link::Lent) {
            Link::Open(connection) => Some(Lent::Plain(connection)),
            Link::Surviving(survivor) => Some(Lent::Surviving(survivor)),
            other => {
                self.link = other;
                None
            }
        }
    }

    /// Puts it back, unless the connection was closed meanwhile.
    pub(crate) fn give_back(&mut self, lent: Lent) {
        if matches!(self.link, Link::Lent) {
            self.link = match lent {
                Lent::Plain(connection) => Link::Open(connection),
                Lent::Surviving(survivor) => Link::Surviving(survivor),
            };
        }
    }

    /// Sends these queries and waits for what they come to.
    pub(crate) fn run(
        &mut self,
        queries: &[&[u8]],
        wait: &mut dyn Wait,
    ) -> Result<Vec<Outcome>, Fault> {
        if let Link::Surviving(survivor) = &mut self.link {
            return surviving::run(survivor, queries, &mut self.aside, wait);
        }
        let connection = self.link.open()?;
        for sql in queries {
            connection.session_mut().query(sql)?;
        }
        let mut exchange = Exchange::of(queries.len());
        match drive(connection, &mut exchange, &mut self.aside, wait) {
            Ok(()) => Ok(exchange.outcomes().0),
            Err(error) => Err(Fault::Lost(Box::new(Loss::during(
                error,
                exchange.outcomes().1,
                &mut self.aside,
            )))),
        }
    }

    /// Sends a query that may begin a COPY, and waits until it has, or has come to its end.
    pub(crate) fn run_copy(&mut self, sql: &[u8], wait: &mut dyn Wait) -> Result<Copied, Fault> {
        if let Link::Surviving(survivor) = &mut self.link {
            return surviving::run_copy(survivor, sql, &mut self.aside, wait);
        }
        let connection = self.link.open()?;
        connection.session_mut().query(sql)?;
        let mut exchange = Exchange::copying();
        let aside = &mut self.aside;
        let stop = connection.run(wait, &mut |event| {
            exchange.take(event, aside);
        });
        match stop {
            Ok(Stop::Copy) => match exchange.answer() {
                Some(Answer::CopyIn(_)) => Ok(Copied::In(exchange)),
                Some(Answer::CopyBoth(_)) => Ok(Copied::Both(exchange)),
                _ => Ok(Copied::Out(exchange)),
            },
            Ok(Stop::Ready(_)) => Ok(Copied::Nothing(exchange.outcomes().0)),
            Err(error) => Err(Fault::Lost(Box::new(Loss::during(
                error,
                exchange.outcomes().1,
                &mut self.aside,
            )))),
        }
    }

    /// Begins queries whose outcomes are polled for.
    pub(crate) fn begin(&mut self, queries: &[&[u8]], exchange: Exchange) -> Result<(), Fault> {
        let connection = self.link.open()?;
        for sql in queries {
            connection.session_mut().query(sql)?;
        }
        self.exchange = Some(exchange);
        Ok(())
    }

    /// Sends what can be without waiting.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        match self.link.open()?.poll_flush() {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::Lost(Box::new(Loss::idle(error, &mut self.aside)))),
        }
    }

    /// Goes on as far as can be without waiting. `None` once everything that was begun is
    /// answered; if nothing was, what has come aside is taken.
    pub(crate) fn poll(&mut self) -> Result<Option<Interest>, Fault> {
        if let Link::Surviving(survivor) = &mut self.link {
            surviving::poll(survivor, &mut self.aside)?;
            return Ok(None);
        }
        let Self { link: Link::Open(connection), exchange, aside } = self else {
            return self.link.open().map(|_| None);
        };
        loop {
            match connection.poll_event() {
                Ok(Polled::Wait(interest)) => {
                    return Ok(exchange.is_some().then_some(interest));
                }
                Ok(Polled::Event(event)) => match exchange {
                    Some(exchange) => match exchange.take(event, aside) {
                        Step::Done | Step::Copy => return Ok(None),
                        Step::Refuse => refuse(connection),
                        Step::More => {}
                    },
                    None => {
                        Exchange::of(0).take(event, aside);
                    }
                },
                Err(error) => {
                    let loss = match exchange.take() {
                        Some(exchange) => Loss::during(error, exchange.outcomes().1, aside),
                        None => Loss::idle(error, aside),
                    };
                    return Err(Fault::Lost(Box::new(loss)));
                }
            }
        }
    }

    /// The socket.
    pub(crate) fn fd(&self) -> Option<RawFd> {
        match &self.link {
            Link::Open(connection) => Some(connection.as_raw_fd()),
            Link::Surviving(survivor) => survivor.fd(),
            Link::Connecting(connecting) => connecting.fd().map(|fd| fd.as_raw_fd()),
            Link::None | Link::Lent => None,
        }
    }
}

/// What a query that may begin a COPY has come to.
#[derive(Debug)]
pub(crate) enum Copied {
    /// It waits for data.
    In(Exchange),
    /// It gives data.
    Out(Exchange),
    /// Replication has begun.
    Both(Exchange),
    /// It began none.
    Nothing(Vec<Outcome>),
}

/// Takes events until everything is answered.
pub(super) fn drive(
    connection: &mut Connection,
    exchange: &mut Exchange,
    aside: &mut Aside,
    wait: &mut dyn Wait,
) -> Result<(), aya_pgwire::ConnectionError> {
    loop {
        match exchange.take(connection.next_event(wait)?, aside) {
            Step::Done => return Ok(()),
            Step::Refuse => refuse(connection),
            Step::More | Step::Copy => {}
        }
    }
}

/// Ends a COPY that nobody asked for.
fn refuse(connection: &mut Connection) {
    let session = connection.session_mut();
    if session.takes_copy_data() {
        // It cannot fail: the COPY takes data, and the reason is short.
        let _ = session.copy_fail(REFUSED);
    }
}

/// Why a COPY is ended that nobody asked for.
pub(super) const REFUSED: &[u8] = b"the statement was not run by a method that copies";
