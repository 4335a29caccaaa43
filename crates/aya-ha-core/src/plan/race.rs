//! Who takes the lock when nobody holds it.

use std::collections::BTreeMap;

use aya_db_core::Moment;

use crate::cluster::Request;
use crate::sync::Names;
use crate::view::{Answer, Asked, Profile, Synchronous, View};

use super::Action;
use super::rules::{Doing, nothing};

/// What comes out of the others' answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// This node takes the lock.
    Run,
    /// Answers are awaited, of these.
    Wait(Names),
    /// Another is to lead, or nobody can.
    Yield(String),
}

/// A standby's turn while nobody leads.
pub(super) fn race(view: &View) -> Doing {
    if let Some(why) = bar(view) {
        return nothing(&why);
    }
    let Some(asked) = fresh_answers(view) else {
        let others = voters(view);
        return (vec![Action::Ask(others.clone())], format!("asking {others:?}"));
    };
    match judge(view, asked) {
        Judgement::Run => (vec![Action::TakeLock], "nobody is further".to_owned()),
        Judgement::Wait(names) => nothing(&format!("{names:?} have not answered yet")),
        Judgement::Yield(why) => nothing(&why),
    }
}

/// Whether a primary whose lock is gone may take it again: its timeline is the newest, and it is one of
/// those that have every commit.
pub(super) fn may_retake(view: &View) -> bool {
    let behind = view.postgres.timeline < view.cluster.timeline();
    !behind && has_every_commit(view)
}

/// Why this node does not run at all.
fn bar(view: &View) -> Option<String> {
    let at = view.now;
    if view.me.tags.no_failover() {
        return Some("it is tagged nofailover".to_owned());
    }
    if view.memory.sits_out_until.is_some_and(|until| at < until) {
        return Some("it could not lead a moment ago".to_owned());
    }
    if is_named(view) {
        return None;
    }
    if !has_every_commit(view) {
        return Some("it is not among the synchronous standbys".to_owned());
    }
    if let Some(end) = view.cluster.optime.filter(|_| view.settings.synchronous == Synchronous::Off)
    {
        let behind = end.bytes_since(view.postgres.lsn);
        if behind > view.settings.maximum_lag {
            return Some(format!("it is {behind} bytes behind"));
        }
    }
    if view.settings.check_timeline && view.postgres.timeline < view.cluster.timeline() {
        return Some(format!("its timeline is {}", view.postgres.timeline));
    }
    None
}

/// Where commits wait for standbys, only those in `sync` have all of them. With a quorum the vote tells.
fn has_every_commit(view: &View) -> bool {
    match view.settings.synchronous {
        Synchronous::Off | Synchronous::Quorum => true,
        Synchronous::Priority => {
            view.cluster.sync.is_empty() || view.cluster.sync.admits(&view.me.name)
        }
    }
}

/// Whose answers count: in a synchronous cluster those that may lead, else everybody.
fn voters(view: &View) -> Names {
    let others = view.cluster.members.values().filter(|member| member.name != view.me.name);
    let counts = |name: &str| match view.settings.synchronous {
        Synchronous::Off => true,
        Synchronous::Priority | Synchronous::Quorum => view.cluster.sync.admits(name),
    };
    others.filter(|member| counts(&member.name)).map(|member| member.name.clone()).collect()
}

/// The answers to questions that were asked after the lock was let go, and not too long ago.
fn fresh_answers(view: &View) -> Option<&Asked> {
    let asked = view.memory.peers.as_ref()?;
    let since = view.memory.leaderless_since.unwrap_or(Moment(std::time::Duration::ZERO));
    let age = view.now.since(asked.at);
    (asked.at >= since && age < view.settings.peer_timeout + ANSWERS_KEEP).then_some(asked)
}

/// Compares this node with those that answered.
pub fn judge(view: &View, asked: &Asked) -> Judgement {
    let awaited = awaited(view, &asked.answers);
    let mut votes = 0;
    for (name, answer) in &asked.answers {
        let Answer::State { primary, lsn, eligible, priority, .. } = answer else { continue };
        if *primary {
            return Judgement::Yield(format!("{name} is a primary"));
        }
        let voter = view.cluster.sync.standbys.iter().any(|voter| voter.eq_ignore_ascii_case(name));
        if voter && lsn.0 > 0 && *lsn <= view.postgres.lsn {
            votes += 1;
        }
        if is_named(view) {
            continue;
        }
        if *eligible && *lsn > view.postgres.lsn {
            return Judgement::Yield(format!(
                "{name} is further: {lsn} beyond {}",
                view.postgres.lsn
            ));
        }
        let first = *priority > view.me.tags.failover_priority();
        if *eligible && *lsn == view.postgres.lsn && first {
            return Judgement::Yield(format!("{name} is as far and has a higher priority"));
        }
        if *eligible && candidate(view).is_some_and(|wanted| wanted == name) {
            return Judgement::Yield(format!("{name} is asked to lead"));
        }
    }
    match votes_needed(view) {
        Some(needed) if votes >= needed => Judgement::Run,
        Some(needed) => undecided(awaited, format!("{votes} of {needed} votes")),
        None if awaited.is_empty() => Judgement::Run,
        None => Judgement::Wait(awaited),
    }
}

/// How many voters beside this node must be no further than it. With a quorum of `q` any `q + 1` voters
/// have every commit between them; who led last has them all.
fn votes_needed(view: &View) -> Option<usize> {
    let sync = &view.cluster.sync;
    let led =
        sync.leader.as_deref().is_some_and(|leader| leader.eq_ignore_ascii_case(&view.me.name));
    if view.settings.synchronous != Synchronous::Quorum || sync.is_empty() || led {
        return None;
    }
    let votes = sync.standbys.iter().any(|voter| voter.eq_ignore_ascii_case(&view.me.name));
    Some(sync.quorum + usize::from(!votes))
}

fn undecided(awaited: Names, why: String) -> Judgement {
    if awaited.is_empty() { Judgement::Yield(why) } else { Judgement::Wait(awaited) }
}

/// Who may still answer and is worth the wait. The last leader is not, where our lease has stopped it and
/// commits wait for standbys: it may be beyond reach, and has no commit that they have not.
fn awaited(view: &View, answers: &BTreeMap<String, Answer>) -> Names {
    let late = view.memory.peers.as_ref();
    if late.is_none_or(|asked| view.now.since(asked.at) >= view.settings.peer_timeout) {
        return Names::new();
    }
    let waiting = answers.iter().filter(|(_, answer)| **answer == Answer::Awaited);
    let stopped = match (view.settings.profile, view.settings.synchronous) {
        (Profile::Native, Synchronous::Priority | Synchronous::Quorum) => {
            view.cluster.sync.leader.as_deref()
        }
        (Profile::Native, Synchronous::Off) | (Profile::Patroni, _) => None,
    };
    let worth = waiting.filter(|(name, _)| Some(name.as_str()) != stopped);
    worth.map(|(name, _)| name.clone()).collect()
}

/// Whether somebody asks for this node to lead.
fn is_named(view: &View) -> bool {
    candidate(view).is_some_and(|name| name == view.me.name)
}

fn candidate(view: &View) -> Option<&str> {
    let request: Option<&Request> = view.cluster.request.as_ref();
    request.filter(|request| request.scheduled_at.is_none())?.candidate.as_deref()
}

/// How long answers count after the last of them could arrive.
const ANSWERS_KEEP: std::time::Duration = std::time::Duration::from_millis(500);
