//! Runs statements on one connection and reads the facts off its failures.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::join;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{CopyInSink, CopyOutStream, Row, SimpleQueryMessage, Statement};

use aya_db_core::failure::{Cause, CommitTag, Facts, InTransaction, Phase, Safety, Sent, Severity};

use crate::canceller::Canceller;
use crate::connect::{Session, cancel};
use crate::doubt::{Doubt, MARK};
use crate::failed::Failed;
use crate::failure::{cause_of, server_error, sync_rep_notice};
use crate::link::{End, Link, Mark, Severed};

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
        Self { link, block: Block::None, safety, until, session, canceller: None }
    }
}

impl Talk<'_> {
    /// The statement prepared for `sql`.
    pub(crate) async fn prepare(&self, sql: &str) -> Result<Statement, Failed> {
        if let Some(statement) = self.link.prepared(sql) {
            return Ok(statement);
        }
        let phase = || Phase::Prepare(self.scope(sql));
        self.step(phase, Proof::Request, self.link.prepare(sql)).await
    }

    /// The rows of a statement.
    pub(crate) async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Failed> {
        let statement = self.prepare(sql).await?;
        let phase = || Phase::Statement(self.scope(sql));
        self.step(phase, Proof::Work, self.link.client().query(&statement, params)).await
    }

    /// How many rows a statement touched.
    pub(crate) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Failed> {
        let statement = self.prepare(sql).await?;
        let phase = || Phase::Statement(self.scope(sql));
        self.step(phase, Proof::Work, self.link.client().execute(&statement, params)).await
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
        self.step(phase, Proof::Work, together).await
    }

    /// Several statements in one message.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Failed> {
        let phase = || Phase::Statement(self.scope(sql));
        self.step(phase, Proof::Work, self.link.client().batch_execute(sql)).await
    }

    /// Several statements in one message, with their rows as text.
    pub(crate) async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Failed> {
        let phase = || Phase::Statement(self.scope(sql));
        self.step(phase, Proof::Work, self.link.client().simple_query(sql)).await
    }

    /// BEGIN.
    pub(crate) async fn begin(&self, sql: &str) -> Result<(), Failed> {
        self.step(|| Phase::Begin, Proof::Work, self.link.client().batch_execute(sql)).await
    }

    /// COMMIT; an answer that says ROLLBACK is a failure. With `doubt`, the transaction is marked
    /// just ahead of it.
    pub(crate) async fn commit(&self, doubt: Option<&Doubt>) -> Result<(), Failed> {
        let mark = match doubt {
            Some(doubt) => Some((self.prepare(MARK).await?, doubt)),
            None => None,
        };
        // On the heap: every transaction's future would hold room for two conversations.
        let commit = Box::pin(async {
            let commit = self.link.client().batch_execute("commit");
            match &mark {
                Some((mark, doubt)) => join!(self.mark(mark, doubt), commit).1,
                None => commit.await,
            }
        });
        // A cancelled COMMIT would stand, but without its standby.
        let alone = Talk { block: Block::None, canceller: None, ..*self };
        alone.step(|| Phase::Commit, Proof::Work, commit).await?;
        self.answered_commit()
    }

    /// A write in a transaction of its own which is marked ahead of its COMMIT, in as many round
    /// trips as the statement alone would take. Its rows are `kept` as soon as they have come.
    pub(crate) async fn write_rows(
        &self,
        sql: &str,
        params: Params<'_>,
        doubt: &Doubt,
        kept: &mut Option<Vec<Row>>,
    ) -> Result<(), Failed> {
        let (statement, mark) = (self.prepare(sql).await?, self.prepare(MARK).await?);
        let run = self.link.client().query(&statement, params);
        self.marked(sql, run, &mark, doubt, kept).await
    }

    /// The same with the number of rows.
    pub(crate) async fn write_count(
        &self,
        sql: &str,
        params: Params<'_>,
        doubt: &Doubt,
        kept: &mut Option<u64>,
    ) -> Result<(), Failed> {
        let (statement, mark) = (self.prepare(sql).await?, self.prepare(MARK).await?);
        let run = self.link.client().execute(&statement, params);
        self.marked(sql, run, &mark, doubt, kept).await
    }

    async fn marked<T>(
        &self,
        sql: &str,
        run: impl Future<Output = Result<T, tokio_postgres::Error>>,
        mark: &Statement,
        doubt: &Doubt,
        kept: &mut Option<T>,
    ) -> Result<(), Failed> {
        let client = self.link.client();
        let run = async {
            *kept = Some(run.await?);
            Ok::<_, tokio_postgres::Error>(())
        };
        // Four conversations at once are large, and only writes hold them.
        let together = Box::pin(async {
            let (begun, ran, (), committed) = join!(
                client.batch_execute("begin"),
                run,
                self.mark(mark, doubt),
                client.batch_execute("commit"),
            );
            begun?;
            ran?;
            committed
        });
        self.step(|| Phase::Statement(self.scope(sql)), Proof::Work, together).await?;
        self.answered_commit()
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
            doubt.keep(&row);
        }
    }

    /// ROLLBACK.
    pub(crate) async fn rollback(&self) -> Result<(), Failed> {
        let rollback = self.link.client().batch_execute("rollback");
        self.step(|| Phase::Rollback, Proof::Work, rollback).await
    }

    /// Begins COPY FROM STDIN.
    pub(crate) async fn copy_in(&self, sql: &str) -> Result<CopyInSink<Bytes>, Failed> {
        let statement = self.prepare(sql).await?;
        let phase = || Phase::CopyIn(self.scope(sql));
        self.step(phase, Proof::Work, self.link.client().copy_in(&statement)).await
    }

    /// A step of sending COPY data.
    pub(crate) async fn copy_data<T>(
        &self,
        scope: InTransaction,
        send: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        self.step(|| Phase::CopyIn(scope), Proof::Given, send).await
    }

    /// The end of COPY FROM STDIN.
    pub(crate) async fn copy_done<T>(
        &self,
        scope: InTransaction,
        finish: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        self.step(|| Phase::CopyDone(scope), Proof::CopyDone, finish).await
    }

    /// Begins COPY TO STDOUT.
    pub(crate) async fn copy_out(&self, sql: &str) -> Result<CopyOutStream, Failed> {
        let statement = self.prepare(sql).await?;
        let phase = || Phase::CopyOut(self.scope(sql));
        self.step(phase, Proof::Work, self.link.client().copy_out(&statement)).await
    }

    /// How the statement stands to transactions.
    pub(crate) fn scope(&self, sql: &str) -> InTransaction {
        match self.block {
            Block::Open => InTransaction::Yes,
            Block::None => InTransaction::of_autocommit(sql),
        }
    }

    async fn step<T>(
        &self,
        phase: impl FnOnce() -> Phase,
        proof: Proof,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
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
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
        cancel: Cancel,
    ) -> Result<T, tokio_postgres::Error> {
        let Some(until) = self.until else { return work.await };
        tokio::pin!(work);
        match timeout_at(until, &mut work).await {
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
            let _ = self.limited(self.link.client().check_connection(), Cancel::Unsafe).await;
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
