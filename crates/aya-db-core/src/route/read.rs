//! Where a read goes that may go to a standby, or that must see what came before it.
//!
//! ```text
//!  wish (servers, policy, limits, token, freshness), snapshot, busy, draw, now
//!     --> plan_read --> ReadPlan: try these | wait | refuse, with a reason for every server
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use super::confirmation_age;
use super::policy::{Fallback, StandbyPolicy};
use super::select::{Grade, RouteReason, Selection, grade, shuffle};
use super::token::{
    CausalToken, Lineage, Readiness, ServingRole, Standing, TokenFault, is_untold, readiness,
};
use crate::conninfo::LagLimits;
use crate::snapshot::{ClusterSnapshot, Leadership, Node};
use crate::{Moment, NodeId};

/// What is wanted of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadWish {
    /// Which servers will do.
    pub servers: ReadServers,
    /// Which of several standbys is tried first.
    pub policy: StandbyPolicy,
    /// How far a standby may lag.
    pub limits: LagLimits,
    /// What must be seen.
    pub after: Option<CausalToken>,
    /// How old what is seen may be.
    pub freshness: Option<Duration>,
}

/// Which servers will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReadServers {
    /// The leader.
    Leader,
    /// A standby, or else what the fallback says.
    Standbys(Fallback),
}

/// What the shell knows besides the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traffic {
    /// How many calls are under way on each server; one that is missing has none.
    pub busy: BTreeMap<NodeId, usize>,
    /// A count of the reads for [`StandbyPolicy::RoundRobin`], dice for all others.
    pub draw: u64,
}

/// Where a read goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPlan {
    /// What to do.
    pub step: ReadStep,
    /// What the read must see; the token, and the leader's place of a moment ago if it must be
    /// fresh.
    pub goals: Vec<CausalToken>,
    /// Why each server is where it is, or is not there.
    pub reasons: Vec<RouteReason>,
}

/// What to do with a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadStep {
    /// Try these, the best first; never empty.
    Try(Vec<ReadCandidate>),
    /// Wait for another snapshot.
    Wait,
    /// Wait until the leader is confirmed anew: its last confirmation is too old.
    Confirm,
    /// Wait until somebody tells where the token's timeline was left, or give up for that reason.
    Learn(TokenFault),
    /// Fail: no standby may serve it, and no other server is wanted.
    NoStandby,
    /// Fail: no server can ever serve it.
    TokenLost(TokenFault),
}

/// A server that may serve the read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadCandidate {
    /// The server.
    pub node: NodeId,
    /// As what it would serve.
    pub role: ServingRole,
    /// Whether it holds what the read must see.
    pub proof: Proof,
    /// When its last answer came, which is what a proof goes by.
    pub answered_at: Option<Moment>,
}

/// Whether a server holds what a read must see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// It does: its last answer says so, or there is nothing to prove.
    Given,
    /// It has to be asked.
    Owed,
}

/// Plans a read.
///
/// A standby that is down, suspected, of another cluster, or beyond the limits is left out; where
/// the leader may serve as well, one whose lag is not known is tried after it.
///
/// A read of limited age must see what the leader had written when it was last vouched for
/// ([`confirmation_age`]), which must not be longer ago than that.
pub fn plan_read(
    snapshot: &ClusterSnapshot,
    wish: &ReadWish,
    traffic: &Traffic,
    now: Moment,
) -> ReadPlan {
    let mut selection = Selection::default();
    let mut goals: Vec<CausalToken> = wish.after.into_iter().collect();
    match fresh_place(snapshot, wish.freshness, now) {
        Ok(place) => goals.extend(place),
        Err(reason) => {
            selection.say(None, reason);
            return plan(ReadStep::Confirm, goals, selection);
        }
    }
    let mut candidates = Vec::new();
    let found = match wish.servers {
        ReadServers::Leader => leader(snapshot, &goals, &mut selection, &mut candidates),
        ReadServers::Standbys(fallback) => {
            let (good, doubtful) = standbys(snapshot, wish, traffic, &goals, &mut selection);
            candidates.extend(good);
            let mut found = Ok(());
            if fallback == Fallback::Primary {
                found = leader(snapshot, &goals, &mut selection, &mut candidates);
            }
            candidates.extend(doubtful);
            found
        }
    };
    let lost = goals.iter().find_map(|goal| fault(snapshot, goal));
    let step = match (found, lost) {
        (_, Some(fault @ TokenFault::Untold { .. })) => ReadStep::Learn(fault),
        (_, Some(fault)) | (Err(fault), None) => ReadStep::TokenLost(fault),
        (Ok(()), None) if !candidates.is_empty() => ReadStep::Try(candidates),
        (Ok(()), None) => match wish.servers {
            ReadServers::Standbys(Fallback::Refuse) => ReadStep::NoStandby,
            ReadServers::Standbys(Fallback::Primary | Fallback::Wait) | ReadServers::Leader => {
                ReadStep::Wait
            }
        },
    };
    plan(step, goals, selection)
}

