//! Transactions whose BEGIN goes out together with their first statement.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use aya_db::{FailureKind, Fate};
use aya_testkit::Postgres;

use crate::support::{SOON, beside, connect, error_of, hosts, number, served, within};

#[tokio::test]
async fn live_a_transaction_is_begun_by_its_first_statement() -> Result<()> {
    let (server, cluster) = served("").await?;
    let open = "select count(*) from pg_stat_activity where state = 'idle in transaction'";
    cluster.begin().await?.commit().await?;
    cluster.begin().await?.rollback().await?;
    let transaction = cluster.begin().await?;
    assert_eq!(number(&server, open).await?, 0);
    transaction.batch("create table t (id int)").await?;
    assert_eq!(number(&server, open).await?, 1);
    transaction.execute("insert into t values (1)", &[]).await?;
    transaction.commit().await?;
    assert_eq!(number(&server, "select count(*) from t").await?, 1);

    drop(cluster.begin().await?);
    assert_eq!(number(&server, open).await?, 0);
    Ok(())
}

#[tokio::test]
async fn live_a_first_statement_that_cannot_be_prepared_aborts_the_transaction() -> Result<()> {
    let (_server, cluster) = served("").await?;
    let transaction = cluster.begin().await?;
    let error = error_of("nonsense", transaction.query("selec 1", &[]).await)?;
    assert_eq!(error.sqlstate(), Some("42601"));
    let error = error_of("what follows", transaction.query("select 1", &[]).await)?;
    assert_eq!(error.sqlstate(), Some("25P02"));
    transaction.rollback().await?;
    Ok(())
}

/// BEGIN was never answered, so that this is no replay.
#[tokio::test]
async fn live_a_connection_lost_before_the_first_statement_is_not_seen() -> Result<()> {
    let (server, cluster) = served("transaction_replay=off").await?;
    cluster.batch("create table t (id int)").await?;
    for session in [None, Some(cluster.session().await?)] {
        let transaction = match &session {
            None => cluster.begin().await?,
            Some(session) => session.begin().await?,
        };
        server.proxy().drop_connections();
        let insert = transaction.execute("insert into t values (1)", &[]);
        within(SOON, "an insert", insert).await??;
        transaction.commit().await?;
    }
    assert_eq!(number(&server, "select count(*) from t").await?, 2);
    Ok(())
}

#[tokio::test]
async fn live_a_statement_whose_begin_was_refused_is_told_of_as_committed() -> Result<()> {
    for more in ["commit_resolution=lsn", "commit_resolution=off"] {
        let server = Postgres::builder().start().await?;
        beside(&server, "create table t (id int)").await?;
        let way = spoiling(server.client_address()).await?;
        let cluster = connect(&format!("{} {more}", hosts(&[way.address]))).await?;

        // One that was to be alone is.
        let insert = "insert into t values ($1)";
        cluster.execute(insert, &[&1]).await?;

        let transaction = cluster.begin().await?;
        let done = transaction.execute(insert, &[&2]).await;
        let error = error_of("an insert without BEGIN", done)?;
        assert_eq!(error.fate(), Fate::Committed, "{error}");
        let done = transaction.execute(insert, &[&4]).await;
        assert_eq!(error_of("what follows", done)?.kind(), FailureKind::TransactionLost);
        ensure!(transaction.commit().await.is_err(), "what was lost was committed");

        // Nothing runs by itself where the text was only prepared.
        let transaction = cluster.begin().await?;
        let done = transaction.execute("insert into t values (8)", &[]).await;
        assert_eq!(error_of("BEGIN", done)?.fate(), Fate::RolledBack);
        ensure!(transaction.commit().await.is_err(), "what never began was committed");
        assert_eq!(number(&server, "select sum(id) from t").await?, 3, "{more}");
    }
    Ok(())
}

/// A way to a server on which every BEGIN becomes a syntax error.
struct Spoiling {
    address: SocketAddr,
    _ways: JoinSet<()>,
}

async fn spoiling(server: SocketAddr) -> Result<Spoiling> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut ways = JoinSet::new();
    ways.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            open.spawn(async move { drop(pass(client, server).await) });
        }
    });
    Ok(Spoiling { address, _ways: ways })
}

async fn pass(client: TcpStream, server: SocketAddr) -> Result<()> {
    let (mut answers, mut requests) = TcpStream::connect(server).await?.into_split();
    let (mut asking, mut answered) = client.into_split();
    let back = async { Ok(copy(&mut answers, &mut answered).await.map(drop)?) };
    let there = async {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = asking.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            let sent = &mut buffer[..read];
            if let Some(at) = sent.windows(BEGIN.len()).position(|part| part == BEGIN) {
                sent[at..at + 5].copy_from_slice(b"spoil");
            }
            requests.write_all(sent).await?;
        }
    };
    tokio::select! {
        ended = back => ended,
        ended = there => ended,
    }
}

const BEGIN: &[u8] = b"begin\0";
