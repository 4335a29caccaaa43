//! COPY in and out.

use aya_pgwire::{Answer, Event, Field, Polled};

use crate::support::{Client, Server, patience};

fn started(client: &mut Client, sql: &str) -> Answer {
    let mut answers = client.query(sql);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.pop().unwrap()
}

#[test]
fn live_copy_in() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("create table t (id int, name text)");
    let Answer::CopyIn(shape) = started(&mut client, "copy t from stdin") else { panic!() };
    assert_eq!(shape.columns.len(), 2);
    for n in 0..200_000 {
        let row = format!("{n}\tname {n}\n");
        client.connection.copy_data(row.as_bytes(), &mut patience()).unwrap().unwrap();
    }
    client.connection.session_mut().copy_done().unwrap();
    let [Answer::Done(tag)] = &client.answers()[..] else { panic!() };
    assert_eq!(tag.rows(), Some(200_000));
    assert_eq!(client.value("select count(distinct name) from t"), "200000");
}

#[test]
fn live_copy_in_may_fail_on_either_side() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("create table t (id int)");
    started(&mut client, "copy t from stdin");
    client.connection.session_mut().copy_data(b"1\n").unwrap();
    client.connection.session_mut().copy_fail(b"changed my mind").unwrap();
    let [Answer::Error(error)] = &client.answers()[..] else { panic!() };
    assert_eq!(error.get(Field::Code), Some(&b"57014"[..]));
    let text = String::from_utf8_lossy(error.get(Field::Message).unwrap()).into_owned();
    assert!(text.ends_with("changed my mind"), "{text}");
    started(&mut client, "copy t from stdin");
    // The server gives up long before the data ends; its error comes while data goes.
    let row = b"this is no number and never will be one\n";
    while client.connection.copy_data(row, &mut patience()).unwrap().is_ok() {
        if let Polled::Event(event) = client.connection.poll_event().unwrap() {
            let Event::Answer(Answer::Error(error)) = event else { panic!("{event:?}") };
            assert_eq!(error.get(Field::Code), Some(&b"22P02"[..]));
        }
    }
    assert!(client.answers().is_empty());
    assert_eq!(client.value("select count(*) from t"), "0");
}

#[test]
fn live_copy_out() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let sql = "copy (select n, 'x' from generate_series(1, 100000) n) to stdout";
    let Answer::CopyOut(_) = started(&mut client, sql) else { panic!() };
    let (mut rows, mut bytes) = (0, 0);
    let tag = loop {
        match client.connection.next_event(&mut patience()).unwrap() {
            Event::CopyData(data) => {
                rows += data.iter().filter(|row| row.ends_with(b"\tx\n")).count();
                bytes += data.as_bytes().len();
            }
            Event::CopyDone => {}
            Event::Answer(Answer::Done(tag)) => break tag,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((rows, tag.rows()), (100_000, Some(100_000)));
    assert_eq!(bytes, 488_895 + 300_000);
    client.answers();
    assert_eq!(client.value("select 1"), "1");
}

#[test]
fn live_a_copy_that_nobody_wants_is_refused_and_the_session_goes_on() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("create table t (id int)");
    client.pipeline(&[b"begin", b"copy t from stdin"]);
    client.connection.session_mut().copy_fail(b"not here").unwrap();
    assert!(matches!(&client.answers()[..], [Answer::Error(_)]));
    client.query("rollback");
    started(&mut client, "copy t to stdout");
    client.answers();
    assert_eq!(client.value("select 1"), "1");
}
