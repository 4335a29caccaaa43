//! The replication protocol.

use aya_pgwire::{Answer, Event};
use aya_testkit::Postgres;

use crate::support::{Client, Server, patience};

#[test]
fn live_changes_are_streamed_and_confirmed() {
    let server = Server::built(Postgres::builder().setting("wal_level", "logical"));
    server.sql("create table t (id int)");
    let mut client =
        Client::open(&format!("{} replication=database", server.postgres.superuser_conninfo()));
    let table = client.table("IDENTIFY_SYSTEM");
    assert_eq!(&*table.columns[0].name, b"systemid");
    client.query("CREATE_REPLICATION_SLOT s LOGICAL test_decoding");
    let answers = client.query("START_REPLICATION SLOT s LOGICAL 0/0");
    assert!(matches!(&answers[..], [Answer::CopyBoth(_)]), "{answers:?}");
    server.sql("insert into t values (7)");
    let mut seen = String::new();
    while !seen.contains("INSERT: id[integer]:7") {
        let Event::CopyData(data) = client.connection.next_event(&mut patience()).unwrap() else {
            panic!()
        };
        for message in data.iter().filter(|message| message[0] == b'w') {
            seen.push_str(&String::from_utf8_lossy(&message[25..]));
        }
    }
    let mut status = vec![b'r'];
    status.extend([0; 33]);
    client.connection.session_mut().copy_data(&status).unwrap();
    client.connection.session_mut().copy_done().unwrap();
    let answers = client.answers();
    assert!(matches!(&answers[..], [.., Answer::Done(_)]), "{answers:?}");
    assert!(!client.connection.session().gives_copy_data());
    assert_eq!(client.value("SHOW server_version_num").len(), 6);
}
