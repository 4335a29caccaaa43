//! What the shell knows of a failed attempt.

use super::SyncRepNotice;
use crate::SqlState;
use crate::sql_text::{Token, tokens};

/// The facts of one failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How far the work had come.
    pub phase: Phase,
    /// Whether a byte of the phase's own message can have reached the server.
    pub sent: Sent,
    /// What ended the attempt.
    pub cause: Cause,
    /// The command tag that answered a COMMIT, if one came, even if the attempt failed after it.
    pub commit_tag: Option<CommitTag>,
    /// The warning that a cut wait for synchronous replication leaves behind, if one came.
    pub notice: Option<SyncRepNotice>,
    /// What the application promised of the work.
    pub safety: Safety,
    /// What was found out afterwards about a commit in doubt.
    pub doubt: CommitDoubt,
}

/// What was found out afterwards about a commit whose answer is missing
/// ([`crate::continuity`]). One that proved to be kept is no failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum CommitDoubt {
    /// Nothing.
    #[default]
    Open,
    /// It is not part of the leader's history.
    RolledBack,
}

impl Facts {
    /// The facts of an attempt that ended by `cause`, with no tag, no notice and no promise.
    pub const fn new(phase: Phase, sent: Sent, cause: Cause) -> Self {
        Self {
            phase,
            sent,
            cause,
            commit_tag: None,
            notice: None,
            safety: Safety::Unmarked,
            doubt: CommitDoubt::Open,
        }
    }

    /// The same with what the application promised of the work.
    #[must_use]
    pub fn with_safety(self, safety: Safety) -> Self {
        Self { safety, ..self }
    }
}

/// How far the work had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Waiting for a node, a connection slot, or a pooled connection.
    Waiting,
    /// Opening a connection.
    Connect(ConnectStage),
    /// Preparing a statement (Parse, Describe): nothing runs yet.
    Prepare(InTransaction),
    /// BEGIN.
    Begin,
    /// A statement, from its Bind or Query message to its last answer.
    Statement(InTransaction),
    /// COPY FROM STDIN, up to the last data message: the server cannot have finished it.
    CopyIn(InTransaction),
    /// COPY FROM STDIN, once CopyDone may have left.
    CopyDone(InTransaction),
    /// COPY TO STDOUT. Judged like a statement, since it may copy the rows of an
    /// `INSERT … RETURNING`.
    CopyOut(InTransaction),
    /// COMMIT.
    Commit,
    /// ROLLBACK, or the end of a session with an open transaction.
    Rollback,
}

/// How far the opening of a connection had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectStage {
    /// Looking up the name.
    Resolve,
    /// The TCP or socket connection.
    Tcp,
    /// SSLRequest and the TLS handshake.
    Tls,
    /// The startup message and authentication, up to the first ReadyForQuery.
    Auth,
    /// The check of the server's role against the wanted one.
    RoleCheck,
}

/// How a statement stands to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InTransaction {
    /// It is a transaction of its own: all or nothing, decided with its own answer.
    No,
    /// It runs inside a transaction block that was opened before.
    Yes,
    /// It may commit on its way: a procedure call, a maintenance command that commits between
    /// its steps, or a batch that brings its own COMMIT. An error answer then says nothing of
    /// what was committed before it.
    MayCommit,
}

impl InTransaction {
    /// How a text that is sent outside a transaction block stands to transactions, by the words
    /// its statements begin with.
    ///
    /// ```
    /// use aya_db_core::failure::InTransaction;
    ///
    /// let upsert = "insert into t values (1) on conflict do nothing";
    /// assert_eq!(InTransaction::of_autocommit(upsert), InTransaction::No);
    /// assert_eq!(InTransaction::of_autocommit("call tidy()"), InTransaction::MayCommit);
    /// assert_eq!(InTransaction::of_autocommit("begin; select 1; commit"), InTransaction::MayCommit);
    /// ```
    pub fn of_autocommit(sql: &str) -> Self {
        let mut rest = tokens(sql);
        while let Some(first) = rest.by_ref().find(|token| *token != Token::Other('(')) {
            let mut words = rest.by_ref().take_while(|token| *token != Token::End);
            let commits = first.is_any(&COMMITTING)
                || (first.is_any(&DEFINING) && words.by_ref().any(|word| word.is_any(&STEPWISE)));
            if commits {
                return Self::MayCommit;
            }
            if first != Token::End {
                words.for_each(drop);
            }
        }
        Self::No
    }
}

/// First words of the commands that commit, or open a block which may.
const COMMITTING: [&str; 10] =
    ["call", "do", "begin", "start", "commit", "end", "prepare", "vacuum", "cluster", "reindex"];

/// First words of the commands that commit between their steps if a word of [`STEPWISE`] follows.
const DEFINING: [&str; 4] = ["create", "drop", "alter", "refresh"];

/// See [`DEFINING`].
const STEPWISE: [&str; 3] = ["concurrently", "database", "tablespace"];

/// Whether a byte of the message can have reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sent {
    /// No byte of it was handed to the operating system.
    No,
    /// Some of it was, or nobody can tell.
    Yes,
}

