//! Every kind of failure with its stable code, its cause and its remedy. The pages under
//! `docs/errors/` are generated from it; a code is never reused and never renumbered.
//!
//! 10xx opening a connection, 20xx waiting and ending, 30xx losing a server, 40xx the server's
//! answer, 50xx the application's side.

use super::FailureKind;

/// The page of one kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The kind.
    pub kind: FailureKind,
    /// Its stable code, `AYA-nnnn`.
    pub code: &'static str,
    /// What happened, in a few words that fit after "failed:".
    pub title: &'static str,
    /// What brings it about.
    pub cause: &'static str,
    /// What the driver does by itself, and what is left to do.
    pub remedy: &'static str,
}

/// Every kind of failure, in the order of the codes.
pub fn catalogue() -> &'static [Entry] {
    &ENTRIES
}

/// The page of `kind`. The entries stand in the order of the enum, which a test holds.
pub(super) fn entry(kind: FailureKind) -> &'static Entry {
    &ENTRIES[kind as usize]
}

const fn e(
    kind: FailureKind,
    code: &'static str,
    title: &'static str,
    cause: &'static str,
    remedy: &'static str,
) -> Entry {
    Entry { kind, code, title, cause, remedy }
}

static ENTRIES: [Entry; 56] = [
    e(
        FailureKind::NameResolution,
        "AYA-1001",
        "the host name has no address",
        "The resolver of this machine does not know the name, or did not answer before the \
         deadline. A spelling mistake, a missing search domain or a name server that is down all \
         look alike from here.",
        "Other hosts of the connection string are tried, and this one again until the deadline. \
         If it stays, ask the resolver on this machine (`getent hosts NAME`), or give the address \
         with `hostaddr`, which needs no resolver.",
    ),
    e(
        FailureKind::Refused,
        "AYA-1002",
        "the server refused the connection",
        "The machine answers, and nothing listens on that port: PostgreSQL is down, still coming \
         up, or listens on another address or port. A firewall that rejects looks the same.",
        "The driver goes on to the other hosts and waits for a leader until the deadline. If it \
         lasts, compare `listen_addresses` and `port` of the server with the connection string.",
    ),
    e(
        FailureKind::ConnectTimeout,
        "AYA-1003",
        "the server did not answer while the connection was being opened",
        "Packets are dropped on the way, the machine is gone, or the server process is frozen: it \
         accepts the connection and never says a word. One deadline covers name look-up, TCP, \
         TLS, authentication and the check of the role.",
        "The next host is tried at once. If a healthy server is merely slow to answer, raise \
         `connect_timeout`.",
    ),
    e(
        FailureKind::TlsUnavailable,
        "AYA-1004",
        "no common ground for TLS",
        "The server has TLS switched off while `sslmode` demands it, or the two sides share no \
         protocol version or cipher.",
        "Switch on `ssl` at the server or relax `sslmode`; compare `ssl_min_protocol_version` at \
         both ends. It is not tried again.",
    ),
    e(
        FailureKind::TlsCertificate,
        "AYA-1005",
        "the server's certificate is not to be trusted",
        "The certificate is signed by an authority that `sslrootcert` does not hold, is made out \
         to another name, has expired, or stands on the revocation list.",
        "Give the right root with `sslrootcert` (`system` for the machine's own), connect by a \
         name that the certificate lists, or renew it. Every node of the cluster needs a good one: \
         a failover must not end at a bad certificate.",
    ),
    e(
        FailureKind::AuthenticationFailed,
        "AYA-1006",
        "the server did not accept the user",
        "A wrong password (28P01), no matching line of `pg_hba.conf` (28000), a method that \
         `require_auth` rules out, or a server that failed to prove that it knows the password.",
        "Nothing is tried again, so that no account is locked. Check user, password and password \
         file; keep `pg_hba.conf` the same on all nodes, or a failover turns into this error.",
    ),
    e(
        FailureKind::UnknownDatabase,
        "AYA-1007",
        "the database does not exist",
        "`dbname` names a database that the server does not have (3D000) or that was dropped \
         under the connection (57P04). Without `dbname` the user's name is taken.",
        "Correct `dbname` or create the database. It is not tried again.",
    ),
    e(
        FailureKind::ConnectForbidden,
        "AYA-1008",
        "the user may not connect to the database",
        "The user is known and lacks the CONNECT privilege on the database (42501).",
        "`GRANT CONNECT ON DATABASE … TO …`. It is not tried again.",
    ),
    e(
        FailureKind::NotPostgres,
        "AYA-1009",
        "whoever answers does not speak PostgreSQL's protocol",
        "The port belongs to something else, often a web server or the REST interface of Patroni \
         (8008 in place of 5432), or to a server too old for the protocol.",
        "Correct the port. It is not tried again.",
    ),
    e(
        FailureKind::ServerNotReady,
        "AYA-1010",
        "the server is starting, stopping or recovering",
        "57P03: the server runs and takes no sessions yet, or no more.",
        "The driver waits for a server that is ready, here or elsewhere, until the deadline.",
    ),
    e(
        FailureKind::TooManyConnections,
        "AYA-1011",
        "the server has no connection slot left",
        "53300: `max_connections`, or the limit of the role or database, is reached. Right after a \
         failover every client comes at once.",
        "The driver backs off and tries again; reads go to another node. If it lasts, lower the \
         pool size per process or raise the limit: processes × pool size must stay below it.",
    ),
    e(
        FailureKind::RoleMismatch,
        "AYA-1012",
        "the server's role is not the wanted one",
        "A new connection found a standby where a primary was wanted, or the reverse: the roles \
         changed between the decision and the connection.",
        "The connection is dropped, the node is asked anew, and the call goes on to the right one.",
    ),
    e(
        FailureKind::StalePrimary,
        "AYA-1013",
        "the server is a primary that was left behind",
        "It takes writes on a timeline older than one already seen, or belongs to another \
         database cluster. Writing there would lose the rows.",
        "The node is refused until it comes back as a standby. If a data directory was restored \
         on purpose, restart the application so that it learns the cluster anew.",
    ),
    e(
        FailureKind::NoLeader,
        "AYA-2001",
        "no node serves the request",
        "No server is confirmed as primary (or as a standby that is fresh enough): an election is \
         under way, every node is down, or none can be reached from here.",
        "Calls wait and go on together when a node is confirmed. If the deadline passes first, \
         the error lists every node with its last answer; Patroni needs ttl plus a few seconds \
         to replace a dead leader, so keep the failover deadline above that.",
    ),
    e(
        FailureKind::PoolExhausted,
        "AYA-2002",
        "every connection of the pool is in use",
        "More calls run at once than the pool has connections, or transactions stay open for long.",
        "Raise the pool size, shorten transactions, or run fewer calls at once.",
    ),
    e(
        FailureKind::BreakerOpen,
        "AYA-2003",
        "the node failed too often and is given a rest",
        "Several attempts in a row failed on this node, so for a short time none is made.",
        "The call waits for the rest to end or for another node. Look for the first failures \
         before this one; they hold the reason.",
    ),
    e(
        FailureKind::DeadlineExceeded,
        "AYA-2004",
        "the deadline of the call passed",
        "The time given to the call is over. The fate tells what became of the work; a COMMIT that \
         waits for its standby may still take effect.",
        "Read the list of attempts for where the time went. Raise the deadline, or if the fate is \
         unknown look whether the work is there before doing it again.",
    ),
    e(
        FailureKind::Cancelled,
        "AYA-2005",
        "the application gave the call up",
        "The future was dropped or the call was cancelled while it ran.",
        "Nothing is tried again. If the fate is unknown, look before doing the work again.",
    ),
    e(
        FailureKind::Closed,
        "AYA-2006",
        "the cluster handle was closed",
        "A call was made after the handle was shut down, or while it was.",
        "Keep the handle open for as long as calls are made.",
    ),
    e(
        FailureKind::NoStandby,
        "AYA-2007",
        "no standby may serve the read",
        "Every standby is down, in doubt, beyond the lag limits, or has not replayed what the read \
         must see, and the read refuses the leader (`read_fallback=refuse`).",
        "Nothing ran. The error lists every node with its state. Take `read_fallback=primary` or \
         `wait` if the read may go to the leader or may wait.",
    ),
    e(
        FailureKind::NotFresh,
        "AYA-2008",
        "nobody has vouched for the leader recently enough",
        "The read asks for data of a limited age, and the leader was last confirmed longer ago: it \
         does not answer, or neither etcd nor Patroni has named it since. A leader that is cut off \
         from them may have been replaced.",
        "The driver asks the leader and the sources again until the deadline. If it stays, look why \
         the sources cannot be read, or raise the limit of age; sources are heard about once a \
         second.",
    ),
    e(
        FailureKind::ConnectionLost,
        "AYA-3001",
        "the connection to the server broke",
        "The server or its machine went down, or something between reset the connection.",
        "Work that was not sent, or that provably left no trace, runs again by itself on the \
         confirmed leader. With the fate unknown (a write or COMMIT was on its way) the driver \
         leaves the decision to you: look for the row, or mark the work idempotent.",
    ),
    e(
        FailureKind::ServerSilent,
        "AYA-3002",
        "the server fell silent",
        "While a statement ran, the server stopped answering the check beside it: the process is \
         frozen, the machine hangs, or the network swallows packets. A slow statement alone never \
         leads here.",
        "As for AYA-3001. If the machine is only overloaded, raise the silence timeout.",
    ),
    e(
        FailureKind::ServerGone,
        "AYA-3003",
        "the server's main process is gone",
        "New connections are refused while an old one still stands: the postmaster died and its \
         children are about to follow.",
        "As for AYA-3001.",
    ),
    e(
        FailureKind::ServerShutdown,
        "AYA-3004",
        "the server ended the session",
        "57P01: a shutdown, a switchover, or an administrator's `pg_terminate_backend`.",
        "Transactions run again by themselves on the next leader where that is safe. Raised only \
         if the deadline passed first or the work cannot be run again.",
    ),
    e(
        FailureKind::ServerCrash,
        "AYA-3005",
        "the server ended every session after a crash",
        "57P02: one server process died, so the server drops all sessions and recovers.",
        "As for AYA-3001. The server's log says which process died; memory exhaustion is the most \
         frequent reason.",
    ),
    e(
        FailureKind::SessionExpired,
        "AYA-3006",
        "the server ended an idle session",
        "57P05: the session was idle longer than `idle_session_timeout`.",
        "A fresh connection is taken by itself. Keep the pool's idle time below the server's.",
    ),
    e(
        FailureKind::TransactionExpired,
        "AYA-3007",
        "the server ended a transaction that took too long",
        "25P03 or 25P04: `idle_in_transaction_session_timeout` or `transaction_timeout`.",
        "Do the slow work outside the transaction, or raise the limit. It is not run again, since \
         it would take as long.",
    ),
    e(
        FailureKind::ReadOnlyServer,
        "AYA-3008",
        "the server refuses writes",
        "25006: the node became a standby, or `default_transaction_read_only` was switched on.",
        "Nothing was written. The leader is looked up anew and the work runs there. If the \
         application itself opened the transaction READ ONLY, mark the work as read only.",
    ),
    e(
        FailureKind::ProtocolViolation,
        "AYA-3009",
        "the conversation with the server went out of step",
        "A message came that does not fit the protocol: a damaged stream, or a pooler in between \
         that changes it.",
        "The connection is dropped. If it comes back, take the pooler out and report it.",
    ),
    e(
        FailureKind::NotReplicated,
        "AYA-3010",
        "committed, but perhaps not replicated",
        "The wait for the synchronous standby was cut short, by a cancel request or by the server \
         going down. The commit stands on the server that answered; whether it outlives a \
         failover is open.",
        "Do not run the work again while that server leads. After a failover look whether the \
         row is there. Never use cancel to shorten a COMMIT.",
    ),
    e(
        FailureKind::CommitRolledBack,
        "AYA-3011",
        "COMMIT was answered by ROLLBACK",
        "A statement of the transaction had failed, the application went on and committed, and \
         the server could only roll back.",
        "Nothing was written. Return the error of the failed statement, or put it behind a \
         savepoint.",
    ),
    e(
        FailureKind::OutcomeInDoubt,
        "AYA-3012",
        "the server does not know what became of the work",
        "08007 or 40003: an extension or pooler lost sight of a transaction it had started.",
        "Look whether the work is there before doing it again.",
    ),
    e(
        FailureKind::CausalTokenLost,
        "AYA-3013",
        "the cluster does not hold what the causal token stands for",
        "A failover left the token's timeline before the token's place in the log, so that commits \
         it stands for may be lost; or nobody tells where that timeline was left; or the token is of \
         another database cluster.",
        "Look whether your write is there, then go on with a new token. With synchronous replication \
         acknowledged commits are not lost, but a token taken under load may point behind them, into \
         what others were writing.",
    ),
    e(
        FailureKind::TransactionLost,
        "AYA-3014",
        "the transaction was lost with its connection, and cannot be replayed",
        "The connection broke before COMMIT was sent, so nothing of the transaction is kept. The \
         driver could not run it again by itself: it had grown beyond `replay_max_statements` or \
         `replay_max_bytes`, holds a statement that must not run twice, or replay is switched \
         off. The message says which.",
        "Run the transaction again from its beginning; that cannot do it twice. \
         `Cluster::transaction` does so by itself.",
    ),
    e(
        FailureKind::ReplayDiverged,
        "AYA-3015",
        "the transaction was replayed after a loss, and gave something else",
        "The connection broke before COMMIT was sent, and the driver ran the transaction again. \
         One of its statements did not answer as it had before: others have written in between, \
         or the statement gives something else each time (`now()`, `random()`, a sequence). What \
         the application has seen is no longer true, so the transaction was rolled back. The \
         message names the first statement that differed.",
        "Run the transaction again from its beginning, as after a serialization failure (the \
         error's SQLSTATE is 40001). `Cluster::transaction` does so by itself.",
    ),
    e(
        FailureKind::SessionStateLost,
        "AYA-3016",
        "the session was lost, and something of its state cannot be restored",
        "The connection of a session broke, and the session held something that lives in one \
         server process alone: a temporary table, a session-level advisory lock, a cursor WITH \
         HOLD. The message names it.",
        "The session goes on without what was named, on a new connection and with everything \
         else restored. Make anew what was lost before you go on.",
    ),
    e(
        FailureKind::SerializationFailure,
        "AYA-4001",
        "could not serialize the transaction",
        "40001: another transaction changed what this one read, or on a standby the replay of the \
         log removed rows that the query needed.",
        "Transactions given as a closure run again by themselves. Raised when the limit of \
         attempts, the retry budget or the deadline is used up: shorten the transaction or order \
         its updates.",
    ),
    e(
        FailureKind::Deadlock,
        "AYA-4002",
        "the transaction was ended to break a deadlock",
        "40P01: two transactions waited for each other's locks.",
        "Closures run again by themselves. Take locks in the same order everywhere.",
    ),
    e(
        FailureKind::StalePreparedStatement,
        "AYA-4003",
        "a prepared statement is out of date",
        "26000: the session does not know the statement (a pooler moved it, or `DEALLOCATE`); or \
         0A000 from the plan cache: a change of the schema altered its result.",
        "Outside a transaction it is prepared anew and run; a transaction closure runs again from \
         its start.",
    ),
    e(
        FailureKind::QueryCancelled,
        "AYA-4004",
        "the statement was cancelled",
        "57014: a cancel request, `statement_timeout`, or a cancelled autovacuum.",
        "It is not run again, since somebody wanted it to end.",
    ),
    e(
        FailureKind::LockNotAvailable,
        "AYA-4005",
        "a lock was not granted in time",
        "55P03: `lock_timeout` passed or NOWAIT met a lock.",
        "It is not run again by itself. Find the holder in `pg_locks`.",
    ),
    e(
        FailureKind::ConstraintViolation,
        "AYA-4006",
        "a constraint refuses the row",
        "Class 23 or 44: a unique, foreign key, check, not-null or view constraint. After an \
         outcome that was unknown, a duplicate key may be your own earlier row.",
        "Correct the data.",
    ),
    e(
        FailureKind::StatementRejected,
        "AYA-4007",
        "the statement is not accepted",
        "A syntax error, an unknown table or column, a missing privilege, or a feature that the \
         server does not have (classes 42, 0A, 26, 34, 3F).",
        "Correct the statement or the privileges.",
    ),
    e(
        FailureKind::DataException,
        "AYA-4008",
        "a value does not fit",
        "Class 22: out of range, division by zero, wrong format, too long.",
        "Correct the value.",
    ),
    e(
        FailureKind::OutOfResources,
        "AYA-4009",
        "the server ran out of something",
        "Classes 53 and 54: memory, disk space, or a limit of the server.",
        "It is not run again, which would press harder. See the server's log and disks.",
    ),
    e(
        FailureKind::TransactionAborted,
        "AYA-4010",
        "the transaction had failed before",
        "25P02: an earlier statement failed, and the application went on in the same transaction.",
        "Return the first error from the closure, or put the risky statement behind a savepoint.",
    ),
    e(
        FailureKind::WriteInReadOnly,
        "AYA-4011",
        "a write in a read-only transaction",
        "25006 in work that the application marked as read only.",
        "Take the mark away or the write out.",
    ),
    e(
        FailureKind::ServerInternal,
        "AYA-4012",
        "the server met a fault of its own",
        "Classes 58, F0 and XX, or a PANIC: input and output errors, a damaged file, a bug.",
        "See the server's log before anything else. It is not run again.",
    ),
    e(
        FailureKind::ServerError,
        "AYA-4013",
        "the server answered with an error",
        "Any code that has no page of its own, also those that functions raise themselves.",
        "The SQLSTATE and the server's message say more.",
    ),
    e(
        FailureKind::ParameterConversion,
        "AYA-5001",
        "a parameter does not fit the statement",
        "The Rust type cannot be written as the type that the server expects, or the number of \
         parameters differs. Nothing was sent.",
        "Cast in the statement (`$1::text`) or pass the matching type.",
    ),
    e(
        FailureKind::RowConversion,
        "AYA-5002",
        "a column does not fit the wanted type",
        "The column's type, or a NULL in it, cannot be read as the Rust type. The statement itself \
         had succeeded.",
        "Read it as the matching type, or as an `Option`.",
    ),
    e(
        FailureKind::RowCount,
        "AYA-5003",
        "another number of rows than asked for",
        "The call asks for exactly one row and the answer has none or several. The statement \
         itself had succeeded.",
        "Use the call that fits, or narrow the statement.",
    ),
    e(
        FailureKind::Usage,
        "AYA-5004",
        "the call is not allowed here",
        "A transaction that is already closed, or COPY data out of order.",
        "Correct the order of calls.",
    ),
    e(
        FailureKind::Configuration,
        "AYA-5005",
        "the connection string cannot be used",
        "It breaks the grammar, names an unknown parameter, gives one a value that it cannot have, \
         or names a file that cannot be read. The error says which part, and what would be right.",
        "Correct that part; `docs/parameters.md` lists every parameter.",
    ),
    e(
        FailureKind::UnknownHint,
        "AYA-5006",
        "the hint in front of the statement is not known",
        "The statement begins with a comment that begins with `aya:`, and what follows is neither \
         `standby` nor `primary`. Nothing was sent.",
        "Correct the hint, or set `read_routing=off` if the comment is meant for somebody else.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_in_the_order_of_the_enum() {
        for (position, entry) in catalogue().iter().enumerate() {
            assert_eq!(entry.kind as usize, position, "{}", entry.code);
        }
        assert_eq!(catalogue().last().map(|entry| entry.kind), Some(FailureKind::UnknownHint));
    }

    #[test]
    fn codes_are_unique_rising_and_well_formed() {
        assert!(catalogue().is_sorted_by(|a, b| a.code < b.code));
        for entry in catalogue() {
            let digits = entry.code.strip_prefix("AYA-").unwrap();
            assert!(digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()));
        }
    }

    #[test]
    fn every_page_says_something() {
        for entry in catalogue() {
            assert!(!entry.title.ends_with('.') && entry.title.len() < 80, "{}", entry.code);
            assert!(entry.cause.ends_with('.') && entry.remedy.ends_with('.'), "{}", entry.code);
        }
    }
}
