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
    fn a_verdict_is_the_truth(
        before in prop::collection::vec(step(), 0..8),
        subtransactions in 0_u64..3,
        after in prop::collection::vec(step(), 0..12),
        commit_at in 0_usize..16,
        unwritten in 0_usize..3,
        oldest in prop_oneof![9 => Just(0_u64), 1 => Just(10_000)],
    ) {
        let mut story = Story::new();
        before.iter().for_each(|step| story.run(step));
        story.mark(subtransactions);
        for (at, step) in after.iter().enumerate() {
            if at == commit_at {
                story.commit();
            }
            story.run(step);
        }
        let evidence = story.evidence(unwritten, oldest);
        let verdict = resolve(story.marked(), Question::Committed, &evidence);
        if story.is_hidden(&evidence) {
            return Ok(());
        }
        let open = story.may_stay_open(&evidence);
        match verdict {
            Verdict::Committed(_) => prop_assert!(story.is_kept(), "{evidence:?} {story:?}"),
            Verdict::RolledBack(_) => {
                prop_assert!(!story.is_kept() && !story.is_under_way(), "{evidence:?} {story:?}");
            }
            Verdict::Undecided(why) => prop_assert_eq!(open, Open::ForNow, "{} {:?}", why, story),
            Verdict::Unknown(why) => prop_assert_eq!(open, Open::ForEver, "{} {:?}", why, story),
        }
        if story.is_under_way() {
            prop_assert_eq!(open, Open::ForNow);
        }
    }
}

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