fn plan(step: ReadStep, goals: Vec<CausalToken>, selection: Selection) -> ReadPlan {
    ReadPlan { step, goals, reasons: selection.reasons }
}

/// What the cluster's timelines make of the goals of a read.
pub fn lineage(snapshot: &ClusterSnapshot) -> Lineage<'_> {
    Lineage {
        system_identifier: snapshot.system_identifier,
        newest: snapshot.highest_timeline,
        history: &snapshot.history,
    }
}

/// Why no server may serve a read after the goal, by what is known of the timelines alone.
fn fault(snapshot: &ClusterSnapshot, goal: &CausalToken) -> Option<TokenFault> {
    let anybody =
        Standing { role: ServingRole::Leader, timeline: snapshot.highest_timeline, replayed: None };
    match readiness(goal, &anybody, &lineage(snapshot)) {
        Err(fault) => Some(fault),
        Ok(ready) => is_untold(ready).then_some(TokenFault::Untold { timeline: goal.timeline }),
    }
}

/// The leader's place when it was last confirmed, if that is recent enough.
fn fresh_place(
    snapshot: &ClusterSnapshot,
    freshness: Option<Duration>,
    now: Moment,
) -> Result<Option<CausalToken>, String> {
    let Some(limit) = freshness else { return Ok(None) };
    let Some(age) = confirmation_age(snapshot, now) else {
        return Err("nobody vouches for a leader".into());
    };
    if age > limit {
        let (age, limit) = (age.as_millis(), limit.as_millis());
        return Err(format!("the leader was last vouched for {age} ms ago, the limit is {limit}"));
    }
    let place = match &snapshot.leadership {
        Leadership::Confirmed { node, timeline, .. } => {
            let lsn = snapshot.nodes.get(node).and_then(|leader| leader.lsn);
            timeline.zip(lsn)
        }
        Leadership::Unknown | Leadership::Claimed { .. } => None,
    };
    match place {
        Some((timeline, lsn)) => {
            let system_identifier = snapshot.system_identifier;
            Ok(Some(CausalToken { timeline, lsn, system_identifier }))
        }
        None => Err("the leader does not tell its place in the log".into()),
    }
}

fn leader(
    snapshot: &ClusterSnapshot,
    goals: &[CausalToken],
    selection: &mut Selection,
    candidates: &mut Vec<ReadCandidate>,
) -> Result<(), TokenFault> {
    let Leadership::Confirmed { node: id, timeline, .. } = &snapshot.leadership else {
        selection.say(None, "nobody is confirmed to lead");
        return Ok(());
    };
    let role = ServingRole::Leader;
    let standing = Standing { role, timeline: *timeline, replayed: None };
    for goal in goals {
        match readiness(goal, &standing, &lineage(snapshot))? {
            Readiness::Yes => {}
            Readiness::Wait(why) | Readiness::No(why) => {
                selection.say(Some(id), why);
                return Ok(());
            }
        }
    }
    selection.say(Some(id), "the confirmed leader");
    let answered_at = snapshot.nodes.get(id).and_then(|node| node.answered_at);
    let proof = Proof::Given;
    candidates.push(ReadCandidate { node: id.clone(), role, proof, answered_at });
    Ok(())
}

/// A standby on its way into the order.
struct Ranked<'a> {
    id: &'a NodeId,
    node: &'a Node,
    proof: Proof,
    doubtful: bool,
    grade: Grade,
    place: usize,
}

