//! A connection string, made by calls.

use super::error::ConnInfoError;
use super::info::ConnInfo;
use super::parse::parse;
use super::resolve::resolve;
use super::settings::{Origin, Settings};
use super::surroundings::Surroundings;

/// Makes a [`ConnInfo`] parameter by parameter, under the names of the connection string.
///
/// ```
/// use aya_db_core::conninfo::{ConnInfo, FixedSurroundings};
///
/// let info = ConnInfo::builder()
///     .server("db1", 5432)
///     .server("db2", 5433)
///     .user("app")
///     .password("Power$$336633$$")
///     .set("target_session_attrs", "read-write")
///     .build(&FixedSurroundings::default())?;
/// assert_eq!(info.hosts().len(), 2);
/// # Ok::<(), aya_db_core::conninfo::ConnInfoError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct ConnInfoBuilder {
    settings: Settings,
    hosts: Vec<String>,
    ports: Vec<String>,
    error: Option<ConnInfoError>,
}

impl ConnInfoBuilder {
    /// Takes every parameter of a connection string; they give way to those set later.
    ///
    /// # Errors
    /// If the string breaks the grammar or names an unknown parameter.
    pub fn text(mut self, text: &str) -> Result<Self, ConnInfoError> {
        self.settings.merge(parse(text)?);
        Ok(self)
    }

    /// Sets a parameter by its name; an unknown one is reported by [`ConnInfoBuilder::build`].
    #[must_use]
    pub fn set(mut self, keyword: &str, value: impl AsRef<str>) -> Self {
        if let Err(error) = self.settings.set(keyword, value.as_ref(), Origin::Builder) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Adds a host: a name, an address, or a socket directory.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.hosts.push(host.to_owned());
        self
    }

    /// Adds a port: the only one holds for all hosts, the n-th of several for the n-th host.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.ports.push(port.to_string());
        self
    }

    /// Adds a host together with its port.
    #[must_use]
    pub fn server(self, host: &str, port: u16) -> Self {
        self.host(host).port(port)
    }

    /// Sets the database user.
    #[must_use]
    pub fn user(self, user: &str) -> Self {
        self.set("user", user)
    }

    /// Sets the password.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        self.set("password", password)
    }

    /// Sets the database.
    #[must_use]
    pub fn dbname(self, dbname: &str) -> Self {
        self.set("dbname", dbname)
    }

    /// Sets how `pg_stat_activity` shows the session.
    #[must_use]
    pub fn application_name(self, name: &str) -> Self {
        self.set("application_name", name)
    }

    /// Completes and checks what was set.
    ///
    /// # Errors
    /// If a parameter is unknown, and for the reasons of [`resolve`].
    pub fn build(mut self, surroundings: &dyn Surroundings) -> Result<ConnInfo, ConnInfoError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        for (keyword, list) in [("host", &self.hosts), ("port", &self.ports)] {
            if !list.is_empty() {
                self.settings.set(keyword, &list.join(","), Origin::Builder)?;
            }
        }
        resolve(&self.settings, surroundings)
    }
}
