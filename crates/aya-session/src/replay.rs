//! Takes an open transaction up on another connection.
//!
//! ```text
//! BEGIN --> each statement of the record, compared with what the caller saw --> the one that failed
//!               |
//!               +-- something else came: roll back, and say which
//! ```

use aya_db_core::continuity::{
    Answered, Divergence, Entry, Seen, answered_again, ends_transaction, excerpt,
};
use aya_db_core::failure::{Cause, Classified, InTransaction};
use aya_db_core::server_sql::MARK;
use aya_db_core::sql_text::may_write;
use aya_db_core::{Fate, SqlState};
use aya_pgwire::{Answer, Event, ServerMessage, Stop, TransactionStatus, Wait};

use crate::error::{Broken, Loss, SurvivorError};
use crate::failure::{Failure, Fault, Halt};
use crate::flight::{Flight, Next, Stage, done};
use crate::kind::copies;
use crate::link::{Link, keep_aside};
use crate::survivor::{Standing, Survivor};
use crate::transaction::{Did, Doubt, Opening, Sight, Way, pieces};

/// As what a transaction is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    AsItWas,
    ReadOnly,
}

impl Survivor {
    /// Replays the transaction, and then goes on with what had failed.
    pub(crate) fn replay(
        &mut self,
        flight: &mut Flight,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        self.run_again(flight, Again::AsItWas, wait)?;
        if let Some(step) = &mut flight.step {
            step.stage = Stage::Ready;
            step.failure = None;
        }
        Ok(Next::Again)
    }

    /// Runs a transaction that seems to have only read once more, READ ONLY. If each statement gives what
    /// the caller saw, then that was the transaction: it has no effects, and if the first one had any, this
    /// one has seen them. If a statement wants to write or gives something else, the first failure stands.
    pub(crate) fn reread(
        &mut self,
        flight: &mut Flight,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        let first = flight.step.as_ref().and_then(|step| step.failure.clone());
        let read = match self.run_again(flight, Again::ReadOnly, wait) {
            Ok(()) => self.ask("commit", wait).map(|answer| answer.is_ok()),
            Err(halt) => Err(halt),
        };
        match (read, first) {
            (Err(Halt::Pause(pause)), _) => {
                // From its beginning, on another connection.
                self.left = self.link.take().map(|link| link.left());
                Err(pause.into())
            }
            (Ok(true), _) => {
                self.standing = Standing::Idle;
                flight.finish(done(b"COMMIT"));
                Ok(Next::Again)
            }
            (_, first) => {
                self.link = None;
                self.standing = Standing::Idle;
                let first =
                    first.unwrap_or_else(|| Failure::ahead(Cause::ConnectionLost, String::new()));
                Err(Halt::over(self.unknown(&first)))
            }
        }
    }

    fn run_again(
        &mut self,
        flight: &mut Flight,
        again: Again,
        wait: &mut dyn Wait,
    ) -> Result<(), Halt> {
        if self.link.as_ref().is_some_and(|link| link.status() != TransactionStatus::Idle) {
            // An attempt at it was given up midway.
            self.left = self.link.take().map(|link| link.left());
        }
        // What was set in it is set again by it.
        let changed = self.changed.take();
        let ready = self.ready_link(flight.course.deadline, wait);
        self.changed = changed;
        ready?;
        let Standing::Open(open) = &self.standing else { return Ok(()) };
        let (begin, length) = (open.begin.clone(), open.tape.len());
        let way = match (again, open.way) {
            (Again::ReadOnly, _) | (_, Way::None) => Way::None,
            (Again::AsItWas, Way::Lsn | Way::Ledger) => self.find_way(wait)?,
        };
        if let Standing::Open(open) = &mut self.standing
            && open.opening != Opening::Done
        {
            // It has not begun, and does with what comes next.
            open.way = way;
            return Ok(());
        }
        let mut doubt = Doubt::default();
        self.tell_again(&begin, wait)?;
        if again == Again::ReadOnly {
            self.tell_again(b"set transaction read only", wait)?;
        }
        for index in 0..length {
            let (events, code) = self.once_more(index, way, &mut doubt, wait)?;
            self.compare(index, &events, code, wait)?;
        }
        let status = self.link.as_ref().map_or(TransactionStatus::Open, Link::status);
        if let Standing::Open(open) = &mut self.standing {
            (open.doubt, open.way, open.status) = (doubt, way, status);
            open.opening = Opening::Done;
        }
        Ok(())
    }

