//! What follows an answer.

use aya_db_core::SqlState;
use aya_db_core::continuity::{Input, Record, Refusal, Seen, excerpt};
use aya_db_core::failure::{Cause, InTransaction};
use aya_pgwire::{Answer, Event, TransactionStatus, Wait};

use crate::failure::{Failure, Halt};
use crate::flight::{Flight, Next, has_failed};
use crate::kind::Kind;
use crate::round::{Heard, Role};
use crate::survivor::{Standing, Survivor};
use crate::transaction::{Open, Opening, Sight, Way};

impl Survivor {
    /// A round was answered.
    pub(crate) fn follow(
        &mut self,
        flight: &mut Flight,
        heard: Heard,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        let Some(step) = &flight.step else { return Ok(Next::Again) };
        if let Some(link) = &self.link
            && let Standing::Open(open) = &mut self.standing
        {
            open.status = link.status();
            if let Some(events) = heard.to(Role::Mark) {
                open.doubt.keep(events, link);
            }
        }
        if self.mark_has_failed(&heard) {
            return Err(Failure::inside(Cause::ConnectionLost, MARK_FAILED.to_owned()).into());
        }
        match step.kind {
            Kind::Begin => self.begun(flight, heard),
            Kind::Alone(_) => self.stood_alone(flight, heard)?,
            Kind::Wrapped => return self.wrapped(flight, heard, wait),
            Kind::Inside(_) => self.ran_inside(flight, heard),
            Kind::Commit if heard.to(Role::Own).is_none() => {
                // The mark is known; COMMIT goes next.
                if let Some(step) = &mut flight.step {
                    step.marked = true;
                    self.asides.extend(heard.told());
                    self.send_commit(step)?;
                }
                return Ok(Next::Again);
            }
            Kind::Commit => {
                self.standing = Standing::Idle;
                flight.finish(with_note(heard));
            }
            Kind::Rollback => {
                self.standing = Standing::Idle;
                flight.finish(heard.told());
            }
        }
        self.settle_down(wait);
        Ok(Next::Again)
    }

    /// Whether our own question has failed the transaction, as a request to cancel does that comes too late
    /// for the statement ahead of it. Then it is given up, and replayed.
    fn mark_has_failed(&mut self, heard: &Heard) -> bool {
        let failed = |role| heard.to(role).is_some_and(has_failed);
        let ours = failed(Role::Mark) && !failed(Role::Own) && !failed(Role::Begin);
        if ours {
            self.left = self.link.take().map(|link| link.left());
        }
        ours
    }

    fn begun(&mut self, flight: &mut Flight, heard: Heard) {
        match &mut self.standing {
            Standing::Open(open) if open.status != TransactionStatus::Idle => {
                open.opening = Opening::Done;
            }
            _ => self.standing = Standing::Idle,
        }
        flight.finish(heard.told());
    }

    fn stood_alone(&mut self, flight: &mut Flight, heard: Heard) -> Result<(), Halt> {
        let Some(step) = &mut flight.step else { return Ok(()) };
        if let Some(mut own) = step.own.take() {
            stand_alone(&mut own);
            flight.finish(own);
            return Ok(());
        }
        let own = heard.to(Role::Own).unwrap_or_default();
        if let Some(first) = &step.in_doubt
            && error_of(own) == Some(SqlState::READ_ONLY_SQL_TRANSACTION)
        {
            // It wants to write, and may have written.
            return Err(Halt::over(self.unknown(first)));
        }
        let status = self.link.as_ref().map(|link| link.status());
        let left_open = status.is_some_and(|it| it != TransactionStatus::Idle);
        if step.in_doubt.is_some() && left_open {
            // The READ ONLY transaction around a COPY is still to be ended.
            step.own = Some(heard.told());
            return self.send(step, &[(Role::Hidden, b"rollback")]);
        }
        if left_open {
            // A text of several statements has begun a transaction and left it open.
            let record = Record::refused(Refusal::BegunInside(excerpt(&step.view)));
            let mut open = Open::new(b"", Opening::Done, record, Way::None);
            open.status = status.unwrap_or(TransactionStatus::Open);
            self.standing = Standing::Open(Box::new(open));
        }
        let in_doubt = step.in_doubt.is_some();
        let mut events = heard.told();
        if in_doubt {
            stand_alone(&mut events);
        }
        flight.finish(events);
        Ok(())
    }

