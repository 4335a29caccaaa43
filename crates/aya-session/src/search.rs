//! Looks for a server that is what is wanted.

use std::time::{Duration, Instant};

use aya_db_core::conninfo::{HostSpec, LoadBalanceHosts};
use aya_db_core::failure::{Cause, ConnectStage, Facts, Phase, Sent};
use aya_db_core::observation::ServerAnswer;
use aya_db_core::route::{Intent, SessionFacts, accepts, is_settled};
use aya_db_core::server_sql::PROBE;
use aya_db_core::snapshot::SourceState;
use aya_pgwire::{ConnectEnd, ConnectError, Connecting, Wait};
use rand::seq::SliceRandom;
use tracing::debug;

use crate::course::pauses;
use crate::error::Pause;
use crate::failure::{Failure, Fault, Halt};
use crate::link::Link;
use crate::options::Survival;
use crate::picture::answer_of;
use crate::sleep::sleep;
use crate::survivor::Survivor;
use crate::waits::{Asking, Bounded, leads};

impl Survivor {
    /// When a search that begins now ends.
    pub(crate) fn failover_ends(&self) -> Instant {
        Instant::now() + self.info().failover_timeout()
    }

    /// A connection to a server that serves `intent`: the servers are asked one after another, again and
    /// again until `deadline`, or once if there is none.
    pub(crate) fn find(
        &mut self,
        intent: Intent,
        deadline: Option<Instant>,
        wait: &mut dyn Wait,
    ) -> Result<Link, Halt> {
        let mut pauses = pauses(self.policy.backoff);
        let mut last = None;
        let settled_by = Instant::now() + self.patience();
        let settled_by = deadline.map_or(settled_by, |deadline| deadline.min(settled_by));
        loop {
            if self.is_unsettled(intent) && Instant::now() < settled_by {
                sleep(SETTLING, wait)?;
                continue;
            }
            match self.ask_around(intent, deadline, wait)? {
                Round::Found(link) => return Ok(*link),
                Round::Failed(failure) => last = Some(failure),
                Round::Nobody => {}
            }
            let pause = pauses.next().unwrap_or(PACE).min(PACE);
            let over = deadline.is_none_or(|deadline| deadline <= Instant::now() + pause);
            if over || self.picture.is_hopeless() {
                return Err(last.unwrap_or_else(nobody).into());
            }
            sleep(pause, wait)?;
        }
    }

    fn ask_around(
        &mut self,
        intent: Intent,
        deadline: Option<Instant>,
        wait: &mut dyn Wait,
    ) -> Result<Round, Halt> {
        let mut text = String::new();
        let mut failed: Option<Failure> = None;
        let candidates = self.candidates(intent);
        for wanted in intent.passes() {
            for host in &candidates {
                match self.try_host(host, wanted, deadline, wait)? {
                    Ok(link) => return Ok(Round::Found(Box::new(link))),
                    Err(failure) => {
                        text.push_str(&failure.text);
                        failed = Some(failure);
                    }
                }
            }
        }
        Ok(match failed {
            Some(failure) => Round::Failed(Failure { text, ..failure }),
            None => Round::Nobody,
        })
    }

    /// Asks the other servers once for what they are, where nobody watches them: a leader of later that was
    /// seen as a standby can tell where the history of its predecessor ended.
    pub(crate) fn look_around(&mut self, wait: &mut dyn Wait) -> Result<(), Halt> {
        if self.watch.as_mut().is_some_and(|watch| watch.snapshot().is_some()) {
            return Ok(());
        }
        let nodes = &self.picture.snapshot().nodes;
        let unseen = |host: &&HostSpec| {
            nodes.get(&host.node_id()).is_some_and(|node| node.standby_run.is_none())
                && self.node() != Some(&host.node_id())
        };
        let hosts: Vec<_> = self.info().hosts().iter().filter(unseen).cloned().collect();
        for host in hosts {
            let deadline = Some(Instant::now() + GLANCE);
            if let Ok(link) = self.try_host(&host, Intent::Standby, deadline, wait)? {
                link.close();
            }
        }
        Ok(())
    }

