//! An exchange under way: one query after another, each as often as it takes.

use std::sync::Arc;
use std::time::Instant;

use aya_db_core::failure::InTransaction;
use aya_pgwire::{Answer, CommandTag, Event, TransactionStatus, UsageError, Wait};

use crate::copy::Copy;
use crate::course::Course;
use crate::error::{Broken, Loss, SurvivorError};
use crate::failure::{Failure, Halt};
use crate::kind::Kind;
use crate::options::Survival;
use crate::round::Role;
use crate::sleep::sleep;
use crate::survivor::{Standing, Survivor};
use crate::view::view;

/// What a call has come to.
#[derive(Debug)]
pub struct Reply {
    /// Everything that was said, in order. Each query that was answered ends with its [`Event::Ready`].
    pub events: Vec<Event>,
    /// How it ended.
    pub end: End,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every query was answered, or one has failed; those behind that one were not sent.
    Ready(TransactionStatus),
    /// COPY FROM STDIN waits for data: [`Survivor::copy_data`], then [`Survivor::copy_done`] or
    /// [`Survivor::copy_fail`].
    CopyIn,
    /// COPY TO STDOUT gives data: [`Survivor::copy_next`], then [`Survivor::resume`].
    CopyOut,
    /// Replication begins, on [`Survivor::connection_mut`].
    CopyBoth,
}

/// The queries of a call.
#[derive(Debug)]
pub(crate) struct Flight {
    queries: Vec<Arc<[u8]>>,
    /// The query that is the turn of.
    at: usize,
    /// What is to be handed over.
    pub(crate) reply: Vec<Event>,
    pub(crate) step: Option<Step>,
    pub(crate) course: Course,
    failed: bool,
}

/// One query.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) sql: Arc<[u8]>,
    /// Its text, as far as decisions read it.
    pub(crate) view: Box<str>,
    pub(crate) kind: Kind,
    pub(crate) stage: Stage,
    /// What is being asked, message by message.
    pub(crate) round: Vec<Role>,
    /// What was answered of that.
    pub(crate) events: Vec<Event>,
    /// In front of the message that matters.
    pub(crate) mark: u64,
    pub(crate) asked_at: Instant,
    /// What its own statements gave, once that is complete and its commit is not.
    pub(crate) own: Option<Vec<Event>>,
    /// The loss that is being cured.
    pub(crate) failure: Option<Failure>,
    /// The loss of one that seems to read, of which nobody knows whether it ran.
    pub(crate) in_doubt: Option<Failure>,
    pub(crate) copy: Option<Copy>,
    /// It was noted that it is about to be sent.
    pub(crate) noted: bool,
    /// The mark was asked for by itself.
    pub(crate) marked: bool,
}

/// How far a query has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is to be sent.
    Ready,
    /// It was sent.
    Asked,
    /// It copies, and the data is the caller's business.
    Copying,
    /// Its transaction is to be replayed.
    Curing,
    /// What became of its commit is to be found out.
    Settling,
    /// Its transaction, which seems to have only read, is to be read once more.
    Rereading,
}

/// What comes next in an exchange.
pub(crate) enum Next {
    Again,
    Done,
    /// The caller copies.
    Copy(End),
}

impl Survivor {
    /// Sends queries and takes their answers. One that fails ends the call: those behind it are not sent. A
    /// BEGIN and the query behind it go out together; a request to cancel that strikes within that BEGIN would
    /// leave the query to run by itself, which the events tell.
    ///
    /// # Errors
    /// What could not be continued; an error that the server answers is none.
    pub fn run(&mut self, queries: &[&[u8]], wait: &mut dyn Wait) -> Result<Reply, SurvivorError> {
        self.check_process();
        if self.flight.is_some() {
            return Err(SurvivorError::OutOfTurn("an exchange is under way"));
        }
        for query in queries {
            // What is queued must not be taken back half.
            if query.len() > LONGEST {
                return Err(UsageError::TooLong.into());
            }
            if query.contains(&0) {
                return Err(UsageError::ZeroByte.into());
            }
        }
        self.flight = Some(Flight {
            queries: queries.iter().map(|query| (*query).into()).collect(),
            at: 0,
            reply: Vec::new(),
            step: None,
            course: Course::default(),
            failed: false,
        });
        self.go_on(wait)
    }

    /// Goes on with an exchange whose wait was given up, or whose COPY is over.
    ///
    /// # Errors
    /// As of [`run`](Self::run).
    pub fn resume(&mut self, wait: &mut dyn Wait) -> Result<Reply, SurvivorError> {
        self.check_process();
        self.go_on(wait)
    }

