//! Virtual environments of Python, below `target/python`, and the wheel of the package in them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// A virtual environment.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Environment {
    /// The environment of this name, with what a file of requirements asks for.
    pub(crate) fn prepare(root: &Path, name: &str, requirements: &Path) -> Result<Self> {
        let environment = Self { folder: root.join("target/python").join(name) };
        environment.create()?;
        // pip takes seconds to find out that there is nothing to do.
        let wanted = fs::read_to_string(requirements)
            .with_context(|| format!("read {}", requirements.display()))?;
        let done = environment.folder.join("requirements.txt");
        if fs::read_to_string(&done).is_ok_and(|done| done == wanted) {
            return Ok(environment);
        }
        check(environment.pip(&["--requirement".into(), requirements.into()]))?;
        fs::write(&done, wanted)?;
        Ok(environment)
    }

    /// A new environment of this name, with nothing in it.
    pub(crate) fn clean(root: &Path, name: &str) -> Result<Self> {
        let environment = Self { folder: root.join("target/python").join(name) };
        if environment.folder.exists() {
            fs::remove_dir_all(&environment.folder)?;
        }
        environment.create()?;
        Ok(environment)
    }

    fn create(&self) -> Result<()> {
        if self.program("python").exists() {
            return Ok(());
        }
        let python = env::var_os("AYA_PYTHON").unwrap_or_else(|| "python3".into());
        let mut venv = Command::new(python);
        venv.args(["-m", "venv"]).arg(&self.folder);
        check(venv)
    }

    /// Builds the wheel of the package for this interpreter, as it is published.
    pub(crate) fn build_wheel(&self, root: &Path) -> Result<PathBuf> {
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
        Ok(wheel.path())
    }

    /// Puts a wheel in place of an earlier one.
    pub(crate) fn install(&self, wheel: &Path) -> Result<()> {
        check(self.pip(&["--force-reinstall".into(), "--no-deps".into(), wheel.into()]))
    }

    fn pip(&self, arguments: &[OsString]) -> Command {
        let mut pip = Command::new(self.program("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(arguments);
        pip
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Runs a command that has to succeed.
pub(crate) fn check(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
