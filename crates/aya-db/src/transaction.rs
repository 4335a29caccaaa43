//! Transactions: the closure that runs again, and the one that the application ends itself.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::failure::{
    Cause, ClientFault, Facts, FailureKind, InTransaction, Persistence, Phase, Safety, Sent,
};
use aya_db_core::pool::TransactionStatus;
use aya_db_core::{Fate, NodeId};

use crate::copy::{CopyIn, CopyOut, Copying, Holder};
use crate::core::Core;
use crate::doubt::{Doubt, settle};
use crate::error::{Attempt, Error};
use crate::execute::{Attempting, Work};
use crate::failed::Failed;
use crate::link::Link;
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::sql::{Sql, quoted};
use crate::talk::{Block, Talk};
use crate::view::{at_most_one, one};

/// An open transaction on one server. Clones are handles to the same one.
///
/// A failure inside it is never repeated by itself: the closure of
/// [`Cluster::transaction`](crate::Cluster::transaction) is, as a whole. Dropped without an end, it
/// is rolled back by closing its connection.
#[derive(Clone)]
pub struct Transaction(Arc<Shared>);

struct Shared {
    core: Arc<Core>,
    link: Pooled,
    options: CallOptions,
    run_until: Option<Instant>,
    before: Vec<Attempt>,
    ended: AtomicBool,
    failure: Mutex<Option<Failed>>,
}

impl Transaction {
    /// Sends BEGIN. A failure brings the connection back.
    async fn start(
        core: &Arc<Core>,
        options: &CallOptions,
        link: Pooled,
        attempt: &Attempting<'_>,
    ) -> Result<Self, Failed> {
        let shared = Shared {
            core: Arc::clone(core),
            link,
            options: options.clone(),
            run_until: attempt.run_until,
            before: attempt.before.to_vec(),
            ended: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        let begun = shared.talk().begin(&options.transaction.begin()).await;
        match begun {
            Ok(()) => Ok(Self(Arc::new(shared))),
            Err(failed) => Err(failed.with_link(shared.link)),
        }
    }

    /// The server that it runs on.
    pub fn node(&self) -> &NodeId {
        self.0.link.node()
    }

    /// The rows of a statement.
    ///
    /// # Errors
    /// What the server refuses, and the loss of the connection.
    pub async fn query(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.check_open()?;
        let rows = self.0.talk().query(sql.text(), params).await;
        rows.map_err(|failed| self.fail(sql.text(), failed))
    }

    /// The only row of a statement.
    ///
    /// # Errors
    /// Those of [`Transaction::query`], and another number of rows.
    pub async fn query_one(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        one(self.query(sql, params).await?, InTransaction::Yes)
    }

    /// The only row of a statement, or none.
    ///
    /// # Errors
    /// Those of [`Transaction::query`], and more than one row.
    pub async fn query_opt(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        at_most_one(self.query(sql, params).await?, InTransaction::Yes)
    }

    /// How many rows a statement touched.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn execute(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.check_open()?;
        let count = self.0.talk().execute(sql.text(), params).await;
        count.map_err(|failed| self.fail(sql.text(), failed))
    }

    /// Runs one or several statements, separated by semicolons, without parameters.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.check_open()?;
        self.0.talk().batch(sql).await.map_err(|failed| self.fail(sql, failed))
    }

    /// Runs one or several statements, separated by semicolons, and gives their rows as text.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.check_open()?;
        self.0.talk().simple_query(sql).await.map_err(|failed| self.fail(sql, failed))
    }

    /// Begins `COPY … FROM STDIN`.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn copy_in(&self, sql: &str) -> Result<CopyIn, Error> {
        self.copy(sql).await
    }

    /// Begins `COPY … TO STDOUT`.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOut, Error> {
        self.copy(sql).await
    }

    async fn copy<C: Copying>(&self, sql: &str) -> Result<C, Error> {
        self.check_open()?;
        match C::begin(&self.0.talk(), sql).await {
            Ok(data) => Ok(C::new(data, Holder::Transaction(self.clone()))),
            Err(failed) => Err(self.fail(sql, failed)),
        }
    }

    /// Sets a savepoint.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn savepoint(&self, name: &str) -> Result<(), Error> {
        self.batch(&format!("savepoint {}", quoted(name))).await
    }

    /// Undoes everything since a savepoint, a failure included.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn rollback_to(&self, name: &str) -> Result<(), Error> {
        self.batch(&format!("rollback to savepoint {}", quoted(name))).await?;
        self.0.failure().take();
        Ok(())
    }

    /// Forgets a savepoint and keeps what was done since.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn release(&self, name: &str) -> Result<(), Error> {
        self.batch(&format!("release savepoint {}", quoted(name))).await
    }

    /// Commits.
    ///
    /// # Errors
    /// An error of fate [`Unknown`](Fate::Unknown) if the answer was lost.
    pub async fn commit(self) -> Result<(), Error> {
        self.check_open()?;
        let committed = self.0.commit().await;
        committed.map_err(|failed| self.fail("commit", failed))
    }

    /// Rolls back.
    ///
    /// # Errors
    /// The loss of the connection; the transaction is rolled back all the same.
    pub async fn rollback(self) -> Result<(), Error> {
        self.check_open()?;
        let ended = self.0.rollback().await;
        ended.map_err(|failed| self.fail("rollback", failed))
    }

    pub(crate) fn link(&self) -> &Link {
        &self.0.link
    }

    pub(crate) fn talk(&self) -> Talk<'_> {
        self.0.talk()
    }

    /// Keeps a failure for the decision about the whole, tells the monitor, and raises it.
    pub(crate) fn fail(&self, sql: &str, failed: Failed) -> Error {
        let found = failed.classify();
        drop(self.0.core.tell(&failed, &found));
        if found.kind == FailureKind::StalePreparedStatement {
            self.0.link.forget(sql);
        }
        let error = Error::from_failed(&failed, None).with_attempts(&self.0.before);
        // What was not sent has left the transaction as it was.
        if found.fate != Fate::NotSent {
            *self.0.failure() = Some(failed.told());
        }
        error
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.0.ended.load(Ordering::Acquire) {
            let phase = Phase::Statement(InTransaction::Yes);
            let facts = Facts::new(phase, Sent::No, Cause::Client(ClientFault::Usage));
            let failed = Failed::new(facts).because(Ended);
            return Err(Error::from_failed(&failed, None));
        }
        Ok(())
    }
}

