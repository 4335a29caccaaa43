//! The password file: lines of `host:port:database:user:password`.

use super::hosts::{HostSpec, is_socket_dir};
use super::secret::Secret;
use super::settings::Settings;
use super::surroundings::{FileError, FileKind, Surroundings};
use super::value::Given;
use super::warning::Warning;

/// Gives every host its password from the password file, if there is one that only its owner can
/// read. As in libpq, a file that others can read is passed over with a warning.
pub(super) fn look_up(
    hosts: &mut [HostSpec],
    dbname: &str,
    user: &str,
    settings: &Settings,
    surroundings: &dyn Surroundings,
    warnings: &mut Vec<Warning>,
) {
    let Some(text) = read(settings, surroundings, warnings) else {
        return;
    };
    let socket_dir = surroundings.socket_dir();
    for spec in hosts {
        let is_default = is_socket_dir(spec.host()) && Some(spec.host()) == socket_dir.as_deref();
        let host = if is_default { "localhost" } else { spec.host() };
        let port = spec.port().to_string();
        let wanted = [host, port.as_str(), dbname, user];
        let found = text.lines().find_map(|line| password(line, &wanted));
        spec.password = found.filter(|password| !password.is_empty()).map(Secret::new);
    }
}

fn read(
    settings: &Settings,
    surroundings: &dyn Surroundings,
    warnings: &mut Vec<Warning>,
) -> Option<String> {
    let given = Given::filled(settings, "passfile").map(|given| given.value.to_owned());
    let is_given = given.is_some();
    let path = given.or_else(|| surroundings.home().map(|home| format!("{home}/.pgpass")))?;
    let file = match surroundings.read(&path) {
        Ok(file) => file,
        Err(FileError::Missing) if !is_given => return None,
        Err(error) => {
            warnings.push(Warning::PassfileUnreadable { path, reason: error.to_string() });
            return None;
        }
    };
    if file.kind != FileKind::Regular {
        warnings.push(Warning::PassfileNotRegular { path });
        return None;
    }
    match file.mode {
        Some(mode) if mode & GROUP_OR_OTHERS != 0 => {
            warnings.push(Warning::PassfilePermissions { path, mode });
            None
        }
        _ => Some(file.text),
    }
}

/// The password of a line, if its first four fields match. A field `*` matches everything; a
/// backslash takes the next character as it is.
fn password(line: &str, wanted: &[&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line.trim_end_matches('\r');
    for value in wanted {
        rest = match rest.strip_prefix("*:") {
            Some(rest) => rest,
            None => {
                let (field, after) = field(rest)?;
                (field == *value).then_some(after)?
            }
        };
    }
    Some(unescape(rest))
}

/// A field up to its colon, unescaped, and what follows the colon.
fn field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => field.extend(chars.next().map(|(_, c)| c)),
            ':' => return Some((field, &text[at + 1..])),
            other => field.push(other),
        }
    }
    None
}

/// libpq unescapes the whole rest of the line: a password may hold unescaped colons.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next()),
            other => plain.push(other),
        }
    }
    plain
}

const GROUP_OR_OTHERS: u32 = 0o077;
