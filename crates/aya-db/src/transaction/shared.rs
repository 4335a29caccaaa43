//! What the handles of one transaction share, and how it asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use aya_db_core::conninfo::Replay as ReplayMode;
use aya_db_core::continuity::{Entry, Record, RecordLimits, Refusal, excerpt, is_cured_by_replay};
use aya_db_core::failure::{
    Cause, ClientFault, Facts, FailureKind, InTransaction, Phase, Safety, Sent,
};
use aya_db_core::pool::TransactionStatus;
use aya_db_core::session::may_change_session;
use aya_db_core::sql_text::may_write;
use aya_db_core::{Fate, NodeId};

use super::Transaction;
use super::ask::{Ask, Asked, Inside, Recorded};
use super::replay::{Outcome, Replay, Taken};
use crate::commit::{Did, Way, commit};
use crate::core::Core;
use crate::doubt::{Doubt, Left};
use crate::error::{Attempt, Error};
use crate::execute::{Attempting, cure};
use crate::failed::Failed;
use crate::opening::{Lone, Opening};
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::session::Seat;
use crate::sql::Repeats;
use crate::talk::{Block, Talk};

pub(crate) struct Shared {
    pub(super) core: Arc<Core>,
    pub(super) options: CallOptions,
    pub(super) run_until: Option<Instant>,
    before: Vec<Attempt>,
    /// One statement runs at a time.
    pub(super) open: Arc<tokio::sync::Mutex<Open>>,
    standing: Mutex<Standing>,
}

/// The transaction on its connection.
pub(crate) struct Open {
    /// `None` once it is lost for good.
    pub(super) link: Option<Pooled>,
    /// Its BEGIN, which goes out with its first statement.
    opening: Opening,
    pub(super) record: Record,
    doubt: Doubt,
    way: Way,
    pub(super) did: Did,
    /// The session that it belongs to, if it does.
    pub(super) home: Option<OwnedMutexGuard<Seat>>,
    /// A statement that may have changed the session.
    changed: Option<Box<str>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.go_home();
    }
}

impl Open {
    /// Gives the connection back to the session, unless the transaction is still open on it.
    fn go_home(&mut self) {
        let Some(mut seat) = self.home.take() else { return };
        seat.link = if self.is_idle() { self.link.take() } else { None };
    }

    /// Whether its connection lives, and no transaction is open on it.
    fn is_idle(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.state().end().is_none() && has_no_block(link))
    }
}

/// How the transaction stands.
pub(super) struct Standing {
    pub(super) state: State,
    /// The failure that has aborted it.
    pub(super) failure: Option<Failed>,
    node: NodeId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is open, or has failed and waits for its end.
    Open,
    /// The application has ended it.
    Ended,
    /// It is lost.
    Lost,
}

impl Shared {
    /// Begins: BEGIN goes out with the first statement. A failure brings the connection back.
    pub(crate) async fn start(
        core: &Arc<Core>,
        options: &CallOptions,
        link: Pooled,
        attempt: &Attempting<'_>,
    ) -> Result<Transaction, Failed> {
        let alone = Talk::alone(&link, &core.session, options.safety, attempt.run_until);
        let way = match Way::for_transaction(core, &alone).await {
            Ok(way) => way,
            Err(failed) => return Err(failed.with_link(link)),
        };
        let replay = core.session.info().replay().replay;
        let record = match options.transaction.replay_or(replay) {
            ReplayMode::On => Record::new(),
            ReplayMode::Off => Record::refused(Refusal::SwitchedOff),
        };
        let node = link.node().clone();
        let (doubt, did) = (Doubt::default(), Did::Read);
        let opening = Opening::new(options.transaction.begin(), Lone::Fails);
        let link = Some(link);
        let open = Open { link, opening, record, doubt, way, did, home: None, changed: None };
        Ok(Transaction(Arc::new(Self {
            core: Arc::clone(core),
            options: options.clone(),
            run_until: attempt.run_until,
            before: attempt.before.to_vec(),
            open: Arc::new(tokio::sync::Mutex::new(open)),
            standing: Mutex::new(Standing { state: State::Open, failure: None, node }),
        })))
    }

    pub(super) fn node(&self) -> NodeId {
        self.standing().node.clone()
    }

    pub(super) fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a statement, on another connection if this one is lost.
    pub(super) async fn ask<W: Recorded>(
        &self,
        sql: &str,
        repeats: Repeats,
        wanted: W,
    ) -> Result<W::Answer, Error> {
        self.check_open()?;
        let mut open = self.open.lock().await;
        self.check_open()?;
        let asked = Asked { sql, wanted };
        self.step(&mut open, sql, repeats);
        let answered = Box::pin(self.run(&mut open, sql, &asked)).await;
        if let Some(link) = &open.link {
            match &answered {
                Ok(answer) => {
                    let entry = self.kept(&open, || asked.entry(link, answer));
                    self.note(&mut open, entry);
                }
                Err(failed) => match (failed.classify().fate, failed.sqlstate()) {
                    (Fate::NotSent, _) => open.record.settled(),
                    (_, Some(code)) => {
                        let phase = failed.facts().phase;
                        let entry = self.kept(&open, || asked.refused(link, phase, code));
                        self.note(&mut open, entry);
                    }
                    (_, None) => {}
                },
            }
        }
        drop(open);
        answered.map_err(|failed| self.fail(sql, failed))
    }

