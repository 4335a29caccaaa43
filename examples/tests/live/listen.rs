use aya_testkit::{Postgres, sql};

use crate::program::Program;

#[tokio::test]
async fn live_listen_tells_of_the_gap_and_goes_on_after_it() {
    let mut server = Postgres::builder().start().await.expect("a server");
    let conninfo = server.conninfo();
    let mut program =
        Program::start(env!("CARGO_BIN_EXE_listen"), &[&conninfo, "orders", "Payments"]);
    program.line("listening to orders, Payments").await;

    sql(&conninfo, "notify orders, 'first'").await.expect("notify");
    assert_eq!(program.line("orders").await, "orders: first");

    server.kill().expect("the server dies");
    server.start().await.expect("the server comes back");
    program.line("gap").await;

    sql(&conninfo, "notify \"Payments\", 'second'").await.expect("notify");
    assert_eq!(program.line("Payments").await, "Payments: second");
}
