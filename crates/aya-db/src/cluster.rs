//! The handle that an application holds.

use std::future::Future;
use std::sync::Arc;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::route::CausalToken;
use aya_db_core::snapshot::ClusterSnapshot;

use crate::builder::ClusterBuilder;
use crate::copy::{CopyIn, CopyOut};
use crate::core::Core;
use crate::error::Error;
use crate::events::Events;
use crate::listen::Listener;
use crate::options::CallOptions;
use crate::pool::PoolStatus;
use crate::session::Session;
use crate::sql::{Prepared, Sql};
use crate::transaction::Transaction;
use crate::view::View;

/// A cluster of PostgreSQL servers, one of which leads. Cheap to clone; clones share their
/// connections.
///
/// Every call finds a server, runs there, and is run again on another one where that cannot do
/// the work twice, until it succeeds or `failover_timeout` has been spent on waiting. A call that
/// is dropped midway closes the connection it was using; what it ran is then of unknown fate.
///
/// A handle belongs to the tokio runtime on which it was made.
///
/// ```no_run
/// # async fn example() -> Result<(), aya_db::Error> {
/// use aya_db::Cluster;
///
/// let cluster = Cluster::connect("host=db1,db2 user=app dbname=shop").await?;
/// let row = cluster.query_one("select count(*) from orders", &[]).await?;
/// println!("{} orders", row.get::<_, i64>(0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Cluster {
    core: Arc<Core>,
}

impl Cluster {
    /// Reads a connection string, as libpq would, with the `PG*` variables and the service and
    /// password files around it, and waits for a server that serves `target_session_attrs`.
    ///
    /// # Errors
    /// A string that cannot be used, a refused user, an unknown database: at once. No server to
    /// be had within `failover_timeout`: with each host's own cause.
    pub async fn connect(conninfo: &str) -> Result<Self, Error> {
        Self::builder().text(conninfo).connect().await
    }

