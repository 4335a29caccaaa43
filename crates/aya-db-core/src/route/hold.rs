//! While the leader is about to change, calls wait rather than go to a server that is about to
//! stop.

use std::fmt;
use std::time::Duration;

use crate::Moment;
use crate::route::{Intent, ReadPlan, ReadStep, RouteReason, Selection, ServingRole};
use crate::snapshot::{ClusterSnapshot, Leadership, SwitchoverCause, SwitchoverStage};

/// The time in which calls keep away from the leader.
///
/// ```
/// use std::time::Duration;
///
/// use aya_db_core::route::{Hold, Intent};
/// use aya_db_core::snapshot::{
///     ClusterSnapshot, Leadership, Switchover, SwitchoverCause, SwitchoverStage,
/// };
/// use aya_db_core::{Moment, NodeId};
///
/// let at = Moment::from_millis;
/// let snapshot = ClusterSnapshot {
///     switchover: Some(Switchover {
///         cause: SwitchoverCause::LeaderKeyGone,
///         since: at(500),
///         stage: SwitchoverStage::Shown,
///     }),
///     ..ClusterSnapshot::default()
/// };
/// let hold = Hold::of(&snapshot, Duration::from_secs(10)).unwrap();
/// assert!(hold.is_on(at(500)) && !hold.is_on(at(10_500)));
/// assert!(hold.stops(Intent::Primary, &snapshot.leadership));
/// assert!(!hold.stops(Intent::Standby, &snapshot.leadership));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// When it begins; ahead, if the switchover is scheduled.
    pub from: Moment,
    /// When the calls are let go, whatever has become of the switchover.
    pub until: Moment,
    cause: SwitchoverCause,
}

impl Hold {
    /// The hold that the switchover of a snapshot asks for, for as long as `limit` at most; none
    /// without a limit.
    pub fn of(snapshot: &ClusterSnapshot, limit: Duration) -> Option<Self> {
        let switchover = snapshot.switchover.as_ref()?;
        if limit.is_zero() || switchover.stage == SwitchoverStage::TakenOver {
            return None;
        }
        let (from, cause) = (switchover.since, switchover.cause.clone());
        Some(Self { from, until: from.after(limit), cause })
    }

    /// Whether calls wait at `now`.
    pub fn is_on(&self, now: Moment) -> bool {
        self.from <= now && now < self.until
    }

    /// Whether a call waits: one that needs the leader, and one that would go to it first, since
    /// nobody knows whether it writes. What asks for a standby goes on.
    ///
    /// Where a crash is more likely than a plan, a call that any server may serve waits only while
    /// the old leader is confirmed still; afterwards standbys serve it as they always do.
    pub fn stops(&self, intent: Intent, leadership: &Leadership) -> bool {
        let planned = match self.cause {
            SwitchoverCause::Asked(_) => true,
            SwitchoverCause::LeaderStopping(_) | SwitchoverCause::LeaderKeyGone => false,
        };
        match intent {
            Intent::Primary | Intent::ReadWrite => true,
            Intent::Any | Intent::PreferPrimary => planned || leadership.confirmed().is_some(),
            Intent::Standby | Intent::ReadOnly | Intent::PreferStandby => false,
        }
    }

    /// What is left of a selection: nobody for calls that wait, everybody but the leader for the
    /// others.
    #[must_use]
    pub fn restrict(
        &self,
        selection: Selection,
        intent: Intent,
        leadership: &Leadership,
    ) -> Selection {
        let mut selection = selection;
        if self.stops(intent, leadership) {
            selection.candidates.clear();
            selection.say(None, format!("held: {self}"));
        } else if let Some(leader) = leadership.confirmed()
            && selection.candidates.contains(leader)
        {
            selection.candidates.retain(|node| node != leader);
            selection.say(Some(leader), format!("left alone: {self}"));
        }
        selection
    }

    /// What is left of the plan of a read: every server but the leader. A read that only the leader
    /// can serve waits.
    #[must_use]
    pub fn restrict_read(&self, plan: ReadPlan) -> ReadPlan {
        let ReadPlan { step, goals, mut reasons } = plan;
        let step = match step {
            ReadStep::Try(candidates) => {
                let (leaders, others): (Vec<_>, Vec<_>) =
                    candidates.into_iter().partition(|it| it.role == ServingRole::Leader);
                let text = format!("left alone: {self}");
                reasons.extend(
                    leaders
                        .into_iter()
                        .map(|it| RouteReason { node: Some(it.node), text: text.clone() }),
                );
                if others.is_empty() { ReadStep::Wait } else { ReadStep::Try(others) }
            }
            other => other,
        };
        ReadPlan { step, goals, reasons }
    }
}

/// Why.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl std::error::Error for Hold {}
