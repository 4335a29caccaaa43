//! Connections that end.

use aya_db_core::failure::{Cause, Sent};
use aya_pgwire::{Answer, ConnectionError, Event, Field};

use crate::support::{Client, Server, patience};

const GONE: &str = "server closed the connection unexpectedly\n\tThis probably means the server \
                    terminated abnormally\n\tbefore or while processing the request.";

#[test]
fn live_a_session_that_is_ended_while_idle_says_why() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let pid = client.connection.session().cancel_key().unwrap().process_id();
    server.sql(&format!("select pg_terminate_backend({pid}, 30000)"));
    let event = client.connection.next_event(&mut patience()).unwrap();
    let Event::LastWords(words) = event else { panic!("{event:?}") };
    assert_eq!(words.get(Field::Code), Some(&b"57P01"[..]));
    let error = client.connection.next_event(&mut patience()).unwrap_err();
    assert_eq!(error.to_string(), GONE);
    assert_eq!(error.cause(), Cause::ConnectionLost);
}

#[test]
fn live_a_query_after_the_end_gets_the_last_words_as_its_answer() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let pid = client.connection.session().cancel_key().unwrap().process_id();
    server.sql(&format!("select pg_terminate_backend({pid}, 30000)"));
    client.connection.session_mut().query(b"select 1").unwrap();
    let mut answers = Vec::new();
    let error = client
        .connection
        .run(&mut patience(), &mut |event| {
            if let Event::Answer(answer) = event {
                answers.push(answer);
            }
        })
        .unwrap_err();
    assert!(
        matches!(&answers[..], [Answer::Error(error)] if error.get(Field::Code) == Some(b"57P01"))
    );
    assert!(error.is_loss(), "{error}");
    assert_eq!(error.to_string(), GONE);
}

#[test]
fn live_a_server_that_dies_says_nothing() {
    let mut server = Server::start();
    let mut client = Client::open(&format!(
        "host={} port={} user=postgres dbname=postgres",
        server.postgres.socket_folder().display(),
        server.postgres.direct_address().port()
    ));
    let before = client.connection.session().queued_in_all();
    client.connection.session_mut().query(b"select pg_sleep(600)").unwrap();
    assert_eq!(client.connection.session().sent_since(before), Sent::No);
    client.connection.flush(&mut patience()).unwrap();
    assert_eq!(client.connection.session().sent_since(before), Sent::Yes);
    server.postgres.kill().unwrap();
    let error = client.connection.run(&mut patience(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), GONE);
    // Nothing can be sent any more, and it is said again.
    client.connection.session_mut().query(b"select 1").unwrap();
    let error = client.connection.run(&mut patience(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ConnectionError::Closed), "{error:?}");
}

#[test]
fn live_a_dropped_connection_says_nothing() {
    let server = Server::start();
    let first = Client::open(&server.postgres.superuser_conninfo());
    let pid = first.connection.session().cancel_key().unwrap().process_id();
    // What a child process holds after a fork: the same socket under another number.
    let copy = std::os::fd::AsFd::as_fd(&first.connection).try_clone_to_owned().unwrap();
    drop(first);
    let alive = format!("select count(*) = 1 from pg_stat_activity where pid = {pid}");
    for _ in 0..20 {
        assert_eq!(server.sql(&alive), [[Some("t".to_owned())]]);
    }
    drop(copy);
    server.until(&format!("select count(*) = 0 from pg_stat_activity where pid = {pid}"));
}
