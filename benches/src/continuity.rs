//! What it costs that transactions survive: the same INSERT transaction by aya-db with nothing of it, with
//! the record for a replay, and with each way to resolve a commit, in turn.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aya_db::{COMMIT_LEDGER_SQL, Cluster};
use serde::Serialize;
use tokio::task::JoinSet;

use aya_testkit::{Postgres, sql};

use crate::driver::{INSERT, NewRow, TABLE};
use crate::figures::median;
use crate::statements::{Plan, conninfo};

/// What a handle is asked to see to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Care {
    /// `transaction_replay=on`.
    Recording,
    /// `commit_resolution=lsn`.
    Lsn,
    /// `commit_resolution=ledger`.
    Ledger,
}

impl Care {
    const ALL: [Self; 3] = [Self::Recording, Self::Lsn, Self::Ledger];

    const fn parameters(self) -> &'static str {
        match self {
            Self::Recording => "transaction_replay=on commit_resolution=off",
            Self::Lsn => "transaction_replay=off commit_resolution=lsn",
            Self::Ledger => "transaction_replay=off commit_resolution=ledger",
        }
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recording => "recording for a replay",
            Self::Lsn => "`commit_resolution=lsn`",
            Self::Ledger => "`commit_resolution=ledger`",
        }
    }

    /// How much longer a transaction may take, in parts of a hundred.
    #[must_use]
    pub const fn limit(self) -> f64 {
        match self {
            Self::Recording => 3.0,
            Self::Lsn => 5.0,
            Self::Ledger => 25.0,
        }
    }
}

/// What a care costs with a number of tasks.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// The care.
    pub care: Care,
    /// How many tasks ran transactions.
    pub tasks: usize,
    /// The median time of a transaction without it, by the throughput.
    pub plain_micros: f64,
    /// The median, over pairs of neighbouring rounds, of how much longer one takes, in parts of a hundred.
    pub added_percent: f64,
}

/// Compares on `server`, past its proxy.
///
/// # Errors
/// When a statement fails.
pub async fn compare(server: &Postgres, plan: &Plan) -> Result<Vec<Cost>> {
    let conninfo = conninfo(server)?;
    sql(&conninfo, TABLE).await?;
    sql(&conninfo, COMMIT_LEDGER_SQL).await?;
    let mut costs = Vec::new();
    for &tasks in &plan.tasks {
        let open = async |parameters: &str| {
            let more = format!("target_session_attrs=read-write pool_max_size={}", tasks.max(16));
            Cluster::connect(&format!("{conninfo} {more} {parameters}")).await
        };
        let plain = open("transaction_replay=off commit_resolution=off").await?;
        for care in Care::ALL {
            let careful = open(care.parameters()).await?;
            let mut rounds = Vec::new();
            for number in 0..=plan.rounds {
                sql(&conninfo, "truncate bench_row").await?;
                let (a, b) = if number % 2 == 0 {
                    let first = round(&plain, tasks, plan.round).await?;
                    (first, round(&careful, tasks, plan.round).await?)
                } else {
                    let first = round(&careful, tasks, plan.round).await?;
                    (round(&plain, tasks, plan.round).await?, first)
                };
                // The first round opens the connections.
                if number > 0 {
                    rounds.push((a, b));
                }
            }
            let added = rounds.iter().map(|(plain, careful)| (careful / plain - 1.0) * 100.0);
            costs.push(Cost {
                care,
                tasks,
                plain_micros: median(rounds.iter().map(|(plain, _)| *plain).collect()),
                added_percent: median(added.collect()),
            });
        }
    }
    Ok(costs)
}

/// Microseconds a transaction, by the throughput of all tasks together.
async fn round(cluster: &Cluster, tasks: usize, time: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        running.spawn(transactions(cluster.clone(), began + time));
    }
    let mut count = 0_u32;
    while let Some(done) = running.join_next().await {
        count += done??;
    }
    ensure!(count > 0, "no transaction was done in {time:?}");
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

async fn transactions(cluster: Cluster, until: Instant) -> Result<u32> {
    let NewRow { id, kind, name, price, is_open } = NewRow::new(1);
    let mut count = 0;
    while Instant::now() < until {
        let transaction = cluster.begin().await?;
        transaction.execute(INSERT, &[&id, &kind, &name, &price, &is_open]).await?;
        transaction.commit().await?;
        count += 1;
    }
    Ok(count)
}
