use std::fmt;

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
