//! The files that the daemon writes for the server.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aya_db_core::NodeId;
use aya_ha_core::config::{Config, Dynamic, Login, parameters};
use aya_ha_core::postgres::{conf_value, conninfo, pgpass_field};
use serde_json::Value;

use super::ServerError;

/// What `postgresql.conf` depends on beside the configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Setting {
    /// `synchronous_standby_names`; `None` until it is known.
    pub(super) standby_names: Option<String>,
    /// The server that a standby follows.
    pub(super) upstream: Option<NodeId>,
}

/// Writes everything that the server reads. What `initdb` wrote as `postgresql.conf` is kept as
/// `postgresql.base.conf` and included, as Patroni does.
pub(super) fn write_all(
    config: &Config,
    dynamic: &Dynamic,
    setting: &Setting,
) -> Result<(), ServerError> {
    let data = Path::new(&config.postgresql.data_dir);
    let (conf, base) = (data.join("postgresql.conf"), data.join("postgresql.base.conf"));
    if !base.exists() && conf.exists() {
        fs::rename(&conf, &base).map_err(|error| failed(&base, &error))?;
    }
    write(&conf, &postgresql_conf(config, dynamic, setting))?;
    let lines = |own: &Option<Vec<String>>, key: &str| {
        own.clone().or_else(|| list(dynamic.postgresql.get(key)?))
    };
    for (file, lines) in [
        ("pg_hba.conf", lines(&config.postgresql.pg_hba, "pg_hba")),
        ("pg_ident.conf", lines(&config.postgresql.pg_ident, "pg_ident")),
    ] {
        if let Some(lines) = lines {
            write(&data.join(file), &format!("{HEAD}{}\n", lines.join("\n")))?;
        }
    }
    Ok(())
}

/// Says that the next start is as a standby, or that it is not.
pub(super) fn mark_standby(data: &Path) -> Result<(), ServerError> {
    write(&data.join("standby.signal"), "")
}

/// See [`mark_standby`].
pub(super) fn mark_primary(data: &Path) -> Result<(), ServerError> {
    match fs::remove_file(data.join("standby.signal")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(data, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes the password file for replicating and rewinding, readable for nobody else.
pub(super) fn write_passwords(config: &Config) -> Result<(), ServerError> {
    let mut text = String::new();
    let postgresql = &config.postgresql;
    for login in [&postgresql.replication, super::source::rewinder(config)] {
        let Some(password) = &login.password else { continue };
        let (user, password) = (pgpass_field(&login.username), pgpass_field(password.reveal()));
        let _infallible = writeln!(text, "*:*:*:{user}:{password}");
    }
    write(&password_file(config), &text)
}

/// Where that is.
pub(super) fn password_file(config: &Config) -> PathBuf {
    let data = config.postgresql.data_dir.trim_end_matches('/');
    config
        .postgresql
        .pgpass
        .as_ref()
        .map_or_else(|| PathBuf::from(format!("{data}.pgpass")), PathBuf::from)
}

/// How a program or the server itself connects to another server. The password is in the file.
pub(super) fn connection_to(config: &Config, at: &NodeId, login: &Login, database: &str) -> String {
    let (port, passwords) = (at.port().to_string(), password_file(config));
    let passwords = passwords.to_string_lossy();
    let mut parts = vec![
        ("user", login.username.as_str()),
        ("passfile", &*passwords),
        ("host", at.host()),
        ("port", &port),
        ("application_name", &config.name),
    ];
    if !database.is_empty() {
        parts.push(("dbname", database));
    }
    parts.extend(login.options.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    conninfo(&parts)
}

fn postgresql_conf(config: &Config, dynamic: &Dynamic, setting: &Setting) -> String {
    let mut text = format!("{HEAD}include 'postgresql.base.conf'\n\n");
    let mut put = |name: &str, value: &str| {
        let _infallible = writeln!(text, "{name} = {}", conf_value(value));
    };
    // Those of the command line as well, or each reload would complain of what initdb wrote.
    let parameters = parameters(config, dynamic);
    for (name, value) in parameters.command_line.iter().chain(&parameters.file) {
        put(name, value);
    }
    put("synchronous_standby_names", setting.standby_names.as_deref().unwrap_or_default());
    put("recovery_target_timeline", "latest");
    if !parameters.file.contains_key(RETRY) {
        put(RETRY, "250ms");
    }
    let primary = setting.upstream.as_ref().map_or_else(String::new, |at| {
        connection_to(config, at, &config.postgresql.replication, "")
    });
    put("primary_conninfo", &primary);
    text
}

fn list(value: &Value) -> Option<Vec<String>> {
    let lines = value.as_array()?.iter().map(|line| line.as_str().map(str::to_owned));
    lines.collect()
}

/// Replaces a file whole: a reader finds the old one or the new one.
fn write(path: &Path, text: &str) -> Result<(), ServerError> {
    let fresh = path.with_extension("new");
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&fresh, path));
    written.map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> ServerError {
    ServerError::Files { path: path.to_owned(), why: error.to_string() }
}

/// How long a standby waits before it looks for its source again, which also is what a promotion may have to
/// wait for; PostgreSQL's own 5 s are longer than everything else that a failover takes.
const RETRY: &str = "wal_retrieve_retry_interval";

const HEAD: &str =
    "# Written by aya-ha and overwritten: change the cluster's configuration instead.\n";