impl Shared {
    fn talk(&self) -> Talk<'_> {
        Talk {
            link: &self.link,
            block: Block::Open,
            safety: self.options.safety,
            until: self.run_until,
            session: &self.core.session,
            canceller: self.options.canceller.as_ref(),
        }
    }

    fn failure(&self) -> std::sync::MutexGuard<'_, Option<Failed>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, and finds out what became of it if the answer is lost.
    async fn commit(&self) -> Result<(), Failed> {
        self.ended.store(true, Ordering::Release);
        let writes = self.options.safety != Safety::ReadOnly
            && self.status() == Some(TransactionStatus::InTransaction);
        if !writes || !self.core.marks_commits {
            return self.talk().commit(None).await;
        }
        let doubt = Doubt::default();
        match self.talk().commit(Some(&doubt)).await {
            Ok(()) => Ok(()),
            Err(failed) => settle(&self.core, &doubt, failed, self.run_until).await,
        }
    }

    async fn rollback(&self) -> Result<(), Failed> {
        self.ended.store(true, Ordering::Release);
        self.talk().rollback().await
    }

    fn status(&self) -> Option<TransactionStatus> {
        TransactionStatus::from_byte(self.link.state().status())
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("node", self.0.link.node())
            .field("ended", &self.0.ended.load(Ordering::Acquire))
            .finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the transaction has been committed or rolled back")]
struct Ended;

/// The work of [`Cluster::begin`](crate::Cluster::begin).
pub(crate) struct BeginWork<'a> {
    pub(crate) core: &'a Arc<Core>,
    pub(crate) options: &'a CallOptions,
}

impl Work for BeginWork<'_> {
    type Output = Transaction;

    async fn run(&mut self, link: Pooled, attempt: &Attempting<'_>) -> Result<Transaction, Failed> {
        Transaction::start(self.core, self.options, link, attempt).await
    }
}

/// The work of [`Cluster::transaction`](crate::Cluster::transaction): from BEGIN to COMMIT.
pub(crate) struct ClosureWork<'a, F, E> {
    core: &'a Arc<Core>,
    options: &'a CallOptions,
    run: F,
    own_error: Option<E>,
}

impl<'a, F, E> ClosureWork<'a, F, E> {
    pub(crate) fn new(core: &'a Arc<Core>, options: &'a CallOptions, run: F) -> Self {
        Self { core, options, run, own_error: None }
    }

    /// What the closure itself returned when the transaction failed for the last time.
    pub(crate) fn own_error(self) -> Option<E> {
        self.own_error
    }
}

impl<T, E, F, Fut> Work for ClosureWork<'_, F, E>
where
    F: FnMut(Transaction) -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: Send,
{
    type Output = Result<T, E>;

    async fn run(
        &mut self,
        link: Pooled,
        attempt: &Attempting<'_>,
    ) -> Result<Result<T, E>, Failed> {
        self.own_error = None;
        let transaction = Transaction::start(self.core, self.options, link, attempt).await?;
        let result = (self.run)(transaction.clone()).await;
        let shared = &transaction.0;
        let failure = shared.failure().take();
        if shared.ended.load(Ordering::Acquire) {
            // The closure has ended it itself, and what it returns stands.
            return match (result, failure) {
                (Err(error), Some(failed)) => {
                    self.own_error = Some(error);
                    Err(failed)
                }
                (result, _) => Ok(result),
            };
        }
        match (result, failure) {
            // A failure that was passed over: COMMIT would answer ROLLBACK.
            (Ok(_), Some(failed)) if shared.must_run_again(&failed) => {
                shared.undo().await;
                Err(failed)
            }
            (Ok(value), _) => shared.commit().await.map(|()| Ok(value)),
            (Err(error), Some(failed)) => {
                shared.undo().await;
                self.own_error = Some(error);
                Err(failed)
            }
            (Err(error), None) => {
                shared.undo().await;
                Ok(Err(error))
            }
        }
    }
}

impl Shared {
    /// Whether a failure that the closure passed over still stands, and may pass by itself.
    fn must_run_again(&self, failed: &Failed) -> bool {
        let dead = self.link.state().end().is_some();
        let stands = dead || self.status() == Some(TransactionStatus::Failed);
        stands && failed.classify().kind.persistence() == Persistence::Transient
    }

    /// Rolls back; without a connection there is nothing left to do.
    async fn undo(&self) {
        if self.link.state().end().is_none() {
            // If it fails the connection is closed, which rolls back as well.
            let _ = self.rollback().await;
        }
        self.ended.store(true, Ordering::Release);
    }
}
