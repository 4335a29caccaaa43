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
use crate::statements::{Plan, SMALLEST_POOL, conninfo, conninfo_at};

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

/// How the server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// On the loopback interface: both processors are busy, and all that counts is their time.
    Loopback,
    /// Over a way that takes time, as between two machines.
    Network,
}

impl Path {
    const ALL: [Self; 2] = [Self::Loopback, Self::Network];
}

/// What a care costs with a number of tasks.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// The way to the server.
    pub path: Path,
    /// How long a statement takes on it that costs nothing.
    pub round_trip_micros: f64,
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

/// Compares on `server`.
///
/// # Errors
/// When a statement fails.
pub async fn compare(server: &Postgres, plan: &Plan) -> Result<Vec<Cost>> {
    let direct = conninfo(server)?;
    sql(&direct, TABLE).await?;
    sql(&direct, COMMIT_LEDGER_SQL).await?;
    server.proxy().delay(DELAY);
    let mut costs = Vec::new();
    for path in Path::ALL {
        let conninfo = match path {
            Path::Loopback => direct.clone(),
            Path::Network => conninfo_at(server, server.client_address())?,
        };
        costs.extend(compare_over(path, &conninfo, &direct, plan).await?);
    }
    Ok(costs)
}

async fn compare_over(path: Path, conninfo: &str, direct: &str, plan: &Plan) -> Result<Vec<Cost>> {
    let mut costs = Vec::new();
    let round_trip = round_trip(&Deadpool::open(conninfo, 1).await?).await?;
    for &tasks in &plan.tasks {
        let size = tasks.max(SMALLEST_POOL);
        let plain = Deadpool::open(conninfo, size).await?;
        let open = async |parameters| Aya::open(&format!("{conninfo} {parameters}"), size).await;
        let careless = open("transaction_replay=off commit_resolution=off").await?;
        for care in Care::ALL {
            let careful = open(care.parameters()).await?;
            let mut rounds = Vec::new();
            for number in 0..=plan.rounds {
                sql(direct, "truncate bench_row").await?;
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
            costs.push(Cost::of((path, round_trip), care, tasks, &rounds));
        }
    }
    Ok(costs)
}

impl Cost {
    fn of(
        (path, round_trip_micros): (Path, f64),
        care: Care,
        tasks: usize,
        rounds: &[[f64; 3]],
    ) -> Self {
        let middle =
            |figure: &dyn Fn(&[f64; 3]) -> f64| median(rounds.iter().map(figure).collect());
        Self {
            path,
            round_trip_micros,
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

/// The median time of a statement that costs nothing, in microseconds.
async fn round_trip(driver: &impl Driver) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        driver.select().await?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(median(times))
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

/// By how much the way over the network is made longer in each direction, at least.
const DELAY: Duration = Duration::from_micros(500);
