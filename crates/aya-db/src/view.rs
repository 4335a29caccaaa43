//! The calls of a cluster, under the options that were said of them.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::continuity::Resolution;
use aya_db_core::failure::{Cause, ClientFault, Facts, InTransaction, Phase, Safety, Sent};
use aya_db_core::route::{CausalToken, Fallback, Intent, StandbyPolicy};
use aya_db_core::server_sql::TOKEN;

use crate::cluster::Cluster;
use crate::copy::{CopyIn, CopyOut, CopyWork, Copying};
use crate::error::Error;
use crate::execute::execute;
use crate::failed::Failed;
use crate::options::CallOptions;
use crate::reads::explain;
use crate::session::Session;
use crate::sql::{Prepared, Sql};
use crate::statement::{Count, Done, Nothing, Rows, Statement, Text, Types, Wanted};
use crate::token::Token;
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

    /// The same, with [`CallOptions::after`] this token.
    #[must_use]
    pub fn after(mut self, token: &CausalToken) -> Self {
        self.options = self.options.after(token);
        self
    }

    /// The same, with data of at most this [age](CallOptions::freshness).
    #[must_use]
    pub fn freshness(mut self, age: Duration) -> Self {
        self.options = self.options.freshness(age);
        self
    }

    /// The same, by this [`CallOptions::policy`].
    #[must_use]
    pub fn policy(mut self, policy: StandbyPolicy) -> Self {
        self.options = self.options.policy(policy);
        self
    }

    /// The same, with this [`CallOptions::fallback`].
    #[must_use]
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.options = self.options.fallback(fallback);
        self
    }

    /// Where a call would go now, and why each server is where it is in the order or is left out.
    pub fn explain(&self) -> String {
        explain(self.cluster.core(), &self.options)
    }

    /// See [`Cluster::causal_token`].
    ///
    /// # Errors
    /// As there.
    pub async fn causal_token(&self) -> Result<CausalToken, Error> {
        let mut options = self.options.clone().idempotent().intent(Intent::Primary);
        options.reads = None;
        let core = self.cluster.core();
        let mut work = Statement::new(core, &options, TOKEN, Token);
        execute(core, &options, &mut work).await
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
        one(self.query(sql, params).await?, || InTransaction::of_autocommit(sql))
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
        at_most_one(self.query(sql, params).await?, || InTransaction::of_autocommit(sql))
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

    /// See [`Cluster::session`].
    ///
    /// # Errors
    /// As there.
    pub async fn session(&self) -> Result<Session, Error> {
        Session::open(self.cluster, self.options.clone()).await
    }

    /// See [`Cluster::copy_in`].
    ///
    /// # Errors
    /// As there.
    pub async fn copy_in(&self, sql: &str) -> Result<CopyIn, Error> {
        let resolves = self.cluster.core().resolution != Resolution::Off;
        if resolves && self.options.safety == Safety::Unmarked {
            return CopyIn::whole(&self.begin().await?, sql).await;
        }
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
        if core.texts.has_a_say(sql) {
            return Box::pin(self.run_by_text(sql, wanted)).await;
        }
        let mut work = Statement::new(core, &self.options, sql, wanted);
        execute(core, &self.options, &mut work).await
    }
}

impl View<'_> {
    /// Runs a statement where its own text wants it to run.
    async fn run_by_text<W: Wanted>(&self, sql: &str, wanted: W) -> Result<W::Answer, Error> {
        let core = self.cluster.core();
        let (options, sql) = core.texts.route(&self.options, sql)?;
        let mut work = Statement::new(core, &options, sql, wanted);
        execute(core, &options, &mut work).await
    }
}

/// The only row.
pub(crate) fn one(rows: Vec<Row>, scope: impl FnOnce() -> InTransaction) -> Result<Row, Error> {
    match <[Row; 1]>::try_from(rows) {
        Ok([row]) => Ok(row),
        Err(rows) => Err(row_count(scope(), rows.len(), "one row")),
    }
}

/// The only row or none.
pub(crate) fn at_most_one(
    mut rows: Vec<Row>,
    scope: impl FnOnce() -> InTransaction,
) -> Result<Option<Row>, Error> {
    match rows.len() {
        0 | 1 => Ok(rows.pop()),
        found => Err(row_count(scope(), found, "at most one row")),
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