    /// A statement that frames the transaction.
    fn tell_again(&mut self, sql: &[u8], wait: &mut dyn Wait) -> Result<(), Halt> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let mut events = Vec::new();
        link.query(sql).map_err(Halt::over)?;
        let told = link.collect(&mut events, wait);
        told.map_err(|fault| self.ahead(fault))?;
        let refused = events.iter().find_map(refusal_of);
        events.clone().into_iter().for_each(|event| keep_aside(event, &mut self.asides));
        match refused {
            Some(message) => Err(inside(message)),
            None => Ok(()),
        }
    }

    /// Runs a statement of the record again, in the way it was run.
    fn once_more(
        &mut self,
        index: usize,
        way: Way,
        doubt: &mut Doubt,
        wait: &mut dyn Wait,
    ) -> Result<(Vec<Event>, Option<ServerMessage>), Halt> {
        let (Standing::Open(open), Some(link)) = (&mut self.standing, &mut self.link) else {
            return Ok((Vec::new(), None));
        };
        let Some((entry, sql)) = open.tape.statement(index) else { return Ok((Vec::new(), None)) };
        let writes = may_write(&entry.sql);
        let marks = writes
            && way == Way::Lsn
            && doubt.mark.is_none()
            && link.status() == TransactionStatus::Open
            && !copies(&entry.sql)
            && !ends_transaction(&entry.sql);
        if writes {
            open.did = Did::Write;
            doubt.may_be_written();
        }
        link.query(sql).map_err(Halt::over)?;
        if marks {
            link.query(MARK.as_bytes()).map_err(Halt::over)?;
        }
        let mut events = Vec::new();
        let done = answers(link, entry, &mut events, wait);
        if let Err(fault) = done {
            return Err(self.ahead(fault));
        }
        if marks && let Some(end) = events.iter().position(|event| matches!(event, Event::Ready(_)))
        {
            let marked = events.split_off(end + 1);
            doubt.keep(&marked, link);
        }
        let refused = events.iter().find_map(refusal_of).cloned();
        Ok((events, refused))
    }

    fn compare(
        &mut self,
        index: usize,
        events: &[Event],
        refused: Option<ServerMessage>,
        wait: &mut dyn Wait,
    ) -> Result<(), Halt> {
        let Standing::Open(open) = &self.standing else { return Ok(()) };
        let now = Sight::of(events).seen();
        let failed: Option<(Classified, Option<SqlState>)> = refused.as_ref().map(|message| {
            let failure = Failure::inside(Cause::Server(message.facts()), String::new());
            (failure.classify(), message.sqlstate())
        });
        let judged = match &failed {
            Some((found, code)) => Err((found, *code)),
            None => Ok(now),
        };
        match answered_again(&open.tape.record, index, judged) {
            Answered::AsBefore => Ok(()),
            Answered::Diverged(divergence) => {
                self.undo(wait);
                Err(Halt::over(self.tell_divergence(&divergence)))
            }
            Answered::Failed => {
                self.undo(wait);
                Err(refused.as_ref().map_or_else(
                    || Failure::inside(Cause::ConnectionLost, String::new()).into(),
                    inside,
                ))
            }
        }
    }

    /// Rolls back what the replay has begun; if that fails, the end of the connection does.
    fn undo(&mut self, wait: &mut dyn Wait) {
        if self.ask("rollback", wait).is_err() {
            self.link = None;
        }
    }

    /// A statement gave something else before its COPY.
    pub(crate) fn diverged(
        &mut self,
        index: usize,
        view: &str,
        before: Seen,
        now: Seen,
    ) -> SurvivorError {
        self.link = None;
        let excerpt = excerpt(view);
        self.tell_divergence(&Divergence { statement: index + 1, excerpt, before, now })
    }

    fn tell_divergence(&mut self, divergence: &Divergence) -> SurvivorError {
        let failure = Failure::inside(Cause::Diverged, String::new());
        let broken = Broken::new(Loss::ReplayDiverged, &failure)
            .by(Cause::Diverged, InTransaction::Yes)
            .because(divergence);
        debug_assert!(broken.fate() == Fate::RolledBack, "nothing of it is kept");
        self.lose(broken)
    }
}

/// Takes all answers of a statement, and gives what it copies in.
fn answers(
    link: &mut Link,
    entry: &Entry,
    events: &mut Vec<Event>,
    wait: &mut dyn Wait,
) -> Result<(), Fault> {
    while let Stop::Copy = link.collect(events, wait)? {
        if link.connection().session().takes_copy_data() {
            for piece in pieces(entry) {
                link.copy_data(piece, wait)?;
            }
            link.end_copy(None);
        }
    }
    Ok(())
}

fn refusal_of(event: &Event) -> Option<&ServerMessage> {
    match event {
        Event::Answer(Answer::Error(message)) => Some(message),
        _ => None,
    }
}

fn inside(message: &ServerMessage) -> Halt {
    let text = String::from_utf8_lossy(&message.report(None, b"UTF8")).into_owned();
    Failure::inside(Cause::Server(message.facts()), text).into()
}
