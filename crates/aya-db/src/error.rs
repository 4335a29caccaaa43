//! What reaches the application when something could not be done.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::error::DbError;

use aya_db_core::conninfo::Warning;
use aya_db_core::failure::{
    Cause, Classified, ClientFault, Facts, FailureKind, Phase, Safety, Sent,
};
use aya_db_core::retry::StopReason;
use aya_db_core::{Fate, NodeId};

use crate::failed::Failed;
use crate::monitor::HostReport;

/// A failure, with what became of the work.
///
/// ```no_run
/// # async fn example(cluster: &aya_db::Cluster) {
/// use aya_db::Fate;
///
/// if let Err(error) = cluster.execute("insert into t values (1)", &[]).await {
///     match error.fate() {
///         Fate::NotSent | Fate::RolledBack => println!("it left no trace: {error}"),
///         Fate::Unknown => println!("it may be there: {error}"),
///         Fate::Committed => println!("it is there: {error}"),
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    found: Classified,
    safety: Safety,
    stop: Option<StopReason>,
    node: Option<NodeId>,
    attempts: Vec<Attempt>,
    hosts: Vec<HostReport>,
    /// The sources that cannot be read, each with the reason.
    lost_sources: Vec<String>,
    warnings: Vec<Warning>,
    advice: Option<&'static str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// One attempt of a call.
#[derive(Debug, Clone)]
pub struct Attempt {
    node: Option<NodeId>,
    elapsed: Duration,
    kind: FailureKind,
    cause: String,
}

impl Attempt {
    /// The server; `None` if none was found to try.
    pub const fn node(&self) -> Option<&NodeId> {
        self.node.as_ref()
    }

    /// How long the attempt took.
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What kind of failure ended it.
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What ended it, for people.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    pub(crate) fn of(failed: &Failed, elapsed: Duration) -> Self {
        let found = failed.classify();
        let source = failed.source();
        Self {
            node: failed.node().cloned(),
            elapsed: failed.elapsed().unwrap_or(elapsed),
            kind: found.kind,
            cause: source.map_or_else(|| found.kind.to_string(), |source| chain(&*source)),
        }
    }
}

impl Error {
    /// What kind of failure it is.
    pub const fn kind(&self) -> FailureKind {
        self.0.found.kind
    }

    /// The stable code, `AYA-nnnn`; `docs/errors/` has a page for each.
    pub fn code(&self) -> &'static str {
        self.0.found.kind.code()
    }

    /// What became of the work: of the transaction, where there is one.
    pub const fn fate(&self) -> Fate {
        self.0.found.fate
    }

    /// Why the fate is what it is, for people.
    pub const fn reason(&self) -> &'static str {
        self.0.found.reason
    }

    /// The server's error code, if a server raised the error; 40001 for a replay that diverged, since
    /// it is to be met as a serialization failure is.
    pub fn sqlstate(&self) -> Option<&str> {
        if self.kind() == FailureKind::ReplayDiverged {
            return Some("40001");
        }
        self.db_error().map(|error| error.code().code())
    }

    /// The server's own words, if a server raised the error.
    pub fn db_error(&self) -> Option<&DbError> {
        let mut source = StdError::source(self);
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
                return error.as_db_error();
            }
            source = error.source();
        }
        None
    }

    /// The server on which it failed.
    pub const fn node(&self) -> Option<&NodeId> {
        self.0.node.as_ref()
    }

    /// Every attempt that was made, the last 16 of them, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// Whether running the whole work again may succeed and cannot do it twice. The driver has
    /// already tried what could be tried within the call's deadline.
    pub fn is_retryable(&self) -> bool {
        self.0.found.is_retryable(self.0.safety)
    }

    /// Why the driver did not run it again; `None` for work that it never repeats, such as a
    /// statement inside a transaction.
    pub const fn stop_reason(&self) -> Option<StopReason> {
        self.0.stop
    }

    pub(crate) fn from_failed(failed: &Failed, stop: Option<StopReason>) -> Self {
        Self(Box::new(Inner {
            found: failed.classify(),
            safety: failed.facts().safety,
            stop,
            node: failed.node().cloned(),
            attempts: Vec::new(),
            hosts: Vec::new(),
            lost_sources: Vec::new(),
            warnings: Vec::new(),
            advice: failed.advice(),
            source: failed.source(),
        }))
    }

    /// A fault on the application's side.
    pub(crate) fn client(
        fault: ClientFault,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        let facts = Facts::new(Phase::Waiting, Sent::No, Cause::Client(fault));
        Self::from_failed(&Failed::new(facts).because(source), None)
    }

    pub(crate) fn with_attempts(mut self, attempts: &[Attempt]) -> Self {
        self.0.attempts = attempts.to_vec();
        self
    }

    /// The same with what is known of the cluster: of every host, and why sources are silent.
    pub(crate) fn with_cluster(
        mut self,
        hosts: Vec<HostReport>,
        lost_sources: Vec<String>,
    ) -> Self {
        self.0.hosts = hosts;
        self.0.lost_sources = lost_sources;
        self
    }

    /// The same with what was odd about the connection string.
    pub(crate) fn with_warnings(mut self, warnings: &[Warning]) -> Self {
        self.0.warnings = warnings.to_vec();
        self
    }
}

