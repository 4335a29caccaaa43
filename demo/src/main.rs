//! A real cluster under Patroni, many writers, and faults; what reached the writers is counted.
//!
//! `cargo xtask demo` runs it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks on its output"
)]

mod agent;
mod clock;
mod fault;
mod gap;
mod machine;
mod oracle;
mod plot;
mod probe;
mod report;
mod run;
mod signals;
mod spread;
mod table;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use aya_testkit::PatroniTimings;
use clap::Parser;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::agent::DriverName;
use crate::clock::Clock;
use crate::fault::Fault;
use crate::machine::Machine;
use crate::plot::Plot;
use crate::report::{Report, medians};
use crate::run::{Plan, run};

/// Starts 3 etcd members and 2 PostgreSQL servers under Patroni with synchronous replication, lets
/// agents write, breaks the leader, and counts what reached the agents
#[derive(Debug, Parser)]
#[command(name = "cargo xtask demo", bin_name = "cargo xtask demo")]
struct Arguments {
    /// What the agents write through
    #[arg(long, value_enum, default_value = "aya-db")]
    driver: DriverName,
    /// What is done to the leader, one after the other
    #[arg(long, value_enum, value_delimiter = ',', default_value = "host-crash,switchover")]
    faults: Vec<Fault>,
    /// How many agents write
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=80))]
    agents: u16,
    /// Seconds of steady writing before each fault
    #[arg(long, default_value_t = 3)]
    steady: u64,
    /// Milliseconds between two writes of an agent
    #[arg(long, default_value_t = 5)]
    pause: u64,
    /// How often the whole is done, on a fresh cluster each time; the medians are reported
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Print one JSON object on the standard output instead of the table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = Runtime::new().context("start the runtime")?;
    let ended = runtime.block_on(async {
        // Taken over before anything is started that would be left behind.
        let signal = signals::first()?;
        tokio::select! {
            // The run is dropped here, and with it agents, servers and folders, in this order.
            number = signal => Ok(ExitCode::from(128 + number)),
            report = Box::pin(all(arguments)) => report.and_then(|report| tell(arguments, &report)),
        }
    });
    // A download may still be under way on a thread of its own.
    runtime.shutdown_background();
    ended
}

/// Does every run and puts the findings together.
async fn all(arguments: &Arguments) -> Result<Report> {
    let plan = Plan {
        driver: arguments.driver,
        agents: arguments.agents.into(),
        faults: arguments.faults.clone(),
        steady: Duration::from_secs(arguments.steady),
        pause: Duration::from_millis(arguments.pause),
        timings: PatroniTimings::default(),
    };
    let name = plan.driver.text();
    let mut each_run = Vec::new();
    for number in 1..=arguments.runs {
        let findings = run(&plan, Clock::start()).await?;
        let plot = Plot {
            title: format!("{} agents write through {name}", plan.agents),
            acks: findings.acks,
            marks: findings.marks,
        };
        let file = if arguments.runs == 1 { name.to_owned() } else { format!("{name}-{number}") };
        for path in plot.save(&folder(), &file)? {
            eprintln!("plot: {}", path.display());
        }
        each_run.push(findings.outcomes);
    }
    Ok(Report {
        driver: name,
        machine: Machine::here(),
        agents: plan.agents,
        patroni: plan.timings.into(),
        runs: each_run.len(),
        faults: medians(&each_run),
        each_run,
    })
}

fn tell(arguments: &Arguments, report: &Report) -> Result<ExitCode> {
    if arguments.json {
        eprint!("{}", table::render(report));
        println!("{}", serde_json::to_string(report)?);
    } else {
        print!("{}", table::render(report));
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the plots go: `demo` in cargo's target folder.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    let target = target.canonicalize().unwrap_or(target);
    target.join("demo")
}
