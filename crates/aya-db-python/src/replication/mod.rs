//! Replication: the write-ahead log, or what a plugin of the server makes of it
//! (<https://www.postgresql.org/docs/18/protocol-replication.html>).

mod connection;
mod cursor;
mod message;
mod stream;

pub(crate) use self::connection::ReplicationConnection;
pub(crate) use self::cursor::ReplicationCursor;
pub(crate) use self::message::ReplicationMessage;

/// What `replication_type` is for the log as it is.
pub(crate) const PHYSICAL: i64 = 12_345_678;

/// What `replication_type` is for changes as a plugin writes them.
pub(crate) const LOGICAL: i64 = 87_654_321;
