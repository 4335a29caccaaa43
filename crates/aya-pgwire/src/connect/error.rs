//! Why no connection could be made, in the words of libpq.

use std::fmt;
use std::io;

use aya_db_core::SqlState;
use aya_db_core::failure::{Cause, ClientFault, ConnectStage, Facts, Phase, Sent};
use aya_db_core::route::Refusal;
use aya_tls::TlsError;

use super::server::Server;
use crate::answer::ServerMessage;
use crate::protocol_error::UsageError;
use crate::transport::{ConnectionError, Interrupted, system_text};

/// No host would do.
#[derive(Debug)]
pub struct ConnectError {
    failures: Vec<AttemptFailure>,
    end: ConnectEnd,
}

/// What ended the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectEnd {
    /// Every place was tried, or one has answered for all.
    Exhausted,
    /// The caller's deadline has passed.
    TimedOut,
    /// The caller gave up.
    Interrupted,
}

/// One failed attempt.
#[derive(Debug)]
pub struct AttemptFailure {
    /// The server; `None` if its name has no address.
    pub server: Option<Server>,
    /// How far it had come.
    pub stage: ConnectStage,
    /// What went wrong.
    pub cause: AttemptCause,
}

/// What went wrong in one attempt.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptCause {
    /// The name, which has no address.
    Resolve(String, io::Error),
    /// The system could not connect.
    Connect(io::Error),
    /// TLS could not be agreed on.
    Tls(TlsError),
    /// The connection was lost, or this side cannot log in.
    Connection(ConnectionError),
    /// The server refused.
    Server(ServerMessage),
    /// The server's role is not the wanted one.
    Role(Refusal),
    /// The server behind a Unix socket is not whom `requirepeer` names.
    WrongPeer {
        /// Whom it names.
        wanted: String,
        /// Whom the server belongs to.
        found: String,
    },
    /// A parameter cannot be sent.
    Usage(UsageError),
    /// The time was up.
    TimedOut,
}

impl ConnectError {
    pub(super) const fn new(failures: Vec<AttemptFailure>, end: ConnectEnd) -> Self {
        Self { failures, end }
    }

    /// Every attempt, in order.
    pub fn failures(&self) -> &[AttemptFailure] {
        &self.failures
    }

    /// What ended the search.
    pub const fn end(&self) -> ConnectEnd {
        self.end
    }

    /// The facts for the classification, by the last attempt. Nothing of the work was sent.
    pub fn facts(&self) -> Facts {
        let last = self.failures.last();
        let (stage, cause) = match (self.end, last) {
            (ConnectEnd::Exhausted, Some(last)) => (last.stage, last.cause.cause()),
            (ConnectEnd::Interrupted, _) => (ConnectStage::Tcp, Cause::Cancelled),
            (ConnectEnd::Exhausted | ConnectEnd::TimedOut, _) => {
                (ConnectStage::Tcp, Cause::Deadline)
            }
        };
        Facts::new(Phase::Connect(stage), Sent::No, cause)
    }

    /// What libpq would say (`PQerrorMessage`): a line or more for each attempt, each ended.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for failure in &self.failures {
            text.push_str(&failure.to_string());
            text.push('\n');
        }
        match self.end {
            ConnectEnd::Exhausted if text.is_empty() => text.push_str("no host was given\n"),
            ConnectEnd::Exhausted => {}
            ConnectEnd::TimedOut => text.push_str("timeout expired\n"),
            ConnectEnd::Interrupted => text.push_str("interrupted\n"),
        }
        text
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().trim_end())
    }
}

impl std::error::Error for ConnectError {}

impl AttemptFailure {
    pub(super) const fn new(
        server: Option<Server>,
        stage: ConnectStage,
        cause: AttemptCause,
    ) -> Self {
        Self { server, stage, cause }
    }
}

impl fmt::Display for AttemptFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(server) = &self.server else { return f.write_str(&self.cause.text()) };
        write!(f, "{server} failed: {}", self.cause.text())?;
        if let (AttemptCause::Connect(_), ConnectStage::Tcp) = (&self.cause, self.stage) {
            f.write_str(match server.address().is_tcp() {
                true => "\n\tIs the server running on that host and accepting TCP/IP connections?",
                false => {
                    "\n\tIs the server running locally and accepting connections on that socket?"
                }
            })?;
        }
        Ok(())
    }
}

