//! Transactions on real servers, faults around their COMMIT, and whether what the driver says of each
//! is what the table holds.
//!
//! ```text
//! Plan (a fault, a seed) --> Stage: leader, standby, lines --> Work: the transactions
//!                                  | the fault strikes            | what the driver says
//!                                  v                              v
//!                                the table of the last leader --> truth::contradiction --> Report
//! ```
//!
//! `cargo xtask trials` runs it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks on its output"
)]

mod dice;
mod fault;
mod registrar;
mod report;
mod round;
mod servers;
mod snips;
mod stage;
mod tally;
mod truth;
mod work;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use tokio::runtime::Runtime;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::dice::Dice;
use crate::fault::Fault;
use crate::report::Report;
use crate::round::{Plan, play};
use crate::stage::Stage;
use crate::tally::Tally;

/// Breaks servers while transactions commit, and compares what the driver says of each with the table
#[derive(Debug, Parser)]
#[command(name = "cargo xtask trials", bin_name = "cargo xtask trials")]
struct Arguments {
    /// How many transactions there are to be at least; those of one round share its fault
    #[arg(long, default_value_t = 500)]
    trials: u64,
    /// What the rounds are drawn by
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How commits in doubt are resolved
    #[arg(long, value_enum, default_value = "lsn")]
    resolution: Resolution,
    /// How many transactions are under way in a round
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(2..=60))]
    at_once: u64,
    /// Which faults, one a round, over and over; all of them by default
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
}

/// How commits in doubt are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Resolution {
    /// By the leader's history
    Lsn,
    /// By a row in the ledger
    Ledger,
}

impl Resolution {
    const fn name(self) -> &'static str {
        match self {
            Self::Lsn => "lsn",
            Self::Ledger => "ledger",
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let tally = Tally::default();
    let counted = tally.clone().with_filter(LevelFilter::INFO);
    let shown = std::env::var_os("RUST_LOG").map(|_| {
        let shown = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        shown.with_filter(EnvFilter::from_default_env())
    });
    tracing_subscriber::registry().with(counted).with(shown).init();
    match start(&arguments, &tally) {
        Ok(report) if report.wrong().is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments, tally: &Tally) -> Result<Report> {
    let runtime = Runtime::new().context("start the runtime")?;
    let ended = runtime.block_on(async {
        tokio::select! {
            // The run is dropped here, and its servers with it.
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("wait for Ctrl-C")?;
                anyhow::bail!("interrupted")
            }
            report = Box::pin(all(arguments, tally)) => report,
        }
    });
    runtime.shutdown_background();
    ended
}

/// Plays rounds until there are enough trials.
async fn all(arguments: &Arguments, tally: &Tally) -> Result<Report> {
    let faults = if arguments.faults.is_empty() { &Fault::ALL[..] } else { &arguments.faults };
    let mut stage = Stage::start().await?;
    let mut report = Report::default();
    for (number, fault) in (0..).zip(faults.iter().cycle()) {
        if report.trials() >= arguments.trials {
            break;
        }
        let first = i64::try_from(report.trials())?;
        let trials = arguments.at_once;
        let plan = Plan { number, fault: *fault, resolution: arguments.resolution, trials, first };
        let mut dice = Dice::new(arguments.seed, number);
        let round = Box::pin(play(&mut stage, plan, &mut dice)).await;
        let round = round.with_context(|| format!("round {number}, {}", fault.name()))?;
        round.into_iter().for_each(|trial| report.add(trial));
        eprintln!(
            "round {number}, {}: {} of {} trials, {} contradictions",
            fault.name(),
            report.trials(),
            arguments.trials,
            report.wrong().len(),
        );
    }
    println!("resolution {}, seed {}", arguments.resolution.name(), arguments.seed);
    println!("{}", report.text(&tally.verdicts()));
    Ok(report)
}
