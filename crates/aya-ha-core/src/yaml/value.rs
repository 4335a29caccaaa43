//! What a text holds.

/// A value, as Python would have it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i128),
    /// `float`.
    Float(f64),
    /// `str`.
    Text(String),
    /// `datetime.date` or `datetime.datetime`, as it is written.
    Time(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `list`.
    List(Vec<Self>),
    /// `dict`, in the order of its keys' first appearance; of equal keys the last one counts. A `set` has
    /// no values but [`Value::Null`].
    Map(Vec<(Self, Self)>),
}

impl Value {
    /// What a mapping has under this key; `None` also for everything that is no mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        let found =
            entries.iter().find(|(name, _)| matches!(name, Self::Text(name) if name == key));
        found.map(|(_, value)| value)
    }

    /// What its type is called, for messages, with an article.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Time(_) => "a timestamp",
            Self::Bytes(_) => "binary",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// As Python compares keys: 1, 1.0 and `true` are one.
    fn is_same_key(&self, other: &Self) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a key of such a size is none of a configuration"
        )]
        let number = |value: &Self| match value {
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Self::Int(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        };
        match (number(self), number(other)) {
            (Some(one), Some(other)) => one == other,
            _ => self == other,
        }
    }

    /// Puts a value into a mapping's entries: the last of equal keys counts, at the place of the first.
    pub(super) fn put(entries: &mut Vec<(Self, Self)>, key: Self, value: Self) {
        match entries.iter_mut().find(|(known, _)| known.is_same_key(&key)) {
            Some((_, old)) => *old = value,
            None => entries.push((key, value)),
        }
    }
}
