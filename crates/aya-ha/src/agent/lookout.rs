//! Watches the server: its process, and what it says of itself.

use std::sync::Arc;
use std::time::Duration;

use aya_db_core::Moment;
use aya_ha_core::postgres::{ControlData, Probe};
use aya_ha_core::view::Data;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::clock;
use crate::postgres::{Postmaster, Server};

/// What was seen last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sight {
    pub(super) data: Data,
    pub(super) process: Sighted,
    /// What the control file said when no server ran.
    pub(super) control: Option<ControlData>,
    /// What the server said last, which may be a while ago.
    pub(super) probe: Option<Probe>,
}

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sighted {
    Nothing,
    Starting(Moment),
    Answering,
    Silent(Moment),
}

/// Watches for as long as somebody listens. `nudge` makes it look at once.
pub(super) async fn watch(server: Arc<Server>, nudge: Arc<Notify>) -> watch::Receiver<Sight> {
    let first = look(&server, None).await;
    let (tell, told) = watch::channel(first.clone());
    tokio::spawn(async move {
        let mut last = first;
        while !tell.is_closed() {
            let wait = if last.process == Sighted::Answering { INTERVAL } else { HURRY };
            let pause = timeout(wait, nudge.notified());
            let nudged = match server.postmaster() {
                Some(postmaster) => tokio::select! {
                    elapsed = pause => elapsed.is_ok(),
                    () = postmaster.died() => false,
                },
                None => pause.await.is_ok(),
            };
            // Whoever nudges may have changed what lies there.
            if nudged {
                last.control = None;
            }
            let sight = look(&server, Some(&last)).await;
            tell.send_if_modified(|told| {
                let news = *told != sight;
                told.clone_from(&sight);
                news
            });
            last = sight;
        }
    });
    told
}

async fn look(server: &Server, last: Option<&Sight>) -> Sight {
    let old = |probe: Option<&Sight>| probe.and_then(|sight| sight.probe.clone());
    if server.postmaster().is_none() {
        let data = server.data_state();
        let known = last.filter(|last| last.process == Sighted::Nothing);
        let control = match known.and_then(|last| last.control.clone()) {
            Some(control) => Some(control),
            None if data == Data::Valid => server.control().await.ok(),
            None => None,
        };
        return Sight { data, process: Sighted::Nothing, control, probe: old(last) };
    }
    let since = |state: fn(Moment) -> Sighted| match last.map(|last| last.process) {
        Some(Sighted::Silent(since) | Sighted::Starting(since)) => state(since),
        _ => state(clock::now()),
    };
    let (process, probe) = match server.probe(PATIENCE).await {
        Ok(probe) => (Sighted::Answering, Some(probe)),
        Err(error) => {
            let starts = matches!(Postmaster::status(server.data_dir()).as_str(), "starting" | "");
            tracing::debug!(%error, "the server does not answer");
            (if starts { since(Sighted::Starting) } else { since(Sighted::Silent) }, old(last))
        }
    };
    Sight { data: Data::Valid, process, control: None, probe }
}

/// How often a server that answers is asked.
const INTERVAL: Duration = Duration::from_millis(1_000);

/// How often one is that does not.
const HURRY: Duration = Duration::from_millis(200);

/// How long its answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
