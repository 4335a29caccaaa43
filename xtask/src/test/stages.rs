//! Which stages there are, and in which order: cheap ones first.
//!
//! Every cargo stage builds the whole workspace with all features, so that they share artefacts.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::python;
use super::stage::{End, Stages};
use crate::{generate, metadata, setup, tidy};

/// Which tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layers {
    /// All but those that start real clusters.
    Quick,
    /// All of them.
    All,
}

/// Runs every stage; fails at the end if one of them failed.
pub(crate) fn run(root: &Path, layers: Layers) -> Result<()> {
    let mut stages = Stages::new(root.join("target/test-logs"))?;
    stages.step("setup", || setup::run(root));
    let mut shell = Shell { root, path: setup::search_path(root)?, servers: Vec::new() };

    stages.commands("fmt", vec![shell.cargo(&["fmt", "--all", "--check"])]);
    stages.step("tidy", || tidy::run(root));
    stages.step("gen", || generate::run(root, generate::Mode::Check));
    stages.commands(
        "deny",
        vec![shell.cargo(&[
            "deny",
            "--log-level",
            "error",
            "check",
            "bans",
            "licenses",
            "sources",
        ])],
    );
    advisories(&mut stages, &shell);
    clippy(&mut stages, &shell);
    let mut doc = shell.cargo(&["doc", "--workspace", "--all-features", "--no-deps"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    stages.commands("doc", vec![doc]);
    servers(&mut stages, &mut shell);
    let live = live_filter(shell.root);
    stages.commands("tests", vec![shell.nextest("default", &format!("not ({live})"))]);
    let doctests = ["test", "--workspace", "--all-features", "--doc"];
    stages.commands("doctests", vec![shell.cargo(&doctests)]);
    match layers {
        Layers::Quick => stages.skip("live", "--quick"),
        Layers::All => stages.commands("live", vec![shell.nextest("live", &live)]),
    }
    python::run(&mut stages, &shell, layers);
    finish(stages)
}

/// Runs the stages of the Python package alone.
pub(crate) fn run_python(root: &Path, layers: Layers) -> Result<()> {
    let mut stages = Stages::new(root.join("target/test-logs"))?;
    stages.step("setup", || setup::run(root));
    let mut shell = Shell { root, path: setup::search_path(root)?, servers: Vec::new() };
    servers(&mut stages, &mut shell);
    python::run(&mut stages, &shell, layers);
    finish(stages)
}

fn finish(stages: Stages) -> Result<()> {
    if !stages.finish() {
        bail!("not everything passed");
    }
    Ok(())
}

pub(super) struct Shell<'a> {
    pub(super) root: &'a Path,
    path: OsString,
    servers: Vec<(String, String)>,
}

impl Shell<'_> {
    pub(super) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(self.root).env("PATH", &self.path);
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("RUST_BACKTRACE", "0")
            .envs(self.servers.iter().cloned());
        command
    }

    fn nextest(&self, profile: &str, filter: &str) -> Command {
        let run = ["nextest", "run", "--workspace", "--all-features", "--no-tests=pass"];
        self.cargo(&[&run[..], &["--profile", profile, "-E", filter]].concat())
    }
}

/// The tests that start real servers: the target `live`, the testkit's own, the examples, and unit
/// tests whose name begins with `live_`.
/// nextest refuses a filter that names a binary which does not exist.
fn live_filter(root: &Path) -> String {
    let mut filter = LIVE.to_owned();
    if metadata::read(root).is_ok_and(|it| it.has_target("aya-tests", "live")) {
        filter.push_str(" | (package(aya-tests) & binary(live))");
    }
    filter
}

/// The workspace with all features, and the driver as its default features build it.
fn clippy(stages: &mut Stages, shell: &Shell<'_>) {
    let all = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    let plain = ["clippy", "--package", "aya-db", "--lib", "--", "-D", "warnings"];
    stages.commands("clippy", vec![shell.cargo(&all), shell.cargo(&plain)]);
}

/// The advisory database lives in a git repository that not every machine can reach.
fn advisories(stages: &mut Stages, shell: &Shell<'_>) {
    let mut fetch = shell.cargo(&["deny", "--log-level", "error", "fetch", "db"]);
    match stages.logged("advisories-fetch", &mut fetch, Duration::from_secs(60)) {
        Ok((End::Passed, _)) => {
            let check = ["deny", "--log-level", "error", "check", "--disable-fetch", "advisories"];
            stages.commands("advisories", vec![shell.cargo(&check)]);
        }
        Ok(_) | Err(_) => stages.skip("advisories", "the advisory database cannot be fetched here"),
    }
}

/// Fetches PostgreSQL, etcd and Patroni, and hands their places to the tests.
fn servers(stages: &mut Stages, shell: &mut Shell<'_>) {
    let known =
        metadata::read(shell.root).is_ok_and(|it| it.has_target("aya-testkit", "fetch-servers"));
    if !known {
        return stages.skip("servers", "aya-testkit has no fetch-servers");
    }
    let mut found = Vec::new();
    let mut fetch = shell.cargo(&[
        "run",
        "--quiet",
        "--package",
        "aya-testkit",
        "--all-features",
        "--bin",
        "fetch-servers",
    ]);
    stages.step("servers", || {
        let output = fetch.output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        found = variables(&String::from_utf8_lossy(&output.stdout));
        Ok(())
    });
    shell.servers = found;
}

/// The `NAME=PATH` lines.
pub(crate) fn variables(output: &str) -> Vec<(String, String)> {
    let pairs = output.lines().filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

const LIVE: &str =
    "package(aya-examples) | (package(aya-testkit) & kind(test)) | test(/(^|::)live_/)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_upper_case_names_are_variables() {
        let output = "fetching a=b\nAYA_LIBPQ=/x/libpq.so.5\n";
        assert_eq!(variables(output), [("AYA_LIBPQ".to_owned(), "/x/libpq.so.5".to_owned())]);
    }
}
