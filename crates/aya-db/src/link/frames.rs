//! Cuts a byte stream into protocol frames, looking at headers and the first payload bytes only.
//!
//! Frame layout: <https://www.postgresql.org/docs/18/protocol-message-formats.html>.

/// How many payload bytes of a frame are kept: enough for the tag `ROLLBACK`, the status byte of
/// ReadyForQuery and the method of an authentication request.
const KEPT: usize = 8;

/// A type byte and a length.
const HEADER: usize = 5;

/// The frames of which more than the type is read: CommandComplete, ReadyForQuery, authentication
/// requests and BackendKeyData.
const READ: [u8; 4] = *b"CZRK";

/// A frame that has passed completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// The type byte; zero for the startup message, which has none.
    pub(super) tag: u8,
    head: [u8; KEPT],
    head_len: u8,
}

impl Frame {
    #[cfg(test)]
    pub(super) fn with_head(tag: u8, payload: &[u8]) -> Self {
        let mut frame = Self { tag, head: [0; KEPT], head_len: payload.len() as u8 };
        frame.head[..payload.len()].copy_from_slice(payload);
        frame
    }

    /// The first bytes of the payload, at most eight.
    pub(super) fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.head_len)]
    }
}

/// The position within a stream of frames.
#[derive(Debug, Clone)]
pub(super) struct Scanner {
    tagless: bool,
    header: [u8; HEADER],
    header_len: usize,
    payload_left: usize,
    frame: Frame,
}

impl Scanner {
    /// What the client sends: the first message, StartupMessage, has no type byte.
    pub(super) const fn outgoing() -> Self {
        Self::new(true)
    }

    /// What the server sends.
    pub(super) const fn incoming() -> Self {
        Self::new(false)
    }

    const fn new(tagless: bool) -> Self {
        Self {
            tagless,
            header: [0; HEADER],
            header_len: if tagless { 1 } else { 0 },
            payload_left: 0,
            frame: Frame { tag: 0, head: [0; KEPT], head_len: 0 },
        }
    }

    /// Takes the next bytes of the stream and calls `complete` for every frame that ends in them.
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut complete: impl FnMut(&Frame)) {
        while !bytes.is_empty() {
            if self.header_len < HEADER {
                bytes = self.take_header(bytes);
                if self.header_len < HEADER {
                    return;
                }
                self.begin();
            }
            let take = bytes.len().min(self.payload_left);
            if READ.contains(&self.frame.tag) {
                self.keep(&bytes[..take]);
            }
            self.payload_left -= take;
            bytes = &bytes[take..];
            if self.payload_left == 0 {
                complete(&self.frame);
                self.header_len = 0;
            }
        }
    }

    /// Takes what there is of the header and gives the rest.
    fn take_header<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.header_len == 0
            && let Some((header, rest)) = bytes.split_first_chunk::<HEADER>()
        {
            self.header = *header;
            self.header_len = HEADER;
            return rest;
        }
        let take = bytes.len().min(HEADER - self.header_len);
        self.header[self.header_len..self.header_len + take].copy_from_slice(&bytes[..take]);
        self.header_len += take;
        &bytes[take..]
    }

    fn begin(&mut self) {
        let [tag, a, b, c, d] = self.header;
        // The length counts itself; a nonsense length is tokio-postgres's to complain of.
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        self.payload_left = length.saturating_sub(4);
        let tag = if std::mem::take(&mut self.tagless) { 0 } else { tag };
        self.frame = Frame { tag, head: [0; KEPT], head_len: 0 };
    }

    fn keep(&mut self, payload: &[u8]) {
        let have = usize::from(self.frame.head_len);
        let take = payload.len().min(KEPT - have);
        self.frame.head[have..have + take].copy_from_slice(&payload[..take]);
        self.frame.head_len += u8::try_from(take).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(tag: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend(u32::try_from(payload.len() + 4).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn scan(scanner: &mut Scanner, bytes: &[u8], step: usize) -> Vec<(u8, Vec<u8>)> {
        let mut seen = Vec::new();
        for chunk in bytes.chunks(step) {
            scanner.feed(chunk, |f| seen.push((f.tag, f.head().to_vec())));
        }
        seen
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut bytes = frame(b'C', b"ROLLBACK\0");
        bytes.extend(frame(b'Z', b"I"));
        bytes.extend(frame(b'1', b""));
        bytes.extend(frame(b'D', &[7; 300]));
        for step in 1..bytes.len() {
            let seen = scan(&mut Scanner::incoming(), &bytes, step);
            let tags: Vec<u8> = seen.iter().map(|(tag, _)| *tag).collect();
            assert_eq!(tags, b"CZ1D", "in steps of {step}");
            assert_eq!(seen[0].1, b"ROLLBACK");
            assert_eq!(seen[1].1, b"I");
        }
    }

    #[test]
    fn the_startup_message_has_no_type_byte() {
        let mut bytes = frame(0, b"\0\x03\0\0user\0x\0\0")[1..].to_vec();
        bytes.extend(frame(b'Q', b"select 1\0"));
        for step in 1..bytes.len() {
            let tags: Vec<u8> =
                scan(&mut Scanner::outgoing(), &bytes, step).iter().map(|(tag, _)| *tag).collect();
            assert_eq!(tags, [0, b'Q'], "in steps of {step}");
        }
    }

    #[test]
    fn a_frame_cut_short_is_not_reported() {
        let bytes = frame(b'Q', b"insert into t values (1)\0");
        let seen = scan(&mut Scanner::incoming(), &bytes[..bytes.len() - 1], 7);
        assert!(seen.is_empty());
    }
}
