//! COPY, and errors in the middle of it.

use super::script::{Client, done, message, ready, told, welcome};
use crate::answer::Answer;
use crate::protocol_error::UsageError;
use crate::session::{Event, Session, Startup};

fn open() -> Session {
    let mut session = Session::new(Startup::new("app")).unwrap();
    feed(&mut session, &welcome());
    session.query(b"copy").unwrap();
    session.mark_sent(session.unsent().len());
    session
}

fn feed(session: &mut Session, bytes: &[u8]) -> Vec<Event> {
    session.spare()[..bytes.len()].copy_from_slice(bytes);
    session.received(bytes.len());
    let mut events = Vec::new();
    while let Some(event) = session.next_event().unwrap() {
        events.push(event);
    }
    events
}

#[test]
fn data_goes_only_where_it_is_taken() {
    let mut session = open();
    assert_eq!(session.copy_data(b"x"), Err(UsageError::NotCopying));
    feed(&mut session, &message(b'G', &[0, 0, 0]));
    session.copy_data(b"x\n").unwrap();
    session.copy_fail(b"changed my mind").unwrap();
    let sent = [message(b'd', b"x\n"), message(b'f', b"changed my mind\0")].concat();
    assert_eq!(session.unsent(), sent);
    assert_eq!(session.copy_done(), Err(UsageError::NotCopying));
}

#[test]
fn an_error_ends_a_copy_in() {
    let mut session = open();
    feed(&mut session, &message(b'G', &[0, 0, 0]));
    let events = feed(&mut session, &told(b'E', "ERROR", "22P04", "bad line"));
    assert!(matches!(&events[..], [Event::Answer(Answer::Error(_))]));
    assert_eq!(session.copy_data(b"x"), Err(UsageError::NotCopying));
    assert_eq!(feed(&mut session, &ready(b'I')).len(), 1);
}

#[test]
fn an_error_ends_a_copy_out() {
    let mut session = open();
    feed(&mut session, &message(b'H', &[0, 0, 0]));
    let error = told(b'E', "ERROR", "57014", "cancelled");
    let events = feed(&mut session, &[message(b'd', b"1"), error, ready(b'I')].concat());
    assert_eq!(events.len(), 3);
    assert!(!session.gives_copy_data());
}

#[test]
fn replication_goes_both_ways_until_both_are_done() {
    let mut session = open();
    feed(&mut session, &message(b'W', &[0, 0, 0]));
    session.copy_data(b"r").unwrap();
    session.copy_done().unwrap();
    assert_eq!(session.copy_data(b"r"), Err(UsageError::NotCopying));
    assert!(session.gives_copy_data());
    let events = feed(&mut session, &[message(b'd', b"w"), message(b'c', b"")].concat());
    assert!(matches!(&events[..], [Event::CopyData(_), Event::CopyDone]));
    assert!(!session.gives_copy_data());
    // A walsender may send behind its own CopyDone, until it ends the command.
    let late = [message(b'd', b"k"), done("COPY 0"), ready(b'I')].concat();
    let events = feed(&mut session, &late);
    assert!(matches!(&events[..], [Event::Answer(Answer::Done(_)), Event::Ready(_)]));
    session.query(b"select 1").unwrap();
    feed_wrong(session, &message(b'd', b"k"));
}

fn feed_wrong(mut session: Session, bytes: &[u8]) {
    session.spare()[..bytes.len()].copy_from_slice(bytes);
    session.received(bytes.len());
    assert!(session.next_event().is_err());
}

#[test]
fn a_copy_that_is_not_ended_is_no_answer() {
    let mut client = Client::new();
    client.feed(&welcome()).unwrap();
    client.feed(&message(b'H', &[0, 0, 0])).unwrap();
    assert!(client.feed(&ready(b'I')).is_err());
}
