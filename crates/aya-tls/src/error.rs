//! Why TLS could not be set up or agreed on.

use std::io;
use std::path::{Path, PathBuf};

use aya_db_core::conninfo::SslMode;
use aya_db_core::failure::{Cause, TlsFault};

use crate::names::NameMismatch;

/// Why TLS could not be set up or agreed on. None of these shows a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file could not be read.
    #[error("read {what} \"{path}\"", path = path.display())]
    File {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("use {what} \"{path}\": {reason}", path = path.display())]
    Content {
        /// What the file is for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The parameters contradict each other, or ask for what cannot be had.
    #[error("{0}")]
    Settings(String),
    /// A mode that checks certificates has no root certificate.
    #[error(
        "check the server's certificate: {place}; name one in sslrootcert, use \
         sslrootcert=system, or change sslmode={}",
        mode_name(*mode)
    )]
    NoRootCertificate {
        /// Where it was looked for.
        place: String,
        /// The mode that needs it.
        mode: SslMode,
    },
    /// The connection broke before the handshake was over.
    #[error("{during} with \"{host}\"")]
    Io {
        /// What was attempted.
        during: &'static str,
        /// The host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The server has no TLS, and the mode demands it.
    #[error("agree on TLS with \"{host}\": the server does not support it, but sslmode={} needs it", mode_name(*mode))]
    NotSupported {
        /// The host.
        host: String,
        /// The mode.
        mode: SslMode,
    },
    /// The server answered the request with an error, whose text nobody vouches for.
    #[error("agree on TLS with \"{host}\": the server sent an error instead of an answer")]
    ServerError {
        /// The host.
        host: String,
    },
    /// The server's answer is none.
    #[error(
        "agree on TLS with \"{host}\": the answer starts with byte {byte:#04x}, so it is hardly a \
         PostgreSQL server"
    )]
    NotPostgres {
        /// The host.
        host: String,
        /// The first byte.
        byte: u8,
    },
    /// Bytes followed the answer before the handshake: somebody in between may have put them
    /// there, to have them taken for the server's once the connection is encrypted.
    #[error(
        "agree on TLS with \"{host}\": unencrypted bytes came after the answer; somebody between \
         may tamper with the connection"
    )]
    BytesAhead {
        /// The host.
        host: String,
    },
    /// The host is no name that a certificate could carry.
    #[error("check the name of \"{host}\": it is neither a DNS name nor an address")]
    HostName {
        /// The host.
        host: String,
    },
    /// The certificate is another host's.
    #[error("trust the certificate of \"{host}\"")]
    WrongName {
        /// The host.
        host: String,
        /// The names that it carries.
        source: NameMismatch,
    },
    /// The certificate is not to be trusted.
    #[error("trust the certificate of \"{host}\" with {roots}")]
    Certificate {
        /// The host.
        host: String,
        /// What it was checked against.
        roots: String,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The handshake failed.
    #[error("shake hands over TLS with \"{host}\"")]
    Handshake {
        /// The host.
        host: String,
        /// Why.
        source: rustls::Error,
    },
    /// A direct handshake reached a server that does not speak for PostgreSQL.
    #[error(
        "shake hands over TLS with \"{host}\": the server did not confirm the protocol \
         \"postgresql\" (ALPN), which sslnegotiation=direct needs"
    )]
    NoAlpn {
        /// The host.
        host: String,
    },
    /// `sslcertmode=require`, but the server took no certificate.
    #[error("present a certificate to \"{host}\": {reason}, but sslcertmode=require")]
    CertNotUsed {
        /// The host.
        host: String,
        /// Why not.
        reason: &'static str,
    },
}

impl TlsError {
    pub(crate) fn file(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { what, path: path.to_owned(), source }
    }

    pub(crate) fn content(what: &'static str, path: &Path, reason: impl Into<String>) -> Self {
        Self::Content { what, path: path.to_owned(), reason: reason.into() }
    }

    /// What went wrong, in the words of the classification of failures.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Io { .. } => Cause::ConnectionLost,
            Self::NotPostgres { .. } => Cause::Protocol,
            Self::NotSupported { .. } => Cause::Tls(TlsFault::NotOffered),
            Self::WrongName { .. }
            | Self::Certificate { .. }
            | Self::NoRootCertificate { .. }
            | Self::CertNotUsed { .. } => Cause::Tls(TlsFault::Certificate),
            _ => Cause::Tls(TlsFault::Handshake),
        }
    }

    /// Whether the next of the [`attempts`](crate::attempts) may fare better: `true` if the
    /// handshake itself failed. An answer that no PostgreSQL server gives, a broken connection
    /// and bad settings stay what they are.
    pub fn next_attempt_may_help(&self) -> bool {
        match self {
            Self::NotSupported { .. }
            | Self::WrongName { .. }
            | Self::Certificate { .. }
            | Self::Handshake { .. }
            | Self::NoAlpn { .. }
            | Self::CertNotUsed { .. } => true,
            Self::File { .. }
            | Self::Content { .. }
            | Self::Settings(_)
            | Self::NoRootCertificate { .. }
            | Self::Io { .. }
            | Self::ServerError { .. }
            | Self::NotPostgres { .. }
            | Self::BytesAhead { .. }
            | Self::HostName { .. } => false,
        }
    }
}

/// The mode as the connection string spells it.
pub(crate) fn mode_name(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Allow => "allow",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    }
}
