//! Which of several hosts is taken.

use aya_db_core::failure::{Cause, ConnectStage, Phase};
use aya_pgwire::Address;
use aya_testkit::{Pair, Postgres};
use tokio::runtime::Runtime;

use crate::support::Client;

#[test]
fn live_hosts_are_tried_until_one_will_do() {
    let runtime = Runtime::new().unwrap();
    let pair = runtime.block_on(Pair::start(Postgres::builder())).unwrap();
    let (primary, standby) = (pair.primary.client_address(), pair.standby.client_address());
    let hosts = format!("host={},{}", standby.ip(), primary.ip());
    let ports = format!("port={},{}", standby.port(), primary.port());
    let login = format!("{hosts} {ports} user=app password=app dbname=app");
    let taken = |attrs: &str| {
        let client = Client::open(&format!("{login} target_session_attrs={attrs}"));
        client.connection.server().address().clone()
    };
    let (on_primary, on_standby) = (Address::Tcp(primary), Address::Tcp(standby));
    for attrs in ["any", "standby", "read-only", "prefer-standby"] {
        assert_eq!(taken(attrs), on_standby, "{attrs}");
    }
    for attrs in ["primary", "read-write", "prefer-primary"] {
        assert_eq!(taken(attrs), on_primary, "{attrs}");
    }
    let alone = format!(
        "host={} port={} user=app password=app dbname=app target_session_attrs=",
        standby.ip(),
        standby.port()
    );
    let place =
        format!("connection to server at \"{}\", port {} failed: ", standby.ip(), standby.port());
    for attrs in ["primary", "read-write"] {
        let error = Client::try_open(&format!("{alone}{attrs}")).err().unwrap();
        assert_eq!(error.text(), format!("{place}server is in hot standby mode\n"), "{attrs}");
        assert_eq!(error.facts().cause, Cause::RoleMismatch);
    }
    assert_eq!(
        Client::open(&format!("{alone}prefer-primary")).value("select pg_is_in_recovery()"),
        "t"
    );
}

#[test]
fn live_a_host_that_is_not_there_is_passed_by() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Postgres::builder().start()).unwrap();
    let address = server.client_address();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Nobody accepts here: the backlog takes the connection, and nothing is ever said.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let login = format!(
        "host=127.0.0.1,127.0.0.1,{} port={closed},{},{} user=app password=app dbname=app",
        address.ip(),
        silent.local_addr().unwrap().port(),
        address.port()
    );
    let mut client = Client::open(&format!("{login} connect_timeout=1"));
    assert_eq!(client.value("select 1"), "1");
    let nobody = format!("host=127.0.0.1 port={closed} user=app dbname=app");
    let error = Client::try_open(&nobody).err().unwrap();
    assert_eq!(
        error.text(),
        format!(
            "connection to server at \"127.0.0.1\", port {closed} failed: Connection \
             refused\n\tIs the server running on that host and accepting TCP/IP connections?\n"
        )
    );
    assert_eq!(error.facts().phase, Phase::Connect(ConnectStage::Tcp));
    assert_eq!(error.facts().cause, Cause::Refused);
    let port = silent.local_addr().unwrap().port();
    let mute = format!("host=127.0.0.1 port={port} user=app dbname=app connect_timeout=1");
    let error = Client::try_open(&mute).err().unwrap();
    let expected =
        format!("connection to server at \"127.0.0.1\", port {port} failed: timeout expired\n");
    assert_eq!(error.text(), expected);
    assert_eq!(error.facts().cause, Cause::Deadline);
}

#[test]
fn live_a_name_without_an_address_is_told() {
    let error = Client::try_open("host=no.such.host.invalid user=app").err().unwrap();
    let text = error.text();
    assert!(
        text.starts_with("could not translate host name \"no.such.host.invalid\" to address: "),
        "{text}"
    );
    assert_eq!(error.facts().cause, Cause::NameResolution);
}
