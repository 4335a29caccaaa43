//! A server within the test: one connection, on a thread of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use aya_db_core::conninfo::{FixedSurroundings, parse, resolve_raw};
use aya_pgwire::{ConnectError, Connection, Poller, Target, connect};

/// A server that trusts everybody, up to its first ReadyForQuery.
pub(crate) const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

pub(crate) struct Peer {
    pub(crate) port: u16,
    thread: JoinHandle<()>,
}

impl Peer {
    /// Serves one connection as `serve` says.
    pub(crate) fn start(serve: impl FnOnce(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || serve(listener.accept().unwrap().0));
        Self { port, thread }
    }

    pub(crate) fn connect(&self, more: &str) -> Result<Connection, ConnectError> {
        let text = format!("host=127.0.0.1 port={} user=app {more}", self.port);
        let settings = parse(&text).unwrap();
        let (info, raw) = resolve_raw(&settings, &FixedSurroundings::default()).unwrap();
        connect(Arc::new(Target::new(info).unwrap().raw(&raw)), &mut patience())
    }

    /// Waits for the server to be done.
    pub(crate) fn join(self) {
        self.thread.join().unwrap();
    }
}

/// Reads a message without a type, such as the startup message.
pub(crate) fn read_untyped(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    stream.read_exact(&mut body).unwrap();
    body
}

/// Reads a startup message and lets the session begin.
pub(crate) fn welcome(stream: &mut (impl Read + Write)) {
    assert_eq!(read_untyped(stream)[..4], [0, 3, 0, 0]);
    stream.write_all(WELCOME).unwrap();
    stream.flush().unwrap();
}

pub(crate) fn patience() -> Poller<'static> {
    Poller::new().until(Instant::now() + Duration::from_secs(20))
}
