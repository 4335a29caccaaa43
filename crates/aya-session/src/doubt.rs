//! Finds out what became of a COMMIT whose answer is lost.

use std::time::{Duration, Instant};

use aya_db_core::Fate;
use aya_db_core::NodeId;
use aya_db_core::continuity::{Question, Resolution, Verdict};
use aya_pgwire::Wait;
use tracing::info;

use crate::error::{Broken, Loss, Pause, SurvivorError};
use crate::failure::{Failure, Halt};
use crate::flight::{Flight, Next, Stage, done};
use crate::kind::Kind;
use crate::round::Heard;
use crate::sleep::sleep;
use crate::survivor::{Standing, Survivor};
use crate::transaction::Did;
use crate::waits::Bounded;

impl Survivor {
    /// Asks whoever leads what became of the commit, and goes on accordingly: it is committed; it was
    /// rolled back, and is done again; or nobody knows.
    pub(crate) fn settle(
        &mut self,
        flight: &mut Flight,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        let Some(failure) = flight.step.as_ref().and_then(|step| step.failure.clone()) else {
            return Ok(Next::Again);
        };
        let deadline = self.failover_ends();
        let deadline = *flight.course.deadline.get_or_insert(deadline);
        let verdict = self.verdict(&failure, deadline, wait)?;
        info!(?verdict, "a commit in doubt");
        match verdict {
            Verdict::Committed(_) => self.was_committed(flight),
            Verdict::RolledBack(_) => self.was_rolled_back(flight, failure)?,
            Verdict::Undecided(_) | Verdict::Unknown(_) => {
                return self.stays_unknown(flight, &failure);
            }
        }
        Ok(Next::Again)
    }

    fn verdict(
        &mut self,
        failure: &Failure,
        deadline: Instant,
        wait: &mut dyn Wait,
    ) -> Result<Verdict, Halt> {
        let Some(question) = Question::of(&failure.facts) else {
            return Ok(Verdict::Unknown("nothing is in doubt"));
        };
        let (Standing::Open(open), Some(left)) = (&self.standing, &failure.left) else {
            return Ok(Verdict::Unknown("nothing is known of the transaction"));
        };
        if question == Question::Committed && open.doubt.is_empty() {
            return Ok(Verdict::Committed("it had written nothing"));
        }
        let (mark, token) = (open.doubt.mark, open.doubt.token);
        let old: NodeId = left.node.clone();
        let mut pause = FIRST_PAUSE;
        loop {
            let wait: &mut dyn Wait = &mut Bounded { wait, until: Some(deadline) };
            let asked = match (mark, token) {
                (Some(mark), _) => self.by_history(&mark, question, &old, deadline, wait),
                (None, Some(token)) => self.by_ledger(token, question, &old, deadline, wait),
                (None, None) => return Ok(Verdict::Unknown("nothing identifies the transaction")),
            };
            let verdict = match asked {
                // The ledger waits for a transaction that is under way.
                Err(Halt::Pause(Pause::TimedOut)) if deadline <= Instant::now() => {
                    self.link = None;
                    return Ok(Verdict::Unknown("the leader did not answer in time"));
                }
                asked => asked?,
            };
            let Verdict::Undecided(_) = verdict else { return Ok(verdict) };
            if deadline.saturating_duration_since(Instant::now()) <= pause {
                return Ok(verdict);
            }
            sleep(pause, wait)?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn was_committed(&mut self, flight: &mut Flight) {
        self.standing = Standing::Idle;
        // What it has set for the session went with the connection, and nobody was asked.
        self.lose_changed();
        self.left = None;
        let own = flight.step.as_mut().and_then(|step| step.own.take());
        flight.finish(match own {
            Some(own) => crate::follow::committed(own, Heard::default()),
            None => done(b"COMMIT"),
        });
    }

    /// The transaction is run again, and then committed.
    fn was_rolled_back(&mut self, flight: &mut Flight, failure: Failure) -> Result<(), Halt> {
        if let Some(step) = &mut flight.step {
            step.failure = None;
        }
        self.after(flight, failure.rolled_back())
    }

    fn stays_unknown(&mut self, flight: &mut Flight, failure: &Failure) -> Result<Next, Halt> {
        let Some(step) = &mut flight.step else { return Ok(Next::Again) };
        let may_read = failure.classify().fate == Fate::Unknown
            && self.resolution != Resolution::Off
            && step.kind == Kind::Commit;
        if let Standing::Open(open) = &self.standing
            && may_read
            && open.did == Did::Read
            && open.tape.record.is_kept()
        {
            step.stage = Stage::Rereading;
            return Ok(Next::Again);
        }
        self.standing = Standing::Idle;
        // It may still commit, and wait for its standby.
        self.left = None;
        self.lose_changed();
        let error: SurvivorError = match failure.classify().fate {
            Fate::Unknown => self.unknown(failure).into(),
            // It was committed on a server that has stopped, and perhaps nowhere else.
            Fate::Committed | Fate::NotSent | Fate::RolledBack => {
                Broken::new(Loss::CommitUnknown, failure).into()
            }
        };
        Err(Halt::over(error))
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
