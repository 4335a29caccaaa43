//! Why a session could not be started by this side.

use aya_db_core::conninfo::{AuthMethod, RequireAuth};

use crate::protocol_error::ProtocolError;

/// Why the bytes of a server led nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// They are not PostgreSQL's protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// This side cannot or will not log in.
    #[error(transparent)]
    Login(#[from] LoginError),
}

/// Why this side cannot or will not log in. The words are those of libpq 18 where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The server speaks only a protocol below the lowest that is taken.
    #[error("protocol version not supported by server: server only supports protocol version 3.0")]
    ProtocolTooOld,
    /// The server asks for a password.
    #[error("fe_sendauth: no password supplied")]
    NoPassword,
    /// `require_auth` does not allow what the server asks for.
    #[error("authentication method requirement \"{}\" failed: server {}", list(.allowed), asked(*.method, .allowed))]
    Forbidden {
        /// What it asks for.
        method: AuthMethod,
        /// What it may ask for.
        allowed: RequireAuth,
    },
    /// The server asks for what this side does not know.
    #[error("authentication method {0} not supported")]
    Unsupported(u32),
    /// The server offers no way of SASL that this side knows.
    #[error("none of the server's SASL authentication mechanisms are supported")]
    NoMechanism,
    /// A certificate can be bound only where there is one.
    #[error("server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection")]
    PlusWithoutTls,
    /// `channel_binding=require`, and the server asks for something that binds nothing.
    #[error("channel binding required, but not supported by server's authentication request")]
    BindingNotRequested,
    /// `channel_binding=require`, and the server lets everybody in.
    #[error("channel binding required, but server authenticated client without channel binding")]
    BindingNotDone,
    /// `channel_binding=require`, and there is no TLS to bind to.
    #[error("channel binding required, but SSL not in use")]
    BindingWithoutTls,
    /// `channel_binding=require`, and the server has no SCRAM-SHA-256-PLUS.
    #[error(
        "channel binding is required, but server did not offer an authentication method that \
         supports channel binding"
    )]
    BindingNotOffered,
    /// The server did not prove that it knows the password.
    #[error("server did not prove that it knows the password")]
    NotProven,
    /// An exchange of SCRAM failed.
    #[error("SCRAM authentication failed: {0}")]
    Scram(String),
}

fn asked(method: AuthMethod, allowed: &RequireAuth) -> &'static str {
    match method {
        AuthMethod::Password => "requested a cleartext password",
        AuthMethod::Md5 => "requested a hashed password",
        AuthMethod::Gss => "requested GSSAPI authentication",
        AuthMethod::Sspi => "requested SSPI authentication",
        // libpq looks at the mechanism only where some way of SASL is allowed.
        AuthMethod::ScramSha256 if allowed.allows(AuthMethod::Oauth) => {
            "requested SCRAM-SHA-256 authentication"
        }
        AuthMethod::ScramSha256 => "requested SASL authentication",
        AuthMethod::Oauth => "requested OAuth authentication",
        AuthMethod::None => "did not complete authentication",
    }
}

/// The list as the connection string writes it.
fn list(allowed: &RequireAuth) -> String {
    let (mark, methods) = match allowed {
        RequireAuth::Any => ("", &[][..]),
        RequireAuth::Only(methods) => ("", &methods[..]),
        RequireAuth::AnyBut(methods) => ("!", &methods[..]),
    };
    let names = methods.iter().map(|method| format!("{mark}{}", name(*method)));
    names.collect::<Vec<_>>().join(",")
}

const fn name(method: AuthMethod) -> &'static str {
    match method {
        AuthMethod::Password => "password",
        AuthMethod::Md5 => "md5",
        AuthMethod::Gss => "gss",
        AuthMethod::Sspi => "sspi",
        AuthMethod::ScramSha256 => "scram-sha-256",
        AuthMethod::Oauth => "oauth",
        AuthMethod::None => "none",
    }
}
