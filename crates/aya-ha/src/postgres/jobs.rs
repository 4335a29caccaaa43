//! Work on the server that takes a while.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::time::Duration;

use aya_db_core::{Lsn, NodeId, Timeline};
use aya_ha_core::config::{Login, Secret, parameters};
use aya_ha_core::plan::{Own, Stop, Way, way_back};
use aya_ha_core::postgres::State;
use nix::sys::signal::Signal;
use postgres_protocol::password::scram_sha_256;
use tokio::time::{Instant, sleep, timeout};

use super::postmaster::destroy_orphans;
use super::server::{PROGRAM, SESSION};
use super::source::{rewinder, source};
use super::{Postmaster, Server, ServerError, data, files, session};

impl Server {
    /// Makes the data of a new cluster, starts on it and makes the users.
    ///
    /// # Errors
    /// If a step fails; what is there then is no usable data.
    pub async fn bootstrap(&self) -> Result<(), ServerError> {
        let superuser = &self.config.postgresql.superuser;
        let passwords = superuser.password.as_ref().map(|it| self.password_file(it)).transpose()?;
        let initdb = self.programs.run("initdb", INITDB, |it| {
            it.arg("-D").arg(&self.data).arg("--username").arg(&superuser.username);
            it.args(self.config.bootstrap.initdb.iter().map(|option| format!("--{option}")));
            if let Some(file) = &passwords {
                it.arg("--pwfile").arg(file).arg("--auth-host=scram-sha-256");
            }
            it
        });
        let made = initdb.await;
        if let Some(file) = passwords {
            let _gone = fs::remove_file(file);
        }
        made?;
        self.set_upstream(None);
        self.write_files()?;
        self.start().await?;
        self.make_users().await?;
        self.post_init().await
    }

    /// Copies the data of another server, and starts as its standby.
    ///
    /// # Errors
    /// If a step fails.
    pub async fn copy(&self, name: &str, from: NodeId) -> Result<(), ServerError> {
        let postgresql = &self.config.postgresql;
        let source = files::connection_to(&self.config, &from, &postgresql.replication, "");
        fs::create_dir_all(&self.data)
            .and_then(|()| fs::set_permissions(&self.data, fs::Permissions::from_mode(0o700)))
            .map_err(|error| self.files_error(&error))?;
        let copied = self.programs.run("pg_basebackup", COPY, |it| {
            it.arg("-D").arg(&self.data).arg("--wal-method=stream").arg("--no-password");
            it.args(postgresql.basebackup.iter().map(|option| format!("--{option}")));
            it.arg("--dbname").arg(source)
        });
        copied.await?;
        self.start_standby(Some((name, from))).await
    }

