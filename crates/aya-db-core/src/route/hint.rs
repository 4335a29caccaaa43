//! A hint in front of a statement: `/* aya: standby */` or `/* aya: primary */`.
//!
//! A hint is the first comment of a text, and the comment begins with `aya:`. Nothing else of a
//! statement is looked at.

/// Where a statement asks to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hint {
    /// To a standby, as a read: in a READ ONLY transaction.
    Standby,
    /// To the leader.
    Primary,
}

/// A hint that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown hint \"{word}\" in front of the statement: expected \"standby\" or \"primary\"")]
pub struct UnknownHint {
    word: String,
}

/// Whether a text may begin with a hint at all; for every statement, so it looks at few bytes.
pub fn may_be_hinted(sql: &str) -> bool {
    sql.trim_ascii_start().starts_with("/*")
}

/// The hint in front of a statement, and the statement without it.
///
/// # Errors
/// A comment that begins with `aya:` and holds anything else than a hint: a misspelt one would
/// otherwise be passed over in silence.
///
/// ```
/// use aya_db_core::route::{Hint, hint_of};
///
/// assert_eq!(hint_of("/* aya: standby */ select 1"), Ok(Some((Hint::Standby, "select 1"))));
/// assert_eq!(hint_of("/* nightly */ select 1"), Ok(None));
/// assert!(hint_of("/* aya: replica */ select 1").is_err());
/// ```
pub fn hint_of(sql: &str) -> Result<Option<(Hint, &str)>, UnknownHint> {
    let Some(comment) = sql.trim_ascii_start().strip_prefix("/*") else { return Ok(None) };
    let Some(body) = comment.trim_ascii_start().strip_prefix("aya:") else { return Ok(None) };
    let (word, rest) = body.split_once("*/").unwrap_or((body, ""));
    let word = word.trim_ascii();
    let hint = match word {
        "standby" => Hint::Standby,
        "primary" => Hint::Primary,
        _ => {
            let word = word.chars().take(LONGEST_SHOWN).collect();
            return Err(UnknownHint { word });
        }
    };
    Ok(Some((hint, rest.trim_ascii_start())))
}

/// How much of an unknown hint an error shows.
const LONGEST_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_comment_is_a_hint() {
        let plain = ["select 1", "select 1 /* aya: standby */", "-- aya: standby\nselect 1", "/*"];
        for sql in plain {
            assert_eq!(hint_of(sql), Ok(None), "{sql}");
        }
        let hinted = [" \n/*aya:primary*/select 1", "/* aya:  primary */\nselect 1"];
        for sql in hinted {
            assert!(may_be_hinted(sql));
            assert_eq!(hint_of(sql), Ok(Some((Hint::Primary, "select 1"))), "{sql}");
        }
    }

    #[test]
    fn a_hint_without_its_word_is_an_error() {
        for sql in ["/* aya: */ select 1", "/* aya: STANDBY */ select 1", "/* aya: standby x */ s"]
        {
            assert!(hint_of(sql).is_err(), "{sql}");
        }
    }
}
