//! What an open transaction has done so far, and what the application saw of it.
//!
//! ```text
//! statement --> step() ... answered(Entry) ----> entries --(connection lost)--> run again, compare
//!                 |                                                                |
//!                 +-- refuse(Refusal): cannot be replayed, and why                 +-- Divergence
//! ```

use std::fmt;

use bytes::Bytes;

use super::Digest;
use crate::SqlState;
use crate::sql_text::{Token, Tokens, tokens};

/// How much of a transaction is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// How many statements (`replay_max_statements`).
    pub statements: usize,
    /// How many bytes of statements, parameters and copied data (`replay_max_bytes`).
    pub bytes: usize,
}

/// One statement of the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its text.
    pub sql: Box<str>,
    /// What went in with it, and how it was asked.
    pub input: Input,
    /// What came of it.
    pub seen: Seen,
}

/// How a statement was asked, and what went in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// With parameters; its rows were wanted.
    Rows(Vec<Value>),
    /// With parameters; the number of rows was wanted.
    Count(Vec<Value>),
    /// One or several statements without parameters; nothing was wanted but that they are done.
    Done,
    /// One or several statements without parameters; their rows were wanted as text.
    Text,
    /// A statement that could not be prepared.
    Unprepared,
    /// `COPY … FROM STDIN` and its data.
    CopyIn(Vec<Bytes>),
    /// `COPY … TO STDOUT`.
    CopyOut,
}

/// A parameter as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// In the binary format of its type.
    Binary(Bytes),
    /// In the text format of its type.
    Text(Bytes),
}

/// What the application saw of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Rows or copied data.
    Rows(Digest),
    /// How many rows were touched.
    Count(u64),
    /// That it was done.
    Done,
    /// An error of this code.
    Failed(SqlState),
}

/// The record of an open transaction.
#[derive(Debug, Default)]
pub struct Record {
    entries: Vec<Entry>,
    bytes: usize,
    refusal: Option<Refusal>,
    /// A statement was sent, and what came of it was not told yet.
    under_way: bool,
}

/// Why a transaction cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The application does not want it.
    #[error("transaction_replay is off")]
    SwitchedOff,
    /// A statement was marked.
    #[error("a statement was marked as one to run once: {0}")]
    Marked(String),
    /// There are too many statements.
    #[error("it has more than {0} statements (replay_max_statements)")]
    TooManyStatements(usize),
    /// There is too much to keep.
    #[error("its statements and data take more than {0} bytes (replay_max_bytes)")]
    TooManyBytes(usize),
    /// A part of it was prepared for a two-phase commit.
    #[error("it uses two-phase commit: {0}")]
    TwoPhase(String),
    /// A statement ended the transaction, so that a part of it may be committed.
    #[error("a statement ended it: {0}")]
    EndedInside(String),
    /// It was begun together with its first statements.
    #[error("it was begun by a text of several statements: {0}")]
    BegunInside(String),
    /// A statement reached files or programs of the server.
    #[error("it copied to or from a file or program of the server: {0}")]
    OutsideEffect(String),
    /// A call was dropped midway, and nobody knows whether its statement ran.
    #[error("a statement was given up midway")]
    Abandoned,
    /// A statement failed for a reason that does not come back when it is repeated.
    #[error("a statement had failed with {0}, which a repetition need not do")]
    Unrepeatable(SqlState),
    /// Data that was copied out has been seen in part.
    #[error("COPY TO STDOUT was under way")]
    CopyOutUnderWay,
}

/// The first statement that gave something else when it was run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Which one; the first is 1.
    pub statement: usize,
    /// Its beginning, without its literals.
    pub excerpt: String,
    /// What the application had seen of it.
    pub before: Seen,
    /// What came of it now.
    pub now: Seen,
}

