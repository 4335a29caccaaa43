//! What kind of session is wanted: the server's role, the order of hosts, the ways to log in.

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::settings::Settings;
use super::value::Given;

/// Which servers are acceptable (`target_session_attrs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TargetSessionAttrs {
    /// Any server.
    #[default]
    Any,
    /// One that takes writes: not in recovery, not read-only by default.
    ReadWrite,
    /// One that takes no writes.
    ReadOnly,
    /// One that is not in recovery.
    Primary,
    /// One in recovery.
    Standby,
    /// One in recovery if there is one, else any.
    PreferStandby,
    /// One not in recovery if there is one, else any; this driver's own.
    PreferPrimary,
}

impl TargetSessionAttrs {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let Some(given) = Given::find(settings, "target_session_attrs") else {
            return Ok(Self::default());
        };
        given.choice(&[
            ("any", Self::Any),
            ("read-write", Self::ReadWrite),
            ("read-only", Self::ReadOnly),
            ("primary", Self::Primary),
            ("standby", Self::Standby),
            ("prefer-standby", Self::PreferStandby),
            ("prefer-primary", Self::PreferPrimary),
        ])
    }
}

/// In which order hosts are tried (`load_balance_hosts`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum LoadBalanceHosts {
    /// As they are written.
    #[default]
    Disable,
    /// In random order, addresses of one host too.
    Random,
}

impl LoadBalanceHosts {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let Some(given) = Given::find(settings, "load_balance_hosts") else {
            return Ok(Self::default());
        };
        given.choice(&[("disable", Self::Disable), ("random", Self::Random)])
    }
}

/// A way in which a server can ask for authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthMethod {
    /// The password in clear.
    Password,
    /// The password's MD5 hash.
    Md5,
    /// GSSAPI.
    Gss,
    /// SSPI.
    Sspi,
    /// SCRAM-SHA-256, with or without channel binding.
    ScramSha256,
    /// OAuth.
    Oauth,
    /// No authentication at all.
    None,
}

/// Which ways of authentication the server may ask for (`require_auth`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RequireAuth {
    /// Any.
    #[default]
    Any,
    /// These alone.
    Only(Vec<AuthMethod>),
    /// Any but these.
    AnyBut(Vec<AuthMethod>),
}

impl RequireAuth {
    /// Whether the server may ask for `method`.
    pub fn allows(&self, method: AuthMethod) -> bool {
        match self {
            Self::Any => true,
            Self::Only(methods) => methods.contains(&method),
            Self::AnyBut(methods) => !methods.contains(&method),
        }
    }

    /// Reads the list as libpq does: no blanks, no repetition, no mixture of wanted and unwanted.
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConnInfoError> {
        let Some(given) = Given::filled(settings, "require_auth") else {
            return Ok(Self::Any);
        };
        let conflict = |word: &str, text: &str| {
            let message = format!("require_auth method \"{word}\" {text}");
            given.error(ConnInfoErrorKind::Conflict, message)
        };
        let mut methods = Vec::new();
        let unwanted = given.value.starts_with('!');
        for word in given.value.split(',') {
            match (word.starts_with('!'), unwanted) {
                (false, true) => {
                    return Err(conflict(word, "cannot be mixed with negative methods"));
                }
                (true, false) => {
                    let text = format!(
                        "negative require_auth method \"{word}\" cannot be mixed with non-negative \
                         methods"
                    );
                    return Err(given.error(ConnInfoErrorKind::Conflict, text));
                }
                _ => {}
            }
            let Some((_, method)) =
                METHODS.iter().find(|(name, _)| *name == word.trim_start_matches('!'))
            else {
                return Err(given.invalid(EXPECTED));
            };
            if methods.contains(method) {
                return Err(conflict(word, "is specified more than once"));
            }
            methods.push(*method);
        }
        if unwanted {
            return Ok(Self::AnyBut(methods));
        }
        let unserved = [AuthMethod::Gss, AuthMethod::Sspi, AuthMethod::Oauth];
        if methods.iter().all(|method| unserved.contains(method)) {
            return Err(given.refused("gss, sspi and oauth are not implemented"));
        }
        Ok(Self::Only(methods))
    }
}

const METHODS: [(&str, AuthMethod); 7] = [
    ("password", AuthMethod::Password),
    ("md5", AuthMethod::Md5),
    ("gss", AuthMethod::Gss),
    ("sspi", AuthMethod::Sspi),
    ("scram-sha-256", AuthMethod::ScramSha256),
    ("oauth", AuthMethod::Oauth),
    ("none", AuthMethod::None),
];

const EXPECTED: &str = "a list of password, md5, scram-sha-256, gss, sspi, oauth and none, without \
                        blanks, all or none of them preceded by !";
