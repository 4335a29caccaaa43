//! SQLSTATE codes: the five characters by which a server says what went wrong.
//!
//! The constants, one per condition that PostgreSQL 18 names, are generated into `conditions.rs`
//! from `xtask/data/errcodes.tsv` (`cargo xtask gen`). A code that has no constant is still a
//! valid [`SqlState`]: extensions and `RAISE` may send any five digits and capital letters.

use std::fmt;

mod conditions;

/// A SQLSTATE code, such as `57P01`.
///
/// ```
/// use aya_db_core::SqlState;
///
/// let state = SqlState::from_code("57P01").expect("five digits and capital letters");
/// assert_eq!(state, SqlState::ADMIN_SHUTDOWN);
/// assert_eq!(state.class(), "57");
/// assert_eq!(state.name(), Some("admin_shutdown"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// The state of this code; `None` unless it is five ASCII digits or capital letters.
    pub fn from_code(code: &str) -> Option<Self> {
        let bytes: [u8; 5] = code.as_bytes().try_into().ok()?;
        let valid = bytes.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        valid.then_some(Self(bytes))
    }

    /// The five characters.
    pub fn code(&self) -> &str {
        str::from_utf8(&self.0).expect("a SQLSTATE is five ASCII characters")
    }

    /// The class: the first two characters, such as `08` for every connection exception.
    pub fn class(&self) -> &str {
        &self.code()[..2]
    }

    /// The name that PostgreSQL gives to the condition; `None` if it names no such code.
    pub fn name(&self) -> Option<&'static str> {
        let found = conditions::NAMES.binary_search_by_key(self, |(state, _)| *state).ok()?;
        Some(conditions::NAMES[found].1)
    }

    /// Whether the code reports a success or a warning rather than an error: classes 00, 01, 02.
    pub fn is_success_or_warning(&self) -> bool {
        matches!(self.class(), "00" | "01" | "02")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "SqlState({} {name})", self.code()),
            None => write!(f, "SqlState({})", self.code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_five_digits_or_capital_letters() {
        for code in ["00000", "57P01", "HV00N", "ZZZZZ"] {
            assert_eq!(SqlState::from_code(code).unwrap().code(), code);
        }
        for code in ["", "57P0", "57P011", "57p01", "57P0\u{e9}", "57P 1", "-1000"] {
            assert_eq!(SqlState::from_code(code), None, "{code:?}");
        }
    }

    #[test]
    fn every_named_condition_is_found_by_its_code() {
        assert!(conditions::NAMES.is_sorted_by_key(|(state, _)| *state));
        for (state, name) in conditions::NAMES {
            let parsed = SqlState::from_code(state.code()).unwrap();
            assert_eq!((parsed, parsed.name()), (*state, Some(*name)));
        }
    }

    #[test]
    fn a_name_shared_by_two_classes_has_two_constants() {
        assert_eq!(SqlState::STRING_DATA_RIGHT_TRUNCATION.code(), "22001");
        assert_eq!(SqlState::WARNING_STRING_DATA_RIGHT_TRUNCATION.code(), "01004");
        assert!(SqlState::WARNING_STRING_DATA_RIGHT_TRUNCATION.is_success_or_warning());
    }

    #[test]
    fn an_unnamed_code_prints_without_a_name() {
        let state = SqlState::from_code("U0001").unwrap();
        assert_eq!(format!("{state} {state:?}"), "U0001 SqlState(U0001)");
        assert_eq!(
            format!("{:?}", SqlState::TRANSACTION_RESOLUTION_UNKNOWN),
            "SqlState(08007 transaction_resolution_unknown)"
        );
    }
}