impl Record {
    /// The record of a transaction that begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of one that is not to be replayed.
    pub fn refused(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::default() }
    }

    /// A statement is about to be sent.
    pub fn step(&mut self, sql: &str) {
        if self.under_way {
            self.refuse(Refusal::Abandoned);
        }
        self.under_way = true;
        if self.refusal.is_none()
            && let Some(refusal) = refusal_of(sql)
        {
            self.refuse(refusal);
        }
    }

    /// The statement was answered, or known not to have been sent: it leaves nothing to record.
    pub fn settled(&mut self) {
        self.under_way = false;
    }

    /// The statement was answered.
    pub fn answered(&mut self, entry: Entry, limits: &RecordLimits) {
        self.under_way = false;
        if self.refusal.is_some() {
            return;
        }
        match entry.seen {
            Seen::Failed(code) if !repeats(code) => {
                return self.refuse(Refusal::Unrepeatable(code));
            }
            Seen::Failed(_) | Seen::Rows(_) | Seen::Count(_) | Seen::Done => {}
        }
        self.bytes += entry.size();
        if self.bytes > limits.bytes {
            return self.refuse(Refusal::TooManyBytes(limits.bytes));
        }
        if self.entries.len() == limits.statements {
            return self.refuse(Refusal::TooManyStatements(limits.statements));
        }
        self.entries.push(entry);
    }

    /// The transaction cannot be replayed from now on. The first reason stands, and what was kept
    /// is let go.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refusal.get_or_insert(refusal);
        self.entries = Vec::new();
        self.bytes = 0;
    }

    /// Why it cannot be replayed, if so.
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Whether statements are being recorded at all.
    pub const fn is_kept(&self) -> bool {
        self.refusal.is_none()
    }

    /// What is to be run again, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Compares what came of statement `index` now with what the application saw of it.
    ///
    /// # Errors
    /// The divergence.
    pub fn compare(&self, index: usize, now: Seen) -> Result<(), Divergence> {
        match self.entries.get(index) {
            Some(entry) if entry.seen != now => Err(Divergence {
                statement: index + 1,
                excerpt: excerpt(&entry.sql),
                before: entry.seen,
                now,
            }),
            Some(_) | None => Ok(()),
        }
    }
}

impl Entry {
    fn size(&self) -> usize {
        let input = match &self.input {
            Input::Rows(values) | Input::Count(values) => values.iter().map(Value::size).sum(),
            Input::CopyIn(pieces) => pieces.iter().map(Bytes::len).sum(),
            Input::Done | Input::Text | Input::Unprepared | Input::CopyOut => 0,
        };
        self.sql.len() + input
    }
}

impl Value {
    const fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Binary(bytes) | Self::Text(bytes) => bytes.len(),
        }
    }
}

/// Whether a statement that failed with this code fails again when nothing else has changed:
/// not after a cancellation, a lock that was not granted in time, or for want of resources.
fn repeats(code: SqlState) -> bool {
    !matches!(code.class(), "08" | "40" | "53" | "57" | "58" | "XX")
        && code != SqlState::LOCK_NOT_AVAILABLE
}

/// What a text does that must not be done twice, or that ends the transaction on its way.
fn refusal_of(sql: &str) -> Option<Refusal> {
    let mut rest = tokens(sql);
    loop {
        let first = rest.next()?;
        let statement = rest.clone();
        let refusal = if first.is_any(&["commit", "end", "abort"]) {
            Some(Refusal::EndedInside as fn(String) -> Refusal)
        } else if first.is("rollback") && !words(&statement).any(|token| token.is("to")) {
            Some(Refusal::EndedInside as fn(String) -> Refusal)
        } else if first.is("prepare")
            && words(&statement).next().is_some_and(|it| it.is("transaction"))
        {
            Some(Refusal::TwoPhase as fn(String) -> Refusal)
        } else if first.is("copy") && copies_outside(&statement) {
            Some(Refusal::OutsideEffect as fn(String) -> Refusal)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return Some(refusal(excerpt(sql)));
        }
        rest.by_ref().find(|token| *token == Token::End)?;
    }
}

/// Whether a text ends the transaction block that it runs in, so that a part of it may be committed when
/// its answer is lost.
///
/// ```
/// use aya_db_core::continuity::ends_transaction;
///
/// assert!(ends_transaction("update t set n = 1; commit"));
/// assert!(!ends_transaction("rollback to savepoint a"));
/// ```
pub fn ends_transaction(sql: &str) -> bool {
    matches!(refusal_of(sql), Some(Refusal::EndedInside(_) | Refusal::TwoPhase(_)))
}

/// The tokens up to the end of the statement.
fn words<'a>(statement: &Tokens<'a>) -> impl Iterator<Item = Token<'a>> {
    statement.clone().take_while(|token| *token != Token::End)
}

/// Whether a COPY goes to or comes from a program or a file.
fn copies_outside(statement: &Tokens<'_>) -> bool {
    let mut depth = 0_i32;
    let mut after_direction = false;
    for token in words(statement) {
        match token {
            Token::Other('(') => depth += 1,
            Token::Other(')') => depth -= 1,
            _ if depth > 0 => {}
            Token::Literal => return after_direction,
            _ if token.is("program") && after_direction => return true,
            _ => after_direction = token.is_any(&["from", "to"]),
        }
    }
    false
}

