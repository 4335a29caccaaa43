//! What comes of the server's bytes.

use super::notification::Notification;
use super::parameters::Parameter;
use crate::answer::{Answer, CopyData, ServerMessage};

/// One thing that a server said, in the order in which it said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Everything of one query has been answered, or the session has started. Queries that were
    /// sent ahead each have their own.
    Ready(TransactionStatus),
    /// What one statement of the oldest unanswered query came to.
    Answer(Answer),
    /// Data of COPY TO STDOUT, or of replication.
    CopyData(CopyData),
    /// No more data comes. The statement's end follows.
    CopyDone,
    /// A notice or warning.
    Notice(ServerMessage),
    /// A NOTIFY of this or of another session.
    Notification(Notification),
    /// A server variable has a new value, which [`Session::parameter`](super::Session::parameter)
    /// now tells.
    Parameter(Parameter),
    /// An error that answers no query: the server refuses the session while it starts, or says
    /// why it is about to end.
    LastWords(ServerMessage),
}

/// How a session stands to transactions when it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// No transaction is open.
    Idle,
    /// One is open.
    Open,
    /// One is open and has failed: only ROLLBACK will do.
    Failed,
}
