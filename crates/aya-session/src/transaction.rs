//! An open transaction: how it began, what it has done, and how its commit would be looked up.

use aya_db_core::SqlState;
use aya_db_core::continuity::{
    CommitMark, Digester, Entry, Input, Life, Record, RecordLimits, Seen, Xid,
};
use aya_db_core::{Lsn, ServerIncarnation, Timeline};
use aya_pgwire::{Answer, Event, TransactionStatus};
use bytes::Bytes;

use crate::link::{Link, Texts};

/// A transaction that is open.
#[derive(Debug)]
pub(crate) struct Open {
    /// The text that begins it.
    pub(crate) begin: Box<[u8]>,
    pub(crate) opening: Opening,
    pub(crate) tape: Tape,
    pub(crate) doubt: Doubt,
    pub(crate) way: Way,
    pub(crate) did: Did,
    /// How it stood when it was last answered.
    pub(crate) status: TransactionStatus,
}

/// How the BEGIN of a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The application's own: it goes out with the next query, and its answer is told.
    Waits,
    /// Ours, around a statement that stands alone: it goes out with that, and nothing of it is told.
    WaitsUntold,
    /// It was answered.
    Done,
}

/// How the commit of a transaction is resolved if it comes to be in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not at all.
    None,
    /// By the leader's history.
    Lsn,
    /// By the ledger.
    Ledger,
}

/// What a transaction has done, by the words of its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Did {
    /// It has read; a function may have written all the same.
    Read,
    /// It may have written.
    Write,
}

impl Open {
    pub(crate) fn new(begin: &[u8], opening: Opening, record: Record, way: Way) -> Self {
        Self {
            begin: begin.into(),
            opening,
            tape: Tape { record, texts: Vec::new() },
            doubt: Doubt::default(),
            way,
            did: Did::Read,
            status: TransactionStatus::Open,
        }
    }
}

/// The record of a transaction, with the bytes of its statements.
#[derive(Debug)]
pub(crate) struct Tape {
    pub(crate) record: Record,
    /// Of each statement of the record, its bytes where they are not its text.
    texts: Vec<Option<Box<[u8]>>>,
}

impl Tape {
    /// A statement was answered.
    pub(crate) fn answered(
        &mut self,
        sql: &[u8],
        view: &str,
        input: Input,
        seen: Seen,
        limits: &RecordLimits,
    ) {
        self.record.answered(Entry { sql: view.into(), input, seen }, limits);
        let exact = sql == view.as_bytes();
        self.texts.resize_with(self.record.entries().len(), || {
            if exact { None } else { Some(sql.into()) }
        });
    }

    /// How many statements there are.
    pub(crate) fn len(&self) -> usize {
        self.record.entries().len()
    }

    /// The statement of this number: its bytes, and the pieces that it copied.
    pub(crate) fn statement(&self, index: usize) -> Option<(&Entry, &[u8])> {
        let entry = self.record.entries().get(index)?;
        let text = self.texts.get(index).and_then(Option::as_deref);
        Some((entry, text.unwrap_or(entry.sql.as_bytes())))
    }
}

/// The data that a statement of the record has copied in.
pub(crate) fn pieces(entry: &Entry) -> &[Bytes] {
    match &entry.input {
        Input::CopyIn(pieces) => pieces,
        _ => &[],
    }
}

/// What the application sees of a query, event by event: its tables, its tags and what it copied out, or
/// the code of its error.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    digester: Digester,
    failed: Option<SqlState>,
}

impl Sight {
    /// The sight of these events.
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut sight = Self::default();
        events.iter().for_each(|event| sight.see(event));
        sight
    }

    pub(crate) fn see(&mut self, event: &Event) {
        let digester = &mut self.digester;
        match event {
            Event::Answer(Answer::Table(table)) => {
                for row in table.rows.iter() {
                    digester.row(table.columns.len());
                    row.cells().for_each(|cell| digester.value(cell));
                }
                digester.value(Some(table.tag.as_bytes()));
            }
            Event::Answer(Answer::Done(tag)) => digester.value(Some(tag.as_bytes())),
            Event::CopyData(data) => digester.bytes(data.as_bytes()),
            Event::Answer(Answer::Error(error)) => {
                self.failed = Some(error.sqlstate().unwrap_or(SqlState::INTERNAL_ERROR));
            }
            _ => {}
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        match self.failed {
            Some(code) => Seen::Failed(code),
            None => Seen::Rows(self.digester.finish()),
        }
    }
}

/// What identifies a transaction, as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    pub(crate) mark: Option<CommitMark>,
    pub(crate) token: Option<Token>,
    /// A mark that was asked for behind the last statement says that nothing was written.
    empty: bool,
}

/// What a transaction is known by in the ledger: 128 bits that nobody else draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token(u128);

impl Token {
    pub(crate) fn draw() -> Self {
        Self(rand::random())
    }

    /// As PostgreSQL reads a `uuid`.
    pub(crate) fn text(self) -> String {
        format!("{:032x}", self.0)
    }
}

impl Doubt {
    /// Keeps the answer to the question for the mark; one that lacks a part marks nothing.
    pub(crate) fn keep(&mut self, events: &[Event], on: &Link) {
        let table = events.iter().find_map(|event| match event {
            Event::Answer(Answer::Table(table)) => Some(table),
            _ => None,
        });
        // Inside a failed transaction there is none; nothing is in doubt then.
        let Some(row) = table.and_then(|table| table.rows.get(0)) else { return };
        let text = |column| row.cell(column).and_then(|cell| str::from_utf8(cell).ok());
        self.empty = row.cell(0).is_none();
        if let (Some(xid), Some(lsn), Some(Some(life))) = (text(0), text(1), on.life)
            && let (Ok(xid), Ok(lsn)) = (xid.parse(), lsn.parse::<Lsn>())
        {
            self.mark.get_or_insert_with(|| CommitMark::new(Xid(xid), lsn, &life));
        }
    }

    /// A statement runs that may write: what an earlier mark said of that is over.
    pub(crate) fn may_be_written(&mut self) {
        self.empty = false;
    }

    /// The transaction has written nothing, so that there is nothing to find out.
    pub(crate) fn is_empty(&self) -> bool {
        self.empty && self.mark.is_none()
    }
}

/// What the answer to [`LIFE`](aya_db_core::server_sql::LIFE) tells; `None` if a part is missing.
pub(crate) fn life_of(rows: &Texts) -> Option<Life> {
    let row = rows.first()?;
    let text = |column: usize| row.get(column).and_then(Option::as_deref);
    Some(Life {
        timeline: Timeline(text(0)?.parse().ok()?),
        incarnation: ServerIncarnation(text(1)?.parse().ok()?),
        replayed_to: text(2).and_then(|lsn| lsn.parse().ok()),
    })
}
