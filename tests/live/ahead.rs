//! Losses while the driver asks something for itself, ahead of the work: nothing of the work was sent,
//! so that the caller hears nothing of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use aya_db::{COMMIT_LEDGER_SQL, Cluster, Error};
use aya_testkit::{Postgres, until};

use crate::support::{SOON, beside, connect, hosts, number, within};

/// A way to a server which ends the first connection that has prepared a certain statement and now
/// runs it.
struct Trap {
    address: SocketAddr,
    sprung: Arc<AtomicBool>,
    _ways: JoinSet<()>,
}

impl Trap {
    async fn before(server: SocketAddr, statement: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let sprung = Arc::new(AtomicBool::new(false));
        let mut ways = JoinSet::new();
        let set = Arc::clone(&sprung);
        ways.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let way = pass(client, server, statement, Arc::clone(&set));
                open.spawn(async move { drop(way.await) });
            }
        });
        Ok(Self { address, sprung, _ways: ways })
    }

    fn check(&self) -> Result<()> {
        ensure!(self.sprung.load(Ordering::SeqCst), "the statement was never run");
        Ok(())
    }
}

async fn pass(
    client: TcpStream,
    server: SocketAddr,
    statement: &'static str,
    sprung: Arc<AtomicBool>,
) -> Result<()> {
    let (mut answers, mut requests) = TcpStream::connect(server).await?.into_split();
    let (mut asking, mut answered) = client.into_split();
    let back = async { Ok(copy(&mut answers, &mut answered).await.map(drop)?) };
    let there = async {
        let (mut buffer, mut prepared) = (vec![0; 65_536], false);
        loop {
            let read = asking.read(&mut buffer).await?;
            if read == 0 || (prepared && !sprung.swap(true, Ordering::SeqCst)) {
                return Ok(());
            }
            let sent = &buffer[..read];
            prepared = sent.windows(statement.len()).any(|part| part == statement.as_bytes());
            requests.write_all(sent).await?;
        }
    };
    tokio::select! {
        ended = back => ended,
        ended = there => ended,
    }
}

/// A server with a table and a ledger, and a handle that comes to it through a trap.
async fn trapped(statement: &'static str, parameters: &str) -> Result<(Postgres, Trap, Cluster)> {
    let server = Postgres::builder().start().await?;
    beside(&server, &format!("create table t (id int); {COMMIT_LEDGER_SQL}")).await?;
    let trap = Trap::before(server.client_address(), statement).await?;
    let cluster = connect(&format!("{} {parameters}", hosts(&[trap.address]))).await?;
    Ok((server, trap, cluster))
}

async fn insert(cluster: &Cluster) -> Result<(), Error> {
    cluster.execute("insert into t values (1)", &[]).await.map(drop)
}

async fn insert_in_transaction(cluster: &Cluster) -> Result<(), Error> {
    let transaction = cluster.begin().await?;
    transaction.execute("insert into t values (1)", &[]).await?;
    transaction.commit().await
}

/// Waits until the server has noticed that its connections are gone.
async fn all_gone(server: &Postgres) -> Result<()> {
    let query = "select count(*) from pg_stat_activity where usename = 'app'";
    server.proxy().drop_connections();
    until("every session to end", SOON, async || {
        Ok((number(server, query).await? == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn live_a_loss_while_the_way_to_resolve_a_commit_is_sought_is_not_seen() -> Result<()> {
    for (way, question) in [("lsn", "pg_walfile_name(pg_lsn)'"), ("ledger", "note_commit(uuid)'")] {
        let more = format!("commit_resolution={way}");
        let (server, trap, cluster) = trapped(question, &more).await?;
        within(SOON, "an insert", insert(&cluster)).await??;
        trap.check()?;
        assert_eq!(number(&server, "select count(*) from t").await?, 1, "{way}");

        let (server, trap, cluster) = trapped(question, &more).await?;
        let transaction = Box::pin(insert_in_transaction(&cluster));
        within(SOON, "a transaction", transaction).await??;
        trap.check()?;
        assert_eq!(number(&server, "select count(*) from t").await?, 1, "{way}");
    }
    Ok(())
}

#[tokio::test]
async fn live_a_loss_while_a_replay_ends_the_session_left_behind_is_not_seen() -> Result<()> {
    let (server, trap, cluster) = trapped("pg_terminate_backend(pid)", "").await?;
    let transaction = cluster.begin().await?;
    transaction.execute("insert into t values (1)", &[]).await?;
    server.proxy().drop_connections();
    let second = transaction.execute("insert into t values (2)", &[]);
    within(SOON, "a replay", second).await??;
    transaction.commit().await?;
    trap.check()?;
    assert_eq!(number(&server, "select sum(id) from t").await?, 3);
    Ok(())
}

#[tokio::test]
async fn live_a_loss_while_a_session_is_restored_is_not_seen() -> Result<()> {
    let (server, trap, cluster) = trapped("set_config(name, value, false)", "").await?;
    let session = cluster.session().await?;
    session.execute("set application_name = 'kept'", &[]).await?;
    all_gone(&server).await?;
    let insert = "insert into t select 1 where current_setting('application_name') = 'kept'";
    assert_eq!(within(SOON, "an insert", session.execute(insert, &[])).await??, 1);
    trap.check()
}
