//! What it costs that transactions survive: the same INSERT transaction by tokio-postgres, by aya-db with
//! nothing of it, and by aya-db with the record for a replay or a way to resolve commits, in turn.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use aya_db::COMMIT_LEDGER_SQL;
use serde::Serialize;
use tokio::task::JoinSet;

use aya_testkit::{Postgres, sql};

use crate::driver::{Aya, Deadpool, Driver, NewRow, TABLE};
use crate::figures::median;
use crate::statements::{Plan, SMALLEST_POOL, conninfo};

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
    /// The median time of a transaction of tokio-postgres with deadpool-postgres, by the throughput.
    pub plain_micros: f64,
    /// The same of aya-db without any care.
    pub careless_micros: f64,
    /// The median, over the rounds, of how much longer one takes than with tokio-postgres, in parts of a
    /// hundred.
    pub added_percent: f64,
    /// The same, than with aya-db without any care.
    pub added_to_careless_percent: f64,
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
        let size = tasks.max(SMALLEST_POOL);
        let plain = Deadpool::open(&conninfo, size).await?;
        let open = async |parameters| Aya::open(&format!("{conninfo} {parameters}"), size).await;
        let careless = open("transaction_replay=off commit_resolution=off").await?;
        for care in Care::ALL {
            let careful = open(care.parameters()).await?;
            let mut rounds = Vec::new();
            for number in 0..=plan.rounds {
                sql(&conninfo, "truncate bench_row").await?;
                let mut round = [0.0; 3];
                // Each of them is first, second and last in turn.
                for which in (0..3).map(|step| (number + step) % 3) {
                    round[which] = match which {
                        0 => time(&plain, tasks, plan.round).await?,
                        1 => time(&careless, tasks, plan.round).await?,
                        _ => time(&careful, tasks, plan.round).await?,
                    };
                }
                // The first round opens the connections.
                if number > 0 {
                    rounds.push(round);
                }
            }
            costs.push(Cost::of(care, tasks, &rounds));
        }
    }
    Ok(costs)
}

impl Cost {
    fn of(care: Care, tasks: usize, rounds: &[[f64; 3]]) -> Self {
        let middle =
            |figure: &dyn Fn(&[f64; 3]) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            care,
            tasks,
            plain_micros: middle(&|[plain, _, _]| *plain),
            careless_micros: middle(&|[_, careless, _]| *careless),
            added_percent: middle(&|[plain, _, careful]| (careful / plain - 1.0) * 100.0),
            added_to_careless_percent: middle(&|[_, careless, careful]| {
                (careful / careless - 1.0) * 100.0
            }),
        }
    }
}

/// Microseconds a transaction, by the throughput of all tasks together.
async fn time(driver: &impl Driver, tasks: usize, time: Duration) -> Result<f64> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        running.spawn(transactions(driver.clone(), began + time));
    }
    let mut count = 0_u32;
    while let Some(done) = running.join_next().await {
        count += done??;
    }
    ensure!(count > 0, "no transaction was done in {time:?}");
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(count))
}

async fn transactions(driver: impl Driver, until: Instant) -> Result<u32> {
    let row = NewRow::new(1);
    let mut count = 0;
    while Instant::now() < until {
        driver.transact(&row).await?;
        count += 1;
    }
    Ok(count)
}
