//! Reads the errors of the layers below into the facts that the classification takes.
//!
//! tokio-postgres keeps the kind of an error to itself; what is neither a server's answer nor an
//! I/O error is told by its text, which the tests below hold to real errors of that library.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::DbError;

use aya_db_core::SqlState;
use aya_db_core::failure::{Cause, ClientFault, ServerError, Severity, SyncRepNotice};

/// What a tokio-postgres error says of the attempt.
pub(crate) fn cause_of(error: &tokio_postgres::Error) -> Cause {
    if let Some(answer) = error.as_db_error() {
        return Cause::Server(server_error(answer));
    }
    if error.is_closed() || error.source().is_some_and(|source| source.is::<io::Error>()) {
        return Cause::ConnectionLost;
    }
    let text = error.to_string();
    let starts = |prefix: &str| text.starts_with(prefix);
    if starts("error serializing parameter") || starts("expected ") || starts("error encoding") {
        Cause::Client(ClientFault::Parameters)
    } else if starts("error deserializing column") || starts("invalid column") {
        Cause::Client(ClientFault::Decode)
    } else if starts("query returned an unexpected number of") {
        Cause::Client(ClientFault::RowCount)
    } else if starts("authentication error") || starts("invalid configuration") {
        Cause::Authentication
    } else {
        Cause::Protocol
    }
}

/// A server's error with what the classification reads of it.
pub(crate) fn server_error(answer: &DbError) -> ServerError {
    let severity = match answer.parsed_severity() {
        Some(tokio_postgres::error::Severity::Error) => Severity::Error,
        Some(tokio_postgres::error::Severity::Panic) => Severity::Panic,
        _ => Severity::Fatal,
    };
    ServerError {
        severity,
        sqlstate: SqlState::from_code(answer.code().code()).unwrap_or(SqlState::INTERNAL_ERROR),
        routine: answer.routine().map(str::to_owned),
    }
}

/// The notice of a cut wait for synchronous replication among `notices`, if there is one.
pub(crate) fn sync_rep_notice<'a>(
    notices: impl IntoIterator<Item = &'a DbError>,
) -> Option<SyncRepNotice> {
    notices.into_iter().find_map(|notice| {
        SyncRepNotice::read(SqlState::from_code(notice.code().code())?, notice.routine())
    })
}
