//! What follows an answer, and what follows a loss.

use aya_db_core::Fate;
use aya_db_core::SqlState;
use aya_db_core::continuity::{
    Input, Question, Record, Refusal, Resolution, excerpt, is_cured_by_replay,
};
use aya_db_core::failure::{Cause, InTransaction, Phase, Safety};
use aya_db_core::session::stays_in_session;
use aya_pgwire::{Answer, Event, TransactionStatus, Wait};

use crate::copying::Copy;
use crate::error::{Broken, Loss, NoServer};
use crate::failure::{Failure, Halt};
use crate::flight::{Flight, Next, Stage, done, has_failed};
use crate::kind::{Kind, is_read};
use crate::options::Survival;
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
            if self.link.is_none() {
                self.lose_changed();
            } else if let Err(Halt::Failed(_)) = self.refresh(wait) {
                self.lose_changed();
            }
        }
    }

    /// A connection was lost, or could not be made, or what was asked on it failed: what comes next.
    pub(crate) fn after(&mut self, flight: &mut Flight, failure: Failure) -> Result<(), Halt> {
        let failover = self.info().failover_timeout();
        let Some(step) = &mut flight.step else {
            return Err(Halt::over(Broken::new(Loss::Connection, &failure)));
        };
        let ran = match step.stage {
            Stage::Asked | Stage::Copying => step.asked_at.elapsed(),
            Stage::Ready | Stage::Curing | Stage::Settling | Stage::Rereading => Default::default(),
        };
        let found = failure.classify();
        tracing::debug!(kind = found.kind.code(), fate = %found.fate, "a query's connection was lost");
        let unconnected = matches!(failure.facts.phase, Phase::Waiting | Phase::Connect(_));
        let mut failure = failure;
        match step.kind {
            _ if unconnected => return Err(Halt::over(self.nobody_serves(flight, failure))),
            Kind::Rollback => {
                self.standing = Standing::Idle;
                flight.finish(done(b"ROLLBACK"));
                return Ok(());
            }
            Kind::Commit if failure.facts.phase == Phase::Rollback => {
                self.standing = Standing::Idle;
                flight.finish(done(b"ROLLBACK"));
                return Ok(());
            }
            Kind::Begin | Kind::Alone(_) => {
                self.standing = Standing::Idle;
                // One that commits may wait for its standby, and is not to be ended.
                self.left = None;
                if step.copy.as_ref().is_some_and(Copy::is_beyond_repeating) {
                    return Err(Halt::over(self.alone_lost(&failure)));
                }
                let survives = self.survival == Survival::On;
                let resolves = self.resolution != Resolution::Off;
                if survives && stays_in_session(&step.view) {
                    failure = failure.with_safety(Safety::Idempotent);
                } else if found.fate == Fate::Unknown && resolves && is_read(&step.view) {
                    step.in_doubt.get_or_insert_with(|| failure.clone());
                    failure = failure.with_safety(Safety::ReadOnly);
                }
                if flight.course.go_on(&failure, &self.policy, failover, ran).is_err() {
                    let first = step.in_doubt.take().unwrap_or(failure);
                    return Err(Halt::over(self.alone_lost(&first)));
                }
                step.again();
            }
            Kind::Wrapped if Question::of(&failure.facts).is_some() => {
                (step.stage, step.failure) = (Stage::Settling, Some(failure));
            }
            Kind::Wrapped => {
                self.standing = Standing::Idle;
                let seen = step.copy.as_ref().is_some_and(Copy::is_beyond_repeating);
                if seen || flight.course.go_on(&failure, &self.policy, failover, ran).is_err() {
                    return Err(Halt::over(self.alone_lost(&failure)));
                }
                step.again();
            }
            Kind::Commit if Question::of(&failure.facts).is_some() => {
                (step.stage, step.failure) = (Stage::Settling, Some(failure));
            }
            Kind::Inside(_) | Kind::Commit => return self.cure(flight, failure, ran),
        }
        Ok(())
    }

    /// The transaction is lost with its connection: takes it up on another one, if that may be done.
    fn cure(
        &mut self,
        flight: &mut Flight,
        failure: Failure,
        ran: std::time::Duration,
    ) -> Result<(), Halt> {
        let failover = self.info().failover_timeout();
        let Some(step) = &mut flight.step else { return Ok(()) };
        let first = step.failure.get_or_insert_with(|| failure.clone()).clone();
        let Standing::Open(open) = &mut self.standing else {
            return Err(Halt::over(Broken::new(Loss::Connection, &first)));
        };
        if let Some(copy) = &step.copy {
            copy.refuse_in(&mut open.tape.record);
        }
        // One whose BEGIN was never answered is begun again also where it is not to be replayed.
        let never_began = open.opening == Opening::Waits;
        let refusal = open.tape.record.refusal().filter(|_| !never_began).cloned();
        // The replay's own failures pass by themselves, or end it.
        let curable = step.stage == Stage::Curing
            || is_cured_by_replay(&failure.classify(), Safety::Unmarked);
        if failure.classify().fate == Fate::Unknown {
            // The statement brought its own end of the transaction along.
            self.standing = Standing::Idle;
            self.left = None;
            self.lose_changed();
            return Err(Halt::over(self.unknown(&failure)));
        }
        if let Some(refusal) = refusal {
            return Err(Halt::over(self.lose_transaction(&first, &refusal)));
        }
        if !curable {
            return Err(Halt::over(self.lose(Broken::new(Loss::Transaction, &first))));
        }
        if let Err(reason) = flight.course.go_on(&failure, &self.policy, failover, ran) {
            let broken = Broken::new(Loss::Transaction, &first)
                .by(Cause::NotReplayed, InTransaction::Yes)
                .because(reason);
            return Err(Halt::over(self.lose(broken)));
        }
        step.again();
        step.stage = Stage::Curing;
        Ok(())
    }

    /// No server was found in time, or none will do.
    fn nobody_serves(&mut self, flight: &Flight, failure: Failure) -> crate::error::SurvivorError {
        let step = flight.step.as_ref();
        let first = step.and_then(|step| step.in_doubt.as_ref().or(step.failure.as_ref()));
        match (step.map(|step| step.kind), first) {
            (Some(Kind::Inside(_) | Kind::Commit), first) => {
                let broken = Broken::new(Loss::Transaction, first.unwrap_or(&failure))
                    .by(Cause::NotReplayed, InTransaction::Yes)
                    .because(failure.text.trim_end());
                self.lose(broken)
            }
            (_, Some(first)) => {
                self.standing = Standing::Idle;
                self.alone_lost(first)
            }
            (_, None) => {
                self.standing = Standing::Idle;
                NoServer { classified: failure.classify(), text: failure.text }.into()
            }
        }
    }

    fn alone_lost(&self, failure: &Failure) -> crate::error::SurvivorError {
        match failure.classify().fate {
            Fate::Unknown => self.unknown(failure).into(),
            Fate::NotSent | Fate::RolledBack | Fate::Committed => {
                Broken::new(Loss::Connection, failure).into()
            }
        }
    }

    /// Nobody knows what became of it.
    pub(crate) fn unknown(&self, failure: &Failure) -> Broken {
        Broken::new(Loss::CommitUnknown, failure).advise(self.resolution.advice())
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
