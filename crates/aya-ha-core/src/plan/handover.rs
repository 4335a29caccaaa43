//! When a leader whose server is down, or as good as down, lets another lead.

use crate::cluster::Member;
use crate::view::{Process, Profile, Synchronous, View};

use super::rules::{Doing, crashed, was_primary};
use super::{Action, requests};

/// Whether the lock is let go while the server of its holder is down.
pub(super) fn lets_go(view: &View) -> bool {
    if requests::names_this_leader(view) || view.me.tags.no_failover() {
        return true;
    }
    if !was_primary(view) {
        // It won the lock and died before its promotion.
        return successor(view).is_some();
    }
    let hurry = match view.settings.profile {
        Profile::Native => view.settings.synchronous != Synchronous::Off,
        Profile::Patroni => view.settings.start_timeout.is_zero(),
    };
    (hurry || crashes_again(view)) && successor(view).is_some()
}

/// Lets go. A crashed server cannot say where its log ends.
pub(super) fn let_go(view: &View) -> Doing {
    let end = (!crashed(&view.postgres)).then_some(view.postgres.lsn);
    let to = successor(view).map_or_else(String::new, |member| format!("to {}", member.name));
    (vec![Action::ReleaseLock { end }], to)
}

pub(super) fn is_silent_too_long(view: &View) -> bool {
    let Process::Silent(since) = view.postgres.process else { return false };
    view.settings.profile == Profile::Native
        && view.now.since(since) >= SILENCE
        && successor(view).is_some()
}

pub(super) fn starts_too_long(view: &View) -> bool {
    let Process::Starting(since) = view.postgres.process else { return false };
    view.now.since(since) >= view.settings.start_timeout && successor(view).is_some()
}

/// Somebody who can lead without losing a commit, as far as can be seen from here.
pub(super) fn successor(view: &View) -> Option<&Member> {
    view.cluster.members.values().find(|member| can_succeed(view, member))
}

/// Whether this member can lead: it runs, may, and has every commit that must not be lost. Where commits
/// wait for standbys these are the ones in `sync`; else those that are not far behind.
pub fn can_succeed(view: &View, member: &Member) -> bool {
    if view.cluster.is_led_by(&member.name) || !member.is_running() || member.tags.no_failover() {
        return false;
    }
    match view.settings.synchronous {
        Synchronous::Priority | Synchronous::Quorum => {
            view.cluster.sync.standbys.iter().any(|name| name.eq_ignore_ascii_case(&member.name))
        }
        Synchronous::Off => {
            let end = view.cluster.optime.unwrap_or(view.postgres.lsn);
            member.lsn.is_some_and(|lsn| end.bytes_since(lsn) <= view.settings.maximum_lag)
        }
    }
}

/// A server that died often in a short while is left for another, whatever the profile says.
fn crashes_again(view: &View) -> bool {
    let recent = view.memory.crashes.iter().filter(|at| view.now.since(**at) <= CRASH_WINDOW);
    recent.count() >= TOO_MANY_CRASHES
}

/// How long a server may owe an answer: three probes.
const SILENCE: std::time::Duration = std::time::Duration::from_millis(1_000);

const CRASH_WINDOW: std::time::Duration = std::time::Duration::from_secs(120);
const TOO_MANY_CRASHES: usize = 3;
