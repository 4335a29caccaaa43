//! Gives up an exchange whose wait was given up.

use aya_db_core::Fate;
use aya_db_core::continuity::Refusal;
use aya_db_core::failure::{Cause, InTransaction, Phase, Sent};

use crate::error::{Broken, Loss, SurvivorError};
use crate::failure::{Ended, Failure};
use crate::flight::{Stage, Step};
use crate::kind::Kind;
use crate::round::{Heard, phase_of};
use crate::survivor::{Standing, Survivor};

impl Survivor {
    /// Gives up an exchange whose wait was given up, together with its connection, and tells what is lost
    /// with it; `None` if none was under way, or nothing of its query was sent. An open transaction is lost.
    pub fn abandon(&mut self) -> Option<Broken> {
        let flight = self.flight.take()?;
        let left = self.link.take().map(|link| link.left());
        let step = flight.step?;
        let failure = self.given_up(&step, left);
        // What may still commit is not to be ended.
        let ends = matches!(step.kind, Kind::Inside(InTransaction::Yes));
        self.left = failure.left.clone().filter(|_| ends);
        self.lose_changed();
        match (failure.classify().fate, &self.standing) {
            (Fate::Unknown | Fate::Committed, _) => {
                self.standing = Standing::Idle;
                Some(self.unknown(&failure))
            }
            (_, Standing::Open(_)) if step.kind != Kind::Wrapped => {
                match self.lose_transaction(&failure, &Refusal::Abandoned) {
                    SurvivorError::Broken(broken) => Some(*broken),
                    _ => None,
                }
            }
            (Fate::NotSent, _) => {
                self.standing = Standing::Idle;
                None
            }
            (_, _) => {
                self.standing = Standing::Idle;
                Some(Broken::new(Loss::Connection, &failure))
            }
        }
    }

    fn given_up(&self, step: &Step, left: Option<crate::failure::Left>) -> Failure {
        if let Some(failure) = &step.failure {
            return failure.clone();
        }
        let cause = Cause::Cancelled;
        let asked = matches!(step.stage, Stage::Asked | Stage::Copying);
        match left {
            Some(left) if asked => {
                let heard = Heard::of(&step.round, step.events.clone());
                let phase = phase_of(step, &heard, &self.standing);
                let ended = Ended { cause, text: String::new(), notice: None, left };
                Failure::new(phase, Sent::Yes, ended)
            }
            left => {
                let facts = aya_db_core::failure::Facts::new(
                    Phase::Statement(InTransaction::No),
                    Sent::No,
                    cause,
                );
                Failure { facts, text: String::new(), left }
            }
        }
    }
}
