//! The warning that PostgreSQL sends when a wait for synchronous replication is cut short.

use crate::SqlState;

/// How a wait for synchronous replication was cut short. Either way the transaction is already
/// committed on the server that says so (`SyncRepWaitForLSN` in
/// `src/backend/replication/syncrep.c`: "the transaction has already committed locally").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncRepNotice {
    /// 01000: a cancel request ended the wait; the session lives and reports success.
    WaitCancelled,
    /// 57P01: the server stops; the connection closes without another word.
    WaitTerminated,
}

impl SyncRepNotice {
    /// Reads a NoticeResponse; `None` for any other notice.
    ///
    /// The message is translated, so the raising function decides. Its name matters: an immediate
    /// shutdown sends a warning 57P01 too, from `quickdie`, and that one says nothing of a commit.
    pub fn read(sqlstate: SqlState, routine: Option<&str>) -> Option<Self> {
        if routine != Some("SyncRepWaitForLSN") {
            return None;
        }
        match sqlstate {
            SqlState::WARNING => Some(Self::WaitCancelled),
            SqlState::ADMIN_SHUTDOWN => Some(Self::WaitTerminated),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wait_itself_speaks_of_a_commit() {
        let read = SyncRepNotice::read;
        let wait = Some("SyncRepWaitForLSN");
        assert_eq!(read(SqlState::WARNING, wait), Some(SyncRepNotice::WaitCancelled));
        assert_eq!(read(SqlState::ADMIN_SHUTDOWN, wait), Some(SyncRepNotice::WaitTerminated));
        assert_eq!(read(SqlState::ADMIN_SHUTDOWN, Some("quickdie")), None);
        assert_eq!(read(SqlState::WARNING, None), None);
    }
}
