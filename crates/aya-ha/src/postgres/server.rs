use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aya_db_core::NodeId;
use aya_ha_core::cluster::Switch;
use aya_ha_core::config::{Config, Dynamic};
use aya_ha_core::postgres::{ControlData, Probe, history};
use aya_ha_core::sync::Standbys;
use aya_ha_core::view::Data;
use nix::sys::signal::Signal;
use tokio_postgres::Client;

use super::files::{self, Setting};
use super::probe::probe;
use super::programs::Programs;
use super::{Postmaster, data, session};

/// The server on this node.
pub struct Server {
    pub(super) config: Config,
    pub(super) programs: Programs,
    pub(super) data: PathBuf,
    /// The version of the programs.
    major: u32,
    dynamic: Mutex<Dynamic>,
    setting: Mutex<Setting>,
    /// Whom it follows, by name.
    follows: Mutex<Option<String>>,
    /// A session that is kept, so that a promotion has not to wait for one.
    session: tokio::sync::Mutex<Option<Arc<Client>>>,
}

/// Why something about the server failed. Without passwords.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ServerError {
    /// A program of PostgreSQL.
    #[error("{name}: {why}")]
    Program {
        /// Which.
        name: String,
        /// What it said.
        why: String,
    },
    /// A session.
    #[error("{host}: {why}")]
    Session {
        /// With whom.
        host: String,
        /// What went wrong.
        why: String,
    },
    /// A file or directory.
    #[error("{}: {why}", path.display())]
    Files {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
    /// The server's process.
    #[error("the server {0}")]
    Process(String),
}

impl Server {
    /// The server of this configuration; looks which version its programs are of.
    ///
    /// # Errors
    /// If they cannot be run.
    pub async fn new(config: Config, dynamic: Dynamic) -> Result<Self, ServerError> {
        let programs = Programs::new(&config.postgresql.bin_dir);
        let version = programs.run("postgres", PROGRAM, |it| it.arg("--version")).await?;
        let major =
            version.split_whitespace().filter_map(|word| word.split('.').next()?.parse().ok());
        let major = major.into_iter().next().ok_or_else(|| ServerError::Program {
            name: "postgres".to_owned(),
            why: format!("says no version: {version:?}"),
        })?;
        let data = PathBuf::from(&config.postgresql.data_dir);
        files::write_passwords(&config)?;
        Ok(Self {
            config,
            programs,
            data,
            major,
            dynamic: Mutex::new(dynamic),
            setting: Mutex::default(),
            follows: Mutex::default(),
            session: tokio::sync::Mutex::default(),
        })
    }

    /// The configuration that it was made from.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Where its data is.
    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    /// What the data directory holds.
    pub fn data_state(&self) -> Data {
        data::state(&self.data, self.major)
    }

    /// What runs.
    pub fn postmaster(&self) -> Option<Postmaster> {
        Postmaster::find(&self.data)
    }

    /// What the control file says.
    ///
    /// # Errors
    /// If there is none, or it is damaged.
    pub async fn control(&self) -> Result<ControlData, ServerError> {
        let output =
            self.programs.run("pg_controldata", PROGRAM, |it| it.arg("-D").arg(&self.data)).await?;
        ControlData::parse(&output).map_err(|line| ServerError::Program {
            name: "pg_controldata".to_owned(),
            why: format!("prints no {line:?}"),
        })
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// If it does not answer within this time.
    pub async fn probe(&self, patience: Duration) -> Result<Probe, ServerError> {
        let client = self.session(patience).await?;
        let probe = probe(&client, patience).await;
        if probe.is_err() {
            *self.session.lock().await = None;
        }
        probe
    }

    /// The timelines that ended before this one, as the server's history file tells.
    pub fn history(&self, timeline: aya_db_core::Timeline) -> Vec<Switch> {
        let file = self.data.join(format!("pg_wal/{:08X}.history", timeline.0));
        std::fs::read_to_string(file).map(|file| history(&file)).unwrap_or_default()
    }

    /// Whom a standby is set to follow.
    pub fn follows(&self) -> Option<String> {
        lock(&self.follows).clone()
    }

    /// Takes another dynamic configuration over, and lets a running server read it.
    ///
    /// # Errors
    /// If its files cannot be written.
    pub fn reconfigure(&self, dynamic: Dynamic) -> Result<(), ServerError> {
        *lock(&self.dynamic) = dynamic;
        if self.data_state() == Data::Valid { self.write_and_reload() } else { Ok(()) }
    }

    /// Keeps what a server that was found running is set to wait for, so that writing its files changes
    /// nothing.
    pub fn adopt(&self, standby_names: &str) {
        lock(&self.setting).standby_names.get_or_insert_with(|| standby_names.to_owned());
    }

    /// Lets commits wait for these standbys.
    ///
    /// # Errors
    /// If the server's files cannot be written.
    pub fn wait_for(&self, standbys: &Standbys) -> Result<(), ServerError> {
        let wanted = standbys.setting();
        let old = lock(&self.setting).standby_names.replace(wanted.clone());
        if old.as_ref() == Some(&wanted) { Ok(()) } else { self.write_and_reload() }
    }

    /// Makes a standby follow this server, or none.
    ///
    /// # Errors
    /// If the server's files cannot be written.
    pub fn follow(&self, upstream: Option<(&str, NodeId)>) -> Result<(), ServerError> {
        self.set_upstream(upstream);
        self.write_and_reload()
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// If the server does not, or not in time.
    pub async fn checkpoint(&self, patience: Duration) -> Result<(), ServerError> {
        let client = session::own(&self.config, SESSION).await?;
        session::ask(&client, "checkpoint", patience).await.map(|_| ())
    }

    pub(super) fn set_upstream(&self, upstream: Option<(&str, NodeId)>) {
        let (name, node) = upstream.map(|(name, node)| (name.to_owned(), node)).unzip();
        *lock(&self.follows) = name;
        lock(&self.setting).upstream = node;
    }

    pub(super) fn write_files(&self) -> Result<(), ServerError> {
        let (dynamic, setting) = (lock(&self.dynamic).clone(), lock(&self.setting).clone());
        files::write_all(&self.config, &dynamic, &setting)
    }

    pub(super) fn dynamic(&self) -> Dynamic {
        lock(&self.dynamic).clone()
    }

    /// The session that is kept, or a new one.
    pub(super) async fn session(&self, patience: Duration) -> Result<Arc<Client>, ServerError> {
        let mut kept = self.session.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(session::own(&self.config, patience).await?);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    fn write_and_reload(&self) -> Result<(), ServerError> {
        self.write_files()?;
        if let Some(postmaster) = self.postmaster() {
            postmaster.signal(Signal::SIGHUP);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that only prints.
pub(super) const PROGRAM: Duration = Duration::from_secs(10);

/// A session with the server of this node.
pub(super) const SESSION: Duration = Duration::from_secs(3);
