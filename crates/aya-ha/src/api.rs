//! The REST interface: bytes in and out. What is answered is decided elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use aya_ha_core::config::{RestApi, Secret};
use aya_ha_core::rest::{self, Answer, Order, Status};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::clock;

/// An order, and where its answer goes.
pub type Ordered = (Order, oneshot::Sender<Answer>);

#[derive(Clone)]
struct Api {
    status: watch::Receiver<Option<Arc<Status>>>,
    orders: mpsc::Sender<Ordered>,
    authentication: Option<(String, Secret)>,
}

/// Serves the interface for as long as the listener lives.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(
    config: &RestApi,
    status: watch::Receiver<Option<Arc<Status>>>,
    orders: mpsc::Sender<Ordered>,
) -> anyhow::Result<()> {
    let at = &config.listen;
    let host = if at.host == "*" { "0.0.0.0" } else { &at.host };
    let listener = TcpListener::bind((host, at.port))
        .await
        .with_context(|| format!("restapi.listen: cannot listen on {at}"))?;
    let api = Api { status, orders, authentication: config.authentication.clone() };
    let router = Router::new().fallback(handle).layer(DefaultBodyLimit::max(BODY)).with_state(api);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}

async fn handle(
    State(api): State<Api>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let Some(status) = api.status.borrow().clone() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut status = Status::clone(&status);
    // A node that was asleep must not claim what it knew before.
    status.view.now = clock::now();
    match method {
        Method::GET => respond(&rest::get(&status, uri.path(), &query)),
        Method::HEAD | Method::OPTIONS => {
            code(rest::get(&status, uri.path(), &query).code).into_response()
        }
        _ if !api.may(&headers) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"aya-ha\"")];
            (StatusCode::UNAUTHORIZED, challenge, "no auth header received").into_response()
        }
        method => match rest::order(&status, method.as_str(), uri.path(), &body) {
            Ok(order) => respond(&api.pass_on(order).await),
            Err(answer) => respond(&answer),
        },
    }
}

impl Api {
    /// Whether a request may change something.
    fn may(&self, headers: &HeaderMap) -> bool {
        let Some((user, password)) = &self.authentication else { return true };
        let wanted = BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()));
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        given
            .and_then(|given| given.strip_prefix("Basic "))
            .is_some_and(|given| equal(given, &wanted))
    }

    async fn pass_on(&self, order: Order) -> Answer {
        let (tell, told) = oneshot::channel();
        let gone = || Answer::text(503, "the daemon ends");
        if self.orders.send((order, tell)).await.is_err() {
            return gone();
        }
        match timeout(PATIENCE, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => gone(),
        }
    }
}

/// Compares in a time that does not tell how much is right.
fn equal(one: &str, other: &str) -> bool {
    let differs = one.bytes().zip(other.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differs == 0
}

fn respond(answer: &Answer) -> Response {
    let (bytes, kind) = answer.bytes();
    (code(answer.code), [(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response()
}

fn code(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// No request has a body of this size.
const BODY: usize = 1 << 20;

/// How long the agent may take over an order; a switchover is the longest.
const PATIENCE: Duration = Duration::from_secs(120);
