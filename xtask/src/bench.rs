//! `cargo xtask bench`: the Rust driver against tokio-postgres, or the Python package against the
//! drivers that Python has.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

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
    let environment = Environment::prepare(root)?;
    environment.install_ours(root)?;
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

/// A virtual environment with the competitors and maturin.
struct Environment {
    folder: PathBuf,
}

impl Environment {
    fn prepare(root: &Path) -> Result<Self> {
        let environment = Self { folder: root.join("target/python/bench") };
        if !environment.program("python").exists() {
            let python = env::var_os("AYA_PYTHON").unwrap_or_else(|| "python3".into());
            let mut venv = Command::new(python);
            venv.args(["-m", "venv"]).arg(&environment.folder);
            check(venv)?;
        }
        let requirements = root.join("benches/python/requirements.txt");
        check(environment.pip(&["--requirement".into(), requirements.into()]))?;
        Ok(environment)
    }

    /// Builds our wheel for this interpreter and puts it in place of an earlier one.
    fn install_ours(&self, root: &Path) -> Result<()> {
        let wheels = self.folder.join("wheels");
        if wheels.exists() {
            fs::remove_dir_all(&wheels)?;
        }
        let mut maturin = Command::new(self.program("maturin"));
        maturin.current_dir(root.join("python"));
        maturin.args(["build", "--release", "--quiet", "--interpreter"]);
        maturin.arg(self.program("python")).arg("--out").arg(&wheels);
        check(maturin)?;
        let built = fs::read_dir(&wheels)?.collect::<Result<Vec<_>, _>>()?;
        let [wheel] = &built[..] else { bail!("maturin made {} wheels", built.len()) };
        let arguments = ["--force-reinstall".into(), "--no-deps".into(), wheel.path().into()];
        check(self.pip(&arguments))
    }

    fn pip(&self, arguments: &[OsString]) -> Command {
        let mut pip = Command::new(self.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(arguments);
        pip
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

fn check(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
