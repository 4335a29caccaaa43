//! What is wanted of TLS.

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::secret::Secret;
use super::settings::Settings;
use super::surroundings::Surroundings;
use super::value::Given;

/// What is wanted of TLS, with the names of libpq. TLS is never used on Unix sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSettings {
    /// Whether TLS is used and what is checked (`sslmode`).
    pub mode: SslMode,
    /// How TLS begins (`sslnegotiation`).
    pub negotiation: SslNegotiation,
    /// Who may sign the server's certificate (`sslrootcert`).
    pub root_cert: RootCert,
    /// The client's certificate (`sslcert`).
    pub cert: FileChoice,
    /// The client's key (`sslkey`).
    pub key: FileChoice,
    /// The password of the client's key (`sslpassword`).
    pub key_password: Option<Secret>,
    /// Whether the client's certificate is sent (`sslcertmode`).
    pub cert_mode: SslCertMode,
    /// Revoked certificates (`sslcrl`).
    pub crl: FileChoice,
    /// A directory of files with revoked certificates (`sslcrldir`).
    pub crl_dir: Option<String>,
    /// Whether the server is told which host is meant (`sslsni`).
    pub sni: ServerNameIndication,
    /// The lowest version (`ssl_min_protocol_version`).
    pub min_version: TlsVersion,
    /// The highest version, `None` for the newest (`ssl_max_protocol_version`).
    pub max_version: Option<TlsVersion>,
    /// A file that receives the keys, for debugging (`sslkeylogfile`).
    pub key_log_file: Option<String>,
    /// Whether SCRAM is bound to the TLS connection (`channel_binding`).
    pub channel_binding: ChannelBinding,
}

/// Whether TLS is used and what is checked, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SslMode {
    /// No TLS.
    Disable,
    /// TLS only if the server insists.
    Allow,
    /// TLS if the server can.
    Prefer,
    /// TLS. The server's certificate is checked as by `VerifyCa` if a root certificate exists.
    Require,
    /// TLS with a certificate from a known authority.
    VerifyCa,
    /// TLS with a certificate from a known authority for the host's name.
    VerifyFull,
}

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SslNegotiation {
    /// By a question in PostgreSQL's protocol.
    Postgres,
    /// At once.
    Direct,
}

/// Who may sign the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCert {
    /// The system's authorities.
    System,
    /// Those of a file.
    File(FileChoice),
}

/// Which file is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileChoice {
    /// The one named; it must exist.
    Given(String),
    /// The one at the usual place, if it exists.
    IfPresent(String),
    /// None: nothing is named and there is no home directory.
    Absent,
}

impl FileChoice {
    /// The path, whether or not the file must exist.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Given(path) | Self::IfPresent(path) => Some(path),
            Self::Absent => None,
        }
    }
}

/// Whether the client's certificate is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SslCertMode {
    /// Never.
    Disable,
    /// If the server asks and there is one.
    Allow,
    /// Always; a server that does not ask is refused.
    Require,
}

/// Whether TLS tells the server which host is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServerNameIndication {
    /// It does not.
    Off,
    /// It does.
    On,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Whether SCRAM is bound to the TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelBinding {
    /// It is not.
    Disable,
    /// If the server can.
    Prefer,
    /// It must be.
    Require,
}

impl TlsSettings {
    pub(super) fn from_settings(
        settings: &Settings,
        surroundings: &dyn Surroundings,
    ) -> Result<Self, ConnInfoError> {
        let text = |keyword| Given::filled(settings, keyword).map(|given| given.value.to_owned());
        let home = surroundings.home();
        let file = |keyword, usual: &str| match (text(keyword), &home) {
            (Some(path), _) => FileChoice::Given(path),
            (None, Some(home)) => FileChoice::IfPresent(format!("{home}/.postgresql/{usual}")),
            (None, None) => FileChoice::Absent,
        };
        let crl_dir = text("sslcrldir");
        let usual_crl = crl_dir.is_none() || text("sslcrl").is_some();
        let tls = Self {
            mode: mode(settings)?,
            negotiation: negotiation(settings)?,
            root_cert: match text("sslrootcert").as_deref() {
                Some("system") => RootCert::System,
                _ => RootCert::File(file("sslrootcert", "root.crt")),
            },
            cert: file("sslcert", "postgresql.crt"),
            key: file("sslkey", "postgresql.key"),
            key_password: text("sslpassword").map(Secret::new),
            cert_mode: cert_mode(settings)?,
            crl: if usual_crl { file("sslcrl", "root.crl") } else { FileChoice::Absent },
            crl_dir,
            sni: sni(settings)?,
            min_version: version(settings, "ssl_min_protocol_version", Bound::Lower)?
                .unwrap_or(TlsVersion::Tls12),
            max_version: version(settings, "ssl_max_protocol_version", Bound::Upper)?,
            key_log_file: text("sslkeylogfile"),
            channel_binding: channel_binding(settings)?,
        };
        tls.check(settings)?;
        Ok(tls)
    }

