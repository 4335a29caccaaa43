//! Finds the moment from which a server takes writes, past proxy and driver.

use std::time::Duration;

use anyhow::{Context, Result};
use aya_testkit::{Account, Node};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Error, NoTls};

use crate::clock::Clock;

/// Asks some servers every few milliseconds whether they take a write.
pub(crate) struct Prober {
    tasks: JoinSet<Duration>,
}

impl Prober {
    /// Begins to ask `nodes`, each on a connection of its own.
    pub(crate) fn start<'a>(
        nodes: impl IntoIterator<Item = &'a Node>,
        account: &Account,
        clock: Clock,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for node in nodes {
            tasks.spawn(first_write(account.conninfo(node.direct_address()), clock));
        }
        Self { tasks }
    }

    /// Waits for the first write that one of them acknowledges, and says when it was.
    pub(crate) async fn accepted(mut self, within: Duration) -> Result<Duration> {
        let first = timeout(within, self.tasks.join_next()).await;
        let first = first.with_context(|| format!("no server took a write within {within:?}"))?;
        Ok(first.context("there is no server to ask")??)
    }
}

async fn first_write(conninfo: String, clock: Clock) -> Duration {
    loop {
        if let Ok(Ok((client, connection))) =
            timeout(CONNECT, tokio_postgres::connect(&conninfo, NoTls)).await
        {
            let mut driver = JoinSet::new();
            driver.spawn(connection);
            if write(&client).await.is_ok() {
                return clock.now();
            }
        }
        sleep(PAUSE).await;
    }
}

/// Waits on one connection until the server has left recovery, and writes.
async fn write(client: &Client) -> Result<(), Error> {
    let ask = client.prepare("select pg_is_in_recovery()").await?;
    while client.query_one(&ask, &[]).await?.get::<_, bool>(0) {
        sleep(PAUSE).await;
    }
    client.batch_execute("insert into probe default values").await
}

const CONNECT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(3);
