//! What follows a loss.

use std::time::Duration;

use aya_db_core::Fate;
use aya_db_core::continuity::{Question, Resolution, is_cured_by_replay};
use aya_db_core::failure::{Cause, InTransaction, Phase, Safety};
use aya_db_core::session::stays_in_session;

use crate::copy::Copy;
use crate::error::{Broken, Loss, NoServer, SurvivorError};
use crate::failure::{Failure, Halt};
use crate::flight::{Flight, Stage, done};
use crate::kind::{Kind, is_read};
use crate::options::Survival;
use crate::survivor::{Standing, Survivor};
use crate::transaction::Opening;

impl Survivor {
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
                // What it may have set is lost with the connection, and set again by it.
                (step.noted, self.changed) = (false, None);
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
                // What it may have set is lost with the connection, and set again by it.
                (step.noted, self.changed) = (false, None);
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
    fn cure(&mut self, flight: &mut Flight, failure: Failure, ran: Duration) -> Result<(), Halt> {
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
    fn nobody_serves(&mut self, flight: &Flight, failure: Failure) -> SurvivorError {
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

    fn alone_lost(&self, failure: &Failure) -> SurvivorError {
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
