//! Causal tokens: the place of the leader's log that the session's writes lie before, and reads on a
//! standby that wait for it.

use std::time::{Duration, Instant};

use aya_db_core::failure::{Cause, InTransaction};
use aya_db_core::route::{
    CausalToken, Readiness, ServingRole, Standing as Place, end_of_log, lineage, readiness,
};
use aya_db_core::server_sql::{STANDING, TOKEN};
use aya_db_core::{Lsn, SystemIdentifier, Timeline};
use aya_pgwire::Wait;

use crate::error::{Broken, Loss, NoServer, SurvivorError};
use crate::failure::{Failure, Halt};
use crate::link::Texts;
use crate::sleep::sleep;
use crate::survivor::{Standing, Survivor};

impl Survivor {
    /// The causal token of what the session has committed; `None` on a standby, and where the server does
    /// not tell.
    ///
    /// # Errors
    /// If no server can be asked, or a transaction is open.
    pub fn token(&mut self, wait: &mut dyn Wait) -> Result<Option<CausalToken>, SurvivorError> {
        self.check_process();
        if self.flight.is_some() || !matches!(self.standing, Standing::Idle) {
            return Err(SurvivorError::OutOfTurn(
                "a causal token is taken outside of transactions",
            ));
        }
        let asked = self.ready_link(None, wait).and_then(|()| {
            match self.link.as_ref().is_some_and(|link| link.in_recovery) {
                true => Ok(None),
                false => Ok(self.ask(TOKEN, wait)?.ok().as_ref().and_then(token_of)),
            }
        });
        asked.map_err(|halt| match halt {
            Halt::Pause(pause) => pause.into(),
            Halt::Failed(failure) => {
                NoServer { classified: failure.classify(), text: failure.text }.into()
            }
            Halt::Over(error) => *error,
        })
    }

    /// Ahead of a read on a standby: waits until that has replayed what the goal stands for.
    pub(crate) fn reach_goal(&mut self, wait: &mut dyn Wait) -> Result<(), Halt> {
        let Some(goal) = self.goal else { return Ok(()) };
        if self.link.as_ref().is_none_or(|link| !link.in_recovery) {
            self.goal = None;
            return Ok(());
        }
        let deadline = Instant::now() + self.info().reads().causal_wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let rows = self.ask(STANDING, wait)?.unwrap_or_default();
            let place = place_of(&rows);
            let snapshot = self.watch.as_mut().and_then(|watch| watch.snapshot());
            let snapshot = snapshot.unwrap_or_else(|| self.picture.snapshot().clone());
            match readiness(&goal, &place, &lineage(&snapshot)) {
                Ok(Readiness::Yes) => {
                    self.goal = None;
                    return Ok(());
                }
                Ok(Readiness::Wait(_)) if Instant::now() + pause < deadline => sleep(pause, wait)?,
                Ok(Readiness::Wait(why) | Readiness::No(why)) => {
                    return Err(Halt::over(not_seen(Cause::NoStandby, why)));
                }
                Err(fault) => {
                    self.goal = None;
                    return Err(Halt::over(not_seen(Cause::TokenLost, fault)));
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn not_seen(cause: Cause, why: impl std::fmt::Display) -> Broken {
    let failure = Failure::ahead(cause.clone(), String::new());
    Broken::new(Loss::Connection, &failure).by(cause, InTransaction::No).because(why)
}

/// Where a server stands; one that is no standby any more leads, or did.
fn place_of(rows: &Texts) -> Place {
    let text =
        |column: usize| rows.first().and_then(|row| row.get(column)).and_then(Option::as_deref);
    let replayed = text(0).and_then(|lsn| lsn.parse::<Lsn>().ok());
    Place {
        role: if replayed.is_some() { ServingRole::Standby } else { ServingRole::Leader },
        timeline: text(1).and_then(|it| it.parse().ok()).map(Timeline),
        replayed,
    }
}

fn token_of(rows: &Texts) -> Option<CausalToken> {
    let row = rows.first()?;
    let text = |column: usize| row.get(column).and_then(Option::as_deref);
    let number = |column| text(column).and_then(|it| it.parse::<u64>().ok());
    let insert: Lsn = text(0)?.parse().ok()?;
    Some(CausalToken {
        timeline: Timeline(u32::try_from(number(1)?).ok()?),
        lsn: end_of_log(insert, number(2)?, number(3)?),
        system_identifier: text(4).and_then(|it| it.parse().ok()).map(SystemIdentifier),
    })
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
