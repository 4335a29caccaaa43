//! What a query is, by its words and by how the session stands.

use aya_db_core::continuity::{Resolution, ends_transaction};
use aya_db_core::failure::InTransaction;
use aya_db_core::session::stays_in_session;
use aya_db_core::sql_text::{Token, is_plain_read, tokens};

/// How a query is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It begins a transaction.
    Begin,
    /// It stands alone, and is sent as it is.
    Alone(InTransaction),
    /// It stands alone, and is put into a transaction, so that its commit can be looked up.
    Wrapped,
    /// It runs inside a transaction.
    Inside(InTransaction),
    /// It commits one.
    Commit,
    /// It rolls one back.
    Rollback,
}

impl Kind {
    /// The kind of a query that is sent while no transaction is open.
    pub(crate) fn outside(view: &str, resolution: Resolution) -> Self {
        if begins(view) {
            return Self::Begin;
        }
        let scope = InTransaction::of_autocommit(view);
        let plain = scope != InTransaction::No
            || resolution == Resolution::Off
            || is_read(view)
            || stays_in_session(view)
            || tokens(view).next().is_none()
            || wants_a_block(view);
        if plain { Self::Alone(scope) } else { Self::Wrapped }
    }

    /// The kind of one that is sent inside a transaction.
    pub(crate) fn inside(view: &str) -> Self {
        if is_only(view, &["commit", "end"], &ENDING) {
            Self::Commit
        } else if is_only(view, &["rollback", "abort"], &ENDING) {
            Self::Rollback
        } else if ends_transaction(view) {
            Self::Inside(InTransaction::MayCommit)
        } else {
            Self::Inside(InTransaction::Yes)
        }
    }
}

/// Whether the text reads and writes nothing, by its words; copied out or not.
pub(crate) fn is_read(view: &str) -> bool {
    is_plain_read(view)
        || (tokens(view).next().is_some_and(|first| first.is("copy"))
            && tokens(view).any(|token| token.is("stdout"))
            && !tokens(view).any(|token| token.is("program"))
            && tokens(view).filter(|token| *token == Token::End).count() <= 1
            && !tokens(view).any(|token| token.is_any(&["insert", "update", "delete", "merge"])))
}

/// Whether the text means something else inside a transaction than by itself, where it is refused or does
/// nothing.
fn wants_a_block(view: &str) -> bool {
    let mut rest = tokens(view);
    while let Some(first) = rest.next() {
        if first.is_any(&IN_BLOCKS) {
            return true;
        }
        if first != Token::End {
            rest.by_ref().find(|token| *token == Token::End);
        }
    }
    false
}

/// Whether the text copies something in or out: nothing may be sent behind it before it was answered.
pub(crate) fn copies(view: &str) -> bool {
    tokens(view).any(|token| token.is("copy"))
}

/// Whether the text is a BEGIN that no server refuses, so that a query may be sent right behind it: behind
/// one that is refused, the query would run by itself.
pub(crate) fn begins_for_sure(view: &str) -> bool {
    is_only(view, &["begin", "start"], &MODES)
}

/// Whether a transaction that begins so may not write.
pub(crate) fn begins_read_only(view: &str) -> bool {
    begins(view) && tokens(view).any(|token| token.is("only"))
}

fn begins(view: &str) -> bool {
    let mut all = tokens(view);
    all.next().is_some_and(|first| first.is_any(&["begin", "start"]))
        && (all.by_ref().all(|token| token != Token::End) || all.next().is_none())
}

/// Whether the text is one statement that begins with one of `first`, and all its further words are among
/// `more`.
fn is_only(view: &str, first: &[&str], more: &[&str]) -> bool {
    let mut all = tokens(view);
    if !all.next().is_some_and(|token| token.is_any(first)) {
        return false;
    }
    let statement = |token: &Token<'_>| *token != Token::End;
    let known = |token: Token<'_>| token.is_any(more) || token == Token::Other(',');
    all.by_ref().take_while(statement).all(known) && all.next().is_none()
}

const ENDING: [&str; 2] = ["work", "transaction"];

/// First words of statements that are for transactions.
const IN_BLOCKS: [&str; 9] =
    ["declare", "fetch", "move", "close", "lock", "savepoint", "release", "rollback", "abort"];

const MODES: [&str; 13] = [
    "work",
    "transaction",
    "isolation",
    "level",
    "serializable",
    "repeatable",
    "read",
    "committed",
    "uncommitted",
    "write",
    "only",
    "not",
    "deferrable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_told_apart_by_their_words() {
        let outside = |view| Kind::outside(view, Resolution::LedgerOrLsn);
        let alone = Kind::Alone(InTransaction::No);
        for view in ["select 1", "", "set a.b = 1; listen c", "copy t to stdout", "lock t"] {
            assert_eq!(outside(view), alone, "{view}");
        }
        for view in ["begin;", "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY"] {
            assert_eq!(outside(view), Kind::Begin, "{view}");
            assert!(begins_for_sure(view), "{view}");
        }
        assert!(!begins_for_sure("begin isolation level nonsense"));
        for view in ["insert into t values (1)", "select f() into t", "copy t from stdin"] {
            assert_eq!(outside(view), Kind::Wrapped, "{view}");
        }
        let commits = Kind::Alone(InTransaction::MayCommit);
        for view in ["begin; select 1", "vacuum", "call p()"] {
            assert_eq!(outside(view), commits, "{view}");
        }
        assert_eq!(Kind::outside("insert into t values (1)", Resolution::Off), alone);
    }

    #[test]
    fn the_end_of_a_transaction_is_told_from_what_only_looks_like_it() {
        for view in ["commit", "END;", "commit work", "/* a */ commit transaction ; "] {
            assert_eq!(Kind::inside(view), Kind::Commit, "{view}");
        }
        for view in ["rollback", "ABORT", "rollback transaction"] {
            assert_eq!(Kind::inside(view), Kind::Rollback, "{view}");
        }
        for view in ["commit and chain", "insert into t values (1); commit", "commit prepared 'x'"]
        {
            assert_eq!(Kind::inside(view), Kind::Inside(InTransaction::MayCommit), "{view}");
        }
        for view in ["rollback to savepoint a", "select 1", "release a"] {
            assert_eq!(Kind::inside(view), Kind::Inside(InTransaction::Yes), "{view}");
        }
    }
}
