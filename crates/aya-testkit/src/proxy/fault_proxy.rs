//! The proxy as its owner sees it.

use std::{
    net::SocketAddr,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{sync::watch, task::JoinHandle};

use super::{
    acceptor::{self, Classify, Route},
    lane::Lane,
    runtime,
    snip::Snipper,
    weather::{LaneWeather, Weather},
};

/// A TCP proxy in front of one server; its address stays the same through every fault.
///
/// The verbs of [`Lane`] are repeated here for all lanes at once. Dropping the proxy closes its
/// listener and every connection through it.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    lanes: Vec<Lane>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// Starts a proxy on `listen` (port 0 takes a free one) in front of `server`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(listen: SocketAddr, server: SocketAddr) -> Result<Self> {
        Self::with_lanes(listen, server, 1, None).await
    }

    /// A proxy whose connections are told apart by their first bytes.
    pub(crate) async fn with_lanes(
        listen: SocketAddr,
        server: SocketAddr,
        lanes: usize,
        classify: Option<Classify>,
    ) -> Result<Self> {
        let _guard = runtime::handle().enter();
        let listener = acceptor::bind(listen).with_context(|| format!("listen on {listen}"))?;
        let address = listener.local_addr()?;
        let weather = Weather {
            lanes: vec![LaneWeather::default(); lanes],
            server_gone: false,
            next_serial: 0,
            revision: 0,
        };
        let shared = Arc::new(Shared {
            weather: watch::Sender::new(weather),
            applied: Mutex::new(0),
            moved: Condvar::new(),
            snipper: Mutex::new(None),
        });
        let route = Route { listen: address, server, classify };
        let task = runtime::handle().spawn(acceptor::run(listener, route, Arc::clone(&shared)));
        tokio::task::yield_now().await;
        let lane = |index| Lane { shared: Arc::clone(&shared), index };
        Ok(Self { address, lanes: (0..lanes).map(lane).collect(), task })
    }

    /// Where clients dial.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// One lane's verbs.
    pub(crate) fn lane(&self, index: usize) -> &Lane {
        &self.lanes[index]
    }

    /// See [`Lane::cut`].
    pub fn cut(&self) {
        self.lanes.iter().for_each(Lane::cut);
    }

    /// See [`Lane::drop_connections`].
    pub fn drop_connections(&self) {
        self.lanes.iter().for_each(Lane::drop_connections);
    }

    /// See [`Lane::refuse`].
    pub fn refuse(&self) {
        self.lanes.iter().for_each(Lane::refuse);
    }

    /// See [`Lane::close_on_accept`].
    pub fn close_on_accept(&self) {
        self.lanes.iter().for_each(Lane::close_on_accept);
    }

    /// See [`Lane::black_hole`].
    pub fn black_hole(&self) {
        self.lanes.iter().for_each(Lane::black_hole);
    }

    /// See [`Lane::half_open`].
    pub fn half_open(&self) {
        self.lanes.iter().for_each(Lane::half_open);
    }

    /// See [`Lane::delay`].
    pub fn delay(&self, delay: Duration) {
        self.lanes.iter().for_each(|lane| lane.delay(delay));
    }

    /// See [`Lane::heal`].
    pub fn heal(&self) {
        self.lanes.iter().for_each(Lane::heal);
    }

    /// Lets `snipper` choose where connections are cut, or nobody. What it has chosen before stays.
    pub fn snip(&self, snipper: Option<Snipper>) {
        let shared = &self.lanes[0].shared;
        *shared.snipper.lock().unwrap_or_else(PoisonError::into_inner) = snipper;
    }

    /// Behaves as the address of a dead server: connections drop, new ones are refused.
    pub(crate) fn server_gone(&self) {
        self.lanes[0].shared.change(|weather| {
            weather.server_gone = true;
            let next = weather.next_serial;
            weather.lanes.iter_mut().for_each(|lane| lane.dropped_below = next);
        });
    }

    /// Undoes [`server_gone`](Self::server_gone); faults of the lanes stay as they are.
    pub(crate) fn server_back(&self) {
        self.lanes[0].shared.change(|weather| weather.server_gone = false);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the owner's verbs and the proxy's tasks share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) weather: watch::Sender<Weather>,
    applied: Mutex<u64>,
    moved: Condvar,
    snipper: Mutex<Option<Snipper>>,
}

impl Shared {
    /// Applies `verb` and waits until the listener follows.
    pub(super) fn change(&self, verb: impl FnOnce(&mut Weather)) {
        let mut wanted = 0;
        self.weather.send_modify(|weather| {
            verb(weather);
            weather.revision += 1;
            wanted = weather.revision;
        });
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        _ = self.moved.wait_timeout_while(applied, LISTENER_LIMIT, |applied| *applied < wanted);
    }

    pub(super) fn snipper(&self) -> Option<Snipper> {
        self.snipper.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that the listener follows `revision`.
    pub(super) fn confirm(&self, revision: u64) {
        *self.applied.lock().unwrap_or_else(PoisonError::into_inner) = revision;
        self.moved.notify_all();
    }
}

/// How long a verb waits for the listener to follow.
const LISTENER_LIMIT: Duration = Duration::from_secs(5);
