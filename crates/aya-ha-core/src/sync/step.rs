//! The next step.

use super::{Standbys, Step, Sync, Voters};

/// The next step from `now` to `wanted`, in both of which the two overlap; `None` when it is reached.
///
/// What can be set at once is. Otherwise the voters are first asked for more than is needed in the end:
/// all of both sets, and a quorum that meets the commits of either number. There are never more than
/// three steps.
pub fn step(now: &Sync, wanted: &Sync) -> Option<Step> {
    if now == wanted {
        return None;
    }
    // Who is gone is waited for until PostgreSQL is told, so that comes first.
    let direct = [Step::Standbys(wanted.standbys.clone()), Step::Voters(wanted.voters.clone())];
    let changes = |step: &Step| match step {
        Step::Standbys(standbys) => *standbys != now.standbys,
        Step::Voters(voters) => *voters != now.voters,
    };
    let safe = |step: &Step| changes(step) && is_safe(now, step);
    direct.into_iter().find(safe).or_else(|| Some(Step::Voters(wide(now, wanted))))
}

/// Whether the two overlap after it. Before it they do, so that they do as well while it comes in force.
fn is_safe(now: &Sync, step: &Step) -> bool {
    now.clone().after(step.clone()).overlaps()
}

fn wide(now: &Sync, wanted: &Sync) -> Voters {
    let Standbys { names, number } = &now.standbys;
    let least = (*number).min(wanted.standbys.number);
    let voters = now.voters.names.union(&wanted.voters.names).cloned().collect();
    let all: std::collections::BTreeSet<_> =
        wanted.standbys.names.union(names).chain(&voters).cloned().collect();
    Voters { quorum: all.len() - least, names: voters }
}