    /// A statement is about to be sent.
    pub(super) fn step(&self, open: &mut Open, sql: &str, repeats: Repeats) {
        open.record.step(sql);
        if let Some(seat) = &mut open.home
            && may_change_session(sql)
        {
            seat.state.name_settings(sql);
            open.changed = Some(sql.into());
        }
        if repeats == Repeats::Never {
            open.record.refuse(Refusal::Marked(excerpt(sql)));
        }
    }

    fn kept<T>(&self, open: &Open, entry: impl FnOnce() -> Option<T>) -> Option<Option<T>> {
        open.record.is_kept().then(entry)
    }

    /// Records what came of a statement.
    pub(super) fn note(&self, open: &mut Open, entry: Option<Option<Entry>>) {
        match entry {
            Some(Some(entry)) => {
                open.record.answered(entry, &self.limits());
            }
            Some(None) => open.record.refuse(Refusal::Abandoned),
            None => open.record.settled(),
        }
    }

    /// Asks, and asks again on another connection if the transaction is lost and can be replayed.
    pub(super) async fn run<A: Ask>(
        &self,
        open: &mut Open,
        sql: &str,
        ask: &A,
    ) -> Result<A::Answer, Failed> {
        let rides = may_write(sql);
        if rides {
            open.did = Did::Write;
        }
        let opens = open.opening.waits();
        let Some(inside) = self.inside(open, rides) else { return Err(self.gone()) };
        match ask.run(&inside).await {
            Err(failed) if self.is_cured(&failed) => Box::pin(self.replay(open, ask, failed)).await,
            Err(failed) if opens && open.is_idle() => {
                // It was never begun, and what follows would stand alone.
                self.standing().state = State::Lost;
                open.link = None;
                Err(failed)
            }
            answered => answered,
        }
    }

    pub(super) fn is_cured(&self, failed: &Failed) -> bool {
        is_cured_by_replay(&failed.classify(), self.options.safety)
    }

    /// The connection as a statement sees it; `None` if it is lost for good.
    pub(super) fn inside<'a>(&'a self, open: &'a Open, rides: bool) -> Option<Inside<'a>> {
        let link = open.link.as_ref()?;
        // A statement may have ended the transaction; what follows stands alone.
        let ended = has_no_block(link) && !open.opening.waits();
        let talk = Talk {
            link,
            block: if ended { Block::None } else { Block::Open },
            safety: self.options.safety,
            until: self.run_until,
            session: &self.core.session,
            canceller: self.options.canceller.as_ref(),
            rider: (rides && open.way == Way::Lsn).then_some(&open.doubt),
            opening: Some(&open.opening),
        };
        Some(Inside { core: &self.core, talk, doubt: &open.doubt, way: open.way, did: open.did })
    }

    /// Takes the transaction up on another connection.
    pub(super) async fn replay<A: Ask>(
        &self,
        open: &mut Open,
        ask: &A,
        failed: Failed,
    ) -> Result<A::Answer, Failed> {
        // One whose BEGIN was never answered is begun again also where it is not to be replayed.
        let never_began = failed.facts().phase == Phase::Begin
            && open.record.refusal() == Some(&Refusal::SwitchedOff);
        if !open.record.is_kept() && !never_began {
            return Err(self.give_up(open, failed));
        }
        let Some(link) = open.link.take() else { return Err(failed) };
        let left = Left::of(&link);
        // Its place in the pool may be the only one.
        link.discard();
        let mut work = Replay {
            core: &self.core,
            options: &self.options,
            session: open.home.as_mut().map(|seat| &mut seat.state),
            record: &open.record,
            did: open.did,
            left,
            ask,
        };
        match cure(&self.core, &self.options, &mut work, failed, self.run_until).await {
            Ok(Taken { link, doubt, way, outcome }) => {
                let mut standing = self.standing();
                standing.node = link.node().clone();
                match outcome {
                    Outcome::Stands(answer) => {
                        (open.link, open.doubt, open.way) = (Some(link), doubt, way);
                        open.opening.take();
                        answer
                    }
                    Outcome::Diverged(failed) => {
                        standing.state = State::Lost;
                        if open.home.is_some() {
                            link.discard();
                        }
                        Err(failed)
                    }
                }
            }
            Err(stopped) => {
                self.standing().state = State::Lost;
                Err(stopped.failed.raised(stopped.error))
            }
        }
    }

