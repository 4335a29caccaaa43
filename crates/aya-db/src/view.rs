//! The calls of a cluster, under the options that were said of them.

use std::future::Future;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::failure::{Cause, ClientFault, Facts, InTransaction, Phase, Sent};

use crate::cluster::Cluster;
use crate::copy::{CopyIn, CopyInWork, CopyOut, CopyOutWork};
use crate::error::Error;
use crate::execute::execute;
use crate::failed::Failed;
use crate::options::CallOptions;
use crate::sql::{Prepared, Sql};
use crate::statement::{Count, Done, Nothing, Rows, Statement, Text, Types, Wanted};
use crate::transaction::{BeginWork, ClosureWork, Transaction};

/// A cluster together with [`CallOptions`], as [`Cluster::with`] gives it. Its methods are those
/// of [`Cluster`].
#[derive(Debug)]
pub struct View<'a> {
    cluster: &'a Cluster,
    options: CallOptions,
}

impl<'a> View<'a> {
    pub(crate) fn new(cluster: &'a Cluster, options: CallOptions) -> Self {
        Self { cluster, options }
    }

    /// See [`Cluster::query`].
    ///
    /// # Errors
    /// As there.
    pub async fn query(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.run(sql.text(), Rows(params)).await
    }

    /// See [`Cluster::query_one`].
    ///
    /// # Errors
    /// As there.
    pub async fn query_one(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        let sql = sql.text();
        one(self.query(sql, params).await?).map_err(|found| row_count(sql, found, "one row"))
    }

    /// See [`Cluster::query_opt`].
    ///
    /// # Errors
    /// As there.
    pub async fn query_opt(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        let sql = sql.text();
        at_most_one(self.query(sql, params).await?)
            .map_err(|found| row_count(sql, found, "at most one row"))
    }

    /// See [`Cluster::execute`].
    ///
    /// # Errors
    /// As there.
    pub async fn execute(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.run(sql.text(), Count(params)).await
    }

    /// See [`Cluster::batch`].
    ///
    /// # Errors
    /// As there.
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.run(sql, Done).await
    }

    /// See [`Cluster::simple_query`].
    ///
    /// # Errors
    /// As there.
    pub async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.run(sql, Text).await
    }

    /// See [`Cluster::prepare`].
    ///
    /// # Errors
    /// As there.
    pub async fn prepare(&self, sql: &str) -> Result<Prepared, Error> {
        self.run(sql, Types).await
    }

    /// See [`Cluster::transaction`].
    ///
    /// # Errors
    /// As there.
    pub async fn transaction<T, E, F, Fut>(&self, run: F) -> Result<T, E>
    where
        F: FnMut(Transaction) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        let core = self.cluster.core();
        let mut work = ClosureWork::new(core, &self.options, run);
        match execute(core, &self.options, &mut work).await {
            Ok(result) => result,
            Err(error) => Err(work.own_error().unwrap_or_else(|| error.into())),
        }
    }

    /// See [`Cluster::begin`].
    ///
    /// # Errors
    /// As there.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let core = self.cluster.core();
        execute(core, &self.options, &mut BeginWork { core, options: &self.options }).await
    }

    /// See [`Cluster::copy_in`].
    ///
    /// # Errors
    /// As there.
    pub async fn copy_in(&self, sql: &str) -> Result<CopyIn, Error> {
        let core = self.cluster.core();
        let mut work = CopyInWork { core, options: &self.options, sql };
        execute(core, &self.options, &mut work).await
    }

    /// See [`Cluster::copy_out`].
    ///
    /// # Errors
    /// As there.
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOut, Error> {
        let core = self.cluster.core();
        let mut work = CopyOutWork { core, options: &self.options, sql };
        execute(core, &self.options, &mut work).await
    }

    /// Opens a connection that serves the options, and gives it to the pool.
    pub(crate) async fn reach(&self) -> Result<(), Error> {
        self.run("", Nothing).await
    }

    async fn run<W: Wanted>(&self, sql: &str, wanted: W) -> Result<W::Answer, Error> {
        let core = self.cluster.core();
        let mut work = Statement { core, options: &self.options, sql, wanted };
        execute(core, &self.options, &mut work).await
    }
}

/// The only row; the number of rows, if there is another number of them.
pub(crate) fn one(mut rows: Vec<Row>) -> Result<Row, usize> {
    match (rows.len(), rows.pop()) {
        (1, Some(row)) => Ok(row),
        (found, _) => Err(found),
    }
}

/// The only row or none; the number of rows, if there are more.
pub(crate) fn at_most_one(mut rows: Vec<Row>) -> Result<Option<Row>, usize> {
    match rows.len() {
        0 | 1 => Ok(rows.pop()),
        found => Err(found),
    }
}

/// There were `found` rows. The statement itself was done.
pub(crate) fn row_count(sql: &str, found: usize, wanted: &'static str) -> Error {
    let phase = Phase::Statement(InTransaction::of_autocommit(sql));
    let facts = Facts::new(phase, Sent::Yes, Cause::Client(ClientFault::RowCount));
    Error::from_failed(&Failed::new(facts).because(RowCount { found, wanted }), None)
}

#[derive(Debug, thiserror::Error)]
#[error("expected {wanted}, got {found}")]
struct RowCount {
    found: usize,
    wanted: &'static str,
}
