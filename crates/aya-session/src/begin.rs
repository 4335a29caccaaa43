//! How each kind of query is sent.

use std::sync::Arc;

use aya_db_core::conninfo::Replay;
use aya_db_core::continuity::{Record, Refusal, Resolution};
use aya_db_core::failure::{Cause, InTransaction};
use aya_db_core::server_sql::{HAS_LEDGER, LIFE, MARK, NOTE};
use aya_db_core::session::{may_change_session, stays_in_session};
use aya_pgwire::{TransactionStatus, Wait};

use crate::error::SurvivorError;
use crate::failure::{Failure, Fault, Halt};
use crate::flight::{Flight, Next, Step};
use crate::kind::{Kind, begins_for_sure, begins_read_only, copies, is_read};
use crate::literal::with_literals;
use crate::round::{Role, lost_before};
use crate::state::Changed;
use crate::survivor::{Standing, Survivor};
use crate::transaction::{Did, Open, Opening, Token, Way, life_of};

impl Survivor {
    /// Sends the present query, with what goes out around it.
    pub(crate) fn send_step(
        &mut self,
        flight: &mut Flight,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        let has_next = flight.has_next();
        let deadline = flight.course.deadline;
        let Some(step) = &mut flight.step else { return Ok(Next::Again) };
        match step.kind {
            Kind::Begin | Kind::Alone(_) | Kind::Wrapped => {
                self.standing = Standing::Idle;
                self.ready_link(deadline, wait)?;
            }
            Kind::Inside(_) | Kind::Commit | Kind::Rollback => self.check_link(wait)?,
        }
        match step.kind {
            Kind::Begin => {
                self.reach_goal(wait)?;
                let open = self.opened(step, wait)?;
                self.standing = Standing::Open(Box::new(open));
                if has_next && begins_for_sure(&step.view) {
                    flight.pass();
                } else {
                    let sql = Arc::clone(&step.sql);
                    self.send(step, &[(Role::Own, &sql)])?;
                }
            }
            Kind::Alone(_) => self.send_alone(step, wait)?,
            Kind::Wrapped => self.send_wrapped(step, wait)?,
            Kind::Inside(_) => self.send_inside(step)?,
            Kind::Commit => self.send_commit(step)?,
            Kind::Rollback => {
                let sql = Arc::clone(&step.sql);
                self.send(step, &[(Role::Own, &sql)])?;
            }
        }
        Ok(Next::Again)
    }

    /// The transaction that this BEGIN begins.
    fn opened(&mut self, step: &Step, wait: &mut dyn Wait) -> Result<Open, Halt> {
        let way = match begins_read_only(&step.view) {
            true => Way::None,
            false => self.find_way(wait)?,
        };
        let record = match self.info().replay().replay {
            Replay::On => Record::new(),
            Replay::Off => Record::refused(Refusal::SwitchedOff),
        };
        Ok(Open::new(&step.sql, Opening::Waits, record, way))
    }

    fn send_alone(&mut self, step: &mut Step, wait: &mut dyn Wait) -> Result<(), Halt> {
        if is_read(&step.view) {
            self.reach_goal(wait)?;
        }
        self.note(step);
        let sql = Arc::clone(&step.sql);
        if step.in_doubt.is_some() {
            let round =
                [(Role::Hidden, READ_ONLY), (Role::Own, &*sql), (Role::Commit, &b"commit"[..])];
            // Nothing may go behind a COPY.
            let count = if copies(&step.view) { 2 } else { 3 };
            self.send(step, &round[..count])
        } else {
            self.send(step, &[(Role::Own, &sql)])
        }
    }

    /// A statement that stands alone and may write, in a transaction of its own: with its answer lost,
    /// nothing is committed.
    fn send_wrapped(&mut self, step: &mut Step, wait: &mut dyn Wait) -> Result<(), Halt> {
        let way = self.find_way(wait)?;
        if way == Way::None {
            step.kind = Kind::Alone(InTransaction::No);
            return self.send_alone(step, wait);
        }
        self.note(step);
        let mut open = Open::new(b"begin", Opening::WaitsUntold, Record::new(), way);
        let sql = Arc::clone(&step.sql);
        let round = open.round(&sql, &step.view);
        self.send(step, &round)?;
        open.did = Did::Write;
        self.standing = Standing::Open(Box::new(open));
        Ok(())
    }

    fn send_inside(&mut self, step: &mut Step) -> Result<(), Halt> {
        let noted = step.noted;
        self.note(step);
        let mut standing = std::mem::replace(&mut self.standing, Standing::Idle);
        let sql = Arc::clone(&step.sql);
        let sent = match &mut standing {
            Standing::Open(open) => {
                if !noted {
                    open.tape.record.step(&step.view);
                }
                let round = open.round(&sql, &step.view);
                self.send(step, &round)
            }
            Standing::Idle | Standing::Lost(_) => Err(lost_before(step, &self.last_words)),
        };
        self.standing = standing;
        sent
    }

