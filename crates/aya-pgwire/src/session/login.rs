//! The answers to a server's requests for authentication.

use std::fmt;

use aya_db_core::conninfo::{AuthMethod, ChannelBinding, Secret};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding as Binding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};

use super::login_error::{LoginError, SessionError};
use super::startup::{EndPoint, Startup};
use crate::codec::{Outgoing, Reader};
use crate::protocol_error::ProtocolError;

/// The course of one authentication.
pub(super) struct Login {
    startup: Startup,
    course: Course,
    used_password: bool,
}

enum Course {
    /// The server has asked for nothing.
    Unasked,
    /// A password was sent, in clear or hashed.
    PasswordSent,
    /// SCRAM has begun.
    Scram(Box<ScramSha256>, Bound),
    /// The server has proven that it knows the password.
    Proven(Bound),
    /// The server is content.
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    No,
    Yes,
}

impl Login {
    pub(super) const fn new(startup: Startup) -> Self {
        Self { startup, course: Course::Unasked, used_password: false }
    }

    pub(super) const fn startup(&self) -> &Startup {
        &self.startup
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.course, Course::Done)
    }

    /// Whether the server asked for the password.
    pub(super) const fn used_password(&self) -> bool {
        self.used_password
    }

    /// Takes the body of an authentication request and queues what it asks for.
    ///
    /// Codes: <https://www.postgresql.org/docs/18/protocol-message-formats.html>.
    pub(super) fn take(&mut self, body: &[u8], out: &mut Outgoing) -> Result<(), SessionError> {
        let mut reader = Reader::new(b'R', body);
        match reader.u32()? {
            0 => self.accepted(),
            3 => self.clear_password(out),
            5 => {
                let salt = reader.bytes(4)?;
                self.md5_password([salt[0], salt[1], salt[2], salt[3]], out)
            }
            7 => Err(self.unsupported(AuthMethod::Gss, 7)),
            9 => Err(self.unsupported(AuthMethod::Sspi, 9)),
            10 => self.begin_scram(reader, out),
            11 => self.go_on_with_scram(reader.rest(), out),
            12 => self.end_scram(reader.rest()),
            code => Err(LoginError::Unsupported(code).into()),
        }
    }

    fn accepted(&mut self) -> Result<(), SessionError> {
        let bound = match self.course {
            Course::Unasked => {
                self.check(AuthMethod::None)?;
                Bound::No
            }
            Course::PasswordSent => Bound::No,
            Course::Proven(bound) => bound,
            // A server that goes on without its last word has not proven anything.
            Course::Scram(..) => return Err(LoginError::NotProven.into()),
            Course::Done => return Err(ProtocolError::unexpected(b'R').into()),
        };
        if self.startup.channel_binding == ChannelBinding::Require && bound == Bound::No {
            return Err(LoginError::BindingNotDone.into());
        }
        self.course = Course::Done;
        Ok(())
    }

    fn clear_password(&mut self, out: &mut Outgoing) -> Result<(), SessionError> {
        self.check_unbound(AuthMethod::Password)?;
        self.send_password(self.password()?.expose().as_bytes().to_vec(), out)
    }

    fn md5_password(&mut self, salt: [u8; 4], out: &mut Outgoing) -> Result<(), SessionError> {
        self.check_unbound(AuthMethod::Md5)?;
        let password = self.password()?.expose().as_bytes();
        let hash = md5_hash(self.startup.user().as_bytes(), password, salt);
        self.send_password(hash.into_bytes(), out)
    }

    fn begin_scram(&mut self, reader: Reader<'_>, out: &mut Outgoing) -> Result<(), SessionError> {
        self.check(AuthMethod::ScramSha256)?;
        let required = self.startup.channel_binding == ChannelBinding::Require;
        if required && self.startup.end_point == EndPoint::Plain {
            return Err(LoginError::BindingWithoutTls.into());
        }
        let (mechanism, binding, bound) = self.choose_mechanism(reader)?;
        let scram = ScramSha256::new(self.password()?.expose().as_bytes(), binding);
        let first = scram.message();
        let length = (first.len() as u32).to_be_bytes();
        let parts = [mechanism.as_bytes(), &[0], &length, first];
        out.typed(b'p', &parts).map_err(|error| LoginError::Scram(error.to_string()))?;
        self.course = Course::Scram(Box::new(scram), bound);
        self.used_password = true;
        Ok(())
    }

    /// The rules of `pg_SASL_init` in libpq's fe-auth.c.
    fn choose_mechanism(
        &self,
        mut reader: Reader<'_>,
    ) -> Result<(&'static str, Binding, Bound), SessionError> {
        let (mut plain, mut plus) = (false, false);
        loop {
            match reader.string()? {
                b"" => break,
                name if name == SCRAM_SHA_256.as_bytes() => plain = true,
                name if name == SCRAM_SHA_256_PLUS.as_bytes() => plus = true,
                _ => {}
            }
        }
        let policy = self.startup.channel_binding;
        let end_point = &self.startup.end_point;
        if plus && *end_point == EndPoint::Plain {
            return Err(LoginError::PlusWithoutTls.into());
        }
        if let (true, EndPoint::Hashed(digest)) = (plus, end_point)
            && policy != ChannelBinding::Disable
        {
            let binding = Binding::tls_server_end_point(digest.clone());
            return Ok((SCRAM_SHA_256_PLUS, binding, Bound::Yes));
        }
        if policy == ChannelBinding::Require {
            return Err(LoginError::BindingNotOffered.into());
        }
        if !plain {
            return Err(LoginError::NoMechanism.into());
        }
        let could_bind = matches!(end_point, EndPoint::Hashed(_));
        let binding = match policy {
            // Said when a server offers no binding though it could: it notices if somebody in
            // between took the offer away.
            ChannelBinding::Prefer if could_bind => Binding::unrequested(),
            _ => Binding::unsupported(),
        };
        Ok((SCRAM_SHA_256, binding, Bound::No))
    }

    fn go_on_with_scram(&mut self, data: &[u8], out: &mut Outgoing) -> Result<(), SessionError> {
        let Course::Scram(scram, _) = &mut self.course else {
            return Err(ProtocolError::unexpected(b'R').into());
        };
        let failed = |text: String| SessionError::from(LoginError::Scram(text));
        scram.update(data).map_err(|error| failed(error.to_string()))?;
        out.typed(b'p', &[scram.message()]).map_err(|error| failed(error.to_string()))
    }

    fn end_scram(&mut self, data: &[u8]) -> Result<(), SessionError> {
        let Course::Scram(scram, bound) = &mut self.course else {
            return Err(ProtocolError::unexpected(b'R').into());
        };
        let bound = *bound;
        scram.finish(data).map_err(|error| LoginError::Scram(error.to_string()))?;
        self.course = Course::Proven(bound);
        Ok(())
    }

    fn send_password(&mut self, bytes: Vec<u8>, out: &mut Outgoing) -> Result<(), SessionError> {
        out.string(b'p', &bytes).map_err(|_| LoginError::NoPassword)?;
        self.course = Course::PasswordSent;
        self.used_password = true;
        Ok(())
    }

    fn check_unbound(&self, method: AuthMethod) -> Result<(), SessionError> {
        self.check(method)?;
        match self.startup.channel_binding {
            ChannelBinding::Require => Err(LoginError::BindingNotRequested.into()),
            ChannelBinding::Disable | ChannelBinding::Prefer => Ok(()),
        }
    }

    fn check(&self, method: AuthMethod) -> Result<(), SessionError> {
        if !matches!(self.course, Course::Unasked) {
            return Err(ProtocolError::unexpected(b'R').into());
        }
        match self.startup.require_auth.allows(method) {
            true => Ok(()),
            false => {
                let allowed = self.startup.require_auth.clone();
                Err(LoginError::Forbidden { method, allowed }.into())
            }
        }
    }

    fn unsupported(&self, method: AuthMethod, code: u32) -> SessionError {
        self.check(method).err().unwrap_or_else(|| LoginError::Unsupported(code).into())
    }

    fn password(&self) -> Result<&Secret, SessionError> {
        self.startup.password.as_ref().ok_or_else(|| LoginError::NoPassword.into())
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}