    fn check(&self, settings: &Settings) -> Result<(), ConnInfoError> {
        let mode = settings.get("sslmode").unwrap_or("prefer");
        if self.negotiation == SslNegotiation::Direct && self.mode < SslMode::Require {
            return Err(ConnInfoError::conflict(format!(
                "weak sslmode \"{mode}\" may not be used with sslnegotiation=direct (use \
                 \"require\", \"verify-ca\", or \"verify-full\")"
            ))
            .about("sslnegotiation"));
        }
        if self.root_cert == RootCert::System && self.mode < SslMode::VerifyFull {
            return Err(ConnInfoError::conflict(format!(
                "weak sslmode \"{mode}\" may not be used with sslrootcert=system (use \
                 \"verify-full\")"
            ))
            .about("sslrootcert"));
        }
        if self.max_version.is_some_and(|max| max < self.min_version) {
            return Err(ConnInfoError::conflict(
                "ssl_min_protocol_version is above ssl_max_protocol_version",
            )
            .about("ssl_min_protocol_version"));
        }
        Ok(())
    }
}

fn mode(settings: &Settings) -> Result<SslMode, ConnInfoError> {
    let Some(given) = Given::find(settings, "sslmode") else {
        return Ok(SslMode::Prefer);
    };
    given.choice(&[
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ])
}

fn negotiation(settings: &Settings) -> Result<SslNegotiation, ConnInfoError> {
    let Some(given) = Given::find(settings, "sslnegotiation") else {
        return Ok(SslNegotiation::Postgres);
    };
    given.choice(&[("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)])
}

fn cert_mode(settings: &Settings) -> Result<SslCertMode, ConnInfoError> {
    let Some(given) = Given::find(settings, "sslcertmode") else {
        return Ok(SslCertMode::Allow);
    };
    given.choice(&[
        ("disable", SslCertMode::Disable),
        ("allow", SslCertMode::Allow),
        ("require", SslCertMode::Require),
    ])
}

fn channel_binding(settings: &Settings) -> Result<ChannelBinding, ConnInfoError> {
    let Some(given) = Given::find(settings, "channel_binding") else {
        return Ok(ChannelBinding::Prefer);
    };
    given.choice(&[
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ])
}

fn sni(settings: &Settings) -> Result<ServerNameIndication, ConnInfoError> {
    let Some(given) = Given::filled(settings, "sslsni") else {
        return Ok(ServerNameIndication::On);
    };
    given.choice(&[("0", ServerNameIndication::Off), ("1", ServerNameIndication::On)])
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    Lower,
    Upper,
}

/// A version bound. An old lower bound is met by a newer version; an old upper bound cannot be.
fn version(
    settings: &Settings,
    keyword: &'static str,
    bound: Bound,
) -> Result<Option<TlsVersion>, ConnInfoError> {
    let Some(given) = Given::filled(settings, keyword) else {
        return Ok(None);
    };
    match given.value.to_ascii_lowercase().as_str() {
        "tlsv1.3" => Ok(Some(TlsVersion::Tls13)),
        "tlsv1.2" => Ok(Some(TlsVersion::Tls12)),
        "tlsv1" | "tlsv1.1" if bound == Bound::Lower => Ok(Some(TlsVersion::Tls12)),
        "tlsv1" | "tlsv1.1" => Err(given.error(
            ConnInfoErrorKind::Refused,
            format!("parameter \"{keyword}\" is refused: TLS before 1.2 is not implemented"),
        )),
        _ => Err(given.invalid("one of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3")),
    }
}
