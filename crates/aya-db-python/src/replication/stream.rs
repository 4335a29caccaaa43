//! The messages of a stream, and how far its consumer has come.

/// A message of the server.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Data of the log, and the position of its beginning.
    Data { start: u64, wal_end: u64, sent: i64, payload: &'a [u8] },
    /// A sign of life, which may ask for an answer.
    Keepalive { wal_end: u64, asks: bool },
}

impl<'a> Piece<'a> {
    /// Reads one message; tells what is wrong with it otherwise.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, &'static str> {
        match message {
            [b'w', rest @ ..] => {
                let broken = "data message header too small";
                let (start, rest) = rest.split_first_chunk().ok_or(broken)?;
                let (end, rest) = rest.split_first_chunk().ok_or(broken)?;
                let (sent, payload) = rest.split_first_chunk().ok_or(broken)?;
                Ok(Self::Data {
                    start: u64::from_be_bytes(*start),
                    wal_end: u64::from_be_bytes(*end),
                    sent: i64::from_be_bytes(*sent),
                    payload,
                })
            }
            [b'k', rest @ ..] => {
                let broken = "keepalive message header too small";
                let (end, rest) = rest.split_first_chunk().ok_or(broken)?;
                let asks = *rest.get(8).ok_or(broken)? != 0;
                Ok(Self::Keepalive { wal_end: u64::from_be_bytes(*end), asks })
            }
            _ => Err("unrecognized replication message type"),
        }
    }
}

/// How far the consumer has come, as it reports it to the server.
#[derive(Debug, Default)]
pub(super) struct Position {
    written: u64,
    flushed: u64,
    applied: u64,
    /// What the consumer said that it has flushed.
    said_flushed: u64,
    /// Where the last data began.
    data_start: u64,
    /// The end of the log on the server.
    pub(super) wal_end: u64,
}

impl Position {
    /// Data came.
    pub(super) const fn data(&mut self, start: u64, wal_end: u64) {
        self.data_start = start;
        self.wal_end = wal_end;
    }

    /// A sign of life came. If the consumer has flushed all data that it was given, everything
    /// up to the end is: there was nothing for it in between.
    pub(super) const fn keepalive(&mut self, wal_end: u64) {
        self.wal_end = wal_end;
        let has_all = self.said_flushed >= self.data_start && wal_end > self.said_flushed;
        if has_all && wal_end > self.flushed {
            self.flushed = wal_end;
        }
    }

    /// The consumer has come further; it never goes back.
    pub(super) fn advance(&mut self, written: u64, flushed: u64, applied: u64) {
        self.written = self.written.max(written);
        self.said_flushed = self.said_flushed.max(flushed);
        self.flushed = self.flushed.max(flushed);
        self.applied = self.applied.max(applied);
    }

    /// The report to the server (Standby status update).
    pub(super) fn report(&self, now: i64, asks: bool) -> Vec<u8> {
        let mut message = vec![b'r'];
        for position in [self.written, self.flushed, self.applied] {
            message.extend_from_slice(&position.to_be_bytes());
        }
        message.extend_from_slice(&now.to_be_bytes());
        message.push(u8::from(asks));
        message
    }
}

/// From the epoch of Unix to that of PostgreSQL, 2000-01-01, in microseconds.
pub(super) const EPOCH_MICROS: i64 = 946_684_800_000_000;