/// The standbys to try before the leader, and those to try after it.
fn standbys(
    snapshot: &ClusterSnapshot,
    wish: &ReadWish,
    traffic: &Traffic,
    goals: &[CausalToken],
    selection: &mut Selection,
) -> (Vec<ReadCandidate>, Vec<ReadCandidate>) {
    let mut ranked = Vec::new();
    for (place, (id, node)) in snapshot.nodes.iter().enumerate() {
        if snapshot.leadership.confirmed() == Some(id) {
            continue;
        }
        let graded = grade(snapshot, node, &wish.limits);
        match graded.and_then(|grade| Ok((grade, prove(snapshot, node, goals)?))) {
            Ok((grade, proof)) => {
                let doubtful = grade != Grade::Fresh;
                ranked.push(Ranked { id, node, proof, doubtful, grade, place });
            }
            Err(text) => selection.say(Some(id), text),
        }
    }
    order(&mut ranked, wish.policy, traffic);
    let (mut good, mut doubtful) = (Vec::new(), Vec::new());
    let mut taken: Vec<&Node> = Vec::new();
    for standby in ranked {
        if taken.iter().any(|other| other.is_same_server(standby.node)) {
            selection.say(Some(standby.id), "another address of a server already taken");
            continue;
        }
        taken.push(standby.node);
        selection.say(Some(standby.id), describe(&standby));
        let candidate = ReadCandidate {
            node: standby.id.clone(),
            role: ServingRole::Standby,
            proof: standby.proof,
            answered_at: standby.node.answered_at,
        };
        if standby.doubtful { doubtful.push(candidate) } else { good.push(candidate) }
    }
    (good, doubtful)
}

/// Whether the last answer of a standby proves that it holds what must be seen.
fn prove(
    snapshot: &ClusterSnapshot,
    node: &Node,
    goals: &[CausalToken],
) -> Result<Proof, &'static str> {
    // What a source reports of a standby may be what it has received, and not yet replayed.
    let standing = Standing {
        role: ServingRole::Standby,
        timeline: node.replayed.and_then(|replayed| replayed.timeline).max(node.reported_timeline),
        replayed: node.replayed.map(|replayed| replayed.lsn),
    };
    let mut proof = Proof::Given;
    for goal in goals {
        match readiness(goal, &standing, &lineage(snapshot)) {
            Ok(Readiness::Yes) => {}
            Ok(Readiness::Wait(_) | Readiness::No(_)) => proof = Proof::Owed,
            Err(_) => return Err("no server holds what the read must see"),
        }
    }
    Ok(proof)
}

/// The better grade first, then those that hold what must be seen, then as the policy says.
fn order(ranked: &mut [Ranked<'_>], policy: StandbyPolicy, traffic: &Traffic) {
    let nearest = ranked.iter().filter_map(|standby| standby.node.round_trip).min();
    let count = ranked.len();
    let turn =
        if count == 0 { 0 } else { usize::try_from(traffic.draw % count as u64).unwrap_or(0) };
    let places: Vec<usize> = ranked.iter().map(|standby| standby.place).collect();
    ranked.sort_by_key(|standby| {
        let draw = shuffle(traffic.draw, standby.place);
        let by_policy = match policy {
            StandbyPolicy::Random => (0, draw),
            StandbyPolicy::RoundRobin => {
                let rank = places.iter().filter(|place| **place < standby.place).count();
                (0, ((rank + count - turn) % count) as u64)
            }
            StandbyPolicy::LeastOutstanding => {
                let busy = traffic.busy.get(standby.id).copied().unwrap_or(0);
                (u64::try_from(busy).unwrap_or(u64::MAX), draw)
            }
            StandbyPolicy::Nearest => (distance(standby.node.round_trip, nearest), draw),
        };
        (standby.grade, standby.proof, by_policy)
    });
}

/// How far away a server is, in microseconds; those nearly as near as the nearest are as near.
fn distance(round_trip: Option<Duration>, nearest: Option<Duration>) -> u64 {
    match (round_trip, nearest) {
        (Some(its), Some(nearest)) if its <= nearest + nearest / 4 + JITTER => 0,
        (Some(its), _) => u64::try_from(its.as_micros()).unwrap_or(u64::MAX),
        (None, _) => u64::MAX,
    }
}

/// Differences of a round trip below this say nothing of the distance.
const JITTER: Duration = Duration::from_micros(200);

const fn describe(standby: &Ranked<'_>) -> &'static str {
    match (standby.grade, standby.proof) {
        (Grade::Fresh, Proof::Given) => "a standby within the limits",
        (Grade::Fresh, Proof::Owed) => "a standby that has to be asked how far it has replayed",
        (Grade::LagUnknown, _) => "a standby of unknown lag: a last resort",
        (Grade::Suspect, _) => "a standby in doubt: a last resort",
        (Grade::Reported, _) => "reported as a standby, not asked yet: a last resort",
    }
}