impl fmt::Display for Error {
    /// One line: what happened, where, and what became of the work; then every host with its own
    /// cause, where no server could be had.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { found, stop, node, attempts, hosts, lost_sources, warnings, advice, .. } =
            &*self.0;
        write!(f, "{} ({})", found.kind, found.kind.code())?;
        if let Some(node) = node {
            write!(f, " on {node}")?;
        }
        if let Some(error) = self.db_error() {
            write!(f, ": {} ({})", error.message(), error.code().code())?;
        } else if is_told_by_its_source(found.kind)
            && let Some(source) = &self.0.source
        {
            write!(f, ": {}", chain(&**source))?;
        }
        if found.kind != FailureKind::Configuration {
            write!(f, "; fate: {}", found.fate)?;
        }
        if let Some(advice) = advice {
            write!(f, " ({advice})")?;
        }
        if attempts.len() > 1 {
            write!(f, "; {} attempts", attempts.len())?;
        }
        if let Some(StopReason::DeadlineSpent | StopReason::BudgetSpent) = stop {
            write!(f, "; {}", stop.as_ref().map_or_else(String::new, ToString::to_string))?;
        }
        for (index, host) in hosts.iter().enumerate() {
            f.write_str(if index == 0 { "; tried " } else { ", " })?;
            write!(f, "{}: ", host.node)?;
            match &host.failure {
                Some(failure) => {
                    write!(f, "{} after {} ms", chain(&**failure), failure.elapsed.as_millis())?;
                }
                None => f.write_str(&host.state)?,
            }
        }
        for source in lost_sources {
            write!(f, "; {source}")?;
        }
        for warning in warnings {
            write!(f, "; {warning}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { found, stop, node, attempts, source, .. } = &*self.0;
        f.debug_struct("Error")
            .field("message", &self.to_string())
            .field("kind", &found.kind)
            .field("fate", &found.fate)
            .field("reason", &found.reason)
            .field("stop", stop)
            .field("node", node)
            .field("attempts", attempts)
            .field("source", source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Whether the words of the source say what the title cannot.
const fn is_told_by_its_source(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Configuration
            | FailureKind::UnknownHint
            | FailureKind::NoStandby
            | FailureKind::NotFresh
            | FailureKind::CausalTokenLost
            | FailureKind::TransactionLost
            | FailureKind::ReplayDiverged
            | FailureKind::SessionStateLost
    )
}

/// An error and its causes, each in its own words.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        // Some layers repeat what lies beneath them.
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
