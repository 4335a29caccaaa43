//! `cargo xtask bench`: prints the tables of the README.

#![expect(clippy::print_stdout, reason = "the tables are what the program is for")]

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use aya_benches::continuity;
use aya_benches::driver::Which;
use aya_benches::memory;
use aya_benches::report::Report;
use aya_benches::snapshot;
use aya_benches::statements::{self, Plan};
use aya_testkit::{EtcdCluster, Postgres};

/// Measures aya-db against tokio-postgres with deadpool-postgres.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench --")]
struct Arguments {
    /// Only show that it runs: few and short rounds, whose figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Print one JSON object in place of the tables
    #[arg(long)]
    json: bool,
    /// How many rounds each driver gets for each line of the table
    #[arg(long)]
    rounds: Option<usize>,
    /// Leave out memory and etcd
    #[arg(long)]
    statements: bool,
    /// Only what replay and commit resolution cost
    #[arg(long)]
    continuity: bool,
    /// Run this many statements of each kind with one driver and measure nothing, for a profiler
    #[arg(long, requires = "driver")]
    profile: Option<usize>,
    /// The driver to profile
    #[arg(long, requires = "profile")]
    driver: Option<Which>,
    #[arg(long, hide = true, requires = "conninfo")]
    memory: Option<Which>,
    #[arg(long, hide = true, default_value_t = 50)]
    connections: usize,
    #[arg(long, hide = true)]
    conninfo: Option<String>,
    /// What cargo tells every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(async {
        match (arguments.memory, arguments.driver.zip(arguments.profile)) {
            (Some(driver), _) => {
                let conninfo = arguments.conninfo.context("give a connection string")?;
                println!("{}", memory::measure(driver, &conninfo, arguments.connections).await?);
                Ok(())
            }
            (None, Some((driver, count))) => {
                let server = Postgres::builder().start().await?;
                statements::repeat(&server, driver, count).await
            }
            (None, None) => measure(&arguments).await,
        }
    })
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let quick = arguments.quick;
    let plan = Plan {
        tasks: vec![1, 8, 60],
        rounds: arguments.rounds.unwrap_or(if quick { 1 } else { ROUNDS }),
        round: if quick { ROUND / 4 } else { ROUND },
    };
    let server = Postgres::builder().setting("max_connections", "300").start().await?;
    let mut report = Report::new(&server).await?;
    if !arguments.continuity {
        report.statements = statements::compare(&server, &plan).await?;
    }
    // Commits that reach the disk, as those of a server that anybody relies on.
    let durable = Postgres::builder().setting("max_connections", "300").setting("fsync", "on");
    let plan = Plan { tasks: vec![1, 60], ..plan };
    report.continuity = continuity::compare(&durable.start().await?, &plan).await?;
    if !arguments.statements && !arguments.continuity {
        let conninfo = statements::conninfo(&server)?;
        for connections in if quick { [10, 20] } else { [50, 200] } {
            report.memory.push(memory::compare(&conninfo, connections).await?);
        }
        let etcd = EtcdCluster::start(3, None).await?;
        let (clients, changes) = if quick { (6, 5) } else { (60, 50) };
        report.snapshot = Some(snapshot::measure(&etcd, &server, clients, changes).await?);
    }
    println!("{}", if arguments.json { report.json()? } else { report.markdown() });
    Ok(())
}

const WORKERS: usize = 2;

/// Many short rounds: what else the machine does comes in bursts longer than a pair of them.
const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(180);
