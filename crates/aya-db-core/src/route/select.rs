//! Which servers to try for a session, in which order.

use std::fmt;

use crate::NodeId;
use crate::conninfo::LagLimits;
use crate::observation::{MemberRole, Unreachable};
use crate::route::Intent;
use crate::snapshot::{ClusterSnapshot, Health, Node, NodeRole};

/// Where to go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The servers to try, the best first. Empty means: wait for another snapshot.
    pub candidates: Vec<NodeId>,
    /// Why each server is where it is, or is not there.
    pub reasons: Vec<RouteReason>,
}

impl Selection {
    /// Whether there is nobody to go to until the picture changes.
    pub fn must_wait(&self) -> bool {
        self.candidates.is_empty()
    }
}

/// Why a server was taken or left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteReason {
    /// The server; `None` if the sentence is about the cluster.
    pub node: Option<NodeId>,
    /// The sentence, for people.
    pub text: String,
}

impl fmt::Display for RouteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Selects the servers for a session.
///
/// A leader is a candidate only while it is confirmed; if one is needed and none is, there are no
/// candidates, and the caller waits. Equal standbys are put in an order drawn from `dice`.
pub fn select(
    snapshot: &ClusterSnapshot,
    intent: Intent,
    limits: &LagLimits,
    dice: u64,
) -> Selection {
    let mut selection = Selection::default();
    match intent {
        Intent::Primary | Intent::ReadWrite => add_leader(&mut selection, snapshot, intent),
        Intent::Standby => add_standbys(&mut selection, snapshot, limits, dice),
        Intent::ReadOnly => {
            add_standbys(&mut selection, snapshot, limits, dice);
            add_leader(&mut selection, snapshot, intent);
        }
        Intent::PreferStandby => {
            add_standbys(&mut selection, snapshot, limits, dice);
            add_leader(&mut selection, snapshot, intent);
        }
        Intent::PreferPrimary => {
            add_leader(&mut selection, snapshot, intent);
            add_standbys(&mut selection, snapshot, limits, dice);
        }
        Intent::Any => {
            add_leader(&mut selection, snapshot, intent);
            add_standbys(&mut selection, snapshot, limits, dice);
            add_untried(&mut selection, snapshot);
        }
    }
    if selection.must_wait() {
        selection.say(None, format!("no server for {intent} now: wait for a change"));
    }
    selection
}

/// Whether the first round of questions is over: a leader is known, or every server has been
/// asked. Before, a session that any server may serve waits a moment rather than be led by the
/// alphabet.
pub fn is_settled(snapshot: &ClusterSnapshot) -> bool {
    snapshot.leadership.confirmed().is_some()
        || snapshot.nodes.values().all(|node| node.health != Health::Untried)
}

impl Selection {
    fn take(&mut self, id: &NodeId, text: impl Into<String>) {
        self.candidates.push(id.clone());
        self.say(Some(id), text);
    }

    pub(super) fn say(&mut self, id: Option<&NodeId>, text: impl Into<String>) {
        self.reasons.push(RouteReason { node: id.cloned(), text: text.into() });
    }
}

fn add_leader(selection: &mut Selection, snapshot: &ClusterSnapshot, intent: Intent) {
    let Some(id) = snapshot.leadership.confirmed() else {
        match snapshot.leadership.claimed_or_confirmed() {
            Some(claimed) => selection.say(Some(claimed), "said to lead, and not confirmed"),
            None => selection.say(None, "nobody is known to lead"),
        }
        return;
    };
    let read_only = snapshot.nodes.get(id).is_some_and(|node| node.default_read_only);
    match intent {
        Intent::ReadWrite if read_only => {
            selection.say(Some(id), "the leader is read-only by default");
        }
        Intent::ReadOnly if !read_only => selection.say(Some(id), "the leader accepts writes"),
        _ => selection.take(id, "the confirmed leader"),
    }
}

