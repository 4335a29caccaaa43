//! One round trip: messages that go out together, and the answers to each.

use std::time::Instant;

use aya_db_core::continuity::ends_transaction;
use aya_db_core::failure::{Cause, CommitTag, InTransaction, Phase, Safety, Sent};
use aya_db_core::server_sql::MARK;
use aya_db_core::sql_text::may_write;
use aya_pgwire::{Answer, Event, Stop, TransactionStatus, Wait};

use crate::failure::{Ended, Failure, Fault, Halt};
use crate::flight::{End, Flight, Next, Stage, Step, has_failed};
use crate::kind::{Kind, copies};
use crate::link::keep_aside;
use crate::survivor::{Standing, Survivor};
use crate::transaction::{Did, Open, Opening, Way};

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The caller's BEGIN, ahead of the query behind it.
    Begin,
    /// The caller's query.
    Own,
    /// The question for the transaction's mark.
    Mark,
    /// The ledger's row of the transaction.
    Note,
    /// COMMIT of a transaction around a statement that stands alone.
    Commit,
    /// Anything else of which nothing is told.
    Hidden,
}

/// The answers to the messages of a round.
#[derive(Debug, Default)]
pub(crate) struct Heard(Vec<(Role, Vec<Event>)>);

impl Heard {
    /// Divides what was heard among the messages.
    pub(crate) fn of(round: &[Role], events: Vec<Event>) -> Self {
        let mut heard: Vec<(Role, Vec<Event>)> = Vec::with_capacity(round.len());
        let mut roles = round.iter();
        let mut present = roles.next().map(|role| (*role, Vec::new()));
        for event in events {
            let ends = matches!(event, Event::Ready(_));
            if let Some((_, events)) = &mut present {
                events.push(event);
            }
            if ends {
                heard.extend(present.take());
                present = roles.next().map(|role| (*role, Vec::new()));
            }
        }
        heard.extend(present);
        Self(heard)
    }

    /// What was answered to this message.
    pub(crate) fn to(&self, role: Role) -> Option<&[Event]> {
        self.0.iter().find(|(its, _)| *its == role).map(|(_, events)| &**events)
    }

    /// Whether it was answered to its end.
    pub(crate) fn is_answered(&self, role: Role) -> bool {
        self.to(role).is_some_and(|events| matches!(events.last(), Some(Event::Ready(_))))
    }

    /// What is for the caller: all that was answered to his own messages, and what the others brought along.
    pub(crate) fn told(self) -> Vec<Event> {
        let mut told = Vec::new();
        for (role, events) in self.0 {
            match role {
                Role::Begin | Role::Own => told.extend(events),
                Role::Mark | Role::Note | Role::Commit | Role::Hidden => {
                    events.into_iter().for_each(|event| keep_aside(event, &mut told));
                }
            }
        }
        told
    }
}

impl Open {
    /// The messages of a statement within the transaction: BEGIN ahead of it if that waits, and the question
    /// for the mark behind it if it may write.
    pub(crate) fn round<'a>(&'a mut self, sql: &'a [u8], view: &str) -> Vec<(Role, &'a [u8])> {
        let mut round = Vec::with_capacity(3);
        match self.opening {
            Opening::Waits => round.push((Role::Begin, &*self.begin)),
            Opening::WaitsUntold => round.push((Role::Hidden, &*self.begin)),
            Opening::Done => {}
        }
        round.push((Role::Own, sql));
        if may_write(view) {
            self.did = Did::Write;
            self.doubt.may_be_written();
            // Nothing goes behind a COPY, and a failed transaction would answer nothing.
            let rides = self.way == Way::Lsn
                && self.doubt.mark.is_none()
                && self.status == TransactionStatus::Open
                && !copies(view)
                && !ends_transaction(view);
            if rides {
                round.push((Role::Mark, MARK.as_bytes()));
            }
        }
        round
    }
}

