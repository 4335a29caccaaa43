//! What is wrong with a connection string.

use std::fmt;

use super::settings::Origin;

/// Why a connection string, or what its surroundings add to it, cannot be used.
///
/// The text names the parameter, the offending part and what would be right. It never holds a
/// password or a part of the string that may be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnInfoError {
    kind: ConnInfoErrorKind,
    message: String,
    keyword: Option<String>,
    origin: Option<Origin>,
}

/// The sort of a [`ConnInfoError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConnInfoErrorKind {
    /// The text breaks the grammar.
    Syntax,
    /// A parameter that neither libpq nor this driver knows.
    UnknownKeyword,
    /// A parameter with a value that it cannot have.
    InvalidValue,
    /// A value that libpq could serve and this driver cannot.
    Refused,
    /// Parameters that contradict each other.
    Conflict,
    /// The service is not defined, or its file is wrong.
    Service,
}

impl ConnInfoError {
    pub(crate) fn new(kind: ConnInfoErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), keyword: None, origin: None }
    }

    /// A breach of the grammar at the byte `position`.
    pub(crate) fn syntax(position: usize, message: impl Into<String>) -> Self {
        Self::new(ConnInfoErrorKind::Syntax, message).at(Origin::Text { position })
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ConnInfoErrorKind::Conflict, message)
    }

    pub(crate) fn at(self, origin: Origin) -> Self {
        Self { origin: Some(origin), ..self }
    }

    pub(crate) fn about(self, keyword: &str) -> Self {
        Self { keyword: Some(keyword.to_owned()), ..self }
    }

    /// The sort of the error.
    pub const fn kind(&self) -> ConnInfoErrorKind {
        self.kind
    }

    /// What is wrong, without where.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The parameter it is about.
    pub fn keyword(&self) -> Option<&str> {
        self.keyword.as_deref()
    }

    /// Where the offending part begins, as a byte offset into the connection string.
    pub const fn position(&self) -> Option<usize> {
        match self.origin {
            Some(Origin::Text { position }) => Some(position),
            _ => None,
        }
    }

    /// Where the offending part comes from.
    pub const fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}

impl fmt::Display for ConnInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.origin {
            None | Some(Origin::Default | Origin::Builder) => Ok(()),
            Some(origin) => write!(f, " ({origin})"),
        }
    }
}

impl std::error::Error for ConnInfoError {}
