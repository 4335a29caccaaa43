//! Who may send data in a COPY.

use super::machine::Session;
use crate::protocol_error::UsageError;

/// How a session stands to COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copying {
    /// No COPY is in progress.
    No,
    /// This side sends.
    In,
    /// The server sends.
    Out,
    /// Both do.
    Both,
}

impl Copying {
    pub(super) const fn takes_data(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    pub(super) const fn gives_data(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }

    /// This side is done.
    const fn sent(self) -> Self {
        match self {
            Self::In | Self::No => Self::No,
            Self::Out | Self::Both => Self::Out,
        }
    }

    /// The server is done.
    pub(super) const fn received(self) -> Self {
        match self {
            Self::Out | Self::No => Self::No,
            Self::In | Self::Both => Self::In,
        }
    }
}

impl Session {
    /// Queues data for COPY FROM STDIN or replication. It may be cut anywhere, but for
    /// replication, where one call is one message.
    ///
    /// # Errors
    /// If no COPY takes data: its error may have come, and is among the events.
    pub fn copy_data(&mut self, data: &[u8]) -> Result<(), UsageError> {
        self.check_copying()?;
        self.outgoing.typed(b'd', &[data])
    }

    /// Ends the data. The statement's answer follows.
    ///
    /// # Errors
    /// If no COPY takes data.
    pub fn copy_done(&mut self) -> Result<(), UsageError> {
        self.check_copying()?;
        self.copying = self.copying.sent();
        self.outgoing.typed(b'c', &[])
    }

    /// Gives up COPY FROM STDIN: the statement fails with an error that quotes `reason`.
    ///
    /// # Errors
    /// If no COPY takes data.
    pub fn copy_fail(&mut self, reason: &[u8]) -> Result<(), UsageError> {
        self.check_copying()?;
        self.outgoing.string(b'f', reason)?;
        self.copying = self.copying.sent();
        Ok(())
    }

    /// Whether a COPY takes data from this side.
    pub const fn takes_copy_data(&self) -> bool {
        self.copying.takes_data()
    }

    /// Whether a COPY gives data to this side.
    pub const fn gives_copy_data(&self) -> bool {
        self.copying.gives_data()
    }

    const fn check_copying(&self) -> Result<(), UsageError> {
        match self.copying.takes_data() {
            true => Ok(()),
            false => Err(UsageError::NotCopying),
        }
    }
}