    /// Starts as a primary on what is there.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_primary(&self) -> Result<(), ServerError> {
        files::mark_primary(&self.data)?;
        self.set_upstream(None);
        self.write_files()?;
        self.start().await
    }

    /// Starts as a standby.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_standby(&self, upstream: Option<(&str, NodeId)>) -> Result<(), ServerError> {
        files::mark_standby(&self.data)?;
        self.set_upstream(upstream);
        self.write_files()?;
        self.start().await
    }

    /// Makes sure that the data fits what the leader goes on from, and starts as its standby.
    ///
    /// # Errors
    /// If a step fails. Data is only removed where the configuration says so.
    pub async fn rejoin(&self, name: &str, leader: NodeId) -> Result<(), ServerError> {
        if self.postmaster().is_some() {
            self.stop(Stop::Fast).await?;
        }
        let source = source(&self.config, &leader).await?;
        let control = self.control().await?;
        let (end, timeline) = control.end();
        let own = Own { timeline, end, open_ended: control.state == State::InProduction };
        if way_back(own, &source) == Way::Start {
            return self.start_standby(Some((name, leader))).await;
        }
        let rewinds =
            self.config.postgresql.use_pg_rewind.unwrap_or_else(|| self.dynamic().use_pg_rewind);
        let rewound = if rewinds { self.rewind(&leader).await } else { Err(no_rewind()) };
        match rewound {
            Ok(()) => self.start_standby(Some((name, leader))).await,
            Err(error) => {
                let postgresql = &self.config.postgresql;
                let allowed = if rewinds {
                    postgresql.remove_when_rewind_fails
                } else {
                    postgresql.remove_when_diverged
                };
                if !allowed {
                    return Err(error);
                }
                tracing::warn!(%error, "the data is removed and copied anew from {name}");
                data::remove(&self.data)?;
                self.copy(name, leader).await
            }
        }
    }

    /// Whether this log, on this timeline, goes on beyond what the leader has of it. Where the leader cannot
    /// be asked it counts as not.
    pub async fn is_beyond(&self, (timeline, end): (Timeline, Lsn), leader: &NodeId) -> bool {
        let own = Own { timeline, end, open_ended: false };
        let source = source(&self.config, leader).await;
        source.is_ok_and(|source| way_back(own, &source) == Way::Rewind)
    }

    /// Removes the data and copies it anew.
    ///
    /// # Errors
    /// If a step fails.
    pub async fn reinitialize(&self, name: &str, from: NodeId) -> Result<(), ServerError> {
        if self.postmaster().is_some() {
            self.stop(Stop::Fast).await?;
        }
        data::remove(&self.data)?;
        self.copy(name, from).await
    }

    /// Stops and starts as what it was.
    ///
    /// # Errors
    /// If a step fails.
    pub async fn restart(&self) -> Result<(), ServerError> {
        self.stop(Stop::Fast).await?;
        self.write_files()?;
        self.start().await
    }

    /// Promotes a running standby, and ends once it takes writes.
    ///
    /// # Errors
    /// If it does not become a primary in time.
    pub async fn promote(&self) -> Result<(), ServerError> {
        let client = self.session(SESSION).await?;
        session::ask(&client, "select pg_promote(false)", SESSION).await?;
        let deadline = Instant::now() + self.config.postgresql.patience;
        while Instant::now() < deadline {
            if session::ask(&client, "select pg_is_in_recovery()", SESSION).await? == "f" {
                self.set_upstream(None);
                return Ok(());
            }
            sleep(POLL).await;
        }
        Err(ServerError::Process("is not promoted in time".to_owned()))
    }

    /// Stops. What is not fast enough is stopped harder, in the end by killing every process.
    ///
    /// # Errors
    /// If it survives even that.
    pub async fn stop(&self, how: Stop) -> Result<(), ServerError> {
        let Some(postmaster) = self.postmaster() else {
            destroy_orphans(&self.data);
            return Ok(());
        };
        if how == Stop::Handover {
            // The less there is left to write, the shorter nobody leads.
            self.checkpoint(self.config.postgresql.patience).await?;
        }
        if how != Stop::Immediate {
            postmaster.signal(Signal::SIGINT);
            if timeout(self.config.postgresql.patience, postmaster.died()).await.is_ok() {
                return Ok(());
            }
        }
        postmaster.signal(Signal::SIGQUIT);
        if timeout(QUIT, postmaster.died()).await.is_ok() {
            destroy_orphans(&self.data);
            return Ok(());
        }
        postmaster.destroy(&self.data);
        let died = timeout(PROGRAM, postmaster.died()).await;
        died.map_err(|_| ServerError::Process("survives SIGKILL".to_owned()))
    }

    async fn start(&self) -> Result<(), ServerError> {
        if self.postmaster().is_some() {
            return Err(ServerError::Process("runs already".to_owned()));
        }
        destroy_orphans(&self.data);
        let mut command = self.programs.command("postgres");
        command.arg("-D").arg(&self.data).kill_on_drop(false).process_group(0);
        for (name, value) in parameters(&self.config, &self.dynamic()).command_line {
            command.arg(format!("--{name}={value}"));
        }
        let mut child = command.spawn().map_err(|error| ServerError::Program {
            name: "postgres".to_owned(),
            why: error.to_string(),
        })?;
        let ended = tokio::spawn(async move { child.wait().await });
        let patience = sleep(STARTING);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                () = &mut patience => return Ok(()),
                () = sleep(POLL) => {
                    if ended.is_finished() {
                        let why = "ended while it started; its log says why";
                        return Err(ServerError::Process(why.to_owned()));
                    }
                    if matches!(Postmaster::status(&self.data).as_str(), "ready" | "standby") {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn rewind(&self, leader: &NodeId) -> Result<(), ServerError> {
        let source = files::connection_to(&self.config, leader, rewinder(&self.config), "postgres");
        let rewound = self.programs.run("pg_rewind", COPY, |it| {
            it.arg("-D").arg(&self.data).arg("--source-server").arg(source).arg("--no-sync")
        });
        rewound.await.map(|_| ())
    }

    async fn make_users(&self) -> Result<(), ServerError> {
        let client = self.session(SESSION).await?;
        let postgresql = &self.config.postgresql;
        // What this says stays out of the log, and waits for no standby.
        session::ask(
            &client,
            "set log_statement = none; set log_min_duration_statement = -1; \
            set log_min_error_statement = panic; set synchronous_commit = local",
            SESSION,
        )
        .await?;
        if postgresql.replication.username != postgresql.superuser.username {
            session::ask(&client, &role(&postgresql.replication, "replication"), SESSION).await?;
        }
        if let Some(login) = &postgresql.rewind
            && login.username != postgresql.superuser.username
        {
            session::ask(&client, &role(login, ""), SESSION).await?;
            for function in REWIND {
                let user = quoted(&login.username);
                let grant = format!("grant execute on function pg_catalog.{function} to {user}");
                session::ask(&client, &grant, SESSION).await?;
            }
        }
        Ok(())
    }

    async fn post_init(&self) -> Result<(), ServerError> {
        let Some(command) = &self.config.bootstrap.post_init else { return Ok(()) };
        let postgresql = &self.config.postgresql;
        let node = NodeId::new("127.0.0.1", postgresql.port);
        let url = files::connection_to(&self.config, &node, &postgresql.superuser, "postgres");
        let mut shell = tokio::process::Command::new("sh");
        shell.arg("-c").arg(format!("{command} \"$1\"")).arg("post_init").arg(url);
        if let Some(password) = &postgresql.superuser.password {
            shell.env("PGPASSWORD", password.reveal());
        }
        let failed = |why: String| ServerError::Program { name: "post_bootstrap".to_owned(), why };
        let status = shell.status().await.map_err(|error| failed(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
    }

    /// A file for `initdb`, which takes a password from nothing else.
    fn password_file(&self, password: &Secret) -> Result<std::path::PathBuf, ServerError> {
        let path = self.data.with_extension("initdb");
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(password.reveal().as_bytes()));
        written.map_err(|error| self.files_error(&error))?;
        Ok(path)
    }

    fn files_error(&self, error: &std::io::Error) -> ServerError {
        ServerError::Files { path: self.data.clone(), why: error.to_string() }
    }
}

/// Makes a user, or changes the one that is there. The server never sees the password, only what proves it
/// (<https://www.postgresql.org/docs/18/sql-createrole.html>).
fn role(login: &Login, rights: &str) -> String {
    let user = quoted(&login.username);
    let password = login.password.as_ref().map_or_else(String::new, |password| {
        format!(" password '{}'", scram_sha_256(password.reveal().as_bytes()))
    });
    let name = login.username.replace('\'', "''");
    format!(
        "do $aya$ begin if not exists (select from pg_roles where rolname = '{name}') \
         then create role {user}; end if; end $aya$; \
         alter role {user} with login {rights}{password}"
    )
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn no_rewind() -> ServerError {
    ServerError::Process("has log that the leader never had, and use_pg_rewind is off".to_owned())
}

/// What pg_rewind calls (<https://www.postgresql.org/docs/18/app-pgrewind.html>).
const REWIND: &[&str] = &[
    "pg_ls_dir(text, boolean, boolean)",
    "pg_stat_file(text, boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text, bigint, bigint, boolean)",
];

/// How often a state is asked for that is waited for.
const POLL: Duration = Duration::from_millis(3);

/// How long a start is waited for before others look on: recovery may take hours.
const STARTING: Duration = Duration::from_secs(2);

/// How long a server may take to end that was told to end at once.
const QUIT: Duration = Duration::from_millis(500);

const INITDB: Duration = Duration::from_secs(300);
const COPY: Duration = Duration::from_secs(86_400);
