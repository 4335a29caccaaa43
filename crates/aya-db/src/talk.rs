//! Runs statements on one connection and reads the facts off its failures.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::join;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, CopyOutStream, Row, SimpleQueryMessage, Statement};

use aya_db_core::continuity::ends_transaction;
use aya_db_core::failure::{Cause, CommitTag, Facts, InTransaction, Phase, Safety, Sent, Severity};
use aya_db_core::pool::TransactionStatus;
use aya_db_core::server_sql::{MARK, NOTE};

use crate::canceller::Canceller;
use crate::connect::{Session, cancel};
use crate::doubt::Doubt;
use crate::failed::Failed;
use crate::failure::{cause_of, server_error, sync_rep_notice};
use crate::link::{End, Link, Mark, Severed};
use crate::opening::{Lone, Opening};

/// Whether a statement stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    /// It is a transaction of its own.
    None,
    /// It runs inside a transaction block.
    Open,
}

/// A connection, and what is to be known of the call that uses it.
pub(crate) struct Talk<'a> {
    pub(crate) link: &'a Link,
    pub(crate) block: Block,
    pub(crate) safety: Safety,
    /// When a statement is ended, if ever.
    pub(crate) until: Option<Instant>,
    pub(crate) session: &'a Arc<Session>,
    pub(crate) canceller: Option<&'a Canceller>,
    /// Where the mark that rides along with each statement is kept, if one is to.
    pub(crate) rider: Option<&'a Doubt>,
    /// The BEGIN that the next step takes along, if it still waits.
    pub(crate) opening: Option<&'a Opening>,
}

