//! The question to which a live server answers one byte, whoever asks and however full it is.

use std::io::{self, Read, Write};

use aya_pgwire::Address;
use socket2::{Domain, SockAddr, Socket, Type};

/// A ping under way, on a socket of its own that never blocks.
#[derive(Debug)]
pub(crate) struct Ping {
    socket: Socket,
    asked: bool,
}

/// What has become of a ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pong {
    /// Nothing yet.
    Pending,
    /// The server answered.
    Answered,
    /// It refused, reset or closed the connection.
    Refused,
    /// The failure was another one, perhaps our own.
    Nothing,
}

impl Ping {
    /// Begins to connect.
    pub(crate) fn begin(address: &Address) -> io::Result<Self> {
        let (domain, address) = match address {
            Address::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
            Address::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
        };
        let socket = Socket::new(domain, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // What becomes of it, the first write tells.
        let _ = socket.connect(&address);
        Ok(Self { socket, asked: false })
    }

    /// Goes on as far as it can without waiting.
    pub(crate) fn poll(&mut self) -> Pong {
        match self.go_on() {
            Ok(()) => Pong::Answered,
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected => Pong::Pending,
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::NotFound => Pong::Refused,
                _ => Pong::Nothing,
            },
        }
    }

    /// SSLRequest, and the one byte that answers it (PostgreSQL documentation, "Message Flow", "SSL
    /// Session Encryption").
    fn go_on(&mut self) -> io::Result<()> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        if !self.asked {
            self.socket.peer_addr()?;
            (&self.socket).write_all(&SSL_REQUEST)?;
            self.asked = true;
        }
        (&self.socket).read_exact(&mut [0])
    }
}

/// Length 8, and the code 1234.5679 in place of a protocol version.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