    /// Sets a connection up parameter by parameter.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    pub(crate) fn new(core: Core) -> Self {
        Self { core: Arc::new(core) }
    }

    pub(crate) const fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The same calls, under options.
    pub fn with(&self, options: CallOptions) -> View<'_> {
        View::new(self, options)
    }

    /// The same calls, for reads: in READ ONLY transactions, on a standby where one may serve.
    ///
    /// ```no_run
    /// # async fn example(cluster: &aya_db::Cluster) -> Result<(), aya_db::Error> {
    /// cluster.execute("insert into orders values (7)", &[]).await?;
    /// let token = cluster.causal_token().await?;
    /// // Sees the order, on a standby if one has it soon enough.
    /// let rows = cluster.read().after(&token).query("select * from orders", &[]).await?;
    /// # drop(rows); Ok(()) }
    /// ```
    pub fn read(&self) -> View<'_> {
        self.with(CallOptions::reading())
    }

    /// The same calls, on the leader whatever `target_session_attrs` says.
    pub fn write(&self) -> View<'_> {
        self.with(CallOptions::writing())
    }

    /// A token for everything that is committed on the leader so far, to be given to
    /// [`CallOptions::after`] by whoever must see it, in this process or in another.
    ///
    /// Take it after the commit, by a round trip of its own; calls that take no token pay nothing.
    /// It vouches for what the leader holds that answers: if the leader has changed since the commit,
    /// and the commit was lost with the old one, the token does not tell.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn causal_token(&self) -> Result<CausalToken, Error> {
        self.plain().causal_token().await
    }

    /// The rows of a statement.
    ///
    /// # Errors
    /// What the server refuses, and what could not be done before the deadline. The error's
    /// [`fate`](Error::fate) says what became of the statement.
    pub async fn query(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.plain().query(sql, params).await
    }

    /// The only row of a statement.
    ///
    /// # Errors
    /// Those of [`Cluster::query`], and another number of rows.
    pub async fn query_one(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        self.plain().query_one(sql, params).await
    }

    /// The only row of a statement, or none.
    ///
    /// # Errors
    /// Those of [`Cluster::query`], and more than one row.
    pub async fn query_opt(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        self.plain().query_opt(sql, params).await
    }

    /// How many rows a statement touched.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn execute(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.plain().execute(sql, params).await
    }

    /// Runs one or several statements, separated by semicolons, without parameters.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.plain().batch(sql).await
    }

    /// Runs one or several statements, separated by semicolons, and gives their rows as text.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.plain().simple_query(sql).await
    }

    /// Has a server look at a statement, for its types and columns.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn prepare(&self, sql: &str) -> Result<Prepared, Error> {
        self.plain().prepare(sql).await
    }

    /// Runs a closure inside a transaction and commits it; rolls back if the closure fails.
    ///
    /// A transaction that is lost before COMMIT is replayed, and the closure goes on; see
    /// [`Transaction`]. The closure is called again, from BEGIN, when the transaction fails with 40001 or
    /// 40P01, and when it is lost and cannot be replayed: it must do nothing outside the database that
    /// may not happen twice. If the answer to COMMIT is lost, it is found out what became of it; where nobody
    /// can tell, the error is of fate [`Unknown`](aya_db_core::Fate::Unknown).
    ///
    /// ```no_run
    /// # async fn example(cluster: &aya_db::Cluster) -> Result<(), aya_db::Error> {
    /// let moved = cluster
    ///     .transaction(|tx| async move {
    ///         tx.execute("update a set n = n - 1", &[]).await?;
    ///         tx.execute("update b set n = n + 1", &[]).await
    ///     })
    ///     .await?;
    /// # assert_eq!(moved, 1); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The closure's own, and those of BEGIN and COMMIT.
    pub async fn transaction<T, E, F, Fut>(&self, run: F) -> Result<T, E>
    where
        F: FnMut(Transaction) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        self.plain().transaction(run).await
    }

    /// Begins a transaction that the application ends itself, by [`Transaction::commit`] or
    /// [`Transaction::rollback`]. One that is lost before COMMIT is replayed; see [`Transaction`].
    /// BEGIN goes out with the first statement, so `now()` is the time of that.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn begin(&self) -> Result<Transaction, Error> {
        self.plain().begin().await
    }

    /// A session: what is set in it stays set, also on the new leader.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn session(&self) -> Result<Session, Error> {
        self.plain().session().await
    }

    /// Begins `COPY … FROM STDIN`.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn copy_in(&self, sql: &str) -> Result<CopyIn, Error> {
        self.plain().copy_in(sql).await
    }

    /// Begins `COPY … TO STDOUT`.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOut, Error> {
        self.plain().copy_out(sql).await
    }

    /// Listens to channels, on a connection of its own to the leader, also after a failover.
    ///
    /// # Errors
    /// Those of [`Cluster::query`].
    pub async fn listen<S: AsRef<str>>(&self, channels: &[S]) -> Result<Listener, Error> {
        let channels = channels.iter().map(|channel| channel.as_ref().to_owned()).collect();
        Listener::start(Arc::clone(&self.core), channels).await
    }

    /// Subscribes to what happens to the cluster from now on.
    pub fn events(&self) -> Events {
        self.core.monitor.events()
    }

    /// What is known of the cluster at this moment.
    pub fn snapshot(&self) -> Arc<ClusterSnapshot> {
        self.core.monitor.snapshot()
    }

    /// The same in words, with the reasons; and whether calls are held for a switchover.
    pub fn explain(&self) -> String {
        let picture = self.core.monitor.explain();
        match self.core.keeper.fleet().hold() {
            Some(hold) => format!("{picture}hold: calls for the leader wait: {hold}\n"),
            None => picture,
        }
    }

    /// How the connections to each server fare.
    pub fn pool_status(&self) -> Vec<PoolStatus> {
        self.core.keeper.status()
    }

    /// Ends the idle connections now, and those in use when they come back. Later calls of every
    /// clone fail with [`FailureKind::Closed`](aya_db_core::failure::FailureKind::Closed).
    pub fn close(&self) {
        self.core.close();
    }

    fn plain(&self) -> View<'_> {
        View::new(self, CallOptions::default())
    }
}
