//! Why a connection could not be opened.

use std::fmt;
use std::io;
use std::time::Duration;

use aya_db_core::NodeId;
use aya_db_core::failure::{Cause, ConnectStage, Facts, Phase, Sent};
use aya_db_core::observation::Unreachable;
use aya_tls::TlsError;

use crate::failure::cause_of;
use crate::link::ForbiddenAuthentication;

/// One failed attempt to open a connection.
#[derive(Debug)]
pub(crate) struct ConnectFailure {
    /// The server.
    pub(crate) node: NodeId,
    /// How far it had come.
    pub(crate) stage: ConnectStage,
    /// What went wrong.
    pub(crate) cause: ConnectCause,
    /// How long the attempt took.
    pub(crate) elapsed: Duration,
}

/// What went wrong while a connection was opened.
#[derive(Debug)]
pub(crate) enum ConnectCause {
    /// The network or the resolver refused.
    Io(io::Error),
    /// TLS could not be agreed on.
    Tls(TlsError),
    /// The server refused, or does not speak the protocol.
    Postgres(tokio_postgres::Error),
    /// The server asked for a way to authenticate that `require_auth` forbids.
    ForbiddenAuthentication(ForbiddenAuthentication),
    /// The server behind a Unix socket does not belong to the user that `requirepeer` names, but
    /// to this one.
    WrongPeer(String),
    /// The time was up.
    Deadline,
}

impl ConnectFailure {
    /// The facts for the classification. Nothing of the work itself was sent.
    pub(crate) fn facts(&self) -> Facts {
        Facts::new(Phase::Connect(self.stage), Sent::No, self.cause())
    }

    /// What went wrong, in the words of the classification.
    pub(crate) fn cause(&self) -> Cause {
        match &self.cause {
            ConnectCause::Io(error) => match (self.stage, error.kind()) {
                (ConnectStage::Resolve, _) => Cause::NameResolution,
                (_, io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Cause::Refused,
                _ => Cause::ConnectionLost,
            },
            ConnectCause::Tls(error) => error.cause(),
            ConnectCause::Postgres(error) => cause_of(error),
            ConnectCause::ForbiddenAuthentication(_) | ConnectCause::WrongPeer(_) => {
                Cause::Authentication
            }
            ConnectCause::Deadline => Cause::Deadline,
        }
    }

    /// What it says of the server, for the topology.
    pub(crate) fn unreachable(&self) -> Unreachable {
        Unreachable::of(&self.cause())
    }
}

impl ConnectCause {
    /// Whether the server itself said so, so that its other addresses would say the same.
    pub(super) fn is_answer(&self) -> bool {
        match self {
            Self::Postgres(error) => error.as_db_error().is_some(),
            Self::Tls(_) | Self::ForbiddenAuthentication(_) | Self::WrongPeer(_) => true,
            Self::Io(_) | Self::Deadline => false,
        }
    }
}

impl From<io::Error> for ConnectCause {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TlsError> for ConnectCause {
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<tokio_postgres::Error> for ConnectCause {
    fn from(error: tokio_postgres::Error) -> Self {
        let forbidden = std::error::Error::source(&error)
            .and_then(|source| source.downcast_ref::<io::Error>())
            .and_then(|source| source.get_ref())
            .and_then(|source| source.downcast_ref::<ForbiddenAuthentication>());
        match forbidden {
            Some(forbidden) => Self::ForbiddenAuthentication(*forbidden),
            None => Self::Postgres(error),
        }
    }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            ConnectStage::Resolve => "name resolution",
            ConnectStage::Tcp => "connection",
            ConnectStage::Tls => "TLS negotiation",
            ConnectStage::Auth => "authentication",
            ConnectStage::RoleCheck => "role check",
        };
        write!(f, "{stage} with {} ", self.node)?;
        match &self.cause {
            ConnectCause::Deadline => f.write_str("was not done in time"),
            ConnectCause::WrongPeer(found) => {
                write!(f, "was refused: the server belongs to {found}, not whom requirepeer names")
            }
            _ => f.write_str("failed"),
        }
    }
}

impl std::error::Error for ConnectFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            ConnectCause::Io(error) => Some(error),
            ConnectCause::Tls(error) => Some(error),
            ConnectCause::Postgres(error) => Some(error),
            ConnectCause::ForbiddenAuthentication(error) => Some(error),
            ConnectCause::WrongPeer(_) | ConnectCause::Deadline => None,
        }
    }
}
