//! Switchover and failover on request.

use crate::cluster::Request;
use crate::view::View;

use super::rules::Doing;
use super::{Action, Job, Stop, handover};

/// The request that this leader obeys now.
pub(super) fn to_obey(view: &View) -> Option<&Request> {
    let request = view.cluster.request.as_ref()?;
    is_due(view, request).then_some(request)
}

/// Stops, if somebody can go on; else the request is cleared, since it cannot be followed.
pub(super) fn obey(view: &View) -> Doing {
    let Some(request) = to_obey(view) else { return (Vec::new(), String::new()) };
    let clear = |why: String| (vec![Action::ClearRequest], why);
    if request.leader.as_ref().is_some_and(|leader| *leader != view.me.name) {
        return clear(format!("{:?} is asked to stop, and does not lead", request.leader));
    }
    match &request.candidate {
        Some(candidate) if *candidate == view.me.name => clear("it leads already".to_owned()),
        Some(candidate) if !is_able(view, request, candidate) => {
            clear(format!("{candidate} cannot lead now"))
        }
        None if handover::successor(view).is_none() => clear("nobody can lead now".to_owned()),
        Some(_) | None => {
            let to = request.candidate.as_deref().unwrap_or("whoever is furthest");
            (vec![Action::Begin(Job::Stop(Stop::Handover))], format!("to {to}"))
        }
    }
}

/// Whether a request asks this node to stop leading, so that its lock is for somebody else.
pub(super) fn names_this_leader(view: &View) -> bool {
    view.cluster.request.as_ref().is_some_and(|request| {
        is_due(view, request)
            && request.leader.as_ref().is_none_or(|leader| *leader == view.me.name)
            && request.candidate.as_ref().is_none_or(|candidate| *candidate != view.me.name)
    })
}

/// A switchover goes to who has every commit. A failover (which names no leader) may be asked to an
/// asynchronous standby: whoever asks accepts the loss.
fn is_able(view: &View, request: &Request, candidate: &str) -> bool {
    let Some(member) = view.cluster.members.get(candidate) else { return false };
    let forced = request.leader.is_none();
    handover::can_succeed(view, member)
        || (forced && member.is_running() && !member.tags.no_failover())
}

/// A request with a time is due from then on; one that could not be read never is.
fn is_due(view: &View, request: &Request) -> bool {
    let Some(at) = &request.scheduled_at else { return true };
    crate::time::unix_ms(at).is_some_and(|at| at <= view.wall_ms)
}