    pub(crate) fn go_on(&mut self, wait: &mut dyn Wait) -> Result<Reply, SurvivorError> {
        loop {
            let Some(mut flight) = self.flight.take() else {
                return Err(SurvivorError::OutOfTurn("no exchange is under way"));
            };
            let next = match self.advance(&mut flight, wait) {
                Err(Halt::Failed(failure)) => {
                    self.after(&mut flight, *failure).map(|()| Next::Again)
                }
                next => next,
            };
            match next {
                Ok(Next::Again) => self.flight = Some(flight),
                Ok(Next::Copy(end)) => {
                    let events = std::mem::take(&mut flight.reply);
                    self.flight = Some(flight);
                    return Ok(Reply { events, end });
                }
                Ok(Next::Done) => {
                    return Ok(Reply { events: flight.reply, end: End::Ready(self.status()) });
                }
                Err(Halt::Pause(pause)) => {
                    self.flight = Some(flight);
                    return Err(pause.into());
                }
                Err(Halt::Failed(failure)) => {
                    return Err(Broken::new(Loss::Connection, &failure).into());
                }
                Err(Halt::Over(error)) => return Err(*error),
            }
        }
    }

    pub(crate) fn advance(
        &mut self,
        flight: &mut Flight,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        if let Some(pause) = flight.course.pause {
            sleep(pause, wait)?;
            flight.course.pause = None;
        }
        let Some(step) = &flight.step else { return self.next_step(flight) };
        match step.stage {
            Stage::Ready => self.send_step(flight, wait),
            Stage::Asked => self.hear(flight, wait),
            Stage::Copying => Err(Halt::over(SurvivorError::OutOfTurn("a COPY is under way"))),
            Stage::Curing => self.replay(flight, wait),
            Stage::Settling => self.settle(flight, wait),
            Stage::Rereading => self.reread(flight, wait),
        }
    }

    fn next_step(&mut self, flight: &mut Flight) -> Result<Next, Halt> {
        let Some(sql) = flight.queries.get(flight.at).filter(|_| !flight.failed) else {
            return Ok(Next::Done);
        };
        let encoding = self.link.as_ref().map_or(&*self.encoding, |link| link.encoding());
        let view: Box<str> = view(sql, encoding).into();
        let kind = match &self.standing {
            _ if self.survival == Survival::Off => Kind::Alone(InTransaction::MayCommit),
            Standing::Idle => Kind::outside(&view, self.resolution),
            Standing::Open(_) => Kind::inside(&view),
            Standing::Lost(broken) => match Kind::inside(&view) {
                Kind::Rollback => Kind::Rollback,
                _ => return Err(Halt::over((**broken).clone())),
            },
        };
        let step = Step::new(Arc::clone(sql), view, kind);
        if let Standing::Lost(_) = &self.standing {
            self.standing = Standing::Idle;
            flight.finish(done(b"ROLLBACK"));
            return Ok(Next::Again);
        }
        flight.step = Some(step);
        flight.course = Course::default();
        Ok(Next::Again)
    }
}

impl Flight {
    /// Whether a query follows the present one, that may go out together with it.
    pub(crate) fn has_next(&self) -> bool {
        self.queries.get(self.at + 1).is_some_and(|next| {
            !matches!(Kind::inside(&view(next, b"UTF8")), Kind::Commit | Kind::Rollback)
        })
    }

    /// The present query is done, and this came of it.
    pub(crate) fn finish(&mut self, events: Vec<Event>) {
        self.failed |= has_failed(&events);
        self.reply.extend(events);
        self.pass();
    }

    /// The present query is done as far as it goes.
    pub(crate) fn pass(&mut self) {
        self.at += 1;
        self.step = None;
    }
}

impl Step {
    fn new(sql: Arc<[u8]>, view: Box<str>, kind: Kind) -> Self {
        Self {
            sql,
            view,
            kind,
            stage: Stage::Ready,
            round: Vec::new(),
            events: Vec::new(),
            mark: 0,
            asked_at: Instant::now(),
            own: None,
            failure: None,
            in_doubt: None,
            copy: None,
            noted: false,
            marked: false,
        }
    }

    /// It is to be sent again from its beginning.
    pub(crate) fn again(&mut self) {
        self.stage = Stage::Ready;
        (self.own, self.marked) = (None, false);
        self.events.clear();
    }
}

/// Whether a query failed.
pub(crate) fn has_failed(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Answer(Answer::Error(_))))
}

/// The events of a query that ends a transaction with this tag.
pub(crate) fn done(tag: &[u8]) -> Vec<Event> {
    let tag = CommandTag::new(tag);
    vec![Event::Answer(Answer::Done(tag)), Event::Ready(TransactionStatus::Idle)]
}

/// The length of a message is counted with 31 bits, itself and a zero byte included.
const LONGEST: usize = i32::MAX as usize - 5;
