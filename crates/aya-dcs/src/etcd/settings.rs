use std::fmt;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::error::chain;
use crate::StoreError;

/// How to reach an etcd cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EtcdSettings {
    /// The members, as `host:port` or as URLs. Without a scheme, TLS is used if [`tls`](Self::tls)
    /// is set.
    pub endpoints: Vec<String>,
    /// The user to authenticate as, if etcd asks for one.
    pub credentials: Option<Credentials>,
    /// Trust and client certificate for `https`; without it `https` trusts the system's roots.
    pub tls: Option<EtcdTls>,
}

impl EtcdSettings {
    /// The members, ready to be dialled.
    pub(super) fn dialable(&self) -> Result<Vec<(String, Endpoint)>, StoreError> {
        if self.endpoints.is_empty() {
            return Err(StoreError::Misconfigured { detail: "no etcd endpoint".to_owned() });
        }
        self.endpoints.iter().map(|text| self.endpoint(text)).collect()
    }

    fn endpoint(&self, text: &str) -> Result<(String, Endpoint), StoreError> {
        let wrong = |problem: String| StoreError::Misconfigured {
            detail: format!("etcd endpoint {}: {problem}", without_user(text)),
        };
        let url = match (text.contains("://"), &self.tls) {
            (true, _) => text.trim_end_matches('/').to_owned(),
            (false, None) => format!("http://{text}"),
            (false, Some(_)) => format!("https://{text}"),
        };
        let secure = url.starts_with("https://");
        if !secure && !url.starts_with("http://") {
            return Err(wrong("neither http nor https".to_owned()));
        }
        if url.contains('@') {
            return Err(wrong("the user belongs into the settings, not into the URL".to_owned()));
        }
        if !secure && self.tls.is_some() {
            return Err(wrong("certificates are set, but its scheme is http".to_owned()));
        }
        let endpoint = Endpoint::from_shared(url.clone())
            .map_err(|error| wrong(chain(&error)))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        if !secure {
            return Ok((url, endpoint));
        }
        let tls = self.tls.as_ref().map_or_else(system_roots, EtcdTls::config);
        let endpoint = endpoint.tls_config(tls).map_err(|error| wrong(chain(&error)))?;
        Ok((url, endpoint))
    }
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Certificates, as the contents of PEM files.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct EtcdTls {
    /// The authorities that may sign a member's certificate; the system's without it.
    pub ca_pem: Option<String>,
    /// The client's certificate and its private key.
    pub identity_pem: Option<(String, String)>,
}

impl EtcdTls {
    fn config(&self) -> ClientTlsConfig {
        let config = match &self.ca_pem {
            Some(pem) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)),
            None => system_roots(),
        };
        match &self.identity_pem {
            Some((certificate, key)) => config.identity(Identity::from_pem(certificate, key)),
            None => config,
        }
    }
}

impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdTls")
            .field("ca", &self.ca_pem.is_some())
            .field("identity", &self.identity_pem.is_some())
            .finish()
    }
}

fn system_roots() -> ClientTlsConfig {
    ClientTlsConfig::new().with_native_roots()
}

fn without_user(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, address)| address)
}

/// TCP and TLS to one member.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
