//! A causal token: how far the log had come when something was committed, as a text that another
//! process can pass on; and whether a server has come as far.
//!
//! A place in the log means nothing without its timeline. After a promotion the new leader's history
//! tells where the old timeline was left:
//!
//! ```text
//! old leader  ------- token ----------->
//! new leader  ------------------+ left behind the token: the new timeline holds what it stands for
//! new leader  ---+ left before the token: what it stands for is lost, and a read after it fails
//! ```

use std::fmt;
use std::str::FromStr;

use crate::observation::TimelineSwitch;
use crate::{Lsn, SystemIdentifier, Timeline};

/// Stands for everything that was committed before it was taken. Read and written as a text of at
/// most 64 printable characters without blanks, which may go into a header or a cookie.
///
/// ```
/// use aya_db_core::route::CausalToken;
///
/// let token: CausalToken = "aya1:2:16/B374D848:7412398457129384571".parse()?;
/// assert_eq!(token.timeline.0, 2);
/// assert_eq!(token.to_string(), "aya1:2:16/B374D848:7412398457129384571");
/// # Ok::<_, aya_db_core::route::CausalTokenError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CausalToken {
    /// The timeline that the leader was on.
    pub timeline: Timeline,
    /// Where its log ended.
    pub lsn: Lsn,
    /// The database cluster, where it may be read.
    pub system_identifier: Option<SystemIdentifier>,
}

impl CausalToken {
    /// The token of two that stands for more, if one of them does on the same timeline or a later
    /// one: whoever does work for several others keeps that one.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        if (other.timeline, other.lsn) > (self.timeline, self.lsn) { other } else { self }
    }
}

impl fmt::Display for CausalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}:{}:{}:", self.timeline, self.lsn)?;
        match self.system_identifier {
            Some(system) => write!(f, "{system}"),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for CausalToken {
    type Err = CausalTokenError;

    fn from_str(text: &str) -> Result<Self, CausalTokenError> {
        let mut parts = text.split(':');
        let mut next = || parts.next().ok_or(CausalTokenError);
        let (prefix, timeline, lsn, system) = (next()?, next()?, next()?, next()?);
        if prefix != PREFIX || parts.next().is_some() {
            return Err(CausalTokenError);
        }
        let number = |text: &str| text.parse().map_err(|_| CausalTokenError);
        Ok(Self {
            timeline: Timeline(timeline.parse().map_err(|_| CausalTokenError)?),
            lsn: lsn.parse().map_err(|_| CausalTokenError)?,
            system_identifier: match system {
                "-" => None,
                system => Some(SystemIdentifier(number(system)?)),
            },
        })
    }
}

/// The form of the text; another form would begin otherwise.
const PREFIX: &str = "aya1";

/// A text that is not a causal token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a causal token: expected \"aya1:<timeline>:<log position>:<system identifier>\"")]
pub struct CausalTokenError;

/// Where the records end that were written up to `insert`, which is
/// `pg_current_wal_insert_lsn()`: that function tells where the next record would begin, and at the
/// start of a page or of a segment this lies behind a header which nobody has written yet
/// (`XLogBytePosToRecPtr` in PostgreSQL's `xlog.c`). A standby would never get there while the
/// leader writes nothing more.
///
/// ```
/// use aya_db_core::Lsn;
/// use aya_db_core::route::end_of_log;
///
/// let ends = |insert| end_of_log(Lsn(insert), 16 << 20, 8192);
/// assert_eq!(ends(0x300_0028), Lsn(0x300_0000));
/// assert_eq!(ends(0x300_2018), Lsn(0x300_2000));
/// assert_eq!(ends(0x300_2028), Lsn(0x300_2028));
/// ```
pub const fn end_of_log(insert: Lsn, segment_bytes: u64, page_bytes: u64) -> Lsn {
    if segment_bytes == 0 || page_bytes == 0 {
        return insert;
    }
    if insert.0 % segment_bytes == FIRST_HEADER {
        Lsn(insert.0 - FIRST_HEADER)
    } else if insert.0 % page_bytes == HEADER && insert.0 % segment_bytes > page_bytes {
        Lsn(insert.0 - HEADER)
    } else {
        insert
    }
}

/// The headers of a segment's first page and of the others (`SizeOfXLogLongPHD`,
/// `SizeOfXLogShortPHD`).
const FIRST_HEADER: u64 = 40;
const HEADER: u64 = 24;

/// Where a server stands, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Leader or standby.
    pub role: ServingRole,
    /// The timeline that it writes or replays.
    pub timeline: Option<Timeline>,
    /// How far it has replayed its log; of no account on a leader.
    pub replayed: Option<Lsn>,
}

/// As what a server serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServingRole {
    /// As the leader.
    Leader,
    /// As a standby.
    Standby,
}

/// What is known of the cluster's timelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lineage<'a> {
    /// The database cluster.
    pub system_identifier: Option<SystemIdentifier>,
    /// The highest timeline ever seen.
    pub newest: Option<Timeline>,
    /// Where earlier timelines were left.
    pub history: &'a [TimelineSwitch],
}

