//! The stages of the Python package: its checks, its wheel, its tests, and the test suites of
//! psycopg2 and SQLAlchemy.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::stage::Stages;
use super::stages::{Layers, Shell};
use crate::python::{Environment, check};

/// Runs them.
pub(super) fn run(stages: &mut Stages, shell: &Shell<'_>, layers: Layers) {
    let root = shell.root;
    let found = RefCell::new(None);
    stages.step("python-tools", || {
        let requirements = root.join("python/tests/requirements.txt");
        *found.borrow_mut() = Some(Environment::prepare(root, "venv", &requirements)?);
        Ok(())
    });
    let Some(tools) = found.into_inner() else { return };
    let wheel = RefCell::new(None);
    stages.step("wheel", || {
        let built = tools.build_wheel(root)?;
        // It needs nothing but itself.
        let clean = Environment::clean(root, "clean")?;
        clean.install(&built)?;
        let mut import = Command::new(clean.program("python"));
        import.current_dir(root.join("target")).args(["-c", "import aya_db, aya_db.extras"]);
        check(import)?;
        tools.install(&built)?;
        *wheel.borrow_mut() = Some(built);
        Ok(())
    });
    stages.commands("python-lint", lint(root, &tools));
    if wheel.into_inner().is_none() {
        return stages.skip("pytest", "there is no wheel");
    }
    if layers == Layers::Quick {
        return stages.skip("pytest", "--quick");
    }
    let python = |script: &[&str]| {
        let mut command = vec![tools.program("python").display().to_string()];
        command.extend(script.iter().map(|&it| it.to_owned()));
        command
    };
    let psycopg2 = root.join("target/psycopg2-suite");
    let tests = fetched(stages, root, &tools, &psycopg2);
    let suite = "python/tests/psycopg2_suite/run.py";
    stages.commands("pytest", vec![below(shell, &[], &python(&["-m", "pytest", "-q", "python"]))]);
    if let Some(tests) = tests {
        let run = |mode: &str| {
            let tests = tests.display().to_string();
            python(&[suite, "--tests", &tests, "--mode", mode])
        };
        stages.commands("psycopg2", vec![below(shell, &[], &run("plain"))]);
        stages.commands("psycopg2-green", vec![below(shell, &[], &run("green"))]);
        match older_postgres(root) {
            Ok(folder) => {
                let older = [("AYA_POSTGRES_BIN", folder.display().to_string())];
                stages.commands("psycopg2-15", vec![below(shell, &older, &run("plain"))]);
            }
            Err(why) => stages.skip("psycopg2-15", &format!("no PostgreSQL 15: {why:#}")),
        }
    }
    let folder = root.join("target/sqlalchemy-suite").display().to_string();
    let sqlalchemy = python(&["python/tests/sqlalchemy_suite/run.py", &folder]);
    stages.commands("sqlalchemy", vec![below(shell, &[], &sqlalchemy)]);
}

/// What can be checked without a server.
fn lint(root: &Path, tools: &Environment) -> Vec<Command> {
    let command = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(tools.program(program));
        command.current_dir(root.join("python")).args(arguments);
        command
    };
    let stubtest = [
        "-m",
        "mypy.stubtest",
        "--ignore-disjoint-bases",
        "--allowlist",
        "tests/not_in_the_stub.txt",
        "aya_db._psycopg",
    ];
    // The installed package, not the sources beside it, which lack the compiled module.
    let mut stubs = command("python", &["-P"]);
    stubs.args(stubtest);
    let mut demo = Command::new(tools.program("python"));
    demo.current_dir(root.join("demo/python")).env("MYPYPATH", ".");
    demo.args(["-P", "-m", "mypy", "--config-file", "../../python/pyproject.toml", "."]);
    let all = [".", "../benches/python", "../demo/python", "../crates/aya-ha-core/tests"];
    vec![
        command("ruff", &[&["format", "--check"], &all[..]].concat()),
        command("ruff", &[&["check"], &all[..]].concat()),
        command("python", &["-m", "mypy"]),
        demo,
        stubs,
    ]
}

/// psycopg2's tests, which are fetched once.
fn fetched(
    stages: &mut Stages,
    root: &Path,
    tools: &Environment,
    folder: &Path,
) -> Option<PathBuf> {
    let mut tests = None;
    stages.step("psycopg2-fetch", || {
        let mut fetch = Command::new(tools.program("python"));
        fetch.current_dir(root).arg("python/tests/psycopg2_suite/fetch.py").arg(folder);
        let output = fetch.output().context("start python")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8_lossy(&output.stdout);
        tests = told.lines().last().map(PathBuf::from);
        Ok(())
    });
    tests
}

/// A command below a server that is there for it alone.
fn below(shell: &Shell<'_>, environment: &[(&str, String)], command: &[String]) -> Command {
    let mut server = shell.cargo(&["run", "--quiet", "--package", "aya-testkit", "--all-features"]);
    server.args(["--bin", "with-postgres", "--"]);
    for setting in SETTINGS {
        server.args(["--setting", setting]);
    }
    server.args(["--extension", "hstore", "--"]).args(command);
    server.envs(environment.iter().map(|(name, value)| (name, value)));
    server
}

/// What psycopg2's suite asks of a server, for two-phase commit and replication.
const SETTINGS: &[&str] = &[
    "max_prepared_transactions=10",
    "wal_level=logical",
    "max_wal_senders=5",
    "max_replication_slots=5",
];

/// The programs of PostgreSQL 15, from Debian's package, which is unpacked and not installed.
fn older_postgres(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/servers/postgresql-15");
    let programs = folder.join("usr/lib/postgresql/15/bin");
    if !programs.join("postgres").exists() {
        fs::create_dir_all(&folder)?;
        quiet(Command::new("apt-get").args(["update", "--quiet=2"]))?;
        let packages = ["postgresql-15", "postgresql-client-15"];
        quiet(Command::new("apt-get").arg("download").args(packages).current_dir(&folder))?;
        for package in fs::read_dir(&folder)? {
            let package = package?.path();
            if package.extension().is_some_and(|it| it == "deb") {
                quiet(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&folder))?;
            }
        }
    }
    // A library of the system may be missing.
    quiet(Command::new(programs.join("postgres")).arg("--version"))?;
    Ok(programs)
}

fn quiet(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", told.trim());
    Ok(())
}
