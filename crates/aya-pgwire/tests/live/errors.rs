//! Errors, with everything that a server says of them.

use aya_db_core::SqlState;
use aya_db_core::failure::Severity;
use aya_pgwire::{Answer, Field, ServerMessage, TransactionStatus};

use crate::support::{Client, Server};

fn error_of(client: &mut Client, sql: &str) -> ServerMessage {
    match client.query(sql).pop() {
        Some(Answer::Error(error)) => error,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn live_errors_have_all_their_fields() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    client.query("create domain small as int constraint tiny check (value < 10)");
    client.query("create table t (id int constraint positive check (id > 0), n int not null)");
    let error = error_of(&mut client, "insert into t values (-1, 1)");
    let text = |field| error.get(field).map(|text| std::str::from_utf8(text).unwrap());
    assert_eq!(error.sqlstate(), Some(SqlState::CHECK_VIOLATION));
    assert_eq!(error.severity(), Severity::Error);
    assert_eq!(text(Field::LocalizedSeverity), Some("ERROR"));
    assert_eq!(text(Field::Severity), Some("ERROR"));
    assert_eq!(text(Field::Detail), Some("Failing row contains (-1, 1)."));
    assert_eq!(text(Field::Schema), Some("public"));
    assert_eq!(text(Field::Table), Some("t"));
    assert_eq!(text(Field::Constraint), Some("positive"));
    assert_eq!(text(Field::Routine), Some("ExecConstraints"));
    assert!(text(Field::File).unwrap().ends_with(".c"));
    assert!(text(Field::Line).unwrap().parse::<u32>().is_ok());
    let error = error_of(&mut client, "insert into t values (1, null)");
    assert_eq!(error.get(Field::Column), Some(&b"n"[..]));
    let error = error_of(&mut client, "select 11::small");
    assert_eq!(error.get(Field::DataType), Some(&b"small"[..]));
}

#[test]
fn live_places_contexts_and_hints_are_reported_like_libpq() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let sql = "select 1,\n\tnope from pg_class";
    let error = error_of(&mut client, sql);
    let expected =
        "ERROR:  column \"nope\" does not exist\nLINE 2:  nope from pg_class\n         ^\n";
    assert_eq!(String::from_utf8_lossy(&error.report(Some(sql.as_bytes()), b"UTF8")), expected);
    let error = error_of(&mut client, "do $$ begin execute 'select * from nowhere'; end $$");
    let expected = "ERROR:  relation \"nowhere\" does not exist\nLINE 1: select * from nowhere\n\
        \u{20}                     ^\nQUERY:  select * from nowhere\nCONTEXT:  PL/pgSQL function \
        inline_code_block line 1 at EXECUTE\n";
    assert_eq!(String::from_utf8_lossy(&error.report(None, b"UTF8")), expected);
    assert_eq!(error.get(Field::InternalPosition), Some(&b"15"[..]));
    let error = error_of(&mut client, "select nofunction(1)");
    assert!(error.get(Field::Hint).is_some());
}

#[test]
fn live_an_error_ends_its_query_and_rows_before_it_are_gone() {
    let server = Server::start();
    let mut client = Client::open(&server.postgres.conninfo());
    let answers =
        client.query("select 1; select 1 / (n - 3) from generate_series(1, 5) n; select 2");
    assert!(matches!(&answers[..], [Answer::Table(_), Answer::Error(_)]), "{answers:?}");
    client.query("begin");
    client.query("nonsense");
    assert_eq!(client.status(), TransactionStatus::Failed);
    client.query("rollback");
    assert_eq!(client.status(), TransactionStatus::Idle);
}
