//! Who is behind a Unix socket (`requirepeer`).

use nix::unistd::{Uid, User};
use socket2::Socket;

use super::address::Address;
use super::error::AttemptCause;
use super::server::Server;

/// The server process behind a Unix socket must belong to the user that `requirepeer` names.
pub(super) fn check(socket: &Socket, server: &Server) -> Result<(), AttemptCause> {
    let (Some(wanted), Address::Unix(_)) = (server.target.info().require_peer(), &server.address)
    else {
        return Ok(());
    };
    let owner = owner_of(socket)
        .and_then(User::from_uid)
        .map_err(|error| AttemptCause::Connect(error.into()))?;
    match owner {
        Some(owner) if owner.name == wanted => Ok(()),
        owner => Err(AttemptCause::WrongPeer {
            wanted: wanted.to_owned(),
            found: owner.map_or_else(|| "an unknown user".to_owned(), |owner| owner.name),
        }),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn owner_of(socket: &Socket) -> nix::Result<Uid> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

    getsockopt(socket, PeerCredentials).map(|peer| Uid::from_raw(peer.uid()))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn owner_of(socket: &Socket) -> nix::Result<Uid> {
    nix::unistd::getpeereid(socket).map(|(owner, _)| owner)
}
