//! What a leader does from pass to pass, and what a node does when it becomes one.

use crate::cluster::Switch;
use crate::sync::{Names, PLACEHOLDER, Standbys, Step, Sync, Voters, step};
use crate::view::{Synchronous, View};

use super::rules::Doing;
use super::{Action, Job};

/// A leader's pass: the first of these that has something to do, since each changes what the next sees.
pub(super) fn lead(view: &View) -> Doing {
    let mut actions = while_working(view);
    let mut why = String::new();
    if view.postgres.awaits_checkpoint {
        actions.push(Action::Checkpoint);
    }
    if let Some(switches) = new_history(view) {
        actions.push(Action::WriteHistory(switches));
    }
    if let Some((action, because)) = synchronize(view) {
        actions.push(action);
        why = because;
    }
    if is_status_due(view) {
        actions.push(Action::WriteStatus(view.postgres.lsn));
    }
    (actions, why)
}

/// What a holder of the lock owes the store whatever its server does.
pub(super) fn while_working(view: &View) -> Vec<Action> {
    let holder = view.cluster.leader.as_ref().filter(|holder| holder.name == view.me.name);
    let other_lease = holder.is_some_and(|holder| holder.lease != view.lease_id);
    (other_lease && view.lease_holds()).then_some(Action::RenewLock).into_iter().collect()
}

/// A standby that has won the lock. Before its server takes a write, `sync` says that nobody else may lead,
/// because whoever was synchronous to the last leader is not to this one yet.
pub(super) fn promote(view: &View) -> Doing {
    let mut actions = Vec::new();
    if view.settings.synchronous != Synchronous::Off {
        actions.push(Action::WriteSync(Voters::default()));
        actions.push(Action::WaitFor(if view.settings.strict {
            in_vain()
        } else {
            Standbys::default()
        }));
    } else if !view.cluster.sync.is_empty() {
        actions.push(Action::WriteSync(Voters::default()));
    }
    // Whoever waits for what was asked for is told last, when all of this holds.
    if view.cluster.request.as_ref().is_some_and(|request| request.scheduled_at.is_none()) {
        actions.push(Action::ClearRequest);
    }
    actions.push(Action::Begin(Job::Promote));
    (actions, String::new())
}

/// The next step of synchronous replication, if one can be taken now.
fn synchronize(view: &View) -> Option<(Action, String)> {
    if view.settings.synchronous == Synchronous::Off && view.cluster.sync.is_empty() {
        return None;
    }
    let ours = view.cluster.sync.leader.as_deref() == Some(view.me.name.as_str());
    if !ours {
        return Some((
            Action::WriteSync(Voters::default()),
            "sync names another leader".to_owned(),
        ));
    }
    let wanted = wanted(view);
    let Some(standbys) = view.postgres.waits_for.standbys.clone() else {
        // Somebody set it by hand to what has no place in the steps; the voters are safe, being nobody.
        let nobody = view.cluster.sync.standbys.is_empty();
        let first = if nobody {
            Action::WaitFor(wanted.standbys)
        } else {
            Action::WriteSync(Voters::default())
        };
        return Some((first, "synchronous_standby_names was set by hand".to_owned()));
    };
    let voters =
        Voters { names: view.cluster.sync.standbys.clone(), quorum: view.cluster.sync.quorum };
    let now = Sync { standbys, voters };
    match step(&now, &wanted)? {
        Step::Standbys(standbys) => {
            let why = format!("commits wait for {} of {:?}", standbys.number, standbys.names);
            Some((Action::WaitFor(standbys), why))
        }
        Step::Voters(voters) if voters.names.is_empty() || is_in_force(view, &now.standbys) => {
            let why = format!("{:?} may lead", voters.names);
            Some((Action::WriteSync(voters), why))
        }
        Step::Voters(_) => None,
    }
}

/// What synchronous replication comes to with the standbys that are there.
fn wanted(view: &View) -> Sync {
    let settings = &view.settings;
    let mut active = active(view);
    let sync = match settings.synchronous {
        Synchronous::Off => return Sync::default(),
        Synchronous::Priority => {
            active.truncate(settings.synchronous_nodes);
            let names: Names = active.into_iter().collect();
            Sync::wanted(&names, names.len())
        }
        Synchronous::Quorum => {
            let names: Names = active.into_iter().collect();
            Sync::wanted(&names, settings.synchronous_nodes)
        }
    };
    if settings.strict && sync.standbys.number == 0 {
        return last_known(view);
    }
    sync
}

/// With nobody left, a strict cluster goes on waiting for those that it waited for.
fn last_known(view: &View) -> Sync {
    let standbys = view.postgres.waits_for.standbys.clone().filter(|standbys| standbys.number > 0);
    let Some(standbys) = standbys.filter(|standbys| !standbys.names.contains(PLACEHOLDER)) else {
        return Sync { standbys: in_vain(), voters: Voters::default() };
    };
    let quorum = view.cluster.sync.quorum;
    Sync { standbys, voters: Voters { names: view.cluster.sync.standbys.clone(), quorum } }
}

/// The standbys that can confirm commits, the best first: those that do so already, then by what they
/// wish, then by how far they are.
fn active(view: &View) -> Vec<String> {
    let waited = view.postgres.waits_for.standbys.as_ref().map(|standbys| &standbys.names);
    let mut found = Vec::new();
    for (name, receiver) in &view.postgres.receivers {
        let Some(member) = view.cluster.members.get(name).filter(|member| member.is_running())
        else {
            continue;
        };
        let confirms = waited.is_some_and(|names| names.contains(name));
        let behind = view.postgres.lsn.bytes_since(receiver.flushed);
        if receiver.streaming && !member.tags.no_sync() && (confirms || behind <= MOST_BEHIND) {
            found.push((
                std::cmp::Reverse((confirms, member.tags.sync_priority(), receiver.flushed)),
                name.clone(),
            ));
        }
    }
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

/// Whether enough of those that commits now wait for have all that was committed before they had to.
fn is_in_force(view: &View, standbys: &Standbys) -> bool {
    let since = view.postgres.waits_for.since;
    let receivers = view.postgres.receivers.iter();
    let have = receivers
        .filter(|(name, receiver)| standbys.names.contains(*name) && receiver.flushed >= since);
    have.count() >= standbys.number
}

/// The history with the timelines that this server knows to have ended.
fn new_history(view: &View) -> Option<Vec<Switch>> {
    let own = &view.postgres.history;
    let last = |switches: &[Switch]| switches.last().map(|switch| switch.timeline);
    let news = last(own) > last(&view.cluster.history);
    if !news {
        return None;
    }
    let known = |switch: &&Switch| {
        view.cluster.history.iter().any(|known| known.timeline == switch.timeline)
    };
    let mut switches = view.cluster.history.clone();
    switches.extend(own.iter().filter(|switch| !known(switch)).cloned());
    switches.sort_by_key(|switch| switch.timeline);
    Some(switches)
}

fn is_status_due(view: &View) -> bool {
    let waited =
        view.memory.status_at.is_none_or(|at| view.now.since(at) >= view.settings.loop_wait);
    waited && view.cluster.optime != Some(view.postgres.lsn)
}

fn in_vain() -> Standbys {
    Standbys { names: Names::from([PLACEHOLDER.to_owned()]), number: 1 }
}

/// A standby that is further behind would hold up every commit until it has caught up.
const MOST_BEHIND: u64 = 16 << 20;