    fn ran_inside(&mut self, flight: &mut Flight, heard: Heard) {
        let limits = self.limits();
        let Some(step) = &mut flight.step else { return };
        let begun = heard.to(Role::Begin).is_none_or(|events| !has_failed(events));
        if let Standing::Open(open) = &mut self.standing {
            open.opening = Opening::Done;
            let own = heard.to(Role::Own).unwrap_or_default();
            let (input, seen) = match step.copy.take() {
                // What is not recorded need not be looked at.
                None if !open.tape.record.is_kept() => (Input::Text, Seen::Done),
                None => (Input::Text, Sight::of(own).seen()),
                Some(copy) => copy.recorded(own, &mut open.tape.record),
            };
            open.tape.answered(&step.sql, &step.view, input, seen, &limits);
        }
        // Where BEGIN was refused the statement ran by itself; one that ends the transaction has ended it.
        let ended = matches!(&self.standing, Standing::Open(open) if open.status == TransactionStatus::Idle);
        if !begun || ended {
            self.standing = Standing::Idle;
        }
        flight.finish(heard.told());
    }

    fn wrapped(
        &mut self,
        flight: &mut Flight,
        heard: Heard,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        let Some(step) = &mut flight.step else { return Ok(Next::Again) };
        if let Some(own) = step.own.take() {
            // The mark or the end has come.
            if heard.to(Role::Commit).is_none() && heard.to(Role::Hidden).is_none() {
                step.marked = true;
                self.asides.extend(heard.told());
                step.own = Some(own);
                self.send_commit(step)?;
                return Ok(Next::Again);
            }
            if error_of(&own) == Some(SqlState::ACTIVE_SQL_TRANSACTION) {
                // It may not run in a block, and has not run.
                self.standing = Standing::Idle;
                step.kind = Kind::Alone(InTransaction::No);
                step.again();
                return Ok(Next::Again);
            }
            self.standing = Standing::Idle;
            flight.finish(committed(own, heard));
            self.settle_down(wait);
            return Ok(Next::Again);
        }
        if let Standing::Open(open) = &mut self.standing {
            open.opening = Opening::Done;
            let (alone, failed) =
                (open.status == TransactionStatus::Idle, open.status == TransactionStatus::Failed);
            let own = heard.told();
            if alone {
                // BEGIN was refused; it was to be alone, and it was.
                self.standing = Standing::Idle;
                flight.finish(own);
                self.settle_down(wait);
                return Ok(Next::Again);
            }
            step.own = Some(own);
            if failed {
                self.send(step, &[(Role::Hidden, b"rollback")])?;
            } else {
                self.send_commit(step)?;
            }
        }
        Ok(Next::Again)
    }

    /// After a query: asks how the session stands, where that may have changed. What is not answered now is
    /// asked for ahead of the next query.
    fn settle_down(&mut self, wait: &mut dyn Wait) {
        if matches!(self.standing, Standing::Idle) && self.changed.is_some() {
            let lost = self.link.is_none() || matches!(self.refresh(wait), Err(Halt::Failed(_)));
            if lost {
                self.repeat_changed();
            }
        }
    }
}

/// The code of the error that was answered, if one was.
fn error_of(events: &[Event]) -> Option<SqlState> {
    events.iter().find_map(|event| match event {
        Event::Answer(Answer::Error(error)) => error.sqlstate(),
        _ => None,
    })
}

/// The answer to COMMIT; where the ledger refused the row that went ahead of it, that is why it did not
/// commit.
fn with_note(heard: Heard) -> Vec<Event> {
    let noted = heard.to(Role::Note).and_then(|events| {
        events.iter().find(|event| matches!(event, Event::Answer(Answer::Error(_)))).cloned()
    });
    let mut events = heard.told();
    if let (Some(error), Some(answer)) =
        (noted, events.iter_mut().find(|event| matches!(event, Event::Answer(_))))
    {
        *answer = error;
    }
    events
}

/// What the caller is told of a statement that stood alone in a transaction of ours. An error of COMMIT
/// comes in place of the last answer, as it does where the server commits by itself.
pub(crate) fn committed(mut own: Vec<Event>, heard: Heard) -> Vec<Event> {
    let refused = [Role::Note, Role::Commit].into_iter().find_map(|role| {
        heard.to(role)?.iter().find(|event| matches!(event, Event::Answer(Answer::Error(_))))
    });
    let refused = refused.cloned();
    let answer = own.iter_mut().rev().find(|event| matches!(event, Event::Answer(_)));
    if let (Some(error), Some(answer)) = (refused, answer) {
        *answer = error;
    }
    let ready = own.iter().rposition(|event| matches!(event, Event::Ready(_)));
    let ready = ready.unwrap_or(own.len());
    let tail = own.split_off(ready);
    own.extend(heard.told());
    own.extend(tail);
    stand_alone(&mut own);
    own
}

/// A statement that stood alone leaves no transaction open.
fn stand_alone(events: &mut [Event]) {
    for event in events {
        if let Event::Ready(status) = event {
            *status = TransactionStatus::Idle;
        }
    }
}

const MARK_FAILED: &str = "the transaction was cancelled behind its last statement";
