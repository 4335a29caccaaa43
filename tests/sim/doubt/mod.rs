//! The verdict on a commit in doubt, in a world that knows the truth.
//!
//! Before the commit and while it is in doubt, others write, numbers are used again, servers crash,
//! recover, are shut down and promoted, and the driver looks now and then. A verdict must be the truth;
//! it may be left open only for one of the reasons in [`Story::may_stay_open`]; and the one limit that the
//! documentation names is met by no other case than [`Story::is_hidden`] describes.

mod log;
mod story;
mod world;

use proptest::prelude::*;

use aya_db_core::continuity::{Question, Verdict, resolve};

use self::story::{Open, Step, Story};
use self::world::Restart;

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_verdict_is_the_truth(case in case(anything())) {
        case.check()?;
    }

    #[test]
    fn a_verdict_is_the_truth_after_a_restart_that_was_seen(case in case(seen())) {
        case.check()?;
    }

    #[test]
    fn a_verdict_is_the_truth_where_a_timelines_number_is_taken_twice(case in case(twins())) {
        case.check()?;
    }
}

/// The old leader loses what it had, is seen to have begun anew, and is a standby when the question is asked.
#[test]
fn a_restart_that_was_seen_is_remembered() {
    let after = vec![
        Step::Restart(Restart::Crash),
        Step::Checkpoint,
        Step::Look,
        Step::Ship { host: 2, records: 3 },
        Step::Promote(2),
        Step::Copy(0),
        Step::Look,
        Step::Others { count: 1, subs: 0, kept: true },
    ];
    let before = Vec::new();
    let case = Case { before, after, subtransactions: 0, commit_at: 0, unwritten: 0, oldest: 0 };
    case.check().unwrap();
}

/// What happens around the commit, and what the driver lacks when it asks.
#[derive(Debug)]
struct Case {
    before: Vec<Step>,
    after: Vec<Step>,
    subtransactions: u64,
    commit_at: usize,
    unwritten: usize,
    oldest: u64,
}

impl Case {
    fn check(&self) -> Result<(), TestCaseError> {
        let mut story = Story::new();
        self.before.iter().for_each(|step| story.run(step));
        story.mark(self.subtransactions);
        for (at, step) in self.after.iter().enumerate() {
            if at == self.commit_at {
                story.commit();
            }
            story.run(step);
        }
        let evidence = story.evidence(self.unwritten, self.oldest);
        let verdict = resolve(story.marked(), Question::Committed, &evidence);
        if story.is_hidden(&evidence) {
            return Ok(());
        }
        let open = story.may_stay_open(&evidence);
        prop_assert!(!story.is_under_way() || open == Open::ForNow);
        match verdict {
            Verdict::Committed(_) => prop_assert!(story.is_kept(), "{evidence:?} {story:?}"),
            Verdict::RolledBack(_) => {
                prop_assert!(!story.is_kept() && !story.is_under_way(), "{evidence:?} {story:?}");
            }
            Verdict::Undecided(why) => prop_assert_eq!(open, Open::ForNow, "{} {:?}", why, story),
            Verdict::Unknown(why) => prop_assert_eq!(open, Open::ForEver, "{} {:?}", why, story),
        }
        Ok(())
    }
}

fn case(steps: impl Strategy<Value = (Vec<Step>, Vec<Step>)>) -> impl Strategy<Value = Case> {
    let oldest = prop_oneof![9 => Just(0_u64), 1 => Just(10_000)];
    (steps, 0_u64..3, 0_usize..16, 0_usize..3, oldest).prop_map(
        |((before, after), subtransactions, commit_at, unwritten, oldest)| Case {
            before,
            after,
            subtransactions,
            commit_at,
            unwritten,
            oldest,
        },
    )
}

fn anything() -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    (prop::collection::vec(step(), 0..8), prop::collection::vec(step(), 0..12))
}

/// The old leader crashes, is seen, uses the number again, and is followed by a standby.
fn seen() -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    let after = vec![
        Step::Restart(Restart::Crash),
        OTHERS,
        Step::Flush,
        Step::Look,
        Step::Copy(1),
        Step::Promote(1),
    ];
    (among(vec![OTHERS]), among(after))
}

/// A standby that knows nothing of the leader's promotion is promoted in its turn.
fn twins() -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    let all = |host| Step::Ship { host, records: 12 };
    let before =
        vec![OTHERS, Step::Flush, Step::Ship { host: 1, records: 3 }, all(2), Step::Promote(1)];
    let after = vec![Step::Promote(2), OTHERS, Step::Flush, Step::Copy(0), Step::Promote(0)];
    (among(before), among(after))
}

/// These steps, with any others among them.
fn among(steps: Vec<Step>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(prop::option::weighted(0.2, step()), steps.len()).prop_map(move |more| {
        let pairs = more.into_iter().zip(steps.clone());
        pairs.flat_map(|(more, step)| more.into_iter().chain([step])).collect()
    })
}

const OTHERS: Step = Step::Others { count: 2, subs: 0, kept: true };

fn step() -> impl Strategy<Value = Step> {
    let restart = prop_oneof![Just(Restart::Crash), Just(Restart::InPlace), Just(Restart::Clean)];
    prop_oneof![
        4 => (1_u64..4, 0_u64..2, any::<bool>()).prop_map(|(count, subs, kept)| Step::Others { count, subs, kept }),
        3 => Just(Step::Flush),
        4 => (0_usize..3, 1_usize..12).prop_map(|(host, records)| Step::Ship { host, records }),
        1 => Just(Step::Checkpoint),
        2 => restart.prop_map(Step::Restart),
        2 => (0_usize..3).prop_map(Step::Promote),
        2 => (0_usize..3).prop_map(Step::Copy),
        3 => Just(Step::Look),
        1 => Just(Step::EndSession),
    ]
}
