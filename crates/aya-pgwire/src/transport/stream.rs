//! The bytes under a session: a socket that never blocks, perhaps with TLS.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustls::ClientConnection;
use socket2::Socket;

/// A connected socket. Dropping it closes the file descriptor and sends nothing: after a fork,
/// the other process may still use the connection.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    tls: Option<Box<ClientConnection>>,
    /// What came that TLS does not allow; it is told when everything before it has been read.
    broken: Option<rustls::Error>,
}

impl Stream {
    pub(crate) const fn plain(socket: Socket) -> Self {
        Self { socket, tls: None, broken: None }
    }

    pub(crate) fn encrypted(self, tls: ClientConnection) -> Self {
        Self { tls: Some(Box::new(tls)), ..self }
    }

    pub(crate) fn tls(&self) -> Option<&ClientConnection> {
        self.tls.as_deref()
    }

    pub(crate) const fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Reads what is there; 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return again(|| (&self.socket).read(into)) };
        loop {
            match tls.reader().read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            if let Some(error) = &self.broken {
                return Err(io::Error::new(io::ErrorKind::InvalidData, error.clone()));
            }
            again(|| tls.read_tls(&mut &self.socket))?;
            if let Err(error) = tls.process_new_packets() {
                // The server is told why, if it still listens.
                let _ = tls.write_tls(&mut Quiet(&self.socket));
                self.broken = Some(error);
            }
        }
    }

    /// Writes what there is room for. With TLS, bytes that are taken may still have to be
    /// [flushed](Self::flush).
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return again(|| Quiet(&self.socket).write(bytes)) };
        let taken = tls.writer().write(bytes)?;
        if taken == 0 {
            // rustls holds as much as it is allowed to.
            again(|| tls.write_tls(&mut Quiet(&self.socket)))?;
        }
        Ok(taken)
    }

    /// Whether TLS has bytes of its own to write.
    pub(crate) fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Writes what TLS has.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            again(|| tls.write_tls(&mut Quiet(&self.socket)))?;
        }
        Ok(())
    }

    /// One step of the handshake, as far as it goes without waiting; it is over when
    /// this succeeds.
    pub(crate) fn shake(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        loop {
            while tls.wants_write() {
                again(|| tls.write_tls(&mut Quiet(&self.socket)))?;
            }
            if !tls.is_handshaking() {
                return Ok(());
            }
            if again(|| tls.read_tls(&mut &self.socket))? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Err(error) = tls.process_new_packets() {
                let _ = tls.write_tls(&mut Quiet(&self.socket));
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    }

    /// The goodbye of TLS, as far as there is room for it.
    pub(crate) fn close_notify(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.flush();
        }
    }
}

/// Writes without a signal if the other side is gone.
struct Quiet<'a>(&'a Socket);

impl Write for Quiet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_with_flags(bytes, NO_SIGNAL)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Elsewhere the socket itself is set so (`SO_NOSIGPIPE`), by socket2.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: i32 = nix::libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: i32 = 0;

/// A call that moves bytes at once or not at all: a signal is no reason to give it up.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
