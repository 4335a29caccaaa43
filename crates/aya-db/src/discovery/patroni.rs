//! Patroni's REST interface.

use std::time::Duration;

use aya_db_core::MemberName;
use aya_db_core::observation::{ClusterReport, Observation, Source, TimelineSwitch};
use aya_dcs::patroni::{Decoded, Scope, decode_cluster, decode_history};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::pace::pause;
use super::rest::{Rest, RestError};
use super::teller::{Failure, MonitorGone, Teller};
use super::{Pace, SourceSettings};

/// Tells `observations` what Patroni's REST interfaces say of `scope` (of whichever cluster
/// answers, without one), until cancelled or until the monitor is gone. Dropped midway, it
/// leaves nothing behind.
pub(crate) async fn run(
    settings: SourceSettings,
    scope: Option<Scope>,
    observations: mpsc::Sender<Observation>,
    cancel: CancellationToken,
    pace: watch::Receiver<Pace>,
) {
    let mut teller = Teller::new(Source::Patroni, observations);
    let polling = async {
        match Rest::new(settings) {
            Ok(rest) => Poller::new(rest, scope, pace).run(&mut teller).await,
            Err(problem) => {
                teller.failed(Failure::Lasting, problem).await?;
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        Err(MonitorGone) = polling => {}
    }
}

struct Poller {
    rest: Rest,
    scope: Option<Scope>,
    pace: watch::Receiver<Pace>,
    /// The endpoint to ask first: the primary's, or the one that answered last.
    preferred: usize,
    history: History,
}

impl Poller {
    fn new(rest: Rest, scope: Option<Scope>, pace: watch::Receiver<Pace>) -> Self {
        Self { rest, scope, pace, preferred: 0, history: History::default() }
    }

    async fn run(mut self, teller: &mut Teller) -> Result<std::convert::Infallible, MonitorGone> {
        loop {
            let before = self.primaries().await;
            match self.poll().await {
                Ok(decoded) => teller.report(decoded).await?,
                Err(RestError { failure, reason }) => teller.failed(failure, reason).await?,
            }
            let polled_at = Instant::now();
            while polled_at.elapsed() < CALM {
                pause(CALM.saturating_sub(polled_at.elapsed()), HUNT, &mut self.pace).await;
                let hunting = *self.pace.borrow() == Pace::Hunt;
                if hunting && self.primaries().await != before {
                    break;
                }
            }
        }
    }

    /// In a hunt, the endpoints whose nodes say that they are the primary, the first of them to
    /// be asked next; asking for the whole cluster ten times a second would load the store.
    async fn primaries(&mut self) -> Vec<usize> {
        if *self.pace.borrow() == Pace::Calm {
            return Vec::new();
        }
        let rest = &self.rest;
        let mut checks: FuturesUnordered<_> = (0..rest.count())
            .map(|index| async move { (index, rest.is_primary(index).await) })
            .collect();
        let mut found = Vec::new();
        while let Some((index, primary)) = checks.next().await {
            if primary {
                found.push(index);
            }
        }
        drop(checks);
        found.sort_unstable();
        if let Some(first) = found.first() {
            self.preferred = *first;
        }
        found
    }

    /// The first endpoint that answers for the right cluster, asked a little apart.
    async fn poll(&mut self) -> Result<Decoded, RestError> {
        let count = self.rest.count();
        let mut waiting = (0..count).map(|offset| (self.preferred + offset) % count);
        let (rest, scope) = (&self.rest, self.scope.as_ref());
        let mut attempts = FuturesUnordered::new();
        let mut failures = Vec::new();
        let (index, mut decoded) = loop {
            if let Some(index) = waiting.next() {
                attempts.push(async move { (index, cluster(rest, scope, index).await) });
            }
            tokio::select! {
                answer = attempts.next() => match answer {
                    Some((index, Ok(decoded))) => break (index, decoded),
                    Some((_, Err(error))) => failures.push(error),
                    None => return Err(combine(failures)),
                },
                () = sleep(STAGGER), if waiting.len() > 0 => {}
            }
        };
        drop(attempts);
        self.preferred = index;
        self.history.refresh(&self.rest, index, &mut decoded).await;
        Ok(decoded)
    }
}

/// The timeline history, asked for only when it must have grown.
#[derive(Default)]
struct History {
    switches: Vec<TimelineSwitch>,
    leader: Option<MemberName>,
    known: bool,
}

impl History {
    async fn refresh(&mut self, rest: &Rest, index: usize, decoded: &mut Decoded) {
        if self.is_stale(&decoded.report)
            && let Ok(json) = rest.get(index, "/history").await
        {
            let (switches, warnings) = decode_history(&json);
            decoded.warnings.extend(warnings);
            self.leader.clone_from(&decoded.report.leader);
            self.switches = switches;
            self.known = true;
        }
        decoded.report.history.clone_from(&self.switches);
    }

    /// Patroni writes the entry of a promotion a little after it, so a new timeline is asked
    /// about until its entry is there.
    fn is_stale(&self, report: &ClusterReport) -> bool {
        let leader =
            report.members.iter().find(|member| Some(&member.name) == report.leader.as_ref());
        let timeline = leader.and_then(|leader| leader.timeline).map_or(1, |timeline| timeline.0);
        let ended = self.switches.last().map_or(0, |switch| switch.timeline.0);
        !self.known || self.leader != report.leader || ended + 1 < timeline
    }
}

async fn cluster(rest: &Rest, scope: Option<&Scope>, index: usize) -> Result<Decoded, RestError> {
    let json = rest.get(index, "/cluster").await?;
    let wrong = |what: &str| RestError {
        failure: Failure::Lasting,
        reason: format!("{}: {what}", rest.endpoint(index)),
    };
    let answered = json.get("scope").and_then(serde_json::Value::as_str);
    if let (Some(answered), Some(scope)) = (answered, scope)
        && answered != scope.name()
    {
        return Err(wrong(&format!("no such scope: {}; found: {answered}", scope.name())));
    }
    decode_cluster(&json).ok_or_else(|| wrong("answered /cluster with JSON that is not Patroni's"))
}

fn combine(failures: Vec<RestError>) -> RestError {
    let lasting = failures.iter().all(|error| error.failure == Failure::Lasting);
    let failure = if lasting { Failure::Lasting } else { Failure::Passing };
    let reasons: Vec<_> = failures.into_iter().map(|error| error.reason).collect();
    RestError { failure, reason: reasons.join("; ") }
}

/// How often the cluster is asked for; a poll loads Patroni and its store.
const CALM: Duration = Duration::from_secs(1);

/// How often, in a hunt, every endpoint is asked whether its node is the primary.
const HUNT: Duration = Duration::from_millis(100);

const STAGGER: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests;
