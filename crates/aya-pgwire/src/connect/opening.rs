//! One connection, up to the point at which a session or a cancel request can begin.

use std::io;
use std::os::fd::BorrowedFd;

use aya_db_core::conninfo::SslNegotiation;
use aya_db_core::failure::ConnectStage;
use aya_tls::{Handshake, SSL_REQUEST, SslAnswer, TlsAttempt, TlsError};

use super::address::Dialled;
use super::error::AttemptCause;
use super::peer;
use super::server::Server;
use crate::transport::{Interest, Stream};

/// A connection that is being opened.
#[derive(Debug)]
pub(super) struct Opening {
    server: Server,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// TCP connects.
    Connecting(Stream),
    /// The question for TLS is being sent; so much of it has gone.
    Asking(Stream, usize),
    /// It was sent.
    Asked(Stream),
    /// TLS shakes hands.
    Shaking(Stream, Box<Handshake>),
}

/// What [`Opening::poll`] comes to.
#[derive(Debug)]
pub(super) enum Opened {
    /// It goes on when the socket is ready for this.
    Wait(Interest, Opening),
    /// It is open, and secured as was asked for.
    Stream(Stream),
}

/// What failed, and how far it had come.
pub(super) type Failed = (ConnectStage, AttemptCause);

impl Opening {
    /// Begins to connect.
    pub(super) fn new(server: &Server) -> Result<Self, Failed> {
        let dialled = server.address.dial(server.target.info().sockets());
        let socket = match dialled.map_err(|error| (STAGE_TCP, AttemptCause::Connect(error)))? {
            // The next step finds out by itself.
            Dialled::Connected(socket) | Dialled::Connecting(socket) => socket,
        };
        Ok(Self { server: server.clone(), step: Step::Connecting(Stream::plain(socket)) })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.step {
            Step::Connecting(stream)
            | Step::Asking(stream, _)
            | Step::Asked(stream)
            | Step::Shaking(stream, _) => stream.fd(),
        }
    }

    /// How far it has come.
    pub(super) const fn stage(&self) -> ConnectStage {
        match self.step {
            Step::Connecting(_) => STAGE_TCP,
            Step::Asking(..) | Step::Asked(_) | Step::Shaking(..) => ConnectStage::Tls,
        }
    }

    /// Goes as far as it can without waiting.
    pub(super) fn poll(mut self) -> Result<Opened, Failed> {
        loop {
            let stage = self.stage();
            match self.advance().map_err(|cause| (stage, cause))? {
                Advance::Step(server, step) => self = Self { server, step },
                Advance::Wait(interest, server, step) => {
                    return Ok(Opened::Wait(interest, Self { server, step }));
                }
                Advance::Done(stream) => return Ok(Opened::Stream(stream)),
            }
        }
    }

    fn advance(self) -> Result<Advance, AttemptCause> {
        let Self { server, step } = self;
        match step {
            Step::Connecting(stream) => connected(server, stream),
            Step::Asking(mut stream, sent) => match stream.write(&SSL_REQUEST[sent..]) {
                Ok(count) if sent + count == SSL_REQUEST.len() => {
                    Ok(Advance::Step(server, Step::Asked(stream)))
                }
                Ok(count) => Ok(Advance::Step(server, Step::Asking(stream, sent + count))),
                Err(error) if would_block(&error) => {
                    Ok(Advance::Wait(Interest::Write, server, Step::Asking(stream, sent)))
                }
                Err(error) => Err(broken(&server, "ask for TLS", error)),
            },
            Step::Asked(stream) => answered(server, stream),
            Step::Shaking(stream, handshake) => shake(server, stream, handshake),
        }
    }
}

/// One step of an opening.
enum Advance {
    Step(Server, Step),
    Wait(Interest, Server, Step),
    Done(Stream),
}

/// Whether TCP is there by now, and what comes next.
fn connected(server: Server, stream: Stream) -> Result<Advance, AttemptCause> {
    if let Some(error) = stream.socket().take_error().map_err(AttemptCause::Connect)? {
        return Err(AttemptCause::Connect(error));
    }
    if let Err(error) = stream.socket().peer_addr() {
        return match error.raw_os_error() {
            Some(nix::libc::ENOTCONN) => {
                Ok(Advance::Wait(Interest::Write, server, Step::Connecting(stream)))
            }
            // macOS says so of a connection that has ended again already: its next read tells.
            Some(nix::libc::EINVAL) => secure(server, stream),
            _ => Err(AttemptCause::Connect(error)),
        };
    }
    peer::check(stream.socket(), &server)?;
    secure(server, stream)
}

fn secure(server: Server, stream: Stream) -> Result<Advance, AttemptCause> {
    let negotiation = server.target.tls().negotiation();
    match (server.way, negotiation) {
        (TlsAttempt::Plain, _) => Ok(Advance::Done(stream)),
        (_, SslNegotiation::Postgres) => Ok(Advance::Step(server, Step::Asking(stream, 0))),
        (_, SslNegotiation::Direct) => begin_handshake(server, stream),
    }
}

fn answered(server: Server, mut stream: Stream) -> Result<Advance, AttemptCause> {
    let mut answer = [0; 16];
    let count = match stream.read(&mut answer) {
        Ok(count) => count,
        Err(error) if would_block(&error) => {
            return Ok(Advance::Wait(Interest::Read, server, Step::Asked(stream)));
        }
        Err(error) => return Err(broken(&server, "read the answer about TLS", error)),
    };
    match (SslAnswer::read(&answer[..count], server.host.host())?, server.way) {
        (SslAnswer::Yes, _) => begin_handshake(server, stream),
        (SslAnswer::No, TlsAttempt::Offered) => Ok(Advance::Done(stream)),
        (SslAnswer::No, TlsAttempt::Plain | TlsAttempt::Required) => {
            let host = server.host.host().to_owned();
            Err(TlsError::NotSupported { host, mode: server.target.tls().mode() }.into())
        }
    }
}

fn begin_handshake(server: Server, stream: Stream) -> Result<Advance, AttemptCause> {
    let handshake = Handshake::new(server.target.tls(), server.host.host())?;
    let stream = stream.encrypted(handshake.connection()?);
    Ok(Advance::Step(server, Step::Shaking(stream, Box::new(handshake))))
}

fn shake(
    server: Server,
    mut stream: Stream,
    handshake: Box<Handshake>,
) -> Result<Advance, AttemptCause> {
    match stream.shake() {
        Ok(()) => {}
        Err(error) if would_block(&error) => {
            let interest = if stream.wants_write() { Interest::Write } else { Interest::Read };
            return Ok(Advance::Wait(interest, server, Step::Shaking(stream, handshake)));
        }
        Err(error) => return Err(handshake.explain_io(error).into()),
    }
    if let Some(tls) = stream.tls() {
        handshake.check(tls)?;
    }
    Ok(Advance::Done(stream))
}

fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn broken(server: &Server, during: &'static str, source: io::Error) -> AttemptCause {
    TlsError::Io { during, host: server.host.host().to_owned(), source }.into()
}

const STAGE_TCP: ConnectStage = ConnectStage::Tcp;
