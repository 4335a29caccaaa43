//! Watches which way of authentication a server asks for (`require_auth`).

use std::fmt;

use aya_db_core::conninfo::{AuthMethod, RequireAuth};

use super::frames::Frame;

/// The course of an authentication so far.
#[derive(Debug, Default)]
pub(super) struct Authentication {
    asked: bool,
}

/// The server asks for a way of authentication that `require_auth` forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForbiddenAuthentication(AuthMethod);

impl Authentication {
    /// Takes an authentication request and says whether the password must be kept from it.
    ///
    /// Codes: <https://www.postgresql.org/docs/18/protocol-message-formats.html>.
    pub(super) fn refuses(
        &mut self,
        request: &Frame,
        policy: &RequireAuth,
    ) -> Option<ForbiddenAuthentication> {
        let code = request.head().first_chunk::<4>().map(|code| u32::from_be_bytes(*code))?;
        let method = match code {
            0 if !self.asked => AuthMethod::None,
            3 => AuthMethod::Password,
            5 => AuthMethod::Md5,
            7 => AuthMethod::Gss,
            9 => AuthMethod::Sspi,
            10 => AuthMethod::ScramSha256,
            _ => return None,
        };
        self.asked = true;
        (!policy.allows(method)).then_some(ForbiddenAuthentication(method))
    }
}

impl fmt::Display for ForbiddenAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.0 {
            AuthMethod::Password => "a password in clear",
            AuthMethod::Md5 => "an MD5 password",
            AuthMethod::Gss => "GSSAPI",
            AuthMethod::Sspi => "SSPI",
            AuthMethod::ScramSha256 => "SCRAM-SHA-256",
            AuthMethod::Oauth => "OAuth",
            AuthMethod::None => "no authentication at all",
        };
        write!(f, "the server asks for {method}, which require_auth does not allow")
    }
}

impl std::error::Error for ForbiddenAuthentication {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_asks_for_too_little_is_refused_before_the_password_goes() {
        let scram = RequireAuth::Only(vec![AuthMethod::ScramSha256]);
        let request = |code: u32| Frame::with_head(b'R', &code.to_be_bytes());
        let refuses = |code| Authentication::default().refuses(&request(code), &scram).is_some();
        assert!(refuses(3) && refuses(5), "clear and MD5");
        assert!(refuses(0), "trusted without being asked");
        assert!(!refuses(10));
        let mut course = Authentication::default();
        assert_eq!(course.refuses(&request(10), &scram), None);
        assert_eq!(course.refuses(&request(0), &scram), None, "the end of SCRAM");
    }
}
