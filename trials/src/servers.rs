//! The servers: a leader, its synchronous standby, and the lines between them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use aya_db::COMMIT_LEDGER_SQL;
use aya_testkit::{FaultProxy, Postgres, sql, until};

/// A server, and the line by which it follows another.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) postgres: Postgres,
    /// From the server that it follows; broken while a leader.
    pub(crate) line: Option<FaultProxy>,
}

impl Server {
    /// The first leader, with what the trials need in its database.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) async fn first() -> Result<Self> {
        let postgres = Postgres::builder().setting("wal_retrieve_retry_interval", "100ms").start();
        let server = Self { name: "s0".to_owned(), postgres: postgres.await?, line: None };
        server.postgres.sql("CREATE ROLE replicator LOGIN REPLICATION").await?;
        sql(&server.postgres.conninfo(), TABLES).await?;
        sql(&server.direct(), COMMIT_LEDGER_SQL).await?;
        Ok(server)
    }

    /// A copy of `leader` that follows `followed`, by a line of its own.
    ///
    /// # Errors
    /// When it cannot be copied or does not come up.
    pub(crate) async fn standby(leader: &Self, followed: &Self, name: String) -> Result<Self> {
        let mut postgres = leader.postgres.standby(&name).await?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let line = FaultProxy::start(listen, followed.postgres.direct_address()).await?;
        let (host, port) = (line.address().ip(), line.address().port());
        let settings = format!(
            "primary_conninfo = 'host={host} port={port} user=replicator application_name={name}'\n\
             synchronous_standby_names = ''\nwal_retrieve_retry_interval = '100ms'\n"
        );
        // The last word in that file counts.
        let path = postgres.data_folder().join("postgresql.auto.conf");
        let mut file = OpenOptions::new().append(true).open(&path).context("open its settings")?;
        file.write_all(settings.as_bytes()).context("write its settings")?;
        postgres.start().await?;
        Ok(Self { name, postgres, line: Some(line) })
    }

    /// The trials' database, past the proxy; no statement waits for a standby.
    pub(crate) fn direct(&self) -> String {
        let conninfo = self.postgres.superuser_conninfo();
        conninfo.replace("dbname=postgres", "dbname=app") + " options='-c synchronous_commit=local'"
    }

    /// Makes it wait with every commit for this standby, and waits until that streams.
    ///
    /// # Errors
    /// When it does not in time.
    pub(crate) async fn wait_for(&self, standby: &Self) -> Result<()> {
        let name = &standby.name;
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
        self.postgres.sql(&set).await?;
        self.postgres.sql("SELECT pg_reload_conf()").await?;
        self.followed_by(name, "sync_state = 'sync'").await
    }

    /// Waits until the standby of that name streams, with this condition on it.
    ///
    /// # Errors
    /// When it does not in time.
    pub(crate) async fn followed_by(&self, name: &str, condition: &str) -> Result<()> {
        let query = format!(
            "SELECT 1 FROM pg_stat_replication \
             WHERE application_name = '{name}' AND state = 'streaming' AND {condition}"
        );
        until(&format!("{name} to stream where {condition}"), SOON, async || {
            Ok(self.postgres.sql(&query).await?.pop().map(drop))
        })
        .await
    }

    /// Promotes it.
    ///
    /// # Errors
    /// When it does not become a leader.
    pub(crate) async fn promote(&self) -> Result<()> {
        let answer = self.postgres.sql("SELECT pg_promote(true, 60)").await?;
        anyhow::ensure!(answer == [[Some("t".to_owned())]], "{} was not promoted", self.name);
        Ok(())
    }

    /// Its timeline and the history of those before.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn history(&self) -> Result<(u32, String)> {
        let query =
            "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";
        let timeline = number(&self.postgres.superuser_conninfo(), query).await?;
        let file = format!("pg_wal/{timeline:08X}.history");
        let history = read(&self.postgres.data_folder().join(file));
        Ok((u32::try_from(timeline)?, history))
    }

    /// Lets other writers take as many transaction numbers as the lost ones had, and more.
    ///
    /// # Errors
    /// When they cannot.
    pub(crate) async fn burn(&self) -> Result<()> {
        let server = self.direct();
        let (first, second) = tokio::join!(sql(&server, BURN), sql(&server, BURN));
        first.and(second).map(drop)
    }

    /// How many sessions of the trials' user there are for which this holds.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn sessions(&self, condition: &str) -> Result<i64> {
        let query =
            format!("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND {condition}");
        number(&self.postgres.superuser_conninfo(), &query).await
    }
}

/// One number.
///
/// # Errors
/// When there is none.
pub(crate) async fn number(server: &str, query: &str) -> Result<i64> {
    let rows = sql(server, query).await?;
    let cell = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    Ok(cell.with_context(|| format!("{query} gave no value"))?.parse()?)
}

/// The first timeline has no history file.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

pub(crate) const SOON: Duration = Duration::from_secs(20);

const TABLES: &str = "\
create table trial (id bigint, part int);
create index on trial (id);
create table burnt (n int);
create procedure burn(count int) language plpgsql as $$
begin
    for i in 1..count loop
        insert into burnt values (i);
        if i % 3 = 0 then rollback; else commit; end if;
    end loop;
end $$;
";

const BURN: &str = "CALL burn(150)";
