//! The verbs that only start cargo: `demo`, `soak`, `trials`, `fix` and `fuzz`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::python::Environment;
use crate::test::variables;
use crate::{generate, setup};

/// Runs a verb of the demo in place of this process, so that Ctrl-C ends it and its exit code is
/// ours.
pub(crate) fn demo(root: &Path, verb: &str, arguments: &[OsString]) -> Result<()> {
    setup::protoc(root)?;
    let mut demo = cargo(root, &["run", "--release", "--package", "aya-demo", "--", verb]);
    demo.args(arguments);
    if names(arguments, "--ha").as_deref() == Some("aya-ha") {
        let build = ["build", "--release", "--package", "aya-ha", "--bin", "aya-ha"];
        run(cargo(root, &build))?;
        demo.env("AYA_DEMO_HA", target(root).join("release/aya-ha"));
    }
    if names(arguments, "--agents").is_some_and(|kind| kind != "rust") {
        let environment =
            Environment::prepare(root, "demo", &root.join("demo/python/requirements.txt"))?;
        environment.install(&environment.build_wheel(root)?)?;
        demo.env("AYA_DEMO_PYTHON", environment.program("python"));
    }
    become_it(demo)
}

/// What an option names, as `--option VALUE` or `--option=VALUE`.
fn names(arguments: &[OsString], option: &str) -> Option<String> {
    let mut words = arguments.iter().filter_map(|word| word.to_str());
    let value = words.find_map(|word| match word.strip_prefix(option)? {
        "" => Some(None),
        value => Some(Some(value.strip_prefix('=')?)),
    })?;
    value.or_else(|| words.next()).map(str::to_owned)
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Runs the trials in place of this process, for the same reasons.
pub(crate) fn trials(root: &Path, arguments: &[OsString]) -> Result<()> {
    let mut trials = cargo(root, &["run", "--package", "aya-trials", "--"]);
    trials.args(arguments);
    become_it(trials)
}

/// Formats, applies what clippy proposes, and makes the generated files anew.
pub(crate) fn fix(root: &Path) -> Result<()> {
    setup::protoc(root)?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
    ];
    run(cargo(root, &clippy))?;
    generate::run(root, generate::Mode::Write)?;
    run(cargo(root, &["fmt", "--all"]))
}

/// Runs a fuzzer: that of the wire session if the first argument is `wire`, else that of
/// connection strings, against the libpq that the servers' download brings.
pub(crate) fn fuzz(root: &Path, arguments: &[OsString]) -> Result<()> {
    setup::protoc(root)?;
    let (program, arguments) = match arguments {
        [first, rest @ ..] if first == "wire" => ("fuzz-wire", rest),
        all => ("fuzz-conninfo", all),
    };
    let fetch = ["run", "--quiet", "--package", "aya-testkit", "--bin", "fetch-servers"];
    let output = cargo(root, &fetch).output().context("start fetch-servers")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "fetch-servers failed: {errors}");
    let mut fuzz = cargo(
        root,
        &[
            "run",
            "--release",
            "--package",
            "aya-tests",
            "--features",
            "libpq",
            "--bin",
            program,
            "--",
        ],
    );
    fuzz.args(arguments).envs(variables(&String::from_utf8_lossy(&output.stdout)));
    run(fuzz)
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root);
    command
}

/// Returns only where a process cannot become another one, or when that failed.
fn become_it(mut command: Command) -> Result<()> {
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut command)).context("start cargo");
    #[cfg(not(unix))]
    run(command)
}

fn run(mut command: Command) -> Result<()> {
    let status = command.status().context("start cargo")?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_names_its_value_in_either_form() {
        let cases: [(&[&str], Option<&str>); 6] = [
            (&["--naive"], None),
            (&["--agents", "rust"], Some("rust")),
            (&["--agents=rust", "--json"], Some("rust")),
            (&["--naive", "--agents", "django"], Some("django")),
            (&["--agentsx=python"], None),
            (&["--agents"], None),
        ];
        for (words, expected) in cases {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert_eq!(names(&words, "--agents").as_deref(), expected, "{words:?}");
        }
    }
}
