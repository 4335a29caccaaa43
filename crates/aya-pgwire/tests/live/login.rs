//! Who is let in, and how.

use aya_db_core::failure::{Cause, ConnectStage, Phase};
use aya_testkit::Postgres;

use crate::support::{Client, Server};

#[test]
fn live_scram_md5_and_clear_passwords() {
    let server = Server::built(
        Postgres::builder()
            .setting("md5_password_warnings", "off")
            .hba("host all m5 127.0.0.0/8 md5")
            .hba("host all clear 127.0.0.0/8 password"),
    );
    server.sql("set password_encryption = md5; create role m5 login password 'five'");
    server.sql("create role clear login password 'glass'");
    let conninfo = server.postgres.conninfo();
    let mut client = Client::open(&conninfo);
    assert_eq!(client.value("select current_user"), "app");
    assert!(client.connection.session().used_password());
    let trusted = Client::open(&server.postgres.superuser_conninfo());
    assert!(!trusted.connection.session().used_password());
    for (user, password) in [("m5", "five"), ("clear", "glass")] {
        let login =
            |password| format!("{conninfo} user={user} password={password} dbname=postgres");
        assert_eq!(Client::open(&login(password)).value("select current_user"), user);
        let error = Client::try_open(&login("wrong")).err().unwrap();
        let text = error.text();
        assert!(
            text.ends_with(&format!(
                "FATAL:  password authentication failed for user \"{user}\"\n"
            )),
            "{text}"
        );
    }
}

#[test]
fn live_refusals_are_told_in_libpqs_words() {
    let server = Server::start();
    let conninfo = server.postgres.conninfo();
    let address = server.postgres.client_address();
    let place =
        format!("connection to server at \"{}\", port {} failed: ", address.ip(), address.port());
    let cases = [
        ("password=wrong", "FATAL:  password authentication failed for user \"app\"\n"),
        ("dbname=nowhere", "FATAL:  database \"nowhere\" does not exist\n"),
        ("sslmode=require", "server does not support SSL, but SSL was required\n"),
        (
            "require_auth=md5",
            "authentication method requirement \"md5\" failed: server requested SASL authentication\n",
        ),
    ];
    for (extra, expected) in cases {
        let error = Client::try_open(&format!("{conninfo} {extra}")).err().unwrap();
        assert_eq!(error.text(), format!("{place}{expected}"), "{extra}");
    }
    let silent = conninfo.replace("password='app'", "");
    let error = Client::try_open(&silent).err().unwrap();
    assert_eq!(error.text(), format!("{place}fe_sendauth: no password supplied\n"));
    assert_eq!(error.facts().phase, Phase::Connect(ConnectStage::Auth));
    assert_eq!(error.facts().cause, Cause::Authentication);
}

#[test]
fn live_the_session_is_as_it_was_asked_for() {
    let server = Server::start();
    let mut client = Client::open(&format!(
        "{} application_name=probe options='-c work_mem=3MB' client_encoding=LATIN1",
        server.postgres.conninfo()
    ));
    assert_eq!(client.value("show work_mem"), "3MB");
    assert_eq!(client.value("show application_name"), "probe");
    let session = client.connection.session();
    assert_eq!(session.parameter("client_encoding"), Some(&b"LATIN1"[..]));
    assert_eq!(session.parameter("is_superuser"), Some(&b"off"[..]));
    let process_id = session.cancel_key().unwrap().process_id();
    assert_eq!(client.value("select pg_backend_pid()"), process_id.to_string());
    client.connection.close();
    server.until("select count(*) = 0 from pg_stat_activity where application_name = 'probe'");
}

#[test]
fn live_protocol_3_2_brings_a_longer_key() {
    let server = Server::start();
    let conninfo = format!("{} max_protocol_version=3.2", server.postgres.conninfo());
    let mut client = Client::open(&conninfo);
    let key = client.connection.session().cancel_key().unwrap();
    assert!(key.request().len() > 16, "{}", key.request().len());
    client.query("select 1");
}

#[test]
fn live_unix_sockets_know_their_owner() {
    let server = Server::start();
    let conninfo = server.postgres.superuser_conninfo();
    assert_eq!(Client::open(&conninfo).value("select 1"), "1");
    let error = Client::try_open(&format!("{conninfo} requirepeer=nobody_at_all")).err().unwrap();
    assert!(error.text().contains("requirepeer specifies \"nobody_at_all\", but actual peer user"));
    let nowhere = format!("{conninfo} host=/nowhere");
    let error = Client::try_open(&nowhere).err().unwrap();
    let port = server.postgres.direct_address().port();
    assert_eq!(
        error.text(),
        format!(
            "connection to server on socket \"/nowhere/.s.PGSQL.{port}\" failed: No such file or \
             directory\n\tIs the server running locally and accepting connections on that \
             socket?\n"
        )
    );
}