/// How good a standby is; the less, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    Fresh,
    LagUnknown,
    Suspect,
    Reported,
}

fn add_standbys(
    selection: &mut Selection,
    snapshot: &ClusterSnapshot,
    limits: &LagLimits,
    dice: u64,
) {
    let mut graded: Vec<(Grade, u64, &NodeId, &Node)> = Vec::new();
    for (place, (id, node)) in snapshot.nodes.iter().enumerate() {
        if snapshot.leadership.confirmed() == Some(id) {
            continue;
        }
        match grade(snapshot, node, limits) {
            Ok(grade) => graded.push((grade, shuffle(dice, place), id, node)),
            Err(text) => selection.say(Some(id), text),
        }
    }
    graded.sort_by_key(|(grade, draw, _, _)| (*grade, *draw));
    let mut taken: Vec<&Node> = Vec::new();
    for (grade, _, id, node) in graded {
        if taken.iter().any(|other| other.is_same_server(node)) {
            selection.say(Some(id), "another address of a server already taken");
            continue;
        }
        taken.push(node);
        let text = match grade {
            Grade::Fresh => "a standby within the lag limits",
            Grade::LagUnknown => "a standby of unknown lag",
            Grade::Suspect => "a standby in doubt",
            Grade::Reported => "reported as a standby, not asked yet",
        };
        selection.take(id, text);
    }
}

pub(super) fn grade(
    snapshot: &ClusterSnapshot,
    node: &Node,
    limits: &LagLimits,
) -> Result<Grade, String> {
    if node.is_foreign(snapshot.system_identifier) {
        return Err("of another database cluster".into());
    }
    let reported = node.reported_role == Some(MemberRole::Replica);
    match (node.role, node.health) {
        (NodeRole::Primary, _) => return Err("a primary that is not confirmed to lead".into()),
        (NodeRole::StalePrimary, _) => return Err("a stale primary".into()),
        (_, Health::Down(cause)) => return Err(format!("down: {cause}")),
        (NodeRole::Unknown, _) if !reported => return Err("its role is not known".into()),
        (NodeRole::Unknown | NodeRole::Standby, _) => {}
    }
    if node.no_load_balance {
        return Err("the operator wants no reads there".into());
    }
    if let (Some(bytes), Some(limit)) = (node.lag_bytes, limits.bytes)
        && bytes > limit
    {
        return Err(format!("{bytes} bytes behind, and the limit is {limit}"));
    }
    if let (Some(age), Some(limit)) = (node.replay_lag, limits.age)
        && age > limit
    {
        let (age, limit) = (age.as_millis(), limit.as_millis());
        return Err(format!("{age} ms behind, and the limit is {limit} ms"));
    }
    let unknown_lag = (limits.bytes.is_some() && node.lag_bytes.is_none())
        || (limits.age.is_some() && node.replay_lag.is_none());
    Ok(match (node.role, node.health) {
        (NodeRole::Unknown, _) => Grade::Reported,
        (_, Health::Suspect) => Grade::Suspect,
        _ if unknown_lag => Grade::LagUnknown,
        _ => Grade::Fresh,
    })
}

/// Any server will do: those not asked yet and those without a known role come last.
fn add_untried(selection: &mut Selection, snapshot: &ClusterSnapshot) {
    for (id, node) in &snapshot.nodes {
        let open = node.role == NodeRole::Unknown
            && !node.is_foreign(snapshot.system_identifier)
            && match node.health {
                Health::Untried | Health::Up | Health::Suspect => true,
                Health::Down(cause) => cause == Unreachable::TooManyConnections,
            };
        if open && !selection.candidates.contains(id) {
            selection.take(id, "any server will do");
        }
    }
}

/// A draw for the place, the same for the same dice (the finaliser of SplitMix64).
pub(super) const fn shuffle(dice: u64, place: usize) -> u64 {
    let mut x = dice.wrapping_add((place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
