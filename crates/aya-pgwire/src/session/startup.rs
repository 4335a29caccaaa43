//! What a session is to begin with.

use aya_db_core::conninfo::{ChannelBinding, RequireAuth, Secret};

use crate::codec::Outgoing;
use crate::protocol_error::UsageError;

/// The parameters of the startup message, and what the login may do.
///
/// ```
/// use aya_db_core::conninfo::Secret;
/// use aya_pgwire::{Session, Startup};
///
/// let startup = Startup::new("app")
///     .parameter("database", "shop")
///     .parameter("client_encoding", "LATIN1")
///     .parameter("replication", "database")
///     .password(Some(Secret::new("s3cret")));
/// let session = Session::new(startup)?;
/// assert_eq!(&session.unsent()[4..8], [0, 3, 0, 0]);
/// # Ok::<(), aya_pgwire::UsageError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Startup {
    parameters: Vec<(String, String)>,
    pub(super) protocol: ProtocolVersion,
    pub(super) lowest_protocol: ProtocolVersion,
    pub(super) password: Option<Secret>,
    pub(super) channel_binding: ChannelBinding,
    pub(super) end_point: EndPoint,
    pub(super) require_auth: RequireAuth,
}

/// The version of the protocol that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ProtocolVersion {
    /// 3.0, which every server speaks.
    #[default]
    V3_0,
    /// 3.2 of PostgreSQL 18, with longer cancel keys. Older servers answer with 3.0, which is
    /// taken; some poolers end the connection instead.
    V3_2,
}

/// What channel binding can bind to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndPoint {
    /// The connection is not encrypted.
    Plain,
    /// It is, by a certificate that RFC 5929 defines no digest for.
    Unhashed,
    /// It is, by the certificate of this digest.
    Hashed(Vec<u8>),
}

impl Startup {
    /// A session of this user.
    pub fn new(user: &str) -> Self {
        Self {
            parameters: vec![("user".to_owned(), user.to_owned())],
            protocol: ProtocolVersion::default(),
            lowest_protocol: ProtocolVersion::default(),
            password: None,
            channel_binding: ChannelBinding::Prefer,
            end_point: EndPoint::Plain,
            require_auth: RequireAuth::Any,
        }
    }

    /// Sets a parameter of the startup message: `database`, `options`, `replication`, or any
    /// server variable. A later value replaces an earlier one.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        match self.parameters.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.parameters.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Sets the password. An empty one counts as none, as in libpq.
    #[must_use]
    pub fn password(self, password: Option<Secret>) -> Self {
        Self { password: password.filter(|password| !password.expose().is_empty()), ..self }
    }

    /// Sets the version of the protocol that is asked for, and the lowest that is taken.
    #[must_use]
    pub fn protocol(self, wanted: ProtocolVersion, lowest: ProtocolVersion) -> Self {
        Self { protocol: wanted, lowest_protocol: lowest, ..self }
    }

    /// Sets whether SCRAM must be bound to the TLS connection.
    #[must_use]
    pub fn channel_binding(self, channel_binding: ChannelBinding) -> Self {
        Self { channel_binding, ..self }
    }

    /// Says that the bytes travel over TLS, with the `tls-server-end-point` of the server's
    /// certificate if it has one.
    #[must_use]
    pub fn over_tls(self, end_point: Option<Vec<u8>>) -> Self {
        let end_point = end_point.map_or(EndPoint::Unhashed, EndPoint::Hashed);
        Self { end_point, ..self }
    }

    /// Sets which ways of authentication the server may ask for.
    #[must_use]
    pub fn require_auth(self, require_auth: RequireAuth) -> Self {
        Self { require_auth, ..self }
    }

    /// The user, for MD5.
    pub(super) fn user(&self) -> &str {
        self.value("user").unwrap_or_default()
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn write(&self, outgoing: &mut Outgoing) -> Result<(), UsageError> {
        let mut body = self.protocol.number().to_be_bytes().to_vec();
        for text in self.parameters.iter().flat_map(|(name, value)| [name, value]) {
            if text.contains('\0') {
                return Err(UsageError::ZeroByte);
            }
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        outgoing.untyped(&body)
    }
}

impl ProtocolVersion {
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::V3_0 => 3 << 16,
            Self::V3_2 => 3 << 16 | 2,
        }
    }
}