/// Whether a server may serve a read after a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It holds all that the token stands for.
    Yes,
    /// It does not yet, or nobody can tell yet.
    Wait(&'static str),
    /// It never tells: another server must serve.
    No(&'static str),
}

/// Why no server may serve a read after a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Its timeline was left before it.
    #[error("timeline {timeline} was left at {left_at}, before the token's {lsn}")]
    Lost {
        /// The timeline that was left, the token's own or a later one.
        timeline: Timeline,
        /// Where.
        left_at: Lsn,
        /// The token's place.
        lsn: Lsn,
    },
    /// Nobody tells where its timeline was left.
    #[error("nobody tells where the token's timeline {timeline} was left")]
    Untold {
        /// The token's timeline.
        timeline: Timeline,
    },
    /// It was taken in another database cluster.
    #[error("the token is of database cluster {its}, and this one is {ours}")]
    OtherCluster {
        /// The token's.
        its: SystemIdentifier,
        /// Ours.
        ours: SystemIdentifier,
    },
}

/// Whether the server that stands at `standing` may serve a read after `token`.
///
/// A standby serves once it has replayed the token's place, on the token's own timeline or on one
/// that left it behind the token. The leader serves on the token's own timeline in any case, since
/// what it holds is what there is.
///
/// # Errors
/// A token that no server can ever satisfy.
///
/// ```
/// use aya_db_core::observation::TimelineSwitch;
/// use aya_db_core::route::*;
/// use aya_db_core::{Lsn, Timeline};
///
/// let token: CausalToken = "aya1:1:0/500:-".parse().unwrap();
/// let left = |at| TimelineSwitch { timeline: Timeline(1), switched_at: Lsn(at), new_leader: None };
/// let standby =
///     Standing { role: ServingRole::Standby, timeline: Some(Timeline(2)), replayed: Some(Lsn(0x600)) };
/// let ask = |history: &[TimelineSwitch]| {
///     let newest = Some(Timeline(2));
///     readiness(&token, &standby, &Lineage { system_identifier: None, newest, history })
/// };
/// assert_eq!(ask(&[left(0x500)]), Ok(Readiness::Yes));
/// assert!(matches!(ask(&[left(0x4ff)]), Err(TokenFault::Lost { .. })));
/// assert!(matches!(ask(&[]), Ok(Readiness::Wait(_))));
/// ```
pub fn readiness(
    token: &CausalToken,
    standing: &Standing,
    lineage: &Lineage<'_>,
) -> Result<Readiness, TokenFault> {
    if let (Some(its), Some(ours)) = (token.system_identifier, lineage.system_identifier)
        && its != ours
    {
        return Err(TokenFault::OtherCluster { its, ours });
    }
    let newest = lineage.newest.max(standing.timeline);
    if let Some(newest) = newest
        && newest > token.timeline
        && !holds(token, newest, lineage.history)?
    {
        return Ok(Readiness::Wait(UNTOLD));
    }
    match (standing.role, standing.timeline, standing.replayed) {
        (_, None, _) => Ok(Readiness::No("it does not tell its timeline")),
        (_, Some(timeline), _) if timeline < token.timeline => {
            Ok(Readiness::Wait("it is on an older timeline than the token"))
        }
        (ServingRole::Leader, Some(_), _) => Ok(Readiness::Yes),
        (ServingRole::Standby, Some(_), None) => {
            Ok(Readiness::No("it does not tell how far it has replayed"))
        }
        (ServingRole::Standby, Some(_), Some(replayed)) if replayed >= token.lsn => {
            Ok(Readiness::Yes)
        }
        (ServingRole::Standby, Some(_), Some(_)) => {
            Ok(Readiness::Wait("it has not replayed the token's place yet"))
        }
    }
}

/// Whether a read after the token must wait because nobody has told yet where the token's timeline
/// was left.
pub(super) fn is_untold(readiness: Readiness) -> bool {
    readiness == Readiness::Wait(UNTOLD)
}

const UNTOLD: &str = "nobody has told yet where the token's timeline was left";

/// Whether a server on the timeline `current`, which is above the token's, holds what the token
/// stands for; `false` as long as the history does not tell. Over several promotions the lowest
/// switch point counts.
fn holds(
    token: &CausalToken,
    current: Timeline,
    history: &[TimelineSwitch],
) -> Result<bool, TokenFault> {
    let between = |row: &&TimelineSwitch| row.timeline >= token.timeline && row.timeline < current;
    let mut rows = history.iter().filter(between);
    if let Some(row) = rows.clone().find(|row| row.switched_at < token.lsn) {
        let (timeline, left_at) = (row.timeline, row.switched_at);
        return Err(TokenFault::Lost { timeline, left_at, lsn: token.lsn });
    }
    Ok(rows.any(|row| row.timeline == token.timeline))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_a_token_is_refused() {
        let wrong = [
            "",
            "aya1",
            "aya1:1:0/0",
            "aya2:1:0/0:-",
            "aya1:x:0/0:-",
            "aya1:1:0:-",
            "aya1:1:0/0:",
            "aya1:1:0/0:-:",
        ];
        for text in wrong {
            assert_eq!(text.parse::<CausalToken>(), Err(CausalTokenError), "{text}");
        }
    }

    #[test]
    fn the_longest_token_comes_back_from_its_text() {
        let token = CausalToken {
            timeline: Timeline(u32::MAX),
            lsn: Lsn(u64::MAX),
            system_identifier: Some(SystemIdentifier(u64::MAX)),
        };
        assert!(token.to_string().len() <= 64);
        assert_eq!(token.to_string().parse(), Ok(token));
    }

    #[test]
    fn the_later_of_two_is_kept() {
        let token = |text: &str| text.parse::<CausalToken>().unwrap();
        let (low, high) = (token("aya1:1:1/0:-"), token("aya1:2:0/1:-"));
        assert_eq!((low.later(high), high.later(low)), (high, high));
    }
}