impl Survivor {
    /// Takes the answers to the round that was sent.
    pub(crate) fn hear(&mut self, flight: &mut Flight, wait: &mut dyn Wait) -> Result<Next, Halt> {
        let (Some(step), Some(link)) = (&mut flight.step, &mut self.link) else {
            return Ok(Next::Again);
        };
        match link.collect(&mut step.events, wait) {
            Ok(Stop::Ready(_)) => {
                let heard = Heard::of(&step.round, std::mem::take(&mut step.events));
                self.follow(flight, heard, wait)
            }
            Ok(Stop::Copy) => self.begin_copy(flight, wait),
            Err(Fault::Pause(pause)) => Err(pause.into()),
            Err(Fault::Lost(ended)) => self.lost_in(flight, *ended, wait),
        }
    }

    /// Sends a round.
    pub(crate) fn send(&mut self, step: &mut Step, round: &[(Role, &[u8])]) -> Result<(), Halt> {
        let Some(link) = &mut self.link else { return Err(lost_before(step, &self.last_words)) };
        step.round.clear();
        step.events.clear();
        for (role, sql) in round {
            if matches!(role, Role::Own | Role::Commit) {
                step.mark = link.mark();
            }
            if let Err(error) = link.query(sql) {
                // It is too long, and what was queued ahead of it is sent all the same.
                return Err(Halt::over(error));
            }
            step.round.push(*role);
        }
        (step.asked_at, step.stage) = (Instant::now(), Stage::Asked);
        Ok(())
    }

    /// The connection was lost while answers were awaited. One that has come whole is an answer all the
    /// same.
    pub(crate) fn lost_in(
        &mut self,
        flight: &mut Flight,
        ended: Ended,
        wait: &mut dyn Wait,
    ) -> Result<Next, Halt> {
        let Some(step) = &mut flight.step else { return Ok(Next::Again) };
        let sent = self.link.as_ref().map_or(Sent::Yes, |link| link.sent_since(step.mark));
        let mut heard = Heard::of(&step.round, std::mem::take(&mut step.events));
        if let (Standing::Open(open), Some(link)) = (&mut self.standing, &self.link)
            && heard.is_answered(Role::Mark)
        {
            open.doubt.keep(heard.to(Role::Mark).unwrap_or_default(), link);
        }
        self.lost(&ended);
        if is_whole(step, &heard, &ended) {
            heard.complete();
            return self.follow(flight, heard, wait);
        }
        let phase = phase_of(step, &heard, &self.standing);
        let mut failure = Failure::new(phase, sent, ended);
        failure.facts.commit_tag = commit_tag(&heard);
        if step.in_doubt.is_some() {
            failure = failure.with_safety(Safety::ReadOnly);
        }
        Err(failure.into())
    }
}

impl Heard {
    /// The last answer lacks its end, and no more than that.
    fn complete(&mut self) {
        if let Some((_, events)) = self.0.last_mut()
            && !matches!(events.last(), Some(Event::Ready(_)))
        {
            events.push(Event::Ready(TransactionStatus::Idle));
        }
    }
}

/// Whether all that matters has been answered: COMMIT, or a single statement that stands alone, by its
/// tag. A server that was stopped while it waited for its standby has told of a commit that may be lost.
fn is_whole(step: &Step, heard: &Heard, ended: &Ended) -> bool {
    let committed = commit_tag(heard) == Some(CommitTag::Commit);
    match step.kind {
        Kind::Commit | Kind::Wrapped => committed && ended.notice.is_none(),
        Kind::Begin | Kind::Alone(_) | Kind::Inside(_) | Kind::Rollback => false,
    }
}

/// The tag that answers COMMIT, if it has come.
fn commit_tag(heard: &Heard) -> Option<CommitTag> {
    let answer = heard.to(Role::Commit).or_else(|| heard.to(Role::Own))?;
    answer.iter().find_map(|event| match event {
        Event::Answer(Answer::Done(tag)) => {
            str::from_utf8(tag.as_bytes()).ok().and_then(CommitTag::from_text)
        }
        _ => None,
    })
}