/// The beginning of a text for people, with its literals left out: they may be secrets.
pub fn excerpt(sql: &str) -> String {
    let mut text = String::new();
    for token in tokens(sql) {
        let (piece, spaced) = match token {
            Token::Word(word) => (word, true),
            Token::Name => ("\"…\"", true),
            Token::Literal => ("'…'", true),
            Token::End => (";", false),
            Token::Other(c) => {
                text.push(c);
                ("", false)
            }
        };
        if spaced
            && text.ends_with(|c: char| {
                c.is_alphanumeric() || matches!(c, '_' | ',' | '=' | '\'' | '"' | ')' | '*')
            })
        {
            text.push(' ');
        }
        text.push_str(piece);
        if text.len() >= EXCERPT {
            text.push('…');
            break;
        }
    }
    text
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statement, excerpt, before, now } = self;
        write!(f, "statement {statement} ({excerpt}) {now}, where before the loss it {before}")
    }
}

impl std::error::Error for Divergence {}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(digest) => write!(f, "gave rows of digest {digest}"),
            Self::Count(count) => write!(f, "touched {count} rows"),
            Self::Done => f.write_str("was done"),
            Self::Failed(code) => write!(f, "failed with {code}"),
        }
    }
}

/// How long an excerpt grows, about.
const EXCERPT: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::continuity::Digester;

    const LIMITS: RecordLimits = RecordLimits { statements: 3, bytes: 100 };

    fn entry(sql: &str, seen: Seen) -> Entry {
        Entry { sql: sql.into(), input: Input::Done, seen }
    }

    fn run(record: &mut Record, sql: &str, seen: Seen) {
        record.step(sql);
        record.answered(entry(sql, seen), &LIMITS);
    }

    #[test]
    fn what_was_seen_is_compared_in_order() {
        let mut record = Record::new();
        run(&mut record, "update t set n = 1", Seen::Count(2));
        run(&mut record, "insert into t values ('secret')", Seen::Done);
        assert_eq!(record.compare(0, Seen::Count(2)), Ok(()));
        let found = record.compare(1, Seen::Failed(SqlState::UNIQUE_VIOLATION)).unwrap_err();
        assert_eq!(
            found.to_string(),
            "statement 2 (insert into t values('…')) failed with 23505, where before the loss it was done"
        );
        let rows = |byte| {
            let mut digester = Digester::new();
            digester.value(Some(&[byte]));
            Seen::Rows(digester.finish())
        };
        run(&mut record, "select 1", rows(1));
        assert!(record.compare(2, rows(1)).is_ok() && record.compare(2, rows(2)).is_err());
    }

    #[test]
    fn a_record_that_grows_too_large_says_so_and_lets_go() {
        let mut record = Record::new();
        (0..3).for_each(|_| run(&mut record, "select 1", Seen::Done));
        assert!(record.is_kept());
        run(&mut record, "select 1", Seen::Done);
        assert_eq!(record.refusal(), Some(&Refusal::TooManyStatements(3)));
        assert!(record.entries().is_empty());

        let mut record = Record::new();
        run(&mut record, &"x".repeat(101), Seen::Done);
        assert_eq!(record.refusal(), Some(&Refusal::TooManyBytes(100)));
    }

    #[test]
    fn a_statement_given_up_midway_ends_the_record() {
        let mut record = Record::new();
        record.step("select 1");
        record.settled();
        record.step("select 2");
        assert!(record.is_kept());
        record.step("select 3");
        assert_eq!(record.refusal(), Some(&Refusal::Abandoned));
    }

    #[test]
    fn only_failures_that_come_back_are_replayed() {
        for (code, kept) in [
            (SqlState::UNIQUE_VIOLATION, true),
            (SqlState::UNDEFINED_TABLE, true),
            (SqlState::QUERY_CANCELED, false),
            (SqlState::LOCK_NOT_AVAILABLE, false),
            (SqlState::DEADLOCK_DETECTED, false),
        ] {
            let mut record = Record::new();
            run(&mut record, "insert into t values (1)", Seen::Failed(code));
            assert_eq!(record.is_kept(), kept, "{code}");
        }
    }

    #[test]
    fn statements_that_must_not_run_twice_are_told_by_their_words() {
        let refused = [
            "prepare transaction 'x'",
            "insert into t values (1); commit; begin",
            "/* a */ rollback and chain",
            "END",
            "copy t from '/tmp/x'",
            "copy (select 1) to program 'cat'",
        ];
        for sql in refused {
            assert!(refusal_of(sql).is_some(), "{sql}");
        }
        let fine = [
            "rollback to savepoint a",
            "savepoint a; rollback work to a",
            "do $$ begin perform 1; end; $$",
            "copy t from stdin",
            "copy (select 'to', 'from') to stdout with (delimiter '|')",
            "prepare p as select 1",
            "insert into t values ('; commit')",
        ];
        for sql in fine {
            assert_eq!(refusal_of(sql), None, "{sql}");
        }
    }
}
