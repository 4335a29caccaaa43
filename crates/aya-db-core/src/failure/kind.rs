//! The kinds of failure, each with its stable code.

use std::fmt;

use super::catalogue::{Entry, entry};

/// What kind of failure it is. Each kind has a stable code and a page of documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The host name has no address.
    NameResolution,
    /// The server refused the connection.
    Refused,
    /// The server did not answer in time while the connection was being opened.
    ConnectTimeout,
    /// The server offers no TLS, or none that both sides know.
    TlsUnavailable,
    /// The server's certificate is not one to trust.
    TlsCertificate,
    /// User, password or `pg_hba.conf` do not let us in.
    AuthenticationFailed,
    /// The database does not exist.
    UnknownDatabase,
    /// The user may not connect to the database.
    ConnectForbidden,
    /// Whoever answers does not speak PostgreSQL's protocol.
    NotPostgres,
    /// The server is starting, stopping or recovering.
    ServerNotReady,
    /// The server has no connection slot left.
    TooManyConnections,
    /// The server's role is not the wanted one.
    RoleMismatch,
    /// The server is a primary that was left behind.
    StalePrimary,
    /// No node serves the intent.
    NoLeader,
    /// Every connection of the pool is in use.
    PoolExhausted,
    /// The node failed too often of late and is given a rest.
    BreakerOpen,
    /// The deadline of the call passed.
    DeadlineExceeded,
    /// The application gave the call up.
    Cancelled,
    /// The cluster handle was closed.
    Closed,
    /// No standby may serve the read, and no other server is wanted.
    NoStandby,
    /// Nobody has vouched for the leader as recently as the read asks for.
    NotFresh,
    /// The connection broke.
    ConnectionLost,
    /// The server fell silent.
    ServerSilent,
    /// The postmaster is gone while the connection still stood.
    ServerGone,
    /// The server ended the session because it stops or was told to.
    ServerShutdown,
    /// The server ended the session because another process of it crashed.
    ServerCrash,
    /// The server ended the session because it was idle for too long.
    SessionExpired,
    /// The server ended the session because its transaction took too long.
    TransactionExpired,
    /// A supposed primary refuses writes.
    ReadOnlyServer,
    /// What the server sent does not follow the protocol.
    ProtocolViolation,
    /// Committed on the server that answered, and perhaps on no other.
    NotReplicated,
    /// COMMIT was answered by ROLLBACK.
    CommitRolledBack,
    /// The server itself does not know what became of the work.
    OutcomeInDoubt,
    /// What a causal token stands for is not part of the cluster's history.
    CausalTokenLost,
    /// The transaction was lost with its connection, and cannot be replayed.
    TransactionLost,
    /// The transaction was lost with its connection, and its replay gave something else.
    ReplayDiverged,
    /// The session was lost, and something of its state cannot be restored.
    SessionStateLost,
    /// Another transaction made this one impossible to serialize.
    SerializationFailure,
    /// The transaction was chosen to break a deadlock.
    Deadlock,
    /// A prepared statement is unknown to the session or its result type changed.
    StalePreparedStatement,
    /// The statement was cancelled: by request or by `statement_timeout`.
    QueryCancelled,
    /// A lock was not granted in time.
    LockNotAvailable,
    /// A constraint refuses the row.
    ConstraintViolation,
    /// The statement is wrong, names what does not exist, or is forbidden.
    StatementRejected,
    /// A value does not fit.
    DataException,
    /// The server ran out of memory, disk or another limit.
    OutOfResources,
    /// The transaction had failed before, and its error was passed over.
    TransactionAborted,
    /// A write was tried in a transaction that is read only.
    WriteInReadOnly,
    /// The server met a fault of its own.
    ServerInternal,
    /// Any other error of the server.
    ServerError,
    /// A parameter cannot be encoded.
    ParameterConversion,
    /// A column cannot be read as the wanted type.
    RowConversion,
    /// There are more or fewer rows than asked for.
    RowCount,
    /// The call is not allowed in this state.
    Usage,
    /// The connection string, or a file that it names, cannot be used.
    Configuration,
    /// The hint in front of the statement is not known.
    UnknownHint,
}

/// Whether a failure of a kind passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Persistence {
    /// The same work may succeed when it is run again.
    Transient,
    /// The same work fails again until somebody changes something.
    Permanent,
}

impl FailureKind {
    /// The stable code, `AYA-nnnn`.
    pub fn code(self) -> &'static str {
        self.entry().code
    }

    /// The kind's page: code, title, cause, remedy.
    pub fn entry(self) -> &'static Entry {
        entry(self)
    }

    /// Whether a failure of this kind passes by itself. Whether the work may be run again is
    /// another question: that one asks the fate.
    pub const fn persistence(self) -> Persistence {
        match self {
            Self::NameResolution
            | Self::Refused
            | Self::ConnectTimeout
            | Self::ServerNotReady
            | Self::TooManyConnections
            | Self::RoleMismatch
            | Self::StalePrimary
            | Self::NoLeader
            | Self::PoolExhausted
            | Self::BreakerOpen
            | Self::NotFresh
            | Self::ConnectionLost
            | Self::ServerSilent
            | Self::ServerGone
            | Self::ServerShutdown
            | Self::ServerCrash
            | Self::SessionExpired
            | Self::ReadOnlyServer
            | Self::OutcomeInDoubt
            | Self::TransactionLost
            | Self::ReplayDiverged
            | Self::SerializationFailure
            | Self::Deadlock
            | Self::StalePreparedStatement => Persistence::Transient,
            Self::TlsUnavailable
            | Self::TlsCertificate
            | Self::AuthenticationFailed
            | Self::UnknownDatabase
            | Self::ConnectForbidden
            | Self::NotPostgres
            | Self::DeadlineExceeded
            | Self::Cancelled
            | Self::Closed
            | Self::NoStandby
            | Self::CausalTokenLost
            | Self::TransactionExpired
            | Self::ProtocolViolation
            | Self::NotReplicated
            | Self::SessionStateLost
            | Self::CommitRolledBack
            | Self::QueryCancelled
            | Self::LockNotAvailable
            | Self::ConstraintViolation
            | Self::StatementRejected
            | Self::DataException
            | Self::OutOfResources
            | Self::TransactionAborted
            | Self::WriteInReadOnly
            | Self::ServerInternal
            | Self::ServerError
            | Self::ParameterConversion
            | Self::RowConversion
            | Self::RowCount
            | Self::Usage
            | Self::Configuration
            | Self::UnknownHint => Persistence::Permanent,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().title)
    }
}
