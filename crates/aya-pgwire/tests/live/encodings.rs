//! Text that is not UTF-8.

use aya_pgwire::{Answer, Field};

use crate::support::{Client, Server};

#[test]
fn live_text_goes_to_and_fro_in_the_clients_encoding() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("set client_encoding = latin1");
    assert_eq!(client.connection.session().parameter("client_encoding"), Some(&b"LATIN1"[..]));
    let answers = client.pipeline(&[b"select '\xe9' as \"\xfc\""]);
    let [Answer::Table(table)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(&*table.columns[0].name, b"\xfc");
    assert_eq!(table.rows.get(0).unwrap().cell(0), Some(&b"\xe9"[..]));
    let answers = client.pipeline(&[b"select \"\xe9\""]);
    let [Answer::Error(error)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(error.get(Field::Message), Some(&b"column \"\xe9\" does not exist"[..]));
    client.query("set client_encoding = sql_ascii");
    let answers = client.pipeline(&[b"select '\xc3\xa9'"]);
    let [Answer::Table(table)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(table.rows.get(0).unwrap().cell(0), Some(&b"\xc3\xa9"[..]));
}
