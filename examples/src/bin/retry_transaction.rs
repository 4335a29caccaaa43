//! Moves money between accounts, from many tasks at a time, in transactions that run again.
//!
//! ```sh
//! cargo run -p aya-examples --bin retry_transaction -- "host=db1,db2 user=app dbname=app"
//! ```
//!
//! Serializable transactions that get into each other's way fail with 40001, and one whose leader
//! dies before COMMIT was sent is lost. Both are run again from BEGIN; the closure only has to be
//! written so that it may be called more than once.

#![expect(clippy::print_stdout, reason = "the outcome is what the program is for")]

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use futures_util::future::join_all;

use aya_db::{CallOptions, Cluster, Fate, IsolationLevel, TransactionOptions};

/// Why a transfer was not made. Any error type that can hold the driver's will do for a closure.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there are only {0} on the account")]
    TooLittle(i64),
    #[error(transparent)]
    Database(#[from] aya_db::Error),
}

#[tokio::main]
async fn main() -> Result<()> {
    let conninfo = std::env::args().nth(1).context("give a connection string")?;
    let cluster = Cluster::connect(&conninfo).await?;
    cluster.batch(TABLES).await?;

    let calls = AtomicU32::new(0);
    let made = join_all((0..TRANSFERS).map(|_| transfer(&cluster, 10, &calls))).await;
    let made = made.into_iter().collect::<Result<Vec<()>, Refused>>()?.len();
    println!("{made} transfers made, by {} calls of the closure", calls.load(Ordering::Relaxed));

    // The closure's own errors roll back, and are handed on as they are.
    match transfer(&cluster, 1_000_000, &calls).await {
        Err(Refused::TooLittle(balance)) => println!("a million is refused: alice has {balance}"),
        other => other?,
    }
    for row in cluster.query("select name, balance from example_account order by name", &[]).await?
    {
        println!("{} has {}", row.get::<_, &str>("name"), row.get::<_, i64>("balance"));
    }
    Ok(())
}

/// Moves `amount` from alice to bob.
async fn transfer(cluster: &Cluster, amount: i64, calls: &AtomicU32) -> Result<(), Refused> {
    let id: i64 = cluster.query_one("select nextval('example_transfer_id')", &[]).await?.get(0);
    let serializable = TransactionOptions::new().isolation_level(IsolationLevel::Serializable);
    let moved = cluster
        .with(CallOptions::new().transaction(serializable))
        .transaction(|tx| async move {
            calls.fetch_add(1, Ordering::Relaxed);
            let take = "update example_account set balance = balance - $1 where name = 'alice' \
                        returning balance";
            let left: i64 = tx.query_one(take, &[&amount]).await?.get(0);
            if left < 0 {
                return Err(Refused::TooLittle(left + amount));
            }
            let give = "update example_account set balance = balance + $1 where name = 'bob'";
            tx.execute(give, &[&amount]).await?;
            tx.execute("insert into example_transfer (id) values ($1)", &[&id]).await?;
            Ok(())
        })
        .await;
    match moved {
        // COMMIT went out and its answer was lost. The transfer's own row tells what became of it.
        Err(Refused::Database(error)) if error.fate() == Fate::Unknown => {
            let look = "select from example_transfer where id = $1";
            let found = cluster.query_opt(look, &[&id]).await?;
            found.map(drop).ok_or(Refused::Database(error))
        }
        other => other,
    }
}

const TRANSFERS: usize = 10;

const TABLES: &str = "\
    create sequence if not exists example_transfer_id;
    create table if not exists example_transfer (id bigint primary key);
    create table if not exists example_account (name text primary key, balance bigint not null);
    insert into example_account values ('alice', 1000), ('bob', 0) on conflict do nothing";
