//! Only the answer "primary" makes a leader, and every other sign can only unmake one.

use aya_db_core::observation::Observation;

use super::Fold;

pub(super) fn check(fold: &Fold<'_>) -> Result<(), String> {
    let Some(leader) = fold.after.leadership.confirmed() else { return Ok(()) };
    if fold.before.leadership.confirmed() == Some(leader) {
        return match fold.observation {
            Observation::Answered { node, answer } if node == leader && answer.in_recovery => {
                Err(format!("{leader} leads though it answers that it is in recovery"))
            }
            Observation::Suspected { node, .. } if node == leader => {
                Err(format!("{leader} leads though it is suspected"))
            }
            _ => Ok(()),
        };
    }
    match fold.observation {
        Observation::Answered { node, answer } if node == leader && !answer.in_recovery => Ok(()),
        other => Err(format!("{leader} was confirmed by {other:?}")),
    }
}
