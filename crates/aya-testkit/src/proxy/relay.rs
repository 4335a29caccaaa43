//! One connection through the proxy.

use std::{future::pending, io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::sleep,
};

use super::{
    acceptor::Route,
    fault_proxy::Shared,
    snip::{Allowance, Snip},
    weather::{Fault, Passage, Weather},
};

/// Serves one client to its end.
pub(super) async fn run(mut client: TcpStream, route: Route, shared: Arc<Shared>) {
    _ = client.set_nodelay(true);
    let mut serial = 0;
    shared.weather.send_if_modified(|weather| {
        serial = weather.next_serial;
        weather.next_serial += 1;
        false
    });
    let mut first = Vec::new();
    let index = match route.classify {
        None => 0,
        Some(classify) => {
            let mut buffer = vec![0; CHUNK];
            match client.read(&mut buffer).await {
                Ok(read) if read > 0 => first.extend_from_slice(&buffer[..read]),
                _ => return,
            }
            classify(&first)
        }
    };
    let mut gate = Gate { index, serial, weather: shared.weather.subscribe() };
    let fault = gate.weather.borrow().lanes[index].fault;
    if matches!(fault, Fault::Refuse | Fault::CloseOnAccept) {
        return;
    }
    // Until bytes may flow the client is connected to us alone.
    if gate.open().await.is_none() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(route.server).await else { return };
    _ = server.set_nodelay(true);
    if server.write_all(&first).await.is_err() {
        return;
    }
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = server.into_split();
    // A connection is over when both ways are, or at once when one of them breaks.
    let allowance = Allowance::unlimited();
    let snipped = Way::Up(shared, allowance.clone());
    let up = one_way(client_reads, server_writes, gate.clone(), snipped);
    let down = one_way(server_reads, client_writes, gate, Way::Down(allowance));
    _ = tokio::try_join!(up, down);
}

/// Moves bytes one way until end of file, a fault that drops, or an error.
async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut gate: Gate,
    way: Way,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            biased;
            () = gate.dropped() => return Err(io::ErrorKind::ConnectionAborted.into()),
            read = from.read(&mut buffer) => read?,
        };
        let Some(delay) = gate.open().await else {
            return Err(io::ErrorKind::ConnectionAborted.into());
        };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        let (passed, then) = way.snip(&buffer[..read]);
        tokio::select! {
            biased;
            () = gate.dropped() => return Err(io::ErrorKind::ConnectionAborted.into()),
            wrote = to.write_all(&buffer[..passed]) => wrote?,
        }
        match then {
            Then::GoOn => {}
            Then::Drop => return Err(io::ErrorKind::ConnectionAborted.into()),
            Then::Hold => gate.dropped().await,
        }
    }
}

/// Which way bytes go, and what may cut them off.
enum Way {
    /// From the client.
    Up(Arc<Shared>, Allowance),
    /// From the server.
    Down(Allowance),
}

/// What follows a piece.
enum Then {
    GoOn,
    Drop,
    Hold,
}

impl Way {
    /// How many bytes of a piece pass, and what follows.
    fn snip(&self, piece: &[u8]) -> (usize, Then) {
        match self {
            Self::Up(shared, allowance) => {
                match shared.snipper().and_then(|snipper| snipper.choose(piece)) {
                    None => (piece.len(), Then::GoOn),
                    Some(Snip::Drop(bytes)) => (bytes.min(piece.len()), Then::Drop),
                    Some(Snip::Hold(bytes)) => (bytes.min(piece.len()), Then::Hold),
                    Some(Snip::Answer(bytes)) => {
                        allowance.limit(bytes);
                        (piece.len(), Then::GoOn)
                    }
                }
            }
            Self::Down(allowance) => {
                let passed = allowance.take(piece.len());
                (passed, if passed < piece.len() { Then::Drop } else { Then::GoOn })
            }
        }
    }
}

/// A connection's view of the weather.
#[derive(Clone)]
struct Gate {
    index: usize,
    serial: u64,
    weather: watch::Receiver<Weather>,
}

impl Gate {
    fn passage(&mut self) -> Passage {
        let weather = self.weather.borrow_and_update();
        weather.lanes[self.index].passage(self.serial)
    }

    /// Waits until bytes may pass and says how late, or answers nothing when the connection is to
    /// be dropped. A swallowed connection waits for its drop: what it said stays unheard.
    async fn open(&mut self) -> Option<Duration> {
        loop {
            match self.passage() {
                Passage::Flow(delay) => return Some(delay),
                Passage::Drop => return None,
                Passage::Hold | Passage::Swallow => {}
            }
            if self.weather.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Ends when the connection is to be dropped.
    async fn dropped(&mut self) {
        loop {
            if self.passage() == Passage::Drop {
                return;
            }
            if self.weather.changed().await.is_err() {
                pending::<()>().await;
            }
        }
    }
}

const CHUNK: usize = 64 * 1024;
