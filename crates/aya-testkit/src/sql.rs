//! Plain SQL for set-up and for checking from the side.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::timeout;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Runs `statements` over a connection of its own and returns the rows as text.
///
/// # Errors
/// When the server refuses, a statement fails, or all of it takes longer than 20 s.
pub async fn sql(conninfo: &str, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
    timeout(LIMIT, run(conninfo, statements)).await.context("the statement took over 20 s")?
}

async fn run(conninfo: &str, statements: &str) -> Result<Vec<Vec<Option<String>>>> {
    let (client, connection) = tokio_postgres::connect(conninfo, NoTls).await?;
    let driver = tokio::spawn(connection);
    let answer = client.simple_query(statements).await;
    drop(client);
    driver.abort();
    let rows = answer.with_context(|| format!("run {statements:?}"))?.into_iter();
    Ok(rows
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect::<Vec<_>>(),
            ),
            _ => None,
        })
        .collect())
}

const LIMIT: Duration = Duration::from_secs(20);
