//! How long an agent could not write.

use std::time::Duration;

use crate::agent::Ack;

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: Duration,
    pub(crate) until: Duration,
}

/// The longest time between two successive acknowledgements of one agent that overlaps `window`.
///
/// An agent without an acknowledgement after the window counts as waiting until its end, and one
/// without any before it as waiting since its beginning.
pub(crate) fn longest(acks: &[Ack], window: Window) -> Duration {
    pairs(acks, window).map(|gap| gap.until - gap.from).max().unwrap_or_default()
}

/// How long after `accepted` the agent wrote again, if it was kept from writing between `struck`
/// and then: the end of its longest gap in that time. Zero when it wrote before `accepted`, `None`
/// when it never wrote again.
pub(crate) fn added(acks: &[Ack], struck: Duration, accepted: Duration) -> Option<Duration> {
    let outage = Window { from: struck, until: accepted };
    let gap = pairs(acks, outage).max_by_key(|gap| gap.until - gap.from)?;
    let resumed = acks.iter().find(|ack| ack.at >= gap.until)?;
    Some(resumed.at.saturating_sub(accepted))
}

/// The gaps that overlap `window`, with the ends of the window in place of missing neighbours.
fn pairs(acks: &[Ack], window: Window) -> impl Iterator<Item = Window> + '_ {
    let first = acks.partition_point(|ack| ack.at <= window.from);
    let end = acks.partition_point(|ack| ack.at < window.until);
    let before = first.checked_sub(1).map_or(window.from, |index| acks[index].at);
    let after = acks.get(end).map_or(window.until, |ack| ack.at);
    let inside = acks[first..end.max(first)].iter().map(|ack| ack.at);
    let froms = std::iter::once(before).chain(inside.clone());
    let untils = inside.chain(std::iter::once(after));
    froms.zip(untils).map(|(from, until)| Window { from, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn acks(moments: &[u64]) -> Vec<Ack> {
        moments.iter().map(|at| Ack { id: 0, at: ms(*at) }).collect()
    }

    fn window(from: u64, until: u64) -> Window {
        Window { from: ms(from), until: ms(until) }
    }

    #[test]
    fn a_gap_counts_when_it_overlaps_the_window() {
        let cases: [(&[u64], Window, u64); 6] = [
            // The long gap from 300 on is over before the window begins.
            (&[0, 300, 310, 320, 350], window(310, 340), 30),
            // The gap reaches into the window from before, and out of it.
            (&[0, 100, 900, 910], window(200, 800), 800),
            (&[0, 100, 900, 910], window(50, 950), 800),
            // The gap after the window does not count.
            (&[0, 10, 20, 30, 900], window(5, 25), 10),
            // Nobody wrote after the window.
            (&[0, 100], window(50, 500), 400),
            (&[], window(50, 500), 450),
        ];
        for (moments, window, expected) in cases {
            assert_eq!(longest(&acks(moments), window), ms(expected), "{moments:?} {window:?}");
        }
    }

    #[test]
    fn what_the_client_adds_begins_when_writes_are_accepted() {
        let cases: [(&[u64], Option<u64>); 4] = [
            (&[90, 98, 1_030, 1_040], Some(30)),
            // Written on the new leader before the prober got through.
            (&[90, 98, 970, 990, 1_005], Some(0)),
            // Written on the old leader for a while after the fault was asked for.
            (&[90, 98, 110, 120, 1_007, 1_020], Some(7)),
            (&[90, 98], None),
        ];
        for (moments, expected) in cases {
            let added = added(&acks(moments), ms(100), ms(1_000));
            assert_eq!(added, expected.map(ms), "{moments:?}");
        }
    }
}
