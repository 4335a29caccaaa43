//! A primary and its streaming standby, without anybody to fail over.

use std::time::Duration;

use anyhow::Result;

use crate::{Postgres, PostgresBuilder, wait::until};

/// Two servers; which of them is the primary is the test's business.
#[derive(Debug)]
pub struct Pair {
    /// The first server, the primary to begin with.
    pub primary: Postgres,
    /// The second, streaming from the first.
    pub standby: Postgres,
}

impl Pair {
    /// Starts both and waits until the standby streams.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub async fn start(builder: PostgresBuilder) -> Result<Self> {
        let primary = builder.start().await?;
        primary.sql("CREATE ROLE replicator LOGIN REPLICATION").await?;
        let mut standby = primary.standby("standby").await?;
        standby.start().await?;
        let pair = Self { primary, standby };
        let query = "SELECT state FROM pg_stat_replication WHERE state = 'streaming'";
        until("the standby to stream", Duration::from_secs(20), async || {
            Ok(pair.primary.sql(query).await?.pop())
        })
        .await?;
        Ok(pair)
    }

    /// Promotes the standby; the first server stays as it is.
    ///
    /// # Errors
    /// When the standby does not become a primary.
    pub async fn promote(&self) -> Result<()> {
        self.standby.promote().await
    }
}
