//! A connection string for people: without its secrets.

use std::fmt;

use super::keyword::{Keyword, Privacy};
use super::settings::Settings;

/// Prints settings as keyword/value pairs, with `***` for secrets and for what may be a piece of
/// one: the part of a host before an `@`.
#[derive(Debug, Clone, Copy)]
pub struct Redacted<'a>(pub(super) &'a Settings);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, keyword) in super::table::KEYWORDS.iter().filter(|k| self.has(k)).enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            let value = self.0.get(keyword.name).unwrap_or_default();
            write!(f, "{}={}", keyword.name, shown(keyword, value))?;
        }
        Ok(())
    }
}

impl Redacted<'_> {
    fn has(&self, keyword: &Keyword) -> bool {
        self.0.get(keyword.name).is_some()
    }
}

fn shown(keyword: &Keyword, value: &str) -> String {
    if keyword.privacy == Privacy::Secret {
        return "***".to_owned();
    }
    match (keyword.name, value.rfind('@')) {
        ("host" | "dbname" | "etcd_endpoints" | "patroni_endpoints", Some(at)) if at > 0 => {
            quoted(&format!("***{}", &value[at..]))
        }
        ("port", _) if value.contains(|c: char| c.is_ascii_alphabetic()) => "***".to_owned(),
        _ => quoted(value),
    }
}

fn quoted(value: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && c != '\'' && c != '\\';
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
