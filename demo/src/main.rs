//! A real cluster under Patroni, many writers, and faults; what reached the writers is counted.
//!
//! `cargo xtask demo` and `cargo xtask soak` run it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks on its output"
)]

mod agent;
mod clock;
mod demo;
mod fault;
mod gap;
mod machine;
mod oracle;
mod plot;
mod probe;
mod report;
mod run;
mod signals;
mod soak;
mod spread;
mod table;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Command {
    Demo(demo::Arguments),
    Soak(soak::Arguments),
}

fn main() -> ExitCode {
    let command = Command::parse();
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    match start(&command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: &Command) -> Result<ExitCode> {
    let runtime = Runtime::new().context("start the runtime")?;
    let ended = runtime.block_on(async {
        // Taken over before anything is started that would be left behind.
        let signal = signals::first()?;
        tokio::select! {
            // The run is dropped here, and with it agents, servers and folders, in this order.
            number = signal => Ok(ExitCode::from(128 + number)),
            ended = Box::pin(obey(command)) => ended,
        }
    });
    // A download may still be under way on a thread of its own.
    runtime.shutdown_background();
    ended
}

async fn obey(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Demo(arguments) => Box::pin(demo::run_all(arguments)).await,
        Command::Soak(arguments) => Box::pin(soak::run_and_judge(arguments)).await,
    }
}

/// Cargo's target folder, where pictures and histories go.
fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    target.canonicalize().unwrap_or(target)
}
