//! The grammar of connection strings.

use super::error::ConnInfoError;
use super::settings::Settings;
use super::{pairs, uri};

/// Reads a connection string, a URI or keyword/value pairs, as `PQconninfoParse` of libpq 18
/// does. Values are not looked at; [`super::resolve`] does that.
///
/// Two strings that libpq accepts are refused: one with a zero byte, where libpq would stop
/// reading, and one with percent escapes that do not decode to UTF-8.
///
/// # Errors
/// If the text breaks the grammar or names an unknown parameter. The error knows the byte.
pub fn parse(text: &str) -> Result<Settings, ConnInfoError> {
    if let Some(position) = text.find('\0') {
        return Err(ConnInfoError::syntax(position, "the zero byte is forbidden"));
    }
    match SCHEMES.iter().find(|scheme| text.starts_with(**scheme)) {
        Some(scheme) => uri::parse(text, scheme.len()),
        None => pairs::parse(text),
    }
}

const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];
