//! Asks the leader of later what became of a transaction: by the history of the log, or by the ledger.

use std::sync::Arc;
use std::time::Instant;

use aya_db_core::continuity::{
    CommitMark, Evidence, LeaderWord, Question, Verdict, XidStatus, resolve,
};
use aya_db_core::server_sql::{END_IDLE, LINE, SETTLE, STATUS};
use aya_db_core::snapshot::ClusterSnapshot;
use aya_db_core::{NodeId, ServerIncarnation, SqlState, Timeline};
use aya_pgwire::Wait;

use crate::failure::Halt;
use crate::literal::with_literals;
use crate::survivor::Survivor;
use crate::transaction::Token;

impl Survivor {
    /// By the leader's history.
    pub(crate) fn by_history(
        &mut self,
        mark: &CommitMark,
        question: Question,
        old: &NodeId,
        deadline: Instant,
        wait: &mut dyn Wait,
    ) -> Result<Verdict, Halt> {
        let word = match undecided(self.word(mark, deadline, wait))? {
            Ok(word) => word,
            Err(verdict) => return Ok(verdict),
        };
        let (snapshot, watched) = self.known();
        let evidence = Evidence::of(&word, mark, old, &snapshot);
        let verdict = resolve(mark, question, &evidence);
        match verdict {
            // Nobody will tell more of the history than the servers have.
            Verdict::Undecided(why)
                if !watched
                    && word.timeline > mark.timeline
                    && word.status != XidStatus::InProgress =>
            {
                Ok(Verdict::Unknown(why))
            }
            verdict => Ok(verdict),
        }
    }

    /// By the ledger, whose answer takes the place of a row that is not there.
    pub(crate) fn by_ledger(
        &mut self,
        token: Token,
        question: Question,
        old: &NodeId,
        deadline: Instant,
        wait: &mut dyn Wait,
    ) -> Result<Verdict, Halt> {
        let answer = undecided(self.settled(token, question, old, deadline, wait))?;
        Ok(answer.unwrap_or_else(|verdict| verdict))
    }

    fn settled(
        &mut self,
        token: Token,
        question: Question,
        old: &NodeId,
        deadline: Instant,
        wait: &mut dyn Wait,
    ) -> Result<Verdict, Halt> {
        self.leader_link(deadline, wait)?;
        // A leader on which the commit was told of while it was not replicated says nothing new.
        if question == Question::Promoted && self.node() == Some(old) {
            return Ok(Verdict::Unknown(
                "nobody was promoted, and perhaps no standby has the commit",
            ));
        }
        self.end_left(END_IDLE, wait)?;
        let rows = self.ask(&with_literals(SETTLE, &[&token.text()]), wait)?.unwrap_or_default();
        let answer = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        Ok(match answer {
            Some("t") => Verdict::Committed("the ledger holds the transaction's row"),
            Some("f") => Verdict::RolledBack("the ledger lacks the transaction's row"),
            _ => Verdict::Unknown("the ledger gave no answer"),
        })
    }

    /// The leader's word about the transaction.
    fn word(
        &mut self,
        mark: &CommitMark,
        deadline: Instant,
        wait: &mut dyn Wait,
    ) -> Result<Option<LeaderWord>, Halt> {
        self.leader_link(deadline, wait)?;
        let rows = self.ask(LINE, wait)?.unwrap_or_default();
        let text =
            |column: usize| rows.first().and_then(|row| row.get(column)).and_then(Option::as_deref);
        let number = |column| text(column).and_then(|it| it.parse::<i64>().ok()).unwrap_or(0);
        let status = match self.ask(&with_literals(STATUS, &[&mark.xid.0.to_string()]), wait)? {
            Ok(rows) => {
                let told = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
                XidStatus::from_text(told)
            }
            Err(error) if error.sqlstate() == Some(SqlState::INVALID_PARAMETER_VALUE) => {
                XidStatus::InFuture
            }
            Err(_) => return Ok(None),
        };
        let incarnation = ServerIncarnation(number(1));
        if status == XidStatus::InProgress && incarnation == mark.incarnation {
            self.end_left(END_IDLE, wait)?;
        }
        let Some(node) = self.node().cloned() else { return Ok(None) };
        Ok(Some(LeaderWord {
            node,
            timeline: Timeline(u32::try_from(number(0)).unwrap_or_default()),
            incarnation,
            replayed_to: text(2).and_then(|lsn| lsn.parse().ok()),
            status,
        }))
    }

    /// What is known of the cluster, and whether somebody watches it.
    fn known(&mut self) -> (Arc<ClusterSnapshot>, bool) {
        match self.watch.as_mut().and_then(|watch| watch.snapshot()) {
            Some(snapshot) => (snapshot, true),
            None => (Arc::clone(self.picture.snapshot()), false),
        }
    }
}

/// What was answered; a verdict, if nobody could be asked.
fn undecided<T>(asked: Result<impl Into<Option<T>>, Halt>) -> Result<Result<T, Verdict>, Halt> {
    match asked {
        Ok(answer) => Ok(answer.into().ok_or(Verdict::Unknown("the leader gave no answer"))),
        Err(Halt::Failed(failure)) => {
            use aya_db_core::failure::Phase;
            Ok(Err(match failure.facts.phase {
                // The search has lasted until the deadline.
                Phase::Waiting | Phase::Connect(_) => {
                    Verdict::Unknown("no leader could be asked in time")
                }
                _ => Verdict::Undecided("the leader did not answer"),
            }))
        }
        Err(halt) => Err(halt),
    }
}
