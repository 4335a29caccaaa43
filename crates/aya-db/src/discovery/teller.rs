use std::time::Duration;

use aya_db_core::observation::{ClusterReport, Observation, Source};
use aya_dcs::patroni::{Decoded, Warning};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};

/// Tells the monitor what one source says, and nothing twice but for a heartbeat.
pub(super) struct Teller {
    source: Source,
    observations: mpsc::Sender<Observation>,
    told: Told,
    told_at: Instant,
    failing_since: Option<Instant>,
    warnings: Vec<Warning>,
}

/// The monitor has gone; so may the source.
#[derive(Debug)]
pub(super) struct MonitorGone;

/// Whether a failure may pass by itself in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// A member fell out, an election is going on: told only if it lasts.
    Passing,
    /// It stays until somebody acts: told at once.
    Lasting,
}

impl Teller {
    pub(super) fn new(source: Source, observations: mpsc::Sender<Observation>) -> Self {
        Self {
            source,
            observations,
            told: Told::Nothing,
            told_at: Instant::now(),
            failing_since: None,
            warnings: Vec::new(),
        }
    }

    /// Tells a report if it is news, or if the last is a heartbeat old.
    pub(super) async fn report(&mut self, decoded: Decoded) -> Result<(), MonitorGone> {
        let Decoded { report, warnings } = decoded;
        self.warn(warnings);
        self.failing_since = None;
        let news = !matches!(&self.told, Told::Report(told) if same(told, &report));
        if !news && self.told_at.elapsed() < HEARTBEAT {
            return Ok(());
        }
        self.told = Told::Report(Box::new(report.clone()));
        self.send(Observation::Reported { source: self.source, report }).await
    }

    /// Tells that the source cannot be read, once per outage and reason.
    pub(super) async fn failed(
        &mut self,
        failure: Failure,
        reason: String,
    ) -> Result<(), MonitorGone> {
        debug!(source = %self.source, reason, "the source cannot be read");
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if failure == Failure::Passing && since.elapsed() < GRACE {
            return Ok(());
        }
        if matches!(&self.told, Told::Lost(told) if *told == reason) {
            return Ok(());
        }
        let again = matches!(self.told, Told::Lost(_)) && self.told_at.elapsed() < HEARTBEAT;
        if again && failure == Failure::Passing {
            return Ok(());
        }
        self.told = Told::Lost(reason.clone());
        self.send(Observation::SourceLost { source: self.source, reason }).await
    }

    async fn send(&mut self, observation: Observation) -> Result<(), MonitorGone> {
        self.told_at = Instant::now();
        self.observations.send(observation).await.map_err(|_| MonitorGone)
    }

    fn warn(&mut self, warnings: Vec<Warning>) {
        if warnings != self.warnings {
            for warning in warnings.iter().filter(|warning| !self.warnings.contains(warning)) {
                warn!(source = %self.source, %warning, "passed over a value of Patroni");
            }
            self.warnings = warnings;
        }
    }
}

enum Told {
    Nothing,
    Report(Box<ClusterReport>),
    Lost(String),
}

/// The revision of a store moves with every key, also those of other clusters.
fn same(told: &ClusterReport, report: &ClusterReport) -> bool {
    let ClusterReport {
        leader,
        members,
        system_identifier,
        history,
        leader_lsn,
        sync_standbys,
        switchover,
        paused,
        revision: _,
    } = told;
    *leader == report.leader
        && *members == report.members
        && *system_identifier == report.system_identifier
        && *history == report.history
        && *leader_lsn == report.leader_lsn
        && *sync_standbys == report.sync_standbys
        && *switchover == report.switchover
        && *paused == report.paused
}

/// How often an unchanged report is told again, as a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// An election of etcd or the way to another member takes up to this; longer is an outage.
const GRACE: Duration = Duration::from_millis(1500);
