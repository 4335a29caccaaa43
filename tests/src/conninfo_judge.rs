//! Whether our parser and libpq's agree on a string.

use anyhow::Result;
use aya_db_core::conninfo::parse;

use crate::libpq::Libpq;

/// What a comparison found.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// Both accept it with the same values, or both refuse it.
    Agreement,
    /// They differ on purpose, for the reason listed under this name in `libpq/disagreements.txt`.
    Listed(&'static str),
    /// They differ.
    Disagreement(String),
}

/// Compares the two parsers on `text`.
///
/// # Errors
/// If libpq cannot be asked.
pub fn compare(libpq: &Libpq, text: &str) -> Result<Finding> {
    let theirs = libpq.parse(text)?;
    Ok(match (parse(text), theirs) {
        (Err(_), Err(_)) => Finding::Agreement,
        (Err(error), Ok(_)) if error.to_string().contains("not valid UTF-8") => {
            Finding::Listed("not-utf-8")
        }
        (Ok(ours), Ok(theirs))
            if ours.len() == theirs.len()
                && ours.iter().all(|(name, value)| {
                    theirs.get(name).is_some_and(|their| their == value.as_bytes())
                }) =>
        {
            Finding::Agreement
        }
        (ours, theirs) => Finding::Disagreement(format!("{text:?}: {ours:?} but {theirs:?}")),
    })
}
