//! A session that outlives its server, in the place of one that does not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aya_db::ClusterWatch;
use aya_db_core::NodeId;
use aya_db_core::observation::Suspicion;
use aya_db_core::snapshot::ClusterSnapshot;
use aya_pgwire::{Event, Poller, Target, Wait};
use aya_session::{End, Options, Reply, Survivor, SurvivorError, Watch};

use super::exchange::{Aside, Exchange, Outcome};
use super::line::{Copied, Fault};

/// Opens a session that outlives its server.
pub(crate) fn open(target: Arc<Target>, wait: &mut dyn Wait) -> Result<Survivor, SurvivorError> {
    let watch = Watcher::start(&target);
    let patience = aya_session::Patience::Failover;
    Survivor::open(target, Options { watch, patience, ..Options::default() }, wait)
}

/// Sends queries and waits for what they come to, on whichever server that is.
pub(super) fn run(
    survivor: &mut Survivor,
    queries: &[&[u8]],
    aside: &mut Aside,
    wait: &mut dyn Wait,
) -> Result<Vec<Outcome>, Fault> {
    let generation = survivor.generation();
    let asked = survivor.run(queries, wait);
    let mut reply = patiently(survivor, asked, wait)?;
    let mut exchange = Exchange::of(queries.len());
    loop {
        tell(&mut exchange, reply.events, aside);
        reply = match reply.end {
            End::Ready(_) => break,
            End::CopyIn => {
                let ended = survivor.copy_fail(super::line::REFUSED, wait);
                patiently(survivor, ended, wait)?
            }
            End::CopyOut => {
                while copy_next(survivor, wait)?.is_some() {}
                let ended = survivor.resume(wait);
                patiently(survivor, ended, wait)?
            }
            End::CopyBoth => {
                return Err(Fault::Unusable("replication does not survive its server\n"));
            }
        };
    }
    take_aside(survivor, generation, aside);
    Ok(exchange.outcomes().0)
}

/// Sends a query that may begin a COPY, and waits until it has, or has come to its end.
pub(super) fn run_copy(
    survivor: &mut Survivor,
    sql: &[u8],
    aside: &mut Aside,
    wait: &mut dyn Wait,
) -> Result<Copied, Fault> {
    let generation = survivor.generation();
    let asked = survivor.run(&[sql], wait);
    let reply = patiently(survivor, asked, wait)?;
    let mut exchange = Exchange::copying();
    tell(&mut exchange, reply.events, aside);
    take_aside(survivor, generation, aside);
    Ok(match reply.end {
        End::Ready(_) => Copied::Nothing(exchange.outcomes().0),
        End::CopyIn => Copied::In(exchange),
        End::CopyOut => Copied::Out(exchange),
        End::CopyBoth => Copied::Both(exchange),
    })
}

/// The next data of COPY TO STDOUT.
pub(super) fn copy_next(
    survivor: &mut Survivor,
    wait: &mut dyn Wait,
) -> Result<Option<aya_pgwire::CopyData>, Fault> {
    loop {
        match survivor.copy_next(wait) {
            Err(SurvivorError::Interrupted) => cancel(survivor),
            other => return Ok(other?),
        }
    }
}

/// Goes on with an exchange whose wait was given up: when a signal handler has raised, the statement
/// is cancelled and its end waited for; when one raises again, it is given up with its connection.
pub(super) fn patiently(
    survivor: &mut Survivor,
    mut asked: Result<Reply, SurvivorError>,
    wait: &mut dyn Wait,
) -> Result<Reply, Fault> {
    let mut again = false;
    loop {
        match asked {
            Err(SurvivorError::Interrupted) if !again => {
                again = true;
                cancel(survivor);
                asked = survivor.resume(wait);
            }
            Err(SurvivorError::Interrupted) => {
                let broken = survivor.abandon();
                return Err(broken.map_or(SurvivorError::Interrupted, Into::into).into());
            }
            other => return Ok(other?),
        }
    }
}

fn cancel(survivor: &Survivor) {
    if let Some(canceller) = survivor.canceller() {
        let mut wait = Poller::new().until(Instant::now() + CANCEL_TIME);
        // If the request does not get through, the statement's own end is waited for.
        let _ = canceller.cancel(&mut wait);
    }
}

pub(super) fn tell(exchange: &mut Exchange, events: Vec<Event>, aside: &mut Aside) {
    for event in events {
        exchange.take(event, aside);
    }
}

/// What came without being asked for; on another connection, everything may be another.
pub(super) fn take_aside(survivor: &mut Survivor, generation: u64, aside: &mut Aside) {
    aside.changed |= survivor.generation() != generation;
    for event in survivor.take_aside() {
        Exchange::of(1).take(event, aside);
    }
}

/// Looks for notifications, without waiting unless the session has to be made anew.
pub(super) fn poll(survivor: &mut Survivor, aside: &mut Aside) -> Result<(), Fault> {
    let generation = survivor.generation();
    let events = survivor.poll(&mut Poller::new())?;
    for event in events {
        Exchange::of(1).take(event, aside);
    }
    aside.changed |= survivor.generation() != generation;
    Ok(())
}

/// The Rust driver's monitor of the cluster, of which there is one in a process.
#[derive(Debug)]
struct Watcher(ClusterWatch);

impl Watcher {
    /// Without it a session asks the servers itself, so that it is no error if there is none.
    fn start(target: &Target) -> Option<Box<dyn Watch>> {
        let watch = ClusterWatch::start(target.info().clone()).ok()?;
        Some(Box::new(Self(watch)))
    }
}

impl Watch for Watcher {
    fn snapshot(&mut self) -> Option<Arc<ClusterSnapshot>> {
        self.0.snapshot().ok()
    }

    fn suspect(&mut self, node: &NodeId, sign: Suspicion) {
        // Who cannot be told will see for himself.
        let _ = self.0.suspect(node, sign);
    }
}

const CANCEL_TIME: Duration = Duration::from_secs(2);