/// How far a step had come when its connection was lost.
pub(crate) fn phase_of(step: &Step, heard: &Heard, standing: &Standing) -> Phase {
    if let Some(copy) = step.copy.as_ref().filter(|_| step.own.is_none()) {
        return copy.phase(step.kind);
    }
    let begins = |role| step.round.contains(&role) && !heard.is_answered(role);
    let refused = |role| heard.to(role).is_some_and(has_failed);
    match step.kind {
        Kind::Begin => Phase::Begin,
        Kind::Alone(scope) => Phase::Statement(scope),
        // Behind a BEGIN that was refused the statement ran by itself.
        _ if refused(Role::Begin) || refused(Role::Hidden) => Phase::Statement(InTransaction::No),
        _ if begins(Role::Begin) => Phase::Begin,
        Kind::Wrapped if step.round.contains(&Role::Commit) => Phase::Commit,
        Kind::Wrapped => Phase::Begin,
        Kind::Inside(scope) => Phase::Statement(scope),
        Kind::Commit if !step.round.contains(&Role::Own) => Phase::Statement(InTransaction::Yes),
        Kind::Commit => match standing {
            // COMMIT of a transaction that has failed rolls it back.
            Standing::Open(open) if open.status == TransactionStatus::Failed => Phase::Rollback,
            _ => Phase::Commit,
        },
        Kind::Rollback => Phase::Rollback,
    }
}

/// The connection had been lost before anything was sent.
pub(crate) fn lost_before(step: &Step, last_words: &str) -> Halt {
    let text = last_words.to_owned();
    let cause = Cause::ConnectionLost;
    match step.kind {
        Kind::Begin | Kind::Alone(_) | Kind::Wrapped => Failure::ahead(cause, text).into(),
        Kind::Inside(_) | Kind::Commit | Kind::Rollback => Failure::inside(cause, text).into(),
    }
}

/// What a COPY that begins is for the caller.
pub(crate) fn copy_of(events: &[Event]) -> Option<End> {
    events.iter().rev().find_map(|event| match event {
        Event::Answer(Answer::CopyIn(_)) => Some(End::CopyIn),
        Event::Answer(Answer::CopyOut(_)) => Some(End::CopyOut),
        Event::Answer(Answer::CopyBoth(_)) => Some(End::CopyBoth),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use aya_pgwire::CommandTag;

    use super::*;

    fn done(tag: &str) -> Event {
        Event::Answer(Answer::Done(CommandTag::new(tag.as_bytes())))
    }

    const READY: Event = Event::Ready(TransactionStatus::Open);

    #[test]
    fn each_message_gets_its_own_answers() {
        let round = [Role::Begin, Role::Own, Role::Mark];
        let events = vec![done("BEGIN"), READY, done("UPDATE 1"), READY, done("SELECT 1"), READY];
        let heard = Heard::of(&round, events);
        assert!(round.iter().all(|role| heard.is_answered(*role)));
        assert_eq!(heard.to(Role::Own), Some(&[done("UPDATE 1"), READY][..]));
        assert_eq!(heard.told(), [done("BEGIN"), READY, done("UPDATE 1"), READY]);
    }

    #[test]
    fn an_answer_that_is_cut_is_no_answer() {
        let round = [Role::Hidden, Role::Own, Role::Mark];
        let heard = Heard::of(&round, vec![done("BEGIN"), READY, done("UPDATE 1")]);
        assert!(heard.is_answered(Role::Hidden) && !heard.is_answered(Role::Own));
        assert_eq!(heard.to(Role::Mark), None);
        assert_eq!(commit_tag(&heard), None);
    }

    #[test]
    fn the_mark_rides_with_what_may_write_and_nothing_behind_a_copy() {
        let roles = |view: &str, status| {
            let record = aya_db_core::continuity::Record::new();
            let mut open = Open::new(b"begin", Opening::Done, record, Way::Lsn);
            open.status = status;
            open.round(view.as_bytes(), view).into_iter().map(|(role, _)| role).collect::<Vec<_>>()
        };
        let (stands, failed) = (TransactionStatus::Open, TransactionStatus::Failed);
        assert_eq!(roles("update t set n = 1", stands), [Role::Own, Role::Mark]);
        assert_eq!(roles("update t set n = 1", failed), [Role::Own]);
        for view in ["select 1", "copy t from stdin", "delete from t; commit", "savepoint a"] {
            assert_eq!(roles(view, stands), [Role::Own], "{view}");
        }
    }
}