/// What is sent together with COMMIT, ahead of it.
#[derive(Clone, Copy)]
pub(crate) enum Ahead<'a> {
    /// Nothing.
    Nothing,
    /// The question for the transaction's mark.
    Mark(&'a Doubt),
    /// The row of a token.
    Token(&'a str),
}

/// What proves that a message reached the server.
#[derive(Clone, Copy)]
enum Proof {
    Request,
    Work,
    CopyDone,
    /// It did, earlier.
    Given,
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl<'a> Talk<'a> {
    /// Statements that stand alone, and that nobody cancels.
    pub(crate) const fn alone(
        link: &'a Link,
        session: &'a Arc<Session>,
        safety: Safety,
        until: Option<Instant>,
    ) -> Self {
        Self {
            link,
            block: Block::None,
            safety,
            until,
            session,
            canceller: None,
            rider: None,
            opening: None,
        }
    }
}

impl Talk<'_> {
    /// The statement prepared for `sql`.
    pub(crate) async fn prepare(&self, sql: &str) -> Result<Statement, Failed> {
        if let Some(statement) = self.link.prepared(sql) {
            return Ok(statement);
        }
        let phase = || Phase::Prepare(self.scope(sql));
        self.step(phase, Proof::Request, pin!(self.link.prepare(sql))).await
    }

    /// The rows of a statement.
    pub(crate) async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failed> {
        let (statement, mark) = (self.prepare(sql).await?, self.rider().await?);
        let phase = || Phase::Statement(self.scope(sql));
        let query = pin!(self.link.client().query(&statement, params));
        self.step(phase, Proof::Work, pin!(self.riding(mark.as_ref(), query))).await
    }

    /// How many rows a statement touched.
    pub(crate) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Failed> {
        let (statement, mark) = (self.prepare(sql).await?, self.rider().await?);
        let phase = || Phase::Statement(self.scope(sql));
        let execute = pin!(self.link.client().execute(&statement, params));
        self.step(phase, Proof::Work, pin!(self.riding(mark.as_ref(), execute))).await
    }

    /// The rows of a statement in a READ ONLY transaction of its own, in as many round trips as
    /// the statement alone would take.
    pub(crate) async fn query_read_only(
        &self,
        begin: &str,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Failed> {
        let statement = self.prepare(sql).await?;
        let phase = || Phase::Statement(self.scope(sql));
        let client = self.link.client();
        let together = async {
            let (begun, rows, committed) = join!(
                client.batch_execute(begin),
                client.query(&statement, params),
                client.batch_execute("commit"),
            );
            begun?;
            let rows = rows?;
            committed?;
            Ok(rows)
        };
        self.step(phase, Proof::Work, pin!(together)).await
    }

    /// Several statements in one message.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Failed> {
        let (mark, phase) = (self.rider().await?, || Phase::Statement(self.scope(sql)));
        let batch = pin!(self.link.client().batch_execute(sql));
        self.step(phase, Proof::Work, pin!(self.riding(mark.as_ref(), batch))).await
    }

    /// Several statements in one message, with their rows as text.
    pub(crate) async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Failed> {
        let (mark, phase) = (self.rider().await?, || Phase::Statement(self.scope(sql)));
        let query = pin!(self.link.client().simple_query(sql));
        self.step(phase, Proof::Work, pin!(self.riding(mark.as_ref(), query))).await
    }

    /// BEGIN.
    pub(crate) async fn begin(&self, sql: &str) -> Result<(), Failed> {
        let begin = pin!(self.link.client().batch_execute(sql));
        self.step(|| Phase::Begin, Proof::Work, begin).await
    }

    /// COMMIT; an answer that says ROLLBACK is a failure.
    pub(crate) async fn commit(&self, ahead: Ahead<'_>) -> Result<(), Failed> {
        let client = self.link.client();
        let before = match ahead {
            Ahead::Nothing => None,
            Ahead::Mark(_) => Some(self.prepare(MARK).await?),
            Ahead::Token(_) => Some(self.prepare(NOTE).await?),
        };
        let noted = OnceLock::new();
        // On the heap: every transaction's future would hold room for two conversations.
        let mut commit = Box::pin(async {
            let commit = client.batch_execute("commit");
            match (&before, ahead) {
                (Some(mark), Ahead::Mark(doubt)) => join!(self.mark(mark, doubt), commit).1,
                (Some(note), Ahead::Token(token)) => {
                    let params: Params<'_> = &[&token];
                    let (note, committed) = join!(client.execute(note, params), commit);
                    note.map_err(|error| noted.set(error)).ok();
                    committed
                }
                (_, _) => commit.await,
            }
        });
        // A cancelled COMMIT would stand, but without its standby.
        let alone = Talk { block: Block::None, canceller: None, ..*self };
        alone.step(|| Phase::Commit, Proof::Work, commit.as_mut()).await?;
        drop(commit);
        self.answered_commit().map_err(|failed| match noted.into_inner() {
            Some(error) => failed.because(error),
            None => failed,
        })
    }

    /// Asks for the transaction's mark by a round trip of its own.
    pub(crate) async fn mark_now(&self, doubt: &Doubt) -> Result<(), Failed> {
        let mark = self.prepare(MARK).await?;
        let phase = || Phase::Statement(self.scope(MARK));
        let asked = pin!(self.link.client().query_one(&mark, &[]));
        let row = self.step(phase, Proof::Work, asked).await?;
        doubt.keep(&row, self.link);
        Ok(())
    }

    /// The question for the mark, if one is to ride along: none in a failed transaction, which it
    /// would not survive.
    async fn rider(&self) -> Result<Option<Statement>, Failed> {
        match self.rider {
            Some(doubt) if !doubt.is_marked() && !self.has_failed() => {
                doubt.may_be_written();
                Ok(Some(self.prepare(MARK).await?))
            }
            Some(_) | None => Ok(None),
        }
    }

    fn has_failed(&self) -> bool {
        let status = TransactionStatus::from_byte(self.link.state().status());
        status == Some(TransactionStatus::Failed)
    }

    /// A statement, and right behind it the question for the mark.
    async fn riding<T>(
        &self,
        mark: Option<&Statement>,
        statement: Pin<&mut impl Future<Output = Result<T, tokio_postgres::Error>>>,
    ) -> Result<T, tokio_postgres::Error> {
        match (mark, self.rider) {
            (Some(mark), Some(doubt)) => join!(statement, Box::pin(self.mark(mark, doubt))).0,
            (_, _) => statement.await,
        }
    }

    /// Whether the last answer to a COMMIT says COMMIT.
    fn answered_commit(&self) -> Result<(), Failed> {
        if !self.link.state().last_tag_was_rollback() {
            return Ok(());
        }
        let mut facts = Facts::new(Phase::Commit, Sent::Yes, Cause::Answered);
        facts.commit_tag = Some(CommitTag::Rollback);
        Err(Failed::new(facts.with_safety(self.safety)).on(self.link))
    }

    async fn mark(&self, mark: &Statement, doubt: &Doubt) {
        // Inside a failed transaction it fails as well; nothing is in doubt then.
        if let Ok(row) = self.link.client().query_one(mark, &[]).await {
            doubt.keep(&row, self.link);
        }
    }

    /// Rolls back what a failure has left open. If that fails, the connection is closed, which rolls back
    /// as well.
    pub(crate) async fn undo(&self) {
        if self.link.state().end().is_none() {
            let _ = self.rollback().await;
        }
    }

    /// ROLLBACK.
    pub(crate) async fn rollback(&self) -> Result<(), Failed> {
        let rollback = pin!(self.link.client().batch_execute("rollback"));
        self.step(|| Phase::Rollback, Proof::Work, rollback).await
    }

    /// Begins COPY FROM STDIN.
    pub(crate) async fn copy_in(&self, sql: &str) -> Result<CopyInSink<Bytes>, Failed> {
        let statement = self.prepare(sql).await?;
        let phase = || Phase::CopyIn(self.scope(sql));
        self.step(phase, Proof::Work, pin!(self.link.client().copy_in(&statement))).await
    }

    /// A step of sending COPY data.
    pub(crate) async fn copy_data<T>(
        &self,
        scope: InTransaction,
        send: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        self.step(|| Phase::CopyIn(scope), Proof::Given, pin!(send)).await
    }

    /// The end of COPY FROM STDIN.
    pub(crate) async fn copy_done<T>(
        &self,
        scope: InTransaction,
        finish: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        self.step(|| Phase::CopyDone(scope), Proof::CopyDone, pin!(finish)).await
    }

    /// Begins COPY TO STDOUT.
    pub(crate) async fn copy_out(&self, sql: &str) -> Result<CopyOutStream, Failed> {
        let statement = self.prepare(sql).await?;
        let phase = || Phase::CopyOut(self.scope(sql));
        self.step(phase, Proof::Work, pin!(self.link.client().copy_out(&statement))).await
    }

    /// What it means that COPY TO STDOUT ended with this error.
    pub(crate) fn copy_out_failed(
        &self,
        scope: InTransaction,
        error: tokio_postgres::Error,
    ) -> Failed {
        let facts = Facts::new(Phase::CopyOut(scope), Sent::Yes, self.cause(&error));
        Failed::new(facts.with_safety(self.safety)).on(self.link).because(error)
    }

    /// A step of receiving COPY data.
    pub(crate) async fn copied<T>(
        &self,
        receive: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        self.step(|| Phase::CopyOut(self.scope("")), Proof::Given, pin!(receive)).await
    }

    /// How the statement stands to transactions.
    pub(crate) fn scope(&self, sql: &str) -> InTransaction {
        match self.block {
            Block::Open if ends_transaction(sql) => InTransaction::MayCommit,
            Block::Open => InTransaction::Yes,
            Block::None => InTransaction::of_autocommit(sql),
        }
    }

    /// The work is pinned where it is made: a future that is handed on by value is kept once by each
    /// of the futures that it passes through.
    async fn step<T>(
        &self,
        phase: impl FnOnce() -> Phase,
        proof: Proof,
        work: Pin<&mut impl Future<Output = Result<T, tokio_postgres::Error>>>,
    ) -> Result<T, Failed> {
        match self.opening {
            Some(opening) if opening.waits() => {
                Box::pin(self.open_with(opening, phase, proof, work)).await
            }
            Some(_) | None => self.take_step(phase, proof, work).await,
        }
    }

    /// A step, and BEGIN ahead of it in the same round trip; where somebody may cancel the step, in one of
    /// its own.
    async fn open_with<T>(
        &self,
        opening: &Opening,
        phase: impl FnOnce() -> Phase,
        proof: Proof,
        work: Pin<&mut impl Future<Output = Result<T, tokio_postgres::Error>>>,
    ) -> Result<T, Failed> {
        let Some(begin) = opening.take() else {
            return self.take_step(phase, proof, work).await;
        };
        // The time limit asks for no cancellation of what stands alone, as this does for now.
        let alone = Talk { block: Block::None, canceller: None, opening: None, ..*self };
        if self.canceller.is_some() {
            alone.begin(begin).await?;
            return self.take_step(phase, proof, work).await;
        }
        let refused = OnceLock::new();
        let together = async {
            match join!(self.link.client().batch_execute(begin), work) {
                (Ok(()), answered) => answered,
                (Err(error), Ok(answer)) => {
                    let _ = refused.set(Some(error));
                    Ok(answer)
                }
                (Err(error), Err(_)) => {
                    let _ = refused.set(None);
                    Err(error)
                }
            }
        };
        let phase = phase();
        let failed_in = || if refused.get().is_some() { Phase::Begin } else { phase };
        let answer = alone.take_step(failed_in, proof, pin!(together)).await?;
        match (refused.into_inner().flatten(), phase) {
            (None, _) => Ok(answer),
            (Some(_), _) if opening.lone() == Lone::Serves => Ok(answer),
            (Some(error), Phase::Prepare(_)) => {
                Err(self.failed(Phase::Begin, Sent::Yes, error).await)
            }
            (Some(error), _) => {
                let phase = Phase::Statement(InTransaction::No);
                let facts = Facts::new(phase, Sent::Yes, Cause::Answered);
                Err(Failed::new(facts.with_safety(self.safety)).on(self.link).because(error))
            }
        }
    }

    async fn take_step<T>(
        &self,
        phase: impl FnOnce() -> Phase,
        proof: Proof,
        work: Pin<&mut impl Future<Output = Result<T, tokio_postgres::Error>>>,
    ) -> Result<T, Failed> {
        if self.link.state().has_notices() {
            // What was said before this statement is not about it.
            drop(self.link.state().take_notices());
        }
        let mark = self.link.mark();
        let answered = {
            let _running = self.canceller.map(|canceller| {
                canceller.begin(self.session, self.link);
                EndOnDrop(canceller)
            });
            self.limited(work, self.may_cancel()).await
        };
        match answered {
            Ok(answer) => {
                if self.link.state().has_notices()
                    && let Some(failed) = self.not_replicated(phase)
                {
                    return Err(failed);
                }
                Ok(answer)
            }
            Err(error) => Err(self.failed(phase(), self.sent(proof, mark), error).await),
        }
    }

    /// Ends the connection when the time is up. The server is asked to stop as well where nothing
    /// can be committing: a COMMIT that waits for its standby would give up the wait and stand.
    async fn limited<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = Result<T, tokio_postgres::Error>>>,
        cancel: Cancel,
    ) -> Result<T, tokio_postgres::Error> {
        let Some(until) = self.until else { return work.await };
        match timeout_at(until, work.as_mut()).await {
            Ok(answered) => answered,
            Err(_) => {
                if cancel == Cancel::Safe {
                    self.cancel();
                }
                self.link.handle().sever(Severed::Deadline);
                work.await
            }
        }
    }

    fn may_cancel(&self) -> Cancel {
        if self.block == Block::Open || self.safety == Safety::ReadOnly {
            Cancel::Safe
        } else {
            Cancel::Unsafe
        }
    }

    /// Sends a cancel request beside the call, which has no time left; it ends by itself.
    fn cancel(&self) {
        let (session, dialled) = (Arc::clone(self.session), self.link.dialled().clone());
        let token = self.link.client().cancel_token();
        tokio::spawn(async move {
            // If it does not arrive, the statement ends when its backend finds us gone.
            let _ = cancel(&session, &dialled, &token).await;
        });
    }

    /// Success that a notice makes a failure: committed, and perhaps nowhere else.
    fn not_replicated(&self, phase: impl FnOnce() -> Phase) -> Option<Failed> {
        let notice = sync_rep_notice(&self.link.state().take_notices())?;
        let mut facts = Facts::new(phase(), Sent::Yes, Cause::Answered);
        facts.notice = Some(notice);
        Some(Failed::new(facts.with_safety(self.safety)).on(self.link))
    }

    async fn failed(&self, phase: Phase, sent: Sent, error: tokio_postgres::Error) -> Failed {
        let cause = self.cause(&error);
        if let Cause::Server(answer) = &cause
            && answer.severity == Severity::Error
        {
            self.settle().await;
        }
        let mut facts = Facts::new(phase, sent, cause);
        facts.notice = sync_rep_notice(&self.link.state().take_notices());
        Failed::new(facts.with_safety(self.safety)).on(self.link).because(error)
    }

    /// What ended the statement. An error that says no more than "closed" is explained by the
    /// end of the connection.
    pub(crate) fn cause(&self, error: &tokio_postgres::Error) -> Cause {
        let cause = cause_of(error);
        if cause != Cause::ConnectionLost {
            return cause;
        }
        match self.link.state().end() {
            Some(End::Severed(Severed::Silent)) => Cause::Silent,
            Some(End::Severed(Severed::Deadline)) => Cause::Deadline,
            Some(End::Severed(Severed::Abandoned)) => Cause::Cancelled,
            Some(End::Lost(last)) => match last.as_db_error() {
                Some(answer) => Cause::Server(server_error(answer)),
                None => cause,
            },
            Some(End::Closed) | None => cause,
        }
    }

    /// An error comes ahead of the ReadyForQuery that ends its request; with that one missing the
    /// connection would count as busy.
    async fn settle(&self) {
        if self.link.state().outstanding() > 0 {
            // If it fails, the connection is closed, which is a state as clear.
            let check = pin!(self.link.client().check_connection());
            let _ = self.limited(check, Cancel::Unsafe).await;
        }
    }

    fn sent(&self, proof: Proof, mark: Mark) -> Sent {
        let sent = match proof {
            Proof::Request => self.link.asked_since(mark),
            Proof::Work => self.link.sent_since(mark),
            Proof::CopyDone => self.link.copy_ended_since(mark),
            Proof::Given => true,
        };
        if sent { Sent::Yes } else { Sent::No }
    }
}

/// Whether a statement may be cancelled without harm to a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cancel {
    Safe,
    Unsafe,
}

/// Takes the cancel right back when a step ends or is dropped.
struct EndOnDrop<'a>(&'a Canceller);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
