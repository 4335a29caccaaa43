use std::net::SocketAddr;
use std::time::Duration;

use aya_testkit::{HttpAnswer, Postgres, http_request, until};

use crate::program::Program;

#[tokio::test]
async fn live_pool_web_service_serves_before_and_after_a_crash() {
    let mut server = Postgres::builder().start().await.expect("a server");
    let arguments = [&*server.conninfo(), "127.0.0.1:0"];
    let mut program = Program::start(env!("CARGO_BIN_EXE_pool_web_service"), &arguments);
    let line = program.line("listening on http://").await;
    let address = line.rsplit('/').next().expect("an address").parse().expect("an address");

    assert_eq!(health(address, 200).await["leader"], server.client_address().to_string());
    let added = ask(address, "POST", "/items", r#"{"id": 7, "name": "lamp"}"#).await;
    assert_eq!((added.status, &*added.body), (200, r#"{"id":7,"name":"lamp"}"#));

    server.kill().expect("the server dies");
    let listed = tokio::spawn(async move { ask(address, "GET", "/items", "").await });
    health(address, 503).await;
    server.start().await.expect("the server comes back");

    // The request that came while nobody led has waited for the server.
    let listed = listed.await.expect("the request");
    assert_eq!((listed.status, &*listed.body), (200, r#"[{"id":7,"name":"lamp"}]"#));
    health(address, 200).await;
}

/// What the service says of its health once its status is `status`.
async fn health(address: SocketAddr, status: u16) -> serde_json::Value {
    let healthy = until("the state of health", Duration::from_secs(30), async || {
        let answer = ask(address, "GET", "/health", "").await;
        if answer.status == status { answer.json().map(Some) } else { Ok(None) }
    });
    healthy.await.expect("in time")
}

async fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> HttpAnswer {
    http_request(address, method, path, body, Duration::from_secs(30)).await.expect("an answer")
}
