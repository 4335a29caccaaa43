use aya_testkit::Postgres;

use crate::program::Program;

#[tokio::test]
async fn live_connect_names_the_leader_and_the_fate_of_an_error() {
    let server = Postgres::builder().start().await.expect("a server");
    let program = Program::start(env!("CARGO_BIN_EXE_connect"), &[&server.conninfo()]);
    let output = program.output().await;
    for wanted in [
        &format!("{} leads", server.client_address()),
        "connected to app",
        "the double of 21 is 42",
        "SQLSTATE:  22012",
        "fate:      rolled back",
        "try again: no",
    ] {
        assert!(output.contains(wanted), "{wanted:?} in {output}");
    }
}
