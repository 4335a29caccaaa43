//! The listener: opens and closes with the weather, and hands connections to the relay.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

use super::{fault_proxy::Shared, relay};

/// Tells from a connection's first bytes which lane it takes.
pub(crate) type Classify = fn(&[u8]) -> usize;

/// Where connections come in, go, and how lanes are told apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) listen: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) classify: Option<Classify>,
}

/// Opens a listener that can come back to its address at once.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(BACKLOG)?)
}

/// Accepts until dropped; dropping it ends every connection.
pub(super) async fn run(first: TcpListener, route: Route, shared: Arc<Shared>) {
    let mut listener = Some(first);
    let mut changes = shared.weather.subscribe();
    let mut relays = JoinSet::new();
    loop {
        let (closed, revision) = {
            let weather = changes.borrow_and_update();
            (weather.closed(), weather.revision)
        };
        if closed {
            listener = None;
        } else if listener.is_none() {
            listener = bind(route.listen).ok();
        }
        if closed || listener.is_some() {
            shared.confirm(revision);
        }
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()), if !closed => {
                if let Some(client) = accepted {
                    relays.spawn(relay::run(client, route, Arc::clone(&shared)));
                }
            }
            Some(_) = relays.join_next() => {}
        }
    }
}

/// The next connection, or nothing after a pause when the listener is not there or fails.
async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    if let Some(listener) = listener
        && let Ok((stream, _)) = listener.accept().await
    {
        return Some(stream);
    }
    tokio::time::sleep(PAUSE).await;
    None
}

const BACKLOG: u32 = 1024;
const PAUSE: Duration = Duration::from_millis(5);
