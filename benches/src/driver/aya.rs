//! aya-db: it pools, and it prepares every text once per connection.

use anyhow::Result;

use aya_db::Cluster;

use super::{Driver, INSERT, NewRow, SELECT};

/// A cluster handle for writers.
#[derive(Debug, Clone)]
pub struct Aya(Cluster);

impl Driver for Aya {
    async fn open(conninfo: &str, size: usize) -> Result<Self> {
        let cluster = Cluster::builder()
            .text(conninfo)
            .set("target_session_attrs", "read-write")
            .set("pool_max_size", size.to_string())
            .connect();
        Ok(Self(cluster.await?))
    }

    async fn select(&self) -> Result<i32> {
        Ok(self.0.query_one(SELECT, &[]).await?.get(0))
    }

    async fn insert(&self, row: &NewRow) -> Result<u64> {
        let NewRow { id, kind, name, price, is_open } = row;
        Ok(self.0.execute(INSERT, &[id, kind, name, price, is_open]).await?)
    }

    async fn transact(&self, row: &NewRow) -> Result<()> {
        let NewRow { id, kind, name, price, is_open } = row;
        let transaction = self.0.begin().await?;
        transaction.execute(INSERT, &[id, kind, name, price, is_open]).await?;
        Ok(transaction.commit().await?)
    }

    async fn fill(&self, count: usize) -> Result<()> {
        let mut open = Vec::with_capacity(count);
        for _ in 0..count {
            let transaction = self.0.begin().await?;
            transaction.query_one(SELECT, &[]).await?;
            open.push(transaction);
        }
        for transaction in open {
            transaction.commit().await?;
        }
        Ok(())
    }
}