/// What ended an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The server answered with an error.
    Server(ServerError),
    /// The server answered with success; the commit tag or a notice makes it a failure.
    Answered,
    /// The connection was closed or reset without a last word.
    ConnectionLost,
    /// The server fell silent while the connection stayed open ([`crate::liveness`]).
    Silent,
    /// The postmaster refuses connections while the connection stays open.
    Gone,
    /// A deadline of ours passed.
    Deadline,
    /// The application gave up: it dropped the call or cancelled it.
    Cancelled,
    /// TLS could not be agreed on.
    Tls(TlsFault),
    /// The name has no address.
    NameResolution,
    /// The connection was refused.
    Refused,
    /// What the server sent is not PostgreSQL's protocol.
    Protocol,
    /// Our side cannot or will not authenticate: no password, a method that is not allowed, a
    /// server that did not prove that it knows the password.
    Authentication,
    /// The arguments, the rows, or the way of calling do not fit.
    Client(ClientFault),
    /// No node serves the intent.
    NoLeader,
    /// Every connection of the pool is in use.
    PoolExhausted,
    /// The node's circuit breaker is open.
    BreakerOpen,
    /// No standby may serve the read, and no other server is wanted.
    NoStandby,
    /// The leader was last vouched for too long ago.
    NotFresh,
    /// What a causal token stands for is not part of the cluster's history.
    TokenLost,
    /// The transaction was lost earlier, and cannot be replayed.
    NotReplayed,
    /// The transaction was replayed, and gave something else.
    Diverged,
    /// The session was lost, and with it what cannot be restored.
    SessionState,
    /// The server's role is not the wanted one.
    RoleMismatch,
    /// The server is a primary that was left behind: an old timeline or another database cluster.
    StalePrimary,
    /// The cluster handle was closed.
    Closed,
}

/// What an ErrorResponse says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// How bad it is.
    pub severity: Severity,
    /// Its code.
    pub sqlstate: SqlState,
    /// The C function that raised it. PostgreSQL always names one; a pooler that speaks in its
    /// own name does not.
    pub routine: Option<String>,
}

/// The severity of an ErrorResponse, from its untranslated field `V`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The statement failed, the session lives.
    Error,
    /// The session ends.
    Fatal,
    /// Every session ends.
    Panic,
}

impl Severity {
    /// Reads the untranslated severity; whatever is not known counts as the end of the session.
    pub fn from_text(text: &str) -> Self {
        match text {
            "ERROR" => Self::Error,
            "PANIC" => Self::Panic,
            _ => Self::Fatal,
        }
    }
}

/// Why TLS could not be agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsFault {
    /// The server has no TLS and the connection string asks for it.
    NotOffered,
    /// The certificate is not one to trust: unknown authority, another name, expired, revoked.
    Certificate,
    /// The two sides have no version or method in common.
    Handshake,
}

/// What does not fit on the application's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientFault {
    /// A parameter cannot be encoded as the statement's type, or their number differs.
    Parameters,
    /// A column cannot be read as the wanted type.
    Decode,
    /// There are more or fewer rows than the call asks for.
    RowCount,
    /// The call is not allowed here: COPY data out of order, a closed transaction.
    Usage,
    /// The connection string, or a file that it names, cannot be used.
    Configuration,
    /// The hint in front of the statement is not known.
    Hint,
}

/// The command tag that answers a COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitTag {
    /// `COMMIT`.
    Commit,
    /// `ROLLBACK`: the transaction had failed before.
    Rollback,
}

impl CommitTag {
    /// Reads a command tag; `None` for that of another command.
    pub fn from_text(tag: &str) -> Option<Self> {
        match tag {
            "COMMIT" => Some(Self::Commit),
            "ROLLBACK" => Some(Self::Rollback),
            _ => None,
        }
    }
}

/// What the application promised of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Safety {
    /// Nothing.
    #[default]
    Unmarked,
    /// It runs in a READ ONLY transaction, so it writes nothing that outlives it.
    ReadOnly,
    /// Running it twice does the same as running it once.
    Idempotent,
}

impl Safety {
    /// Whether work of unknown fate may be run again.
    pub const fn allows_rerun_of_unknown(self) -> bool {
        match self {
            Self::Unmarked => false,
            Self::ReadOnly | Self::Idempotent => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_commit_on_their_way_are_taken_for_such() {
        let plain = [
            "insert into t values (1) on conflict (id) do update set n = 2",
            "select 'call', \"begin\" from t",
            "",
            "update job set start = now(), \"end\" = null",
            "/* nightly */ select case when true then 1 end",
            "insert into t values ('; call tidy()')",
        ];
        let committing = [
            "CALL tidy()",
            " do $$ begin commit; end $$",
            "select 1; commit",
            "create unique index concurrently i on t (a)",
            "drop database d",
            "vacuum t",
            "/* nightly */ call tidy()",
            "-- nightly\nvacuum",
            "; call tidy()",
        ];
        for sql in plain {
            assert_eq!(InTransaction::of_autocommit(sql), InTransaction::No, "{sql}");
        }
        for sql in committing {
            assert_eq!(InTransaction::of_autocommit(sql), InTransaction::MayCommit, "{sql}");
        }
    }
}
