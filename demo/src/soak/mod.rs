//! The command `soak`: random faults and random agents for as long as one likes, every question and
//! answer in a file, and an oracle that judges the file and what is in the tables at the end.
//!
//! ```text
//!   seed ──> faults ──> cluster <── agents <── seed
//!                          │           │
//!                      state.json  history.jsonl
//!                          └─────┬─────┘
//!                             oracle ──> invariants, one a file
//! ```

mod agents;
mod dice;
mod history;
mod invariants;
mod oracle;
mod report;
mod run;
mod state;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use self::oracle::{Story, judge};
use self::report::Report;
use self::run::{HISTORY, Plan, STATE, run};
use self::state::State;
use crate::agent::Resolution;
use crate::fault::Fault;
use crate::target;

/// Breaks a real cluster at random while agents work, and judges the history of what they saw
///
/// Fails if an invariant is violated, or if the cluster does not become whole after a fault.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// For how long faults are made
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// The same seed draws the same faults and the same work; what meets what is left to the machine
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What may be done to the leader [default: everything]
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// How commits in doubt are resolved, `commit_resolution` [default: the driver's own choice]
    #[arg(long, value_enum)]
    resolution: Option<Resolution>,
    /// How many agents work
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=80))]
    agents: u16,
    /// Where history and final state go [default: target/soak/SEED]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Starts nothing, and judges what an earlier soak has left in the folder
    #[arg(long)]
    judge: bool,
    /// Print one JSON object on the standard output instead of text
    #[arg(long)]
    json: bool,
}

/// Does the soak, unless it is done, and judges it.
///
/// # Errors
/// When it cannot be done to its end.
pub(crate) async fn run_and_judge(arguments: &Arguments) -> Result<ExitCode> {
    let folder = arguments.folder.clone();
    let folder = folder.unwrap_or_else(|| target().join("soak").join(arguments.seed.to_string()));
    if !arguments.judge {
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let plan = Plan {
            length: Duration::from_secs(arguments.minutes * 60),
            seed: arguments.seed,
            faults: arguments.faults.clone(),
            resolution: arguments.resolution,
            agents: arguments.agents.into(),
        };
        Box::pin(run(&plan, &folder)).await?;
    }
    let report = read_and_judge(folder)?;
    if arguments.json {
        eprint!("{}", report.render());
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", report.render());
    }
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read_and_judge(folder: PathBuf) -> Result<Report> {
    let story = Story::of(history::read(&folder.join(HISTORY))?)?;
    let violations = judge(&story, &read_state(&folder.join(STATE))?);
    Ok(Report::of(&story, violations, folder))
}

fn read_state(path: &Path) -> Result<State> {
    let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))
}