    /// Whom to ask, in order. Where somebody watches, the leader is the one whom he has confirmed.
    fn candidates(&mut self, intent: Intent) -> Vec<HostSpec> {
        let info = self.target.info();
        let mut hosts = info.hosts().to_vec();
        if info.load_balance_hosts() == LoadBalanceHosts::Random {
            hosts.shuffle(&mut rand::rng());
        }
        let Some(snapshot) = self.watch.as_mut().and_then(|watch| watch.snapshot()) else {
            return hosts;
        };
        let leader = snapshot.leadership.confirmed().map(|node| info.host_of(node));
        match &leader {
            Some(leader) if intent.needs_leader() => return vec![leader.clone()],
            Some(_) | None => {}
        }
        let found = snapshot.nodes.keys().map(|node| info.host_of(node));
        for host in found {
            if !hosts.iter().any(|known| known.node_id() == host.node_id()) {
                hosts.push(host);
            }
        }
        if matches!(intent, Intent::Any | Intent::PreferPrimary) {
            hosts
                .sort_by_key(|host| Some(host.node_id()) != leader.as_ref().map(HostSpec::node_id));
        }
        hosts
    }

    fn try_host(
        &mut self,
        host: &HostSpec,
        wanted: Intent,
        deadline: Option<Instant>,
        wait: &mut dyn Wait,
    ) -> Result<Result<Link, Failure>, Halt> {
        let node = host.node_id();
        // The role is asked for here, together with everything else; a session that does not survive asks
        // nothing, as its server may take no SQL.
        let asks = self.survival == Survival::On;
        let role = if asks { Intent::Any } else { wanted };
        let connecting = Connecting::to_hosts(self.target.clone(), vec![host.clone()], role);
        let limit = deadline.map(|deadline| deadline.min(Instant::now() + self.patience()));
        let mut asking = Asking {
            wait: Bounded { wait, until: limit },
            node: &node,
            watch: match &mut self.watch {
                Some(watch) if wanted.needs_leader() => Some(watch.as_mut()),
                _ => None,
            },
            in_vain: false,
        };
        let connection = match connecting.finish(&mut asking) {
            Ok(connection) => connection,
            Err(error) if asking.in_vain => {
                return Ok(Err(Failure { facts: error.facts(), text: error.text(), left: None }));
            }
            Err(error) if error.end() == ConnectEnd::Interrupted => {
                return Err(Pause::Interrupted.into());
            }
            Err(error) if is_the_callers(&error, limit) => return Err(Pause::TimedOut.into()),
            Err(error) => {
                let facts = error.facts();
                let failure = Failure { facts, text: error.text(), left: None };
                self.picture.unanswered(&node, &failure.facts.cause, failure.classify().kind);
                return Ok(Err(failure));
            }
        };
        let mut link = Link::new(connection, self.liveness);
        if !asks {
            return Ok(Ok(link));
        }
        let began = Instant::now();
        let answered = match link.ask(PROBE, &mut self.asides, &mut asking) {
            Ok(Ok(rows)) => answer_of(&rows, began.elapsed()),
            // It is no server of the usual kind, and may serve all the same.
            Ok(Err(_)) => None,
            Err(Fault::Pause(Pause::TimedOut))
                if asking.in_vain || limit.is_some_and(|at| at <= Instant::now()) =>
            {
                return Ok(Err(refusal(&link, Cause::Silent, "timeout expired")));
            }
            Err(Fault::Pause(pause)) => return Err(pause.into()),
            Err(Fault::Lost(ended)) => {
                let failure = refusal(&link, ended.cause, &ended.text);
                self.picture.unanswered(&node, &failure.facts.cause, failure.classify().kind);
                return Ok(Err(failure));
            }
        };
        match self.judge(&mut link, wanted, answered) {
            Ok(()) => Ok(Ok(link)),
            Err((cause, why)) => {
                let failure = refusal(&link, cause, why);
                link.close();
                Ok(Err(failure))
            }
        }
    }

