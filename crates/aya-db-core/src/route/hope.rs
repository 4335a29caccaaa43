//! Whether it is worth waiting for a server at all.

use crate::failure::{FailureKind, Persistence};

/// Looks at what each server answered when nobody has led yet: `None` for one that answered well
/// or was not asked so far. Gives the place of the answer for which waiting is no use.
///
/// A refused user, an unknown database and a missing privilege settle the matter wherever they
/// come from: the next server would only count another failed login. Other lasting failures (a
/// bad certificate, a foreign protocol) do so once every server has one.
///
/// ```
/// use aya_db_core::failure::FailureKind;
/// use aya_db_core::route::is_hopeless;
///
/// let (web, down) = (Some(FailureKind::NotPostgres), Some(FailureKind::Refused));
/// assert_eq!(is_hopeless(&[web, down]), None);
/// assert_eq!(is_hopeless(&[web]), Some(0));
/// assert_eq!(is_hopeless(&[down, Some(FailureKind::UnknownDatabase)]), Some(1));
/// ```
pub fn is_hopeless(answers: &[Option<FailureKind>]) -> Option<usize> {
    let settles = |kind: &FailureKind| {
        matches!(
            kind,
            FailureKind::AuthenticationFailed
                | FailureKind::UnknownDatabase
                | FailureKind::ConnectForbidden
        )
    };
    let lasting = |kind: &FailureKind| kind.persistence() == Persistence::Permanent;
    let first = answers.iter().position(|answer| answer.as_ref().is_some_and(settles));
    let all = !answers.is_empty() && answers.iter().all(|it| it.as_ref().is_some_and(lasting));
    first.or_else(|| all.then_some(0))
}
