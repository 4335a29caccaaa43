//! Sessions: one connection after another, for those who need what a session holds.
//!
//! ```text
//! Session --> SessionWork (execute) --> the connection of the session
//!                |  it is lost
//!                v
//!             another connection, State::restore, and the statement again where that is safe
//! ```

mod state;
mod work;

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, SimpleQueryMessage};

use aya_db_core::failure::InTransaction;

pub(crate) use self::state::State;
use self::work::{BeginInWork, SessionWork};
use crate::cluster::Cluster;
use crate::core::Core;
use crate::error::Error;
use crate::execute::{Stopped, execute_on};
use crate::options::CallOptions;
use crate::pool::Pooled;
use crate::sql::Sql;
use crate::statement::{Count, Done, Nothing, Rows, Text, Wanted};
use crate::transaction::Transaction;
use crate::view::{at_most_one, one};

/// A session with the cluster: what is set in it stays set, also on the new leader.
///
/// It keeps one connection for itself. After every statement that may change what the session holds, the
/// server is asked how it stands: settings (by `SET`, `RESET`, `DISCARD`, `set_config`), the role, channels
/// that are listened to, prepared statements. When the connection is lost, all that is restored on another
/// one, and the call goes on there. A temporary table, a session-level advisory lock or a cursor WITH HOLD
/// lives in one server process alone: if there was one, the next call raises
/// [`FailureKind::SessionStateLost`](aya_db_core::failure::FailureKind::SessionStateLost), which names it
/// and is raised once; the statement has not run.
///
/// A transaction is begun by [`Session::begin`]. One that a statement opens and does not end is rolled back,
/// and raises [`FailureKind::Usage`](aya_db_core::failure::FailureKind::Usage).
///
/// What a function sets inside is not seen; call [`Session::refresh`] after it.
///
/// Clones are handles to the same session; its calls run one after another.
///
/// ```no_run
/// # async fn example(cluster: &aya_db::Cluster) -> Result<(), aya_db::Error> {
/// let session = cluster.session().await?;
/// session.batch("set search_path = tenant_7; set app.user = 'ada'").await?;
/// let tx = session.begin().await?;
/// tx.execute("insert into orders values ($1)", &[&1_i64]).await?;
/// tx.commit().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session {
    core: Arc<Core>,
    options: CallOptions,
    seat: Arc<Mutex<Seat>>,
}

/// The connection of a session, and what the session holds.
#[derive(Default)]
pub(crate) struct Seat {
    pub(crate) link: Option<Pooled>,
    pub(crate) state: State,
}

impl Session {
    pub(crate) async fn open(cluster: &Cluster, options: CallOptions) -> Result<Self, Error> {
        let core = Arc::clone(cluster.core());
        let session = Self { core, options, seat: Arc::default() };
        session.run("", Nothing).await?;
        Ok(session)
    }

    /// The rows of a statement.
    ///
    /// # Errors
    /// Those of [`Cluster::query`](crate::Cluster::query), and the loss of what cannot be restored.
    pub async fn query(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.run(sql.text(), Rows(params)).await
    }

    /// The only row of a statement.
    ///
    /// # Errors
    /// Those of [`Session::query`], and another number of rows.
    pub async fn query_one(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        one(self.query(sql, params).await?, || InTransaction::of_autocommit(sql.text()))
    }

    /// The only row of a statement, or none.
    ///
    /// # Errors
    /// Those of [`Session::query`], and more than one row.
    pub async fn query_opt(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        at_most_one(self.query(sql, params).await?, || InTransaction::of_autocommit(sql.text()))
    }

    /// How many rows a statement touched.
    ///
    /// # Errors
    /// Those of [`Session::query`].
    pub async fn execute(
        &self,
        sql: &(impl Sql + ?Sized),
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.run(sql.text(), Count(params)).await
    }

    /// Runs one or several statements, separated by semicolons, without parameters.
    ///
    /// # Errors
    /// Those of [`Session::query`].
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.run(sql, Done).await
    }

    /// Runs one or several statements, separated by semicolons, and gives their rows as text.
    ///
    /// # Errors
    /// Those of [`Session::query`].
    pub async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.run(sql, Text).await
    }

    /// Begins a transaction in the session. Until it ends, other calls of the session wait. One that is
    /// lost is replayed after the session was restored.
    ///
    /// # Errors
    /// Those of [`Session::query`].
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let mut seat = Arc::clone(&self.seat).lock_owned().await;
        let Seat { link, state } = &mut *seat;
        let (core, options) = (&self.core, &self.options);
        let mut work = BeginInWork { core, options, state, home: process_of(link.as_ref()) };
        match Box::pin(execute_on(core, options, &mut work, link)).await {
            Ok(Ok(transaction)) => {
                transaction.belongs_to(seat).await;
                Ok(transaction)
            }
            Ok(Err((back, error))) => {
                *link = Some(back);
                Err(error)
            }
            Err(stopped) => Err(left(link, stopped)),
        }
    }

    /// Asks the server how the session stands, after a function that has set something inside.
    ///
    /// # Errors
    /// Those of [`Session::query`].
    pub async fn refresh(&self) -> Result<(), Error> {
        // An empty block, which might have set anything.
        self.run("do ''", Done).await
    }

    async fn run<W: Wanted>(&self, sql: &str, wanted: W) -> Result<W::Answer, Error> {
        let mut seat = Arc::clone(&self.seat).lock_owned().await;
        self.on_seat(&mut seat, sql, wanted).await
    }

    async fn on_seat<W: Wanted>(
        &self,
        seat: &mut OwnedMutexGuard<Seat>,
        sql: &str,
        wanted: W,
    ) -> Result<W::Answer, Error> {
        let Seat { link, state } = &mut **seat;
        let home = process_of(link.as_ref());
        let mut work = SessionWork::new(&self.core, &self.options, state, sql, wanted, home);
        let done = Box::pin(execute_on(&self.core, &self.options, &mut work, link)).await;
        match done {
            Ok((back, answer)) => {
                *link = Some(back);
                answer
            }
            Err(stopped) => Err(left(link, stopped)),
        }
    }
}

/// The session keeps its connection after a statement that failed; one that is lost leaves nothing.
fn left(kept: &mut Option<Pooled>, mut stopped: Stopped) -> Error {
    if let Some(link) = stopped.failed.take_link().filter(|link| link.state().end().is_none()) {
        *kept = Some(link);
    }
    stopped.error
}

/// The process that serves a connection.
fn process_of(link: Option<&Pooled>) -> Option<i32> {
    link.map(|link| link.state().pid())
}

impl Drop for Seat {
    /// The next user of the connection is to find nothing of this session.
    fn drop(&mut self) {
        if let Some(mut link) = self.link.take()
            && self.state.is_empty()
        {
            link.hand_back();
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
