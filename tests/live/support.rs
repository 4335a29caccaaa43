//! What every theme needs: connection strings, deadlines, a view from the side.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use aya_db::{Cluster, ClusterEvent, Error, Events, NodeId};
use aya_testkit::{Postgres, sql, until};

/// Far more than anything takes that does not wait for a failover.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Far more than a failover takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A string that names these servers and logs in as `app`.
pub(crate) fn hosts(addresses: &[SocketAddr]) -> String {
    let ips: Vec<String> = addresses.iter().map(|it| it.ip().to_string()).collect();
    let ports: Vec<String> = addresses.iter().map(|it| it.port().to_string()).collect();
    hosts_named(&ips, &ports)
}

/// The same for hosts that are not addresses.
pub(crate) fn hosts_named(names: &[String], ports: &[String]) -> String {
    let (names, ports) = (names.join(","), ports.join(","));
    format!("host={names} port={ports} user=app password=app dbname=app")
}

/// The node at an address.
pub(crate) fn node(address: SocketAddr) -> NodeId {
    NodeId::new(&address.ip().to_string(), address.port())
}

/// A server and a handle to it, with more parameters behind its connection string.
pub(crate) async fn served(parameters: &str) -> Result<(Postgres, Cluster)> {
    let server = Postgres::builder().start().await?;
    let cluster = connect(&format!("{} {parameters}", server.conninfo())).await?;
    Ok((server, cluster))
}

/// Connects, and gives up after a while.
pub(crate) async fn connect(conninfo: &str) -> Result<Cluster> {
    Ok(within(LONG, "connect", Cluster::connect(conninfo)).await??)
}

/// Waits for a future that must be done in time.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    future: impl Future<Output = T>,
) -> Result<T> {
    timeout(limit, future).await.with_context(|| format!("{what} took over {limit:?}"))
}

/// Waits for a task that must be done in time.
pub(crate) async fn joined<T>(limit: Duration, what: &str, task: JoinHandle<T>) -> Result<T> {
    Ok(within(limit, what, task).await??)
}

/// The error of a result that must be one.
pub(crate) fn error_of<T>(what: &str, result: Result<T, Error>) -> Result<Error> {
    match result {
        Ok(_) => bail!("{what} succeeded"),
        Err(error) => Ok(error),
    }
}

/// The first event that `pick` takes.
pub(crate) async fn event<T>(
    events: &mut Events,
    limit: Duration,
    what: &str,
    pick: impl Fn(&ClusterEvent) -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    let mut seen = Vec::new();
    loop {
        let Ok(next) = timeout_at(deadline, events.recv()).await else {
            bail!("no event told {what} in {limit:?}, but: {}", seen.join("; "));
        };
        let next = next.with_context(|| format!("the events ended before {what}"))?;
        if let Some(found) = pick(&next) {
            return Ok(found);
        }
        seen.push(next.to_string());
    }
}

/// Statements as `app` in its database, on a connection of their own.
pub(crate) async fn beside(
    server: &Postgres,
    statements: &str,
) -> Result<Vec<Vec<Option<String>>>> {
    sql(&server.conninfo(), statements).await
}

/// One number from the side, past the proxy.
pub(crate) async fn number(server: &Postgres, query: &str) -> Result<i64> {
    number_from(&direct(server), query).await
}

/// One number by a connection string.
pub(crate) async fn number_from(conninfo: &str, query: &str) -> Result<i64> {
    let rows = sql(conninfo, query).await?;
    let cell = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    Ok(cell.with_context(|| format!("{query} gave no value"))?.parse()?)
}

/// The application's database by the unix socket.
pub(crate) fn direct(server: &Postgres) -> String {
    server.superuser_conninfo().replace("dbname=postgres", "dbname=app")
}

/// Waits until a session of `app` runs a statement that looks like this, and tells its process.
pub(crate) async fn running(server: &Postgres, like: &str) -> Result<i64> {
    session(server, &format!("state = 'active' AND query ILIKE '{like}'")).await
}

/// Waits until a session of `app` that runs a statement like this waits for a lock.
pub(crate) async fn blocked(server: &Postgres, like: &str) -> Result<i64> {
    session(server, &format!("wait_event_type = 'Lock' AND query ILIKE '{like}'")).await
}

/// Waits until the server has no session of `app` left whose last statement looks like this. What
/// is sent over a connection before the news of its end has come is rightly of unknown fate.
pub(crate) async fn gone(server: &Postgres, like: &str) -> Result<()> {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND query ILIKE '{like}'"
    );
    until(&format!("every session of {like} to end"), SOON, async || {
        Ok((number(server, &query).await? == 0).then_some(()))
    })
    .await
}

/// Waits for a session of `app` for which `condition` holds on `pg_stat_activity`.
pub(crate) async fn session(server: &Postgres, condition: &str) -> Result<i64> {
    let query = format!("SELECT pid FROM pg_stat_activity WHERE usename = 'app' AND {condition}");
    until(&format!("a session where {condition}"), SOON, async || {
        let rows = server.sql(&query).await?;
        let pid = rows.first().and_then(|row| row[0].as_deref());
        Ok(pid.map(str::parse).transpose()?)
    })
    .await
}

/// A transaction from the side that stays open, with all its locks, until [`Lock::release`] or
/// until the server dies.
pub(crate) struct Lock {
    pid: i64,
    task: JoinHandle<Result<Vec<Vec<Option<String>>>>>,
}

impl Lock {
    /// Nobody else reads or writes `table`; a statement that names it waits before it is prepared.
    pub(crate) async fn table(server: &Postgres, table: &str) -> Result<Self> {
        Self::hold(server, &format!("LOCK TABLE {table}")).await
    }

    /// Nobody else inserts key 1 into `table`; a statement that does waits while it runs.
    pub(crate) async fn key(server: &Postgres, table: &str) -> Result<Self> {
        Self::hold(server, &format!("INSERT INTO {table} VALUES (1)")).await
    }

    async fn hold(server: &Postgres, statement: &str) -> Result<Self> {
        let statements = format!("{statement}; SELECT pg_sleep(19)");
        let query = format!(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'postgres' \
             AND wait_event = 'PgSleep' AND query = '{statements}'"
        );
        let conninfo = direct(server);
        let task = tokio::spawn(async move { sql(&conninfo, &statements).await });
        let pid = until("the lock to be taken", SOON, async || {
            let rows = server.sql(&query).await?;
            let pid = rows.first().and_then(|row| row[0].as_deref());
            Ok(pid.map(str::parse).transpose()?)
        });
        Ok(Self { pid: pid.await?, task })
    }

    /// Lets everybody in again.
    pub(crate) async fn release(self, server: &Postgres) -> Result<()> {
        server.sql(&format!("SELECT pg_terminate_backend({})", self.pid)).await?;
        // It ends with an error, which is how a terminated session ends.
        _ = within(SOON, "the end of the lock", self.task).await??;
        Ok(())
    }
}
