//! Messages of a server, and a client that plays its part.

use crate::answer::{Answer, CopyData};
use crate::session::{Event, Session, SessionError, Startup};

/// One message.
pub(super) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    bytes.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

pub(super) fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

pub(super) fn done(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

/// RowDescription of text columns.
pub(super) fn columns(names: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(names.len()).unwrap().to_be_bytes().to_vec();
    for (n, name) in names.iter().enumerate() {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend(16_384_u32.to_be_bytes());
        body.extend(u16::try_from(n + 1).unwrap().to_be_bytes());
        body.extend(25_u32.to_be_bytes());
        body.extend((-1_i16).to_be_bytes());
        body.extend(7_i32.to_be_bytes());
        body.extend(0_u16.to_be_bytes());
    }
    message(b'T', &body)
}

pub(super) fn row(cells: &[Option<&str>]) -> Vec<u8> {
    let mut body = u16::try_from(cells.len()).unwrap().to_be_bytes().to_vec();
    for cell in cells {
        match cell {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(text) => {
                body.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
                body.extend_from_slice(text.as_bytes());
            }
        }
    }
    message(b'D', &body)
}

/// ErrorResponse or NoticeResponse.
pub(super) fn told(tag: u8, severity: &str, code: &str, text: &str) -> Vec<u8> {
    message(tag, format!("S{severity}\0V{severity}\0C{code}\0M{text}\0\0").as_bytes())
}

/// A server that trusts everybody, up to its first ReadyForQuery.
pub(super) fn welcome() -> Vec<u8> {
    [
        message(b'R', &[0, 0, 0, 0]),
        message(b'S', b"client_encoding\0LATIN1\0"),
        message(b'K', &[0, 0, 0, 9, 1, 2, 3, 4]),
        ready(b'I'),
    ]
    .concat()
}

/// One of everything that answers five queries.
pub(super) fn everything() -> Vec<u8> {
    [
        welcome(),
        columns(&["a", "b"]),
        row(&[Some("1"), None]),
        told(b'N', "NOTICE", "00000", "look"),
        row(&[Some(""), Some("x\u{e9}")]),
        message(b'A', b"\0\0\0\x09chan\0load\0"),
        done("SELECT 2"),
        message(b'S', b"client_encoding\0UTF8\0"),
        done("SET"),
        ready(b'T'),
        told(b'E', "ERROR", "42601", "syntax"),
        ready(b'E'),
        message(b'I', b""),
        ready(b'I'),
        message(b'G', &[0, 0, 1, 0, 0]),
        done("COPY 1"),
        message(b'H', &[1, 0, 1, 0, 1]),
        message(b'd', b"one"),
        message(b'd', b""),
        message(b'd', b"two"),
        message(b'c', b""),
        done("COPY 2"),
        ready(b'I'),
        message(b'W', &[0, 0, 0]),
        message(b'd', b"wal"),
        message(b'c', b""),
        done("START_STREAMING"),
        ready(b'I'),
        told(b'E', "FATAL", "57P01", "going down"),
    ]
    .concat()
}

/// The client of [`everything`]: what it has seen, and what it has sent behind the startup.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) events: Vec<Event>,
    pub(super) sent: Vec<u8>,
}

impl Client {
    pub(super) fn new() -> Self {
        let mut session = Session::new(Startup::new("app")).unwrap();
        session.mark_sent(session.unsent().len());
        Self { session, events: Vec::new(), sent: Vec::new() }
    }

    /// Takes a piece of what the server sends.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), SessionError> {
        while !bytes.is_empty() {
            let spare = self.session.spare();
            assert!(!spare.is_empty());
            let count = spare.len().min(bytes.len());
            spare[..count].copy_from_slice(&bytes[..count]);
            self.session.received(count);
            bytes = &bytes[count..];
            while let Some(event) = self.session.next_event()? {
                self.react(&event);
                self.events.push(event);
            }
        }
        Ok(())
    }

    fn react(&mut self, event: &Event) {
        let session = &mut self.session;
        match event {
            Event::Ready(_) if self.events.iter().all(|it| !matches!(it, Event::Ready(_))) => {
                for sql in ["q1", "q2", "q3", "q4", "q5"] {
                    session.query(sql.as_bytes()).unwrap();
                }
            }
            Event::Answer(Answer::CopyIn(_)) => {
                session.copy_data(b"row\n").unwrap();
                session.copy_done().unwrap();
            }
            Event::CopyDone if session.takes_copy_data() => session.copy_done().unwrap(),
            _ => {}
        }
        self.sent.extend_from_slice(session.unsent());
        session.mark_sent(session.unsent().len());
    }

    /// The events with every CopyData message on its own: how many come at once is chance.
    pub(super) fn told(&self) -> Vec<Event> {
        let mut told = Vec::new();
        for event in &self.events {
            match event {
                Event::CopyData(data) => told.extend(data.iter().map(|message| {
                    let mut one = CopyData::default();
                    one.push(message);
                    Event::CopyData(one)
                })),
                other => told.push(other.clone()),
            }
        }
        told
    }
}
