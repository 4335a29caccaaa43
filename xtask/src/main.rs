//! Project commands: `cargo xtask --help` lists them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks on its output"
)]

mod generate;
mod metadata;
mod passthrough;
mod setup;
mod test;
mod tidy;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Commands that build, check and generate this project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill the leader of a real cluster while agents write, and count what reached them
    #[command(disable_help_flag = true)]
    Demo {
        /// Passed on to the demo
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Break a real cluster at random for a while, and check what its clients saw of it
    #[command(disable_help_flag = true)]
    Soak {
        /// Passed on to the soak
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Break servers while transactions commit, and compare what the driver says with the table
    #[command(disable_help_flag = true)]
    Trials {
        /// Passed on to the trials
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Put the tools in place: protoc, nextest, cargo-deny
    Setup,
    /// Run every check and test
    Test {
        /// Leave out the tests that start real clusters
        #[arg(long)]
        quick: bool,
    },
    /// What a pull request must pass: the same as `test`
    Verify,
    /// Repair what a machine can: format, lints, generated files
    Fix,
    /// Check the house rules that no compiler checks
    Tidy,
    /// Make the generated files anew
    Gen {
        /// Write nothing, fail if a file is out of date
        #[arg(long)]
        check: bool,
    },
    /// Run the benchmarks
    Bench {
        /// Passed on to `cargo bench`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Compare our connection strings with libpq's on generated input
    Fuzz {
        /// Passed on to the fuzzer
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let root = root();
    match command {
        Command::Demo { arguments } => passthrough::demo(&root, "demo", &arguments),
        Command::Soak { arguments } => passthrough::demo(&root, "soak", &arguments),
        Command::Trials { arguments } => passthrough::trials(&root, &arguments),
        Command::Setup => setup::run(&root),
        Command::Test { quick: true } => test::run(&root, test::Layers::Quick),
        Command::Test { quick: false } | Command::Verify => test::run(&root, test::Layers::All),
        Command::Fix => passthrough::fix(&root),
        Command::Tidy => tidy::run(&root),
        Command::Gen { check: false } => generate::run(&root, generate::Mode::Write),
        Command::Gen { check: true } => generate::run(&root, generate::Mode::Check),
        Command::Bench { arguments } => passthrough::bench(&root, &arguments),
        Command::Fuzz { arguments } => passthrough::fuzz(&root, &arguments),
    }
}

/// The workspace folder: the parent of this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("xtask is a folder of the workspace").to_owned()
}