impl AttemptCause {
    /// What went wrong, in the words of the classification.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Resolve(..) => Cause::NameResolution,
            Self::Connect(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Cause::Refused,
                _ => Cause::ConnectionLost,
            },
            Self::Tls(error) => error.cause(),
            Self::Connection(error) => error.cause(),
            Self::Server(message) => Cause::Server(message.facts()),
            Self::Role(_) => Cause::RoleMismatch,
            Self::WrongPeer { .. } => Cause::Authentication,
            Self::Usage(_) => Cause::Client(ClientFault::Configuration),
            Self::TimedOut => Cause::Deadline,
        }
    }

    /// What libpq says of it, without the place and without the end of the line.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Resolve(host, error) => {
                let text = system_text(error);
                let reason = text.strip_prefix("failed to lookup address information: ");
                let reason = reason.unwrap_or(&text);
                format!("could not translate host name \"{host}\" to address: {reason}")
            }
            Self::Connect(error) => system_text(error),
            Self::Tls(error) => tls_text(error),
            Self::Connection(error) => error.to_string(),
            Self::Server(message) => {
                String::from_utf8_lossy(&message.report(None, b"UTF8")).trim_end().to_owned()
            }
            Self::Role(refusal) => role_text(*refusal).to_owned(),
            Self::WrongPeer { wanted, found } => format!(
                "requirepeer specifies \"{wanted}\", but actual peer user name is \"{found}\""
            ),
            Self::Usage(error) => error.to_string(),
            Self::TimedOut => "timeout expired".to_owned(),
        }
    }

    /// Whether the next way to secure the same address may fare better: `prefer` and `allow` try
    /// it when the handshake fails, or when `pg_hba.conf` rejects the first (28000).
    pub(super) fn another_way_may_help(&self, stage: ConnectStage) -> bool {
        match self {
            Self::Tls(error) => error.next_attempt_may_help(),
            Self::Server(message) => {
                stage == ConnectStage::Auth
                    && message.sqlstate() == Some(SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
            }
            _ => false,
        }
    }

    /// Whether the host's other addresses would say the same.
    pub(super) const fn is_of_the_host(&self) -> bool {
        matches!(self, Self::Server(_) | Self::Role(_))
    }

    /// Whether other hosts are left alone: a server that has answered, and whose answer is not
    /// that it is just starting or ending, is taken at its word, as in libpq.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Server(message) => {
                message.sqlstate().is_some_and(|state| state != SqlState::CANNOT_CONNECT_NOW)
            }
            Self::Connection(error) => error.cause() == Cause::Authentication,
            Self::WrongPeer { .. } | Self::Usage(_) => true,
            _ => false,
        }
    }
}

impl From<TlsError> for AttemptCause {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<ConnectionError> for AttemptCause {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(error)
    }
}

impl From<Interrupted> for AttemptCause {
    fn from(interrupted: Interrupted) -> Self {
        Self::Connection(interrupted.into())
    }
}

fn tls_text(error: &TlsError) -> String {
    match error {
        TlsError::NotSupported { .. } => {
            "server does not support SSL, but SSL was required".to_owned()
        }
        TlsError::Certificate { source, .. } => {
            format!("SSL error: certificate verify failed: {source}")
        }
        TlsError::WrongName { host, source } => {
            let name = source.names.first().map_or("", String::as_str);
            format!("server certificate for \"{name}\" does not match host name \"{host}\"")
        }
        TlsError::Handshake { source, .. } => format!("SSL error: {source}"),
        TlsError::Io { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
            ConnectionError::Closed.to_string()
        }
        TlsError::Io { source, .. } => {
            format!("could not receive data from server: {}", system_text(source))
        }
        other => other.to_string(),
    }
}

const fn role_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::InHotStandby => "server is in hot standby mode",
        Refusal::ReadOnlyByDefault => "session is read-only",
        Refusal::NotInHotStandby => "server is not in hot standby mode",
        Refusal::AcceptsWrites => "session is not read-only",
    }
}
