//! One connection, from the name of a host to a running session.

use std::future::Future;

use rand::seq::SliceRandom;
use tokio::time::{Instant, timeout_at};

use aya_db_core::SqlState;
use aya_db_core::conninfo::{HostSpec, LoadBalanceHosts};
use aya_db_core::failure::ConnectStage;
use aya_tls::{TlsAttempt, attempts};

use super::authenticate::{Label, authenticate};
use super::dial::{Address, Dialled, dial, resolve};
use super::failure::{ConnectCause, ConnectFailure};
use super::session::Session;
use crate::link::Link;
use crate::tls::negotiate;

/// What failed, and how far it had come.
type Step<T> = Result<T, (ConnectStage, ConnectCause)>;

/// Opens a connection to `host`: its addresses one after the other, each under
/// `connect_timeout`, all of them before `deadline`.
///
/// An answer of the server itself ends the attempt; only an address that cannot be reached hands
/// over to the next one. Dropped midway, whatever was opened is closed.
pub(crate) async fn open(
    session: &Session,
    host: &HostSpec,
    label: Label<'_>,
    deadline: Instant,
) -> Result<Link, ConnectFailure> {
    let started = Instant::now();
    let node = label.node.clone();
    // On the heap: TLS and authentication are large, and every statement's future would hold room
    // for them.
    let opened = Box::pin(open_any(session, host, label, deadline)).await;
    opened.map_err(|(stage, cause)| ConnectFailure {
        node,
        stage,
        cause,
        elapsed: started.elapsed(),
    })
}

async fn open_any(
    session: &Session,
    host: &HostSpec,
    label: Label<'_>,
    deadline: Instant,
) -> Step<Link> {
    let limit = deadline.min(Instant::now() + session.connect_timeout());
    let mut addresses = within(ConnectStage::Resolve, limit, resolve(host)).await?;
    if session.info().load_balance_hosts() == LoadBalanceHosts::Random {
        addresses.shuffle(&mut rand::rng());
    }
    let mut failed = (ConnectStage::Tcp, ConnectCause::Deadline);
    for address in addresses {
        if Instant::now() >= deadline {
            break;
        }
        let limit = deadline.min(Instant::now() + session.connect_timeout());
        match open_one(session, host, &label, &address, limit).await {
            Err(failure) if !failure.1.is_answer() => failed = failure,
            done => return done,
        }
    }
    Err(failed)
}

/// One address, in each of the ways that `sslmode` allows.
async fn open_one(
    session: &Session,
    host: &HostSpec,
    label: &Label<'_>,
    address: &Address,
    limit: Instant,
) -> Step<Link> {
    let ways = match address {
        Address::Tcp(_) => attempts(session.tls().mode()),
        #[cfg(unix)]
        Address::Unix(_) => &[TlsAttempt::Plain],
    };
    let mut failed = None;
    for way in ways {
        match secure_and_start(session, host, label, address, *way, limit).await {
            Err(failure) if another_way_may_help(&failure) => {
                // The first way's failure is the one the user asked about.
                failed.get_or_insert(failure);
            }
            done => return done,
        }
    }
    Err(failed.unwrap_or((ConnectStage::Tls, ConnectCause::Deadline)))
}

async fn secure_and_start(
    session: &Session,
    host: &HostSpec,
    label: &Label<'_>,
    address: &Address,
    way: TlsAttempt,
    limit: Instant,
) -> Step<Link> {
    let socket = within(ConnectStage::Tcp, limit, dial(address, session.info().sockets())).await?;
    check_peer(&socket, session)?;
    let name = host.host();
    let stream =
        within(ConnectStage::Tls, limit, negotiate(socket, name, session.tls(), way)).await?;
    let dialled = Dialled {
        host: host.clone(),
        address: address.clone(),
        way: if stream.is_encrypted() { TlsAttempt::Required } else { TlsAttempt::Plain },
    };
    let label = Label { notifications: label.notifications.clone(), ..*label };
    let started = authenticate(session, host, label, stream, dialled);
    within(ConnectStage::Auth, limit, started).await
}

/// `prefer` and `allow` try their second way when the handshake fails, or when `pg_hba.conf`
/// rejects the first (28000).
fn another_way_may_help((stage, cause): &(ConnectStage, ConnectCause)) -> bool {
    match cause {
        ConnectCause::Tls(error) => error.next_attempt_may_help(),
        ConnectCause::Postgres(error) => {
            *stage == ConnectStage::Auth
                && error.code().is_some_and(|code| {
                    code.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION.code()
                })
        }
        ConnectCause::Io(_)
        | ConnectCause::ForbiddenAuthentication(_)
        | ConnectCause::WrongPeer(_)
        | ConnectCause::Deadline => false,
    }
}

async fn within<T, E: Into<ConnectCause>>(
    stage: ConnectStage,
    limit: Instant,
    step: impl Future<Output = Result<T, E>>,
) -> Step<T> {
    match timeout_at(limit, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err((stage, error.into())),
        Err(_) => Err((stage, ConnectCause::Deadline)),
    }
}

/// `requirepeer`: the server process behind a Unix socket must belong to this user.
#[cfg(unix)]
fn check_peer(socket: &super::transport::Transport, session: &Session) -> Step<()> {
    use super::transport::Transport;

    let (Some(wanted), Transport::Unix(stream)) = (session.info().require_peer(), socket) else {
        return Ok(());
    };
    let owner = stream
        .peer_cred()
        .and_then(|peer| {
            nix::unistd::User::from_uid(peer.uid().into()).map_err(std::io::Error::from)
        })
        .map_err(|error| (ConnectStage::Tcp, ConnectCause::Io(error)))?;
    if owner.as_ref().is_some_and(|owner| owner.name == wanted) {
        return Ok(());
    }
    let found = owner.map_or_else(|| "an unknown user".to_owned(), |owner| owner.name);
    Err((ConnectStage::Auth, ConnectCause::WrongPeer(found)))
}

#[cfg(not(unix))]
fn check_peer(_socket: &super::transport::Transport, _session: &Session) -> Step<()> {
    Ok(())
}
