//! What the driver said, what the table holds, and whether the two agree.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aya_db::{Error, Fate};
use aya_testkit::sql;

/// What the driver said of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Said {
    /// It returned success.
    Ok,
    /// An error of that fate.
    RolledBack,
    /// An error of that fate.
    NotSent,
    /// An error of that fate: committed on the server that answered, and perhaps on no other.
    Committed,
    /// An error of that fate.
    Unknown,
}

impl Said {
    pub(crate) const ALL: [Self; 5] =
        [Self::Ok, Self::RolledBack, Self::NotSent, Self::Committed, Self::Unknown];

    pub(crate) const fn of<T>(answer: &Result<T, Error>) -> Self {
        match answer {
            Ok(_) => Self::Ok,
            Err(error) => match error.fate() {
                Fate::RolledBack => Self::RolledBack,
                Fate::NotSent => Self::NotSent,
                Fate::Committed => Self::Committed,
                Fate::Unknown => Self::Unknown,
            },
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::RolledBack => "rolled back",
            Self::NotSent => "not sent",
            Self::Committed => "committed here",
            Self::Unknown => "unknown",
        }
    }
}

/// What the table of the last leader holds of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// No row.
    Nothing,
    /// Each of its rows, once.
    Once,
    /// Some of its rows, or rows that it had undone.
    Part,
    /// A row twice.
    Twice,
}

impl Found {
    /// Compares the rows of a transaction with those that it leaves when it is committed; both in order.
    pub(crate) fn of(rows: &[i32], expected: &[i32]) -> Self {
        if rows.is_empty() {
            Self::Nothing
        } else if rows == expected {
            Self::Once
        } else if rows.windows(2).any(|pair| pair[0] == pair[1]) {
            Self::Twice
        } else {
            Self::Part
        }
    }
}

/// Whether the server that a commit was told of can have lost it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Successor {
    /// No: it leads still, and was not restored to anything earlier.
    None,
    /// Yes: a standby took over.
    Promoted,
}

/// Why what was said cannot be true, if so.
pub(crate) const fn contradiction(
    said: Said,
    found: Found,
    successor: Successor,
) -> Option<&'static str> {
    match (said, found) {
        (_, Found::Twice) => Some("a row is there twice"),
        (_, Found::Part) => Some("a part of it is there"),
        (Said::Ok, Found::Nothing) => Some("it was acknowledged, and is not there"),
        (Said::RolledBack | Said::NotSent, Found::Once) => {
            Some("it was called undone, and is there")
        }
        (Said::Committed, Found::Nothing) => match successor {
            Successor::None => Some("it was called committed here, and is not there"),
            Successor::Promoted => None,
        },
        (Said::Ok | Said::Committed, Found::Once)
        | (Said::RolledBack | Said::NotSent, Found::Nothing)
        | (Said::Unknown, Found::Nothing | Found::Once) => None,
    }
}

/// The rows of every transaction from `first` on, in order.
///
/// # Errors
/// When the server cannot be asked.
pub(crate) async fn table(server: &str, first: i64) -> Result<BTreeMap<i64, Vec<i32>>> {
    let query = format!("SELECT id, part FROM trial WHERE id >= {first} ORDER BY id, part");
    let mut table = BTreeMap::<i64, Vec<i32>>::new();
    for row in sql(server, &query).await? {
        let cell = |column: usize| row[column].as_deref().context("a null in the table");
        table.entry(cell(0)?.parse()?).or_default().push(cell(1)?.parse()?);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_with_those_of_a_commit() {
        let found = |rows: &[i32]| Found::of(rows, &[0, 2, 3]);
        assert_eq!(found(&[]), Found::Nothing);
        assert_eq!(found(&[0, 2, 3]), Found::Once);
        assert_eq!(found(&[0, 0, 2, 2, 3, 3]), Found::Twice);
        assert_eq!(found(&[0, 2]), Found::Part);
        assert_eq!(found(&[0, 1, 2, 3]), Found::Part, "what a savepoint undid is there");
    }

    #[test]
    fn a_verdict_that_the_table_belies_is_told() {
        for said in Said::ALL {
            let belied = |found| contradiction(said, found, Successor::Promoted).is_some();
            assert_eq!(belied(Found::Nothing), said == Said::Ok, "{said:?}");
            let undone = matches!(said, Said::RolledBack | Said::NotSent);
            assert_eq!(belied(Found::Once), undone, "{said:?}");
            assert!(belied(Found::Twice) && belied(Found::Part), "{said:?}");
        }
        let kept = contradiction(Said::Committed, Found::Nothing, Successor::None);
        assert!(kept.is_some(), "nobody else took over");
    }
}