    /// COMMIT, and ahead of it what identifies the transaction. One that may have written is marked before
    /// COMMIT is sent, one that has read together with it.
    pub(crate) fn send_commit(&mut self, step: &mut Step) -> Result<(), Halt> {
        let sql = Arc::clone(&step.sql);
        let commit: (Role, &[u8]) = match step.kind {
            Kind::Wrapped => (Role::Commit, b"commit"),
            _ => (Role::Own, &sql),
        };
        let Standing::Open(open) = &mut self.standing else {
            return Err(lost_before(step, &self.last_words));
        };
        let stands = open.status == TransactionStatus::Open;
        let unmarked = open.doubt.mark.is_none() && !open.doubt.is_empty() && !step.marked;
        match open.way {
            Way::Lsn if stands && unmarked => {
                let mark = (Role::Mark, MARK.as_bytes());
                match open.did {
                    Did::Read => self.send(step, &[mark, commit]),
                    Did::Write => self.send(step, &[mark]),
                }
            }
            Way::Ledger if stands => {
                let token = Token::draw();
                open.doubt.token = Some(token);
                let note = with_literals(NOTE, &[&token.text()]);
                self.send(step, &[(Role::Note, note.as_bytes()), commit])
            }
            Way::None | Way::Lsn | Way::Ledger => self.send(step, &[commit]),
        }
    }

    /// A statement is about to be sent.
    fn note(&mut self, step: &mut Step) {
        if std::mem::replace(&mut step.noted, true) {
            return;
        }
        if may_change_session(&step.view) {
            self.state.name_settings(&step.view);
            // In a transaction others may have set something before it.
            let alone =
                matches!(step.kind, Kind::Alone(_) | Kind::Wrapped) && self.changed.is_none();
            let repeats = alone && step.sql.is_ascii() && stays_in_session(&step.view);
            self.changed = Some(Changed { sql: step.view.clone(), repeats });
        }
    }

    /// The connection of an open transaction: whether it still stands.
    fn check_link(&mut self, wait: &mut dyn Wait) -> Result<(), Halt> {
        if let Some(link) = &mut self.link {
            let drained = link.drain(&mut self.asides, wait);
            let seen = drained.and_then(|()| link.look(&mut self.asides).map_err(Fault::Lost));
            return match seen {
                Ok(()) => Ok(()),
                Err(Fault::Pause(pause)) => Err(pause.into()),
                Err(Fault::Lost(ended)) => {
                    self.lost(&ended);
                    let left = Some(ended.left);
                    Err(Failure { left, ..Failure::inside(ended.cause, ended.text) }.into())
                }
            };
        }
        let cause = Cause::ConnectionLost;
        Err(Failure::inside(cause, self.last_words.clone()).into())
    }

    /// How the commit of a transaction that begins next is resolved.
    pub(crate) fn find_way(&mut self, wait: &mut dyn Wait) -> Result<Way, Halt> {
        match self.resolution {
            Resolution::Off => Ok(Way::None),
            Resolution::Lsn => self.lsn(wait),
            Resolution::Ledger | Resolution::LedgerOrLsn | Resolution::LedgerOrNone => {
                if self.has_ledger(wait)? {
                    return Ok(Way::Ledger);
                }
                match self.resolution {
                    Resolution::Ledger => Err(Halt::over(SurvivorError::NoLedger)),
                    Resolution::LedgerOrLsn => self.lsn(wait),
                    Resolution::LedgerOrNone | Resolution::Lsn | Resolution::Off => Ok(Way::None),
                }
            }
        }
    }

    fn lsn(&mut self, wait: &mut dyn Wait) -> Result<Way, Halt> {
        let known = self.link.as_ref().and_then(|link| link.life);
        let life = match known {
            Some(life) => life,
            None => {
                let found = self.ask(LIFE, wait)?.ok().as_ref().and_then(life_of);
                if found.is_some() {
                    self.look_around(wait)?;
                }
                let Some(link) = &mut self.link else { return Ok(Way::None) };
                // A standby tells nothing, and tells once it is promoted.
                if found.is_some() || !link.in_recovery {
                    link.life = Some(found);
                }
                found
            }
        };
        Ok(if life.is_some() { Way::Lsn } else { Way::None })
    }

    fn has_ledger(&mut self, wait: &mut dyn Wait) -> Result<bool, Halt> {
        if let Some(found) = self.link.as_ref().and_then(|link| link.ledger) {
            return Ok(found);
        }
        let rows = self.ask(HAS_LEDGER, wait)?.unwrap_or_default();
        let found =
            rows.first().and_then(|row| row.first()).and_then(Option::as_deref) == Some("t");
        if let Some(link) = &mut self.link {
            link.ledger = Some(found);
        }
        Ok(found)
    }
}

const READ_ONLY: &[u8] = b"begin read only";
