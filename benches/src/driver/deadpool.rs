//! tokio-postgres with deadpool-postgres and its cache of prepared statements.

use anyhow::{Context, Result};
use deadpool_postgres::{Manager, Pool};
use tokio_postgres::{Config, NoTls};

use super::{Driver, INSERT, NewRow, SELECT};

/// A pool with its own defaults.
#[derive(Debug, Clone)]
pub struct Deadpool(Pool);

impl Driver for Deadpool {
    async fn open(conninfo: &str, size: usize) -> Result<Self> {
        let config: Config = conninfo.parse().context("read the connection string")?;
        let pool = Pool::builder(Manager::new(config, NoTls)).max_size(size).build()?;
        drop(pool.get().await?);
        Ok(Self(pool))
    }

    async fn select(&self) -> Result<i32> {
        let client = self.0.get().await?;
        let statement = client.prepare_cached(SELECT).await?;
        Ok(client.query_one(&statement, &[]).await?.get(0))
    }

    async fn insert(&self, row: &NewRow) -> Result<u64> {
        let NewRow { id, kind, name, price, is_open } = row;
        let client = self.0.get().await?;
        let statement = client.prepare_cached(INSERT).await?;
        Ok(client.execute(&statement, &[id, kind, name, price, is_open]).await?)
    }

    async fn transact(&self, row: &NewRow) -> Result<()> {
        let NewRow { id, kind, name, price, is_open } = row;
        let mut client = self.0.get().await?;
        let transaction = client.transaction().await?;
        let statement = transaction.prepare_cached(INSERT).await?;
        transaction.execute(&statement, &[id, kind, name, price, is_open]).await?;
        Ok(transaction.commit().await?)
    }

    async fn fill(&self, count: usize) -> Result<()> {
        let mut open = Vec::with_capacity(count);
        for _ in 0..count {
            let client = self.0.get().await?;
            client.batch_execute("begin").await?;
            let statement = client.prepare_cached(SELECT).await?;
            client.query_one(&statement, &[]).await?;
            open.push(client);
        }
        for client in open {
            client.batch_execute("commit").await?;
        }
        Ok(())
    }
}
