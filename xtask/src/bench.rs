//! `cargo xtask bench`: the Rust driver against tokio-postgres, or the Python package against the
//! drivers that Python has.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::python::{Environment, check};
use crate::setup;

/// Runs the benchmarks: those of Python if the first argument is `python`.
pub(crate) fn run(root: &Path, arguments: &[OsString]) -> Result<()> {
    match arguments {
        [first, rest @ ..] if first == "python" => python(root, rest),
        all => rust(root, all),
    }
}

fn rust(root: &Path, arguments: &[OsString]) -> Result<()> {
    setup::protoc(root)?;
    let mut bench = Command::new("cargo");
    bench.args(["bench", "--package", "aya-benches", "--"]).args(arguments).current_dir(root);
    check(bench)
}

/// Builds the wheel as it is published, installs it beside the competitors, and measures them
/// below a server that is there for nothing else.
fn python(root: &Path, arguments: &[OsString]) -> Result<()> {
    setup::protoc(root)?;
    let requirements = root.join("benches/python/requirements.txt");
    let environment = Environment::prepare(root, "bench", &requirements)?;
    environment.install(&environment.build_wheel(root)?)?;
    let mut bench = Command::new("cargo");
    bench.current_dir(root).args(["run", "--quiet", "--package", "aya-testkit"]);
    bench.args(["--all-features", "--bin", "with-postgres", "--", "--database", "bench"]);
    for setting in SETTINGS {
        bench.args(["--setting", setting]);
    }
    bench.arg("--").arg(environment.program("python")).arg(root.join("benches/python"));
    bench.arg("--out").arg(root.join("target/bench")).args(arguments);
    check(bench)
}

/// What makes the server the same in every round, and leaves the time to the drivers: its tables
/// fit into memory, and no plan is compiled or made parallel.
const SETTINGS: &[&str] = &[
    "shared_buffers=512MB",
    "jit=off",
    "max_parallel_workers_per_gather=0",
    "autovacuum=off",
    "max_wal_size=4GB",
];
