//! What a driver takes from a connection string that hands raw sessions to its callers.

use super::error::ConnInfoError;
use super::info::ConnInfo;
use super::resolve::{complete, finish, protocol_versions};
use super::settings::Settings;
use super::surroundings::Surroundings;
use super::value::Given;

/// What a raw session may have, and a session of a pool may not: text in any encoding, the
/// replication protocol, the newer protocol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawSettings {
    /// `client_encoding`, as it is written; `auto` is for the caller to know.
    pub client_encoding: Option<String>,
    /// `replication`, as it is written, unless it asks for none.
    pub replication: Option<String>,
    /// The minor version of the lowest protocol to take (`min_protocol_version`).
    pub lowest_protocol: u8,
    /// The minor version of the protocol to ask for (`max_protocol_version`, or else the lowest).
    pub wanted_protocol: u8,
}

/// As [`resolve`](super::resolve()), for raw sessions.
///
/// ```
/// use aya_db_core::conninfo::{FixedSurroundings, parse, resolve_raw};
///
/// let settings = parse("user=app client_encoding=latin1 replication=database")?;
/// let (info, raw) = resolve_raw(&settings, &FixedSurroundings::default())?;
/// assert_eq!(raw.client_encoding.as_deref(), Some("latin1"));
/// assert_eq!(raw.replication.as_deref(), Some("database"));
/// # Ok::<(), aya_db_core::conninfo::ConnInfoError>(())
/// ```
///
/// # Errors
/// As there, but not for asking what such a session may have.
pub fn resolve_raw(
    settings: &Settings,
    surroundings: &dyn Surroundings,
) -> Result<(ConnInfo, RawSettings), ConnInfoError> {
    let mut given = complete(settings, surroundings)?;
    let text = |keyword| Given::filled(&given, keyword).map(|given| given.value.to_owned());
    let (lowest, newest) = protocol_versions(&given)?;
    let lowest_protocol = lowest.unwrap_or(0);
    let raw = RawSettings {
        client_encoding: text("client_encoding"),
        replication: text("replication").filter(|value| !is_no(value)),
        lowest_protocol,
        wanted_protocol: newest.unwrap_or(lowest_protocol),
    };
    for keyword in ["client_encoding", "replication", "min_protocol_version"] {
        given.remove(keyword);
    }
    Ok((finish(settings, &given, surroundings)?, raw))
}

/// Whether `replication` asks for none.
pub(super) fn is_no(value: &str) -> bool {
    matches!(value, "0" | "false" | "off" | "no" | "f" | "n")
}
