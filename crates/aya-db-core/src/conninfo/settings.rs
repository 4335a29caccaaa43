//! Keyword and value pairs, before they have types.

use std::collections::BTreeMap;
use std::fmt;

use super::error::{ConnInfoError, ConnInfoErrorKind};
use super::keyword::{Keyword, Privacy, nearest_keyword};

/// Parameters as text, each at most once, with the place it comes from.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Settings {
    entries: BTreeMap<&'static str, Setting>,
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The connection string, at this byte.
    Text {
        /// The offset of its value (of its name, if the name is at fault).
        position: usize,
    },
    /// [`super::ConnInfoBuilder`].
    Builder,
    /// A service file.
    ServiceFile {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// The table of parameters.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { position } => write!(f, "at byte {position}"),
            Self::Builder => f.write_str("set by the program"),
            Self::ServiceFile { path, line } => write!(f, "in \"{path}\", line {line}"),
            Self::Variable(name) => write!(f, "from the environment variable {name}"),
            Self::Default => f.write_str("by default"),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
struct Setting {
    value: String,
    origin: Origin,
}

impl Settings {
    /// Stores a value; a later one replaces an earlier one.
    ///
    /// # Errors
    /// If no parameter has that name. `requiressl` is taken for `sslmode`, as in libpq.
    pub fn set(&mut self, keyword: &str, value: &str, origin: Origin) -> Result<(), ConnInfoError> {
        let (keyword, value) = match (keyword, value.starts_with('1')) {
            ("requiressl", true) => ("sslmode", "require"),
            ("requiressl", false) => ("sslmode", "prefer"),
            _ => (keyword, value),
        };
        let Some(known) = Keyword::find(keyword) else {
            return Err(unknown_keyword(keyword).at(origin));
        };
        self.entries.insert(known.name, Setting { value: value.to_owned(), origin });
        Ok(())
    }

    /// Takes every value of `later`.
    pub fn merge(&mut self, later: Self) {
        self.entries.extend(later.entries);
    }

    /// Forgets the value of a parameter.
    pub(super) fn remove(&mut self, keyword: &str) {
        self.entries.remove(keyword);
    }

    /// The value of a parameter, if it has one.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.entries.get(keyword).map(|setting| setting.value.as_str())
    }

    /// Where the value of a parameter comes from.
    pub fn origin(&self, keyword: &str) -> Option<&Origin> {
        self.entries.get(keyword).map(|setting| &setting.origin)
    }

    /// Every parameter that has a value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.entries.iter().map(|(keyword, setting)| (*keyword, setting.value.as_str()))
    }

    /// How many parameters have a value.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(keyword, value)| match Keyword::find(keyword) {
                Some(known) if known.privacy == Privacy::Open => (keyword, value),
                _ => (keyword, "***"),
            }))
            .finish()
    }
}

fn unknown_keyword(keyword: &str) -> ConnInfoError {
    let shown = shown_name(keyword);
    let hint = match nearest_keyword(keyword) {
        Some(nearest) if shown.is_some() => format!(": did you mean \"{nearest}\"?"),
        _ => String::new(),
    };
    let error = |message| ConnInfoError::new(ConnInfoErrorKind::UnknownKeyword, message);
    match shown {
        Some(name) => error(format!("unknown parameter \"{name}\"{hint}")).about(name),
        None => error("unknown parameter".to_owned()),
    }
}

/// `name`, if it looks like the name of a parameter rather than like a piece of a password.
pub(super) fn shown_name(name: &str) -> Option<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!name.is_empty() && name.len() <= 40 && name.chars().all(plain)).then_some(name)
}