    /// The transaction is lost, and is not replayed.
    pub(super) fn give_up(&self, open: &mut Open, failed: Failed) -> Failed {
        self.standing().state = State::Lost;
        let link = open.link.take();
        match (link, open.record.refusal()) {
            (Some(link), Some(refusal)) => {
                let failed = self.refused(&link, refusal.clone(), failed);
                // Closed, it rolls back if its server still lives.
                link.discard();
                failed
            }
            (_, _) => failed,
        }
    }

    pub(super) fn limits(&self) -> RecordLimits {
        self.core.session.info().replay().limits
    }

    pub(super) fn gone_error(&self) -> Error {
        Error::from_failed(&self.gone(), None)
    }

    /// The same failure; the application is told why there is no replay, unless it wants none.
    fn refused(&self, link: &Pooled, refusal: Refusal, failed: Failed) -> Failed {
        if refusal == Refusal::SwitchedOff {
            return failed;
        }
        let facts = Facts::new(Phase::Statement(InTransaction::Yes), Sent::Yes, Cause::NotReplayed);
        let lost = Failed::new(facts.with_safety(self.options.safety)).on(link).because(refusal);
        failed.raised(Error::from_failed(&lost, None).with_attempts(&self.before))
    }

    /// Commits, and finds out what became of it if the answer is lost.
    pub(super) async fn commit(&self, open: &mut Open) -> Result<(), Failed> {
        self.standing().state = State::Ended;
        if open.opening.waits() {
            open.go_home();
            return Ok(());
        }
        let committed = match Box::pin(self.run(open, "commit", &Commit)).await {
            Err(failed) if self.may_read_again(open, &failed) => {
                Box::pin(self.read_again(open, failed)).await
            }
            committed => committed,
        };
        Box::pin(self.leave(open)).await;
        committed
    }

    pub(super) async fn rollback(&self, open: &mut Open) {
        self.standing().state = State::Ended;
        if let Some(inside) = self.inside(open, false)
            && !open.opening.waits()
        {
            inside.talk.undo().await;
        }
        Box::pin(self.leave(open)).await;
    }

    /// The transaction has ended: its session goes on.
    async fn leave(&self, open: &mut Open) {
        let Open { link, home, changed, .. } = open;
        if let (Some(link), Some(seat), Some(sql)) = (link, home, changed) {
            let talk = Talk::alone(link, &self.core.session, Safety::Idempotent, self.run_until);
            if let Err(failed) = seat.state.refresh(&talk).await {
                drop(self.core.tell(&failed, &failed.classify()));
                seat.state.lose(sql);
            }
        }
        open.go_home();
    }

    /// Keeps a failure for the decision about the whole, tells the monitor, and raises it.
    pub(crate) fn fail(&self, sql: &str, mut failed: Failed) -> Error {
        let found = failed.classify();
        drop(self.core.tell(&failed, &found));
        if found.kind == FailureKind::StalePreparedStatement
            && let Ok(open) = self.open.try_lock()
            && let Some(link) = &open.link
        {
            link.forget(sql);
        }
        let error = failed
            .take_raised()
            .unwrap_or_else(|| Error::from_failed(&failed, None).with_attempts(&self.before));
        // What was not sent has left the transaction as it was.
        if found.fate != Fate::NotSent {
            self.standing().failure = Some(failed.told());
        }
        error
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        let state = self.standing().state;
        match state {
            State::Open => Ok(()),
            State::Ended => Err(ended()),
            State::Lost => Err(self.gone_error()),
        }
    }

    pub(super) fn check_not_ended(&self) -> Result<(), Error> {
        let state = self.standing().state;
        match state {
            State::Open | State::Lost => Ok(()),
            State::Ended => Err(ended()),
        }
    }

    /// The transaction was lost by an earlier call.
    fn gone(&self) -> Failed {
        let facts = Facts::new(Phase::Statement(InTransaction::Yes), Sent::Yes, Cause::NotReplayed);
        Failed::new(facts.with_safety(self.options.safety)).at(&self.node()).because(Gone)
    }
}

fn has_no_block(link: &Pooled) -> bool {
    TransactionStatus::from_byte(link.state().status()) == Some(TransactionStatus::Idle)
}

/// The end of the transaction.
pub(super) struct Commit;

impl Ask for Commit {
    type Answer = ();

    async fn run(&self, inside: &Inside<'_>) -> Result<(), Failed> {
        let talk = Talk { rider: None, ..inside.talk };
        commit(inside.core, &talk, inside.doubt, inside.way, inside.did).await
    }
}

fn ended() -> Error {
    let phase = Phase::Statement(InTransaction::Yes);
    let facts = Facts::new(phase, Sent::No, Cause::Client(ClientFault::Usage));
    Error::from_failed(&Failed::new(facts).because(Ended), None)
}

#[derive(Debug, thiserror::Error)]
#[error("the transaction has been committed or rolled back")]
struct Ended;

#[derive(Debug, thiserror::Error)]
#[error("an earlier call has told of its loss")]
struct Gone;
