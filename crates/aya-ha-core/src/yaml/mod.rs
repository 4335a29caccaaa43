//! YAML as PyYAML's `safe_load` reads it.
//!
//! Patroni is configured in YAML 1.1 as PyYAML resolves it
//! (<https://yaml.org/type/>, <https://pyyaml.org/wiki/PyYAMLDocumentation>): `on` and `no` are truth
//! values, `0600` is octal, `1:30` is ninety, `<<` merges. A configuration has to mean the same here.
//! The grammar is left to a parser; what its scalars mean is decided here, and compared with PyYAML's
//! answers in `tests/yaml`.
//!
//! ```
//! use aya_ha_core::yaml::{Value, load};
//!
//! let found = load("watchdog: off\nmode: 0600\nloop_wait: 10\n").unwrap();
//! assert_eq!(found.get("watchdog"), Some(&Value::Bool(false)));
//! assert_eq!(found.get("mode"), Some(&Value::Int(0o600)));
//! ```

mod load;
mod scalar;
mod value;

pub use self::load::load;
pub use self::value::Value;

/// Why a text could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// Where the offending part begins, counted from 1.
    pub line: usize,
    /// The same within the line.
    pub column: usize,
    /// What is wrong. It shows nothing of the text but tags and the names of aliases, since a value may
    /// be a password.
    pub message: String,
}
