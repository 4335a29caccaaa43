//! What is answered to a server that asks who is there, and what is not.

use aya_db_core::conninfo::{AuthMethod, ChannelBinding, RequireAuth, Secret};

use super::script::{message, ready, told, welcome};
use crate::session::{Event, LoginError, ProtocolVersion, Session, SessionError, Startup};

fn app() -> Startup {
    Startup::new("app").password(Some(Secret::new("secret")))
}

/// The session after these bytes, with what it wants to send.
fn answer(startup: Startup, bytes: &[u8]) -> Result<(Session, Vec<u8>), SessionError> {
    let mut session = Session::new(startup).unwrap();
    session.mark_sent(session.unsent().len());
    session.spare()[..bytes.len()].copy_from_slice(bytes);
    session.received(bytes.len());
    while session.next_event()?.is_some() {}
    let unsent = session.unsent().to_vec();
    Ok((session, unsent))
}

fn refused(startup: Startup, bytes: &[u8]) -> LoginError {
    match answer(startup, bytes) {
        Err(SessionError::Login(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn request(code: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&code.to_be_bytes(), rest].concat())
}

const BOTH: &[u8] = b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0";
const PLAIN: &[u8] = b"SCRAM-SHA-256\0\0";

#[test]
fn the_startup_message_holds_the_parameters() {
    let startup = Startup::new("app").parameter("replication", "database").parameter("user", "b");
    let session = Session::new(startup).unwrap();
    assert_eq!(session.unsent(), b"\0\0\0\x25\0\x03\0\0user\0b\0replication\0database\0\0");
    assert!(Session::new(Startup::new("a\0b")).is_err());
}

#[test]
fn passwords_go_in_clear_or_hashed() {
    assert_eq!(answer(app(), &request(3, &[])).unwrap().1, message(b'p', b"secret\0"));
    let (_, sent) = answer(app(), &request(5, &[1, 2, 3, 4])).unwrap();
    assert_eq!(&sent[5..8], b"md5");
    assert_eq!(sent.len(), 5 + 35 + 1);
    for code in [3, 5] {
        let asked = request(code, &[1, 2, 3, 4]);
        assert_eq!(refused(Startup::new("app"), &asked), LoginError::NoPassword);
        let empty = Startup::new("app").password(Some(Secret::new("")));
        assert_eq!(refused(empty, &asked), LoginError::NoPassword);
    }
}

#[test]
fn scram_binds_where_it_can() {
    let first = |startup: Startup, offered| {
        let (_, sent) = answer(startup, &request(10, offered)).unwrap();
        String::from_utf8_lossy(&sent[5..]).replace(|c: char| c.is_ascii_control(), " ")
    };
    assert!(first(app(), PLAIN).starts_with("SCRAM-SHA-256     n,,n=,r="), "no TLS");
    let over = |digest| app().over_tls(digest);
    let digest = || Some(vec![7; 32]);
    let bound = first(over(digest()), BOTH);
    assert!(
        bound.starts_with("SCRAM-SHA-256-PLUS ") && bound.contains("p=tls-server-end-point,,n=")
    );
    assert!(first(over(digest()), PLAIN).contains("y,,n=,r="), "an offer may have been taken away");
    assert!(first(over(None), BOTH).contains("n,,n=,r="), "nothing to bind to");
    let disabled = over(digest()).channel_binding(ChannelBinding::Disable);
    assert!(first(disabled, BOTH).contains("n,,n=,r="));
}

#[test]
fn a_server_that_binds_nothing_is_refused_if_it_must() {
    let required = || app().over_tls(Some(vec![7])).channel_binding(ChannelBinding::Require);
    assert_eq!(refused(required(), &request(10, PLAIN)), LoginError::BindingNotOffered);
    assert_eq!(refused(required(), &request(3, &[])), LoginError::BindingNotRequested);
    assert_eq!(refused(required(), &request(0, &[])), LoginError::BindingNotDone);
    let plain = app().channel_binding(ChannelBinding::Require);
    assert_eq!(refused(plain, &request(10, PLAIN)), LoginError::BindingWithoutTls);
    assert_eq!(refused(app(), &request(10, BOTH)), LoginError::PlusWithoutTls);
    assert_eq!(refused(app(), &request(10, b"OTHER\0\0")), LoginError::NoMechanism);
}

#[test]
fn a_server_that_asks_for_too_little_gets_nothing() {
    let scram = || app().require_auth(RequireAuth::Only(vec![AuthMethod::ScramSha256]));
    for (code, words) in [
        (3, "server requested a cleartext password"),
        (5, "server requested a hashed password"),
        (0, "server did not complete authentication"),
    ] {
        assert_eq!(
            refused(scram(), &request(code, &[0; 4])).to_string(),
            format!("authentication method requirement \"scram-sha-256\" failed: {words}")
        );
    }
    let early = [request(10, PLAIN), request(0, &[])].concat();
    assert_eq!(refused(scram(), &early), LoginError::NotProven);
    let twice = [request(10, PLAIN), request(3, &[])].concat();
    assert!(matches!(answer(app(), &twice), Err(SessionError::Protocol(_))));
    assert_eq!(refused(app(), &request(7, &[])), LoginError::Unsupported(7));
    assert_eq!(refused(app(), &request(99, &[])), LoginError::Unsupported(99));
}

#[test]
fn nothing_begins_before_the_server_is_content() {
    assert!(answer(app(), &ready(b'I')).is_err());
    assert!(answer(app(), &message(b'K', &[0; 8])).is_err());
    let twice = [request(0, &[]), request(0, &[])].concat();
    assert!(answer(app(), &twice).is_err());
}

#[test]
fn a_refusal_is_told_as_last_words() {
    let mut session = Session::new(app()).unwrap();
    let bytes = told(b'E', "FATAL", "28P01", "no");
    session.spare()[..bytes.len()].copy_from_slice(&bytes);
    session.received(bytes.len());
    assert!(matches!(session.next_event(), Ok(Some(Event::LastWords(_)))));
}

#[test]
fn a_postmaster_without_a_process_to_spare_is_understood() {
    let mut session = Session::new(app()).unwrap();
    let bytes = b"Ecould not fork new process for connection: Out of memory\n\0";
    for byte in &bytes[..] {
        assert_eq!(session.next_event(), Ok(None));
        session.spare()[0] = *byte;
        session.received(1);
    }
    let Ok(Some(Event::LastWords(words))) = session.next_event() else { panic!() };
    let expected = b"could not fork new process for connection: Out of memory\n";
    assert_eq!(words.report(None, b"UTF8"), expected);
    assert_eq!((words.is_error(), words.sqlstate()), (true, None));
}

#[test]
fn an_older_protocol_is_taken_unless_it_must_not() {
    use ProtocolVersion::{V3_0, V3_2};

    let older = [message(b'v', &[0, 3, 0, 0, 0, 0, 0, 0]), welcome()].concat();
    let (session, _) = answer(app().protocol(V3_2, V3_0), &older).unwrap();
    assert_eq!(session.protocol(), V3_0);
    assert_eq!(refused(app().protocol(V3_2, V3_2), &older), LoginError::ProtocolTooOld);
    assert!(answer(app(), &message(b'v', &[0, 3, 0, 2, 0, 0, 0, 0])).is_err(), "not asked for");
    let option = message(b'v', b"\0\x03\0\0\0\0\0\x01_pq_.x\0");
    assert!(answer(app().protocol(V3_2, V3_0), &option).is_err());
}

#[test]
fn long_cancel_keys_are_kept() {
    for length in [3, 4, 32, 256, 257] {
        let key = message(b'K', &[&[0, 0, 0, 9], &vec![5; length][..]].concat());
        let answered = answer(app(), &[request(0, &[]), key, ready(b'I')].concat());
        if !(4..=256).contains(&length) {
            assert!(answered.is_err(), "{length}");
            continue;
        }
        let (session, _) = answered.unwrap();
        let packet = session.cancel_key().unwrap().request();
        assert_eq!(
            packet[..12],
            [0, 0, u8::from(length > 243), (12 + length) as u8, 4, 210, 22, 46, 0, 0, 0, 9]
        );
        assert_eq!(packet[12..], vec![5; length]);
        assert!(!format!("{session:?}").contains("5, 5"), "the key is no business of a log");
    }
}

#[test]
fn no_password_shows() {
    let (session, sent) = answer(app(), &request(3, &[])).unwrap();
    assert_eq!(session.unsent(), sent, "the password waits to be sent");
    let bytes = format!("{:?}", b"secret");
    for shown in [format!("{session:?}"), format!("{:?}", app())] {
        assert!(
            !shown.contains("secret") && !shown.contains(&bytes[1..bytes.len() - 1]),
            "{shown}"
        );
    }
}
