//! Pooled statements: rounds of one driver and of the other, in turn, so that whatever else the
//! machine does meets both.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::Serialize;
use tokio::task::JoinSet;

use aya_testkit::{Postgres, sql};

use crate::driver::{Aya, Deadpool, Driver, NewRow, TABLE, Which};
use crate::figures::{median, micros};

/// What is compared, and for how long.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many tasks run statements at a time.
    pub tasks: Vec<usize>,
    /// How many rounds each driver gets.
    pub rounds: usize,
    /// How long a round takes.
    pub round: Duration,
}

/// A statement that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Statement {
    /// [`crate::driver::SELECT`].
    Select,
    /// [`crate::driver::INSERT`].
    Insert,
}

/// How both drivers fared with one statement and one number of tasks.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The statement.
    pub statement: Statement,
    /// How many tasks ran it.
    pub tasks: usize,
    /// aya-db.
    pub aya: Figures,
    /// tokio-postgres with deadpool-postgres.
    pub deadpool: Figures,
    /// aya-db's median throughput as a part of the other's.
    pub throughput_ratio: f64,
    /// The median of what the pairs of neighbouring rounds give for the same.
    pub paired_throughput_ratio: f64,
    /// How much longer a statement takes, by the median throughputs.
    pub added_micros_per_statement: f64,
    /// How much more processor time the client spends on a statement.
    pub added_client_cpu_micros: f64,
}

/// Medians over the rounds of a driver.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figures {
    /// The median latency of a statement.
    pub latency_micros: f64,
    /// Statements a second, of all tasks together.
    pub throughput: f64,
    /// Processor time of this process for a statement.
    pub client_cpu_micros: f64,
}

/// Compares the drivers on `server`, past its proxy.
///
/// # Errors
/// When a statement fails.
pub async fn compare(server: &Postgres, plan: &Plan) -> Result<Vec<Comparison>> {
    let conninfo = conninfo(server)?;
    sql(&conninfo, TABLE).await?;
    let mut comparisons = Vec::new();
    for &tasks in &plan.tasks {
        let size = tasks.max(SMALLEST_POOL);
        let aya = Aya::open(&conninfo, size).await?;
        let deadpool = Deadpool::open(&conninfo, size).await?;
        for statement in [Statement::Select, Statement::Insert] {
            let course = Course { statement, tasks, time: plan.round };
            let mut rounds = (Vec::new(), Vec::new());
            // The first round of each opens the connections and is not counted.
            for number in 0..=plan.rounds {
                sql(&conninfo, "truncate bench_row").await?;
                let (a, b) = if number % 2 == 0 {
                    let first = course.round(&aya).await?;
                    (first, course.round(&deadpool).await?)
                } else {
                    let first = course.round(&deadpool).await?;
                    (course.round(&aya).await?, first)
                };
                if number > 0 {
                    rounds.0.push(a);
                    rounds.1.push(b);
                }
            }
            comparisons.push(course.comparison(&rounds.0, &rounds.1));
        }
    }
    Ok(comparisons)
}

/// Runs `count` statements of each kind with one driver, one after the other.
///
/// # Errors
/// When a statement fails.
pub async fn repeat(server: &Postgres, driver: Which, count: usize) -> Result<()> {
    let conninfo = conninfo(server)?;
    sql(&conninfo, TABLE).await?;
    match driver {
        Which::Aya => repeat_with::<Aya>(&conninfo, count).await,
        Which::Deadpool => repeat_with::<Deadpool>(&conninfo, count).await,
    }
}

async fn repeat_with<D: Driver>(conninfo: &str, count: usize) -> Result<()> {
    let driver = D::open(conninfo, SMALLEST_POOL).await?;
    let row = NewRow::new(1);
    for _ in 0..count {
        driver.select().await?;
        driver.insert(&row).await?;
    }
    Ok(())
}

/// How to reach `server` past its proxy, without asking for TLS first.
///
/// # Errors
/// When the server has no account.
pub fn conninfo(server: &Postgres) -> Result<String> {
    conninfo_at(server, server.direct_address())
}

/// How to reach `server` at one of its addresses, without asking for TLS first.
///
/// # Errors
/// When the server has no account.
pub fn conninfo_at(server: &Postgres, address: SocketAddr) -> Result<String> {
    let account = server.accounts().first().context("the server has no account")?;
    Ok(format!("{} sslmode=disable", account.conninfo(address)))
}

#[derive(Debug, Clone, Copy)]
struct Course {
    statement: Statement,
    tasks: usize,
    time: Duration,
}

impl Course {
    async fn round<D: Driver>(self, driver: &D) -> Result<Figures> {
        let cpu_before = cpu()?;
        let began = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..self.tasks {
            running.spawn(work(driver.clone(), self.statement, began + self.time));
        }
        let mut latencies = Vec::new();
        while let Some(done) = running.join_next().await {
            latencies.extend(done??);
        }
        let (wall, cpu) = (began.elapsed(), cpu()?.saturating_sub(cpu_before));
        ensure!(!latencies.is_empty(), "no statement was done in {:?}", self.time);
        let count = latencies.len() as f64;
        Ok(Figures {
            latency_micros: median(latencies),
            throughput: count / wall.as_secs_f64(),
            client_cpu_micros: micros(cpu) / count,
        })
    }

    fn comparison(self, aya: &[Figures], deadpool: &[Figures]) -> Comparison {
        let ratios = aya.iter().zip(deadpool).map(|(a, b)| a.throughput / b.throughput).collect();
        let (aya, deadpool) = (Figures::median(aya), Figures::median(deadpool));
        Comparison {
            statement: self.statement,
            tasks: self.tasks,
            aya,
            deadpool,
            throughput_ratio: aya.throughput / deadpool.throughput,
            paired_throughput_ratio: median(ratios),
            added_micros_per_statement: 1e6 / aya.throughput - 1e6 / deadpool.throughput,
            added_client_cpu_micros: aya.client_cpu_micros - deadpool.client_cpu_micros,
        }
    }
}

impl Figures {
    fn median(rounds: &[Self]) -> Self {
        let of = |field: fn(&Self) -> f64| median(rounds.iter().map(field).collect());
        Self {
            latency_micros: of(|it| it.latency_micros),
            throughput: of(|it| it.throughput),
            client_cpu_micros: of(|it| it.client_cpu_micros),
        }
    }
}

/// One task: statement after statement until the time is up. Gives the latencies.
async fn work<D: Driver>(driver: D, statement: Statement, until: Instant) -> Result<Vec<f64>> {
    let row = NewRow::new(1);
    let mut latencies = Vec::with_capacity(LATENCIES);
    let mut now = Instant::now();
    while now < until {
        match statement {
            Statement::Select => ensure!(driver.select().await? == 1),
            Statement::Insert => ensure!(driver.insert(&row).await? == 1),
        }
        let done = Instant::now();
        latencies.push(micros(done - now));
        now = done;
    }
    Ok(latencies)
}

/// The processor time that this process has spent so far.
fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Ok(Duration::from_micros(u64::try_from(micros)?))
}

/// deadpool's and aya-db's pools are no smaller, however few the tasks.
pub(crate) const SMALLEST_POOL: usize = 16;

/// Room for more than a round brings, so that no task pays for growth.
const LATENCIES: usize = 1 << 14;
