use std::fmt;
use std::fs;

use aya_db_core::conninfo::StoreSettings;

/// How to reach one source. Files are read already: these are their contents.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceSettings {
    /// Where it answers: URLs without a path, `https://etcd1:2379`.
    pub(crate) endpoints: Vec<String>,
    /// The user to log in as.
    pub(crate) login: Option<Login>,
    /// Certificates for the endpoints with `https`.
    pub(crate) tls: Option<TlsPem>,
}

/// A user and a password.
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// The contents of PEM files.
#[derive(Clone, Default)]
pub(crate) struct TlsPem {
    /// The authorities that may sign the servers' certificates; the system's without it.
    pub(crate) ca: Option<String>,
    /// The client's certificate and its private key.
    pub(crate) identity: Option<(String, String)>,
}

impl fmt::Debug for TlsPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPem")
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

/// Reads the files that the settings of a source name. It blocks on the file system.
///
/// # Errors
/// The file that cannot be read, and why.
pub(crate) fn read_settings(store: &StoreSettings) -> Result<SourceSettings, String> {
    let read = |path: &Option<String>| match path {
        Some(path) => match fs::read_to_string(path) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(format!("\"{path}\" cannot be read: {error}")),
        },
        None => Ok(None),
    };
    let ca = read(&store.root_cert)?;
    let identity = read(&store.cert)?.zip(read(&store.key)?);
    let tls = (ca.is_some() || identity.is_some()).then_some(TlsPem { ca, identity });
    let login = store.user.clone().map(|user| Login {
        user,
        password: store
            .password
            .as_ref()
            .map_or_else(String::new, |password| password.expose().to_owned()),
    });
    let endpoints = store.endpoints.iter().map(ToString::to_string).collect();
    Ok(SourceSettings { endpoints, login, tls })
}
