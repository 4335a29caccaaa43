//! Transactions: the closure that runs again, and the one that the application ends itself.
//!
//! ```text
//! Transaction --> Shared::ask --> a statement on the connection --> Record
//!                    |  the connection is lost
//!                    v
//!                 Replay (the record, on another connection) --> the statement that was interrupted
//! ```

mod ask;
mod closure;
mod copying;
mod reading;
mod replay;
mod shared;

use std::fmt;
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::NodeId;
use aya_db_core::failure::InTransaction;

pub(crate) use self::closure::{BeginWork, ClosureWork};
pub(crate) use self::copying::{Sink, Turn};
pub(crate) use self::shared::Shared;
use crate::copy::{CopyIn, CopyOut};
use crate::error::Error;
use crate::session::Seat;
use crate::sql::{Sql, quoted};
use crate::statement::{Count, Done, Rows, Text};
use crate::view::{at_most_one, one};

/// An open transaction on one server. Clones are handles to the same one; its statements run one after
/// another.
///
/// When its connection is lost before COMMIT was sent, it is begun on the new leader, its statements run
/// again, what they give is compared with what they gave, and it goes on as if nothing had happened. Any
/// difference rolls it back and raises
/// [`FailureKind::ReplayDiverged`](aya_db_core::failure::FailureKind::ReplayDiverged). What cannot be
/// replayed raises [`FailureKind::TransactionLost`](aya_db_core::failure::FailureKind::TransactionLost),
/// with the reason. Dropped without an end, it is rolled back by closing its connection.
#[derive(Clone)]
pub struct Transaction(Arc<Shared>);

impl Transaction {
    /// It is one of a session, which it gives its connection back to.
    pub(crate) async fn belongs_to(&self, seat: OwnedMutexGuard<Seat>) {
        self.0.open.lock().await.home = Some(seat);
    }

    /// The server that it runs on.
    pub fn node(&self) -> NodeId {
        self.0.node()
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
        self.0.ask(sql.text(), sql.repeats(), Rows(params)).await
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
        one(self.query(sql, params).await?, || InTransaction::Yes)
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
        at_most_one(self.query(sql, params).await?, || InTransaction::Yes)
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
        self.0.ask(sql.text(), sql.repeats(), Count(params)).await
    }

    /// Runs one or several statements, separated by semicolons, without parameters.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn batch(&self, sql: &(impl Sql + ?Sized)) -> Result<(), Error> {
        self.0.ask(sql.text(), sql.repeats(), Done).await
    }

    /// Runs one or several statements, separated by semicolons, and gives their rows as text.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn simple_query(
        &self,
        sql: &(impl Sql + ?Sized),
    ) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.0.ask(sql.text(), sql.repeats(), Text).await
    }

    /// Begins `COPY … FROM STDIN`. Until it ends, other calls of the transaction wait.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn copy_in(&self, sql: &str) -> Result<CopyIn, Error> {
        CopyIn::within(self, sql).await
    }

    /// Begins `COPY … TO STDOUT`. Until it ends, other calls of the transaction wait. A transaction that is
    /// lost on its way is not replayed, since a part of the data has been seen.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOut, Error> {
        CopyOut::within(self, sql).await
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
        self.0.standing().failure = None;
        Ok(())
    }

    /// Forgets a savepoint and keeps what was done since.
    ///
    /// # Errors
    /// Those of [`Transaction::query`].
    pub async fn release(&self, name: &str) -> Result<(), Error> {
        self.batch(&format!("release savepoint {}", quoted(name))).await
    }

    /// Commits. Where the answer is lost, it is found out whether it was committed; one that was not is
    /// replayed.
    ///
    /// # Errors
    /// An error of fate [`Unknown`](aya_db_core::Fate::Unknown) if the answer was lost and nobody can tell.
    pub async fn commit(self) -> Result<(), Error> {
        self.0.check_open()?;
        let mut open = self.0.open.lock().await;
        let committed = self.0.commit(&mut open).await;
        committed.map_err(|failed| self.0.fail("commit", failed))
    }

    /// Rolls back. A transaction whose connection is lost is rolled back already.
    ///
    /// # Errors
    /// When it has ended before.
    pub async fn rollback(self) -> Result<(), Error> {
        self.0.check_not_ended()?;
        let mut open = self.0.open.lock().await;
        self.0.rollback(&mut open).await;
        Ok(())
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("node", &self.0.node())
            .field("state", &self.0.standing().state)
            .finish_non_exhaustive()
    }
}
