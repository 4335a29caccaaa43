//! Every way between two small states of synchronous replication.

use aya_ha_core::sync::{Names, Standbys, Step, Sync, Voters, step};

#[test]
fn votes_meet_commits_after_every_step_of_every_change() {
    let mut changes = 0_u32;
    let mut longest = 0;
    for now in all_states() {
        for active in subsets() {
            for number in 0..=NAMES.len() {
                let wanted = Sync::wanted(&active, number);
                let mut at = now.clone();
                let mut steps = 0;
                while let Some(step) = step(&at, &wanted) {
                    at = at.after(step);
                    steps += 1;
                    assert!(at.overlaps(), "{now:?} to {wanted:?} by {at:?}");
                    assert!(steps <= 3, "{now:?} to {wanted:?}");
                }
                assert_eq!(at, wanted);
                changes += 1;
                longest = longest.max(steps);
            }
        }
    }
    assert!(changes > 10_000, "{changes}");
    assert_eq!(longest, 3);
}

#[test]
fn what_overlaps_is_met_by_every_vote() {
    for state in all_states() {
        for candidate in subsets().into_iter().filter(|it| it.len() == state.voters.quorum + 1) {
            if !candidate.is_subset(&state.voters.names) {
                continue;
            }
            for commit in subsets().into_iter().filter(|it| it.len() == state.standbys.number) {
                let confirmed = commit.is_subset(&state.standbys.names);
                assert!(!confirmed || !candidate.is_disjoint(&commit), "{state:?}");
            }
        }
    }
}

#[test]
fn a_standby_that_is_gone_is_waited_for_no_longer_at_once() {
    let now = Sync::wanted(&names(&["b", "c"]), 1);
    let wanted = Sync::wanted(&names(&["b"]), 1);
    let first = step(&now, &wanted);
    assert_eq!(first, Some(Step::Standbys(Standbys { names: names(&["b"]), number: 1 })));
    let second = step(&now.after(first.unwrap()), &wanted);
    assert_eq!(second, Some(Step::Voters(Voters { names: names(&["b"]), quorum: 0 })));
}

#[test]
fn nobody_may_take_over_before_commits_are_confirmed_by_none() {
    let now = Sync::wanted(&names(&["b"]), 1);
    let wanted = Sync::wanted(&Names::new(), 1);
    let first = step(&now, &wanted);
    assert_eq!(first, Some(Step::Voters(Voters::default())));
    let second = step(&now.after(first.unwrap()), &wanted);
    assert_eq!(second, Some(Step::Standbys(Standbys::default())));
}

/// Every state in which the two overlap.
fn all_states() -> Vec<Sync> {
    let mut states = Vec::new();
    for standbys in subsets() {
        for voters in subsets() {
            for number in 0..=standbys.len() {
                for quorum in 0..=NAMES.len() {
                    let state = Sync {
                        standbys: Standbys { names: standbys.clone(), number },
                        voters: Voters { names: voters.clone(), quorum },
                    };
                    if state.overlaps() {
                        states.push(state);
                    }
                }
            }
        }
    }
    states
}

fn subsets() -> Vec<Names> {
    let chosen = |bits: usize| {
        let names = NAMES.iter().enumerate().filter(move |(place, _)| bits & (1 << place) != 0);
        names.map(|(_, name)| (*name).to_owned()).collect()
    };
    (0..1 << NAMES.len()).map(chosen).collect()
}

fn names(names: &[&str]) -> Names {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const NAMES: [&str; 3] = ["b", "c", "d"];
