//! One parameter of a connection string, as the table describes it.

use super::table::KEYWORDS;

/// A parameter: its name is the same in the string, the builder and every binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keyword {
    /// The name.
    pub name: &'static str,
    /// The environment variable that supplies it.
    pub variable: Option<&'static str>,
    /// The value it has when nothing supplies one; `None` if there is none or if it depends.
    pub default: Option<&'static str>,
    /// Unit or set of values.
    pub values: &'static str,
    /// What it does, in a line.
    pub meaning: &'static str,
    /// Whether it does something here.
    pub support: Support,
    /// Whether its value may be shown.
    pub privacy: Privacy,
    /// Whose parameter it is.
    pub family: Family,
}

/// Whether a parameter does something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It does what its meaning says.
    Implemented,
    /// A value that asks for something is refused, for this reason.
    Refused(&'static str),
}

/// Whether a parameter's value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// It may.
    Open,
    /// It is a password or key.
    Secret,
}

/// Whose parameter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// libpq 18 knows it.
    Libpq,
    /// It is this driver's own.
    Own,
}

impl Keyword {
    /// The parameter of that name; names are case-sensitive, as in libpq.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYWORDS.iter().find(|keyword| keyword.name == name)
    }

    pub(super) const fn libpq(
        name: &'static str,
        values: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            variable: None,
            default: None,
            values,
            meaning,
            support: Support::Implemented,
            privacy: Privacy::Open,
            family: Family::Libpq,
        }
    }

    pub(super) const fn own(
        name: &'static str,
        values: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { family: Family::Own, ..Self::libpq(name, values, meaning) }
    }

    pub(super) const fn variable(self, name: &'static str) -> Self {
        Self { variable: Some(name), ..self }
    }

    pub(super) const fn default(self, value: &'static str) -> Self {
        Self { default: Some(value), ..self }
    }

    pub(super) const fn secret(self) -> Self {
        Self { privacy: Privacy::Secret, ..self }
    }

    pub(super) const fn refused(self, reason: &'static str) -> Self {
        Self { support: Support::Refused(reason), ..self }
    }
}

/// The parameter whose name is most like `name`, if one is like it at all.
pub fn nearest_keyword(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let likeness = |keyword: &Keyword| strsim::jaro_winkler(keyword.name, &lower);
    let nearest = KEYWORDS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(nearest) >= 0.8).then_some(nearest.name)
}