    /// Whether the server at the other end is what was wanted: by its role, and as a primary by its
    /// timeline as well.
    fn judge(
        &mut self,
        link: &mut Link,
        wanted: Intent,
        answered: Option<ServerAnswer>,
    ) -> Result<(), (Cause, &'static str)> {
        let Some(answer) = answered else { return judge_by_report(link, wanted) };
        let (in_recovery, timeline) = (answer.in_recovery, answer.timeline);
        let facts = SessionFacts {
            in_hot_standby: in_recovery,
            default_read_only: answer.default_read_only,
        };
        self.picture.answered(link.node(), answer);
        link.in_recovery = in_recovery;
        if let Err(refused) = accepts(facts, wanted) {
            debug!(node = %link.node(), %refused, "passed over");
            return Err((Cause::RoleMismatch, role_text(facts)));
        }
        if in_recovery {
            return Ok(());
        }
        let leads = match self.watch.as_mut().and_then(|watch| watch.snapshot()) {
            Some(seen) => {
                let behind = timeline.is_some_and(|its| Some(its) < seen.highest_timeline);
                !behind && (!wanted.needs_leader() || leads(&seen, link.node()))
            }
            None => leads(self.picture.snapshot(), link.node()),
        };
        match leads {
            true => Ok(()),
            false => Err((Cause::StalePrimary, "server is not the one that leads the cluster")),
        }
    }

    /// Whether somebody watches who has not asked everybody yet.
    fn is_unsettled(&mut self, intent: Intent) -> bool {
        let snapshot = self.watch.as_mut().and_then(|watch| watch.snapshot());
        snapshot.is_some_and(|snapshot| {
            let pending = snapshot.sources.values().any(|state| *state == SourceState::Pending);
            let led = snapshot.leadership.confirmed().is_some();
            intent.needs_leader() && !led && (pending || !is_settled(&snapshot))
        })
    }

    /// How long one server may take to answer while others could serve.
    fn patience(&self) -> Duration {
        2 * self.info().silence_timeout()
    }
}

/// The same for a server that cannot be asked: by what it reports by itself.
fn judge_by_report(link: &Link, wanted: Intent) -> Result<(), (Cause, &'static str)> {
    let session = link.connection().session();
    let on = |name| session.parameter(name) == Some(b"on");
    let facts = SessionFacts {
        in_hot_standby: on("in_hot_standby"),
        default_read_only: on("default_transaction_read_only"),
    };
    accepts(facts, wanted).map_err(|_| (Cause::RoleMismatch, role_text(facts)))
}

/// What came of asking everybody once.
enum Round {
    Found(Box<Link>),
    Failed(Failure),
    /// There was nobody to ask.
    Nobody,
}

/// Whether it was a deadline of the caller's own that has passed.
fn is_the_callers(error: &ConnectError, limit: Option<Instant>) -> bool {
    error.end() == ConnectEnd::TimedOut && limit.is_none_or(|limit| limit > Instant::now())
}

fn refusal(link: &Link, cause: Cause, why: &str) -> Failure {
    let phase = Phase::Connect(ConnectStage::RoleCheck);
    let facts = Facts::new(phase, Sent::No, cause);
    Failure { facts, text: format!("{} failed: {why}\n", link.connection().server()), left: None }
}

fn nobody() -> Failure {
    let facts = Facts::new(Phase::Waiting, Sent::No, Cause::NoLeader);
    Failure { facts, text: "no server is confirmed to lead the cluster\n".to_owned(), left: None }
}

/// The words of libpq.
const fn role_text(facts: SessionFacts) -> &'static str {
    match (facts.in_hot_standby, facts.default_read_only) {
        (true, _) => "server is in hot standby mode",
        (false, true) => "session is read-only",
        (false, false) => "server is not in hot standby mode",
    }
}

/// Between two looks at a picture that is not complete yet.
const SETTLING: Duration = Duration::from_millis(5);

/// How long one server gets to tell what it is, while nobody needs it.
const GLANCE: Duration = Duration::from_millis(500);

/// A promotion is noticed as soon.
const PACE: Duration = Duration::from_millis(200);
