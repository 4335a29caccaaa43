//! The calls of a cluster, under the options that were said of them.

use std::future::Future;
use std::marker::PhantomData;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::failure::{Cause, ClientFault, Facts, InTransaction, Phase, Sent};

use crate::cluster::Cluster;
use crate::copy::{CopyIn, CopyOut, CopyWork, Copying};
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
        one(self.query(sql, params).await?, InTransaction::of_autocommit(sql))
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
        at_most_one(self.query(sql, params).await?, InTransaction::of_autocommit(sql))
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
        self.copy(sql).await
    }

    /// See [`Cluster::copy_out`].
    ///
    /// # Errors
    /// As there.
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOut, Error> {
        self.copy(sql).await
    }

    async fn copy<C: Copying>(&self, sql: &str) -> Result<C, Error> {
        let core = self.cluster.core();
        let mut work = CopyWork { core, options: &self.options, sql, direction: PhantomData };
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

/// The only row.
pub(crate) fn one(rows: Vec<Row>, scope: InTransaction) -> Result<Row, Error> {
    match <[Row; 1]>::try_from(rows) {
        Ok([row]) => Ok(row),
        Err(rows) => Err(row_count(scope, rows.len(), "one row")),
    }
}

/// The only row or none.
pub(crate) fn at_most_one(mut rows: Vec<Row>, scope: InTransaction) -> Result<Option<Row>, Error> {
    match rows.len() {
        0 | 1 => Ok(rows.pop()),
        found => Err(row_count(scope, found, "at most one row")),
    }
}

/// There were `found` rows. The statement itself was done.
fn row_count(scope: InTransaction, found: usize, wanted: &'static str) -> Error {
    let cause = Cause::Client(ClientFault::RowCount);
    let facts = Facts::new(Phase::Statement(scope), Sent::Yes, cause);
    Error::from_failed(&Failed::new(facts).because(RowCount { found, wanted }), None)
}

#[derive(Debug, thiserror::Error)]
#[error("expected {wanted}, got {found}")]
struct RowCount {
    found: usize,
    wanted: &'static str,
}
