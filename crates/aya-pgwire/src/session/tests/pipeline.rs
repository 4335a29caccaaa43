//! Queries and their answers, in order.

use super::script::{Client, done, everything, message, ready, told, welcome};
use crate::answer::{Answer, Field, Format};
use crate::protocol_error::UsageError;
use crate::session::{Event, Session, Startup, TransactionStatus};

#[test]
fn everything_a_server_says_is_told_in_order() {
    let mut client = Client::new();
    client.feed(&everything()).unwrap();
    let mut events = client.told().into_iter();
    let mut next = || events.next().unwrap();
    let parameter = |event| match event {
        Event::Parameter(told) => (told.name.to_vec(), told.value.to_vec()),
        other => panic!("{other:?}"),
    };
    assert_eq!(parameter(next()), (b"client_encoding".to_vec(), b"LATIN1".to_vec()));
    assert_eq!(next(), Event::Ready(TransactionStatus::Idle));
    assert!(matches!(next(), Event::Notice(notice) if !notice.is_error()));
    let Event::Notification(notification) = next() else { panic!() };
    assert_eq!((&*notification.channel, &*notification.payload), (&b"chan"[..], &b"load"[..]));
    let Event::Answer(Answer::Table(table)) = next() else { panic!() };
    assert_eq!((&*table.columns[1].name, table.columns[1].number), (&b"b"[..], 2));
    let column = &table.columns[0];
    assert_eq!((column.table_oid, column.type_oid, column.type_size), (16_384, 25, -1));
    assert_eq!((column.type_modifier, column.format), (7, Format::Text));
    let cells: Vec<_> = table.rows.iter().flat_map(|row| row.cells()).collect();
    assert_eq!(cells, [Some(&b"1"[..]), None, Some(b""), Some("x\u{e9}".as_bytes())]);
    assert_eq!(table.tag.rows(), Some(2));
    assert_eq!(parameter(next()).1, b"UTF8");
    assert!(matches!(next(), Event::Answer(Answer::Done(tag)) if tag.as_bytes() == b"SET"));
    assert_eq!(next(), Event::Ready(TransactionStatus::Open));
    let Event::Answer(Answer::Error(error)) = next() else { panic!() };
    assert_eq!(error.get(Field::Code), Some(&b"42601"[..]));
    assert_eq!(next(), Event::Ready(TransactionStatus::Failed));
    assert_eq!(next(), Event::Answer(Answer::Empty));
    assert_eq!(next(), Event::Ready(TransactionStatus::Idle));
    assert!(matches!(next(), Event::Answer(Answer::CopyIn(shape)) if shape.columns.len() == 1));
    assert!(matches!(next(), Event::Answer(Answer::Done(_))));
    assert!(
        matches!(next(), Event::Answer(Answer::CopyOut(shape)) if shape.format == Format::Binary)
    );
    let data: Vec<u8> = (0..3)
        .flat_map(|_| match next() {
            Event::CopyData(data) => data.as_bytes().to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(data, b"onetwo");
    assert_eq!(next(), Event::CopyDone);
    assert!(matches!(next(), Event::Answer(Answer::Done(_))));
    assert_eq!(next(), Event::Ready(TransactionStatus::Idle));
    assert!(matches!(next(), Event::Answer(Answer::CopyBoth(_))));
    assert!(matches!(next(), Event::CopyData(_)));
    assert_eq!(next(), Event::CopyDone);
    assert!(matches!(next(), Event::Answer(Answer::Done(_))));
    assert_eq!(next(), Event::Ready(TransactionStatus::Idle));
    assert!(matches!(next(), Event::LastWords(words) if words.get(Field::Code) == Some(b"57P01")));
    assert_eq!(events.next(), None);
    assert_eq!(client.session.pending(), 0);
    assert_eq!(client.session.parameter("client_encoding"), Some(&b"UTF8"[..]));
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    let script = everything();
    let mut whole = Client::new();
    whole.feed(&script).unwrap();
    for cut in 1..script.len() {
        let mut client = Client::new();
        client.feed(&script[..cut]).unwrap();
        client.feed(&script[cut..]).unwrap();
        assert_eq!(client.told(), whole.told(), "cut at {cut}");
        assert_eq!(client.sent, whole.sent, "cut at {cut}");
    }
    let mut client = Client::new();
    for byte in script {
        client.feed(&[byte]).unwrap();
    }
    assert_eq!(client.told(), whole.told());
}

#[test]
fn queries_go_as_bytes_and_are_refused_whole() {
    let mut session = Session::new(Startup::new("app")).unwrap();
    assert_eq!(session.query(b"select 1"), Err(UsageError::Starting));
    let mut client = Client::new();
    client.feed(&welcome()).unwrap();
    let session = &mut client.session;
    let before = session.queued_in_all();
    assert_eq!(session.query(b"select '\0'"), Err(UsageError::ZeroByte));
    assert_eq!((session.queued_in_all(), session.unsent()), (before, &[][..]));
    session.query(b"\xe9").unwrap();
    assert_eq!(session.unsent(), message(b'Q', b"\xe9\0"));
    assert_eq!(session.sent_in_all(), before);
    session.mark_sent(3);
    assert_eq!(session.sent_in_all(), before + 3);
    session.discard_unsent();
    assert_eq!((session.queued_in_all(), session.sent_in_all()), (before + 3, before + 3));
}

#[test]
fn what_is_not_its_turn_is_an_error_for_good() {
    let early = [
        done("SELECT 1"),
        ready(b'I'),
        message(b'D', &[0, 0]),
        message(b'T', &[0, 0]),
        message(b'd', b""),
        message(b'c', b""),
        message(b'G', &[0, 0, 0]),
        message(b'R', &[0, 0, 0, 0]),
        message(b'K', &[0; 8]),
        message(b'1', b""),
        message(b'?', b""),
    ];
    for unexpected in early {
        let mut client = Client::new();
        client.feed(&[welcome(), told(b'N', "NOTICE", "00000", "x")].concat()).unwrap();
        // The five queries are answered first.
        let answers: Vec<u8> = (0..5).flat_map(|_| [done("SET"), ready(b'I')].concat()).collect();
        client.feed(&answers).unwrap();
        let error = client.feed(&unexpected).unwrap_err();
        assert_eq!(client.session.next_event(), Err(error), "{unexpected:?}");
    }
}

#[test]
fn a_table_is_not_left_open() {
    for tail in [ready(b'I'), message(b'I', b""), message(b'T', &[0, 0])] {
        let mut client = Client::new();
        client.feed(&welcome()).unwrap();
        client.feed(&message(b'T', &[0, 0])).unwrap();
        assert!(client.feed(&tail).is_err(), "{tail:?}");
    }
}
