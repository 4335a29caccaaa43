//! What one statement came to.

use super::column::Column;
use super::copy::CopyShape;
use super::rows::Rows;
use super::server_message::ServerMessage;
use super::tag::CommandTag;

/// What one statement of a query came to. A query of several statements has several, in their
/// order; after an error come no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It gave a table, perhaps one without rows.
    Table(Table),
    /// It is done, and gives no table.
    Done(CommandTag),
    /// The text held no statement.
    Empty,
    /// It failed. Rows that had come before the error are gone.
    Error(ServerMessage),
    /// COPY FROM STDIN waits for data; its [`Done`](Self::Done) or [`Error`](Self::Error) follows.
    CopyIn(CopyShape),
    /// COPY TO STDOUT begins to give data; as above.
    CopyOut(CopyShape),
    /// Replication begins: data goes both ways.
    CopyBoth(CopyShape),
}

/// A table whose rows are coming.
#[derive(Debug, Clone, Copy)]
pub struct Arriving<'a> {
    /// The how manieth of its session it is, counted from 1.
    pub number: u64,
    /// Its columns.
    pub columns: &'a [Column],
    /// The rows that have come.
    pub rows: &'a Rows,
}

/// A table, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its columns; there may be none.
    pub columns: Box<[Column]>,
    /// Its rows.
    pub rows: Rows,
    /// What the statement said at its end.
    pub tag: CommandTag,
}
