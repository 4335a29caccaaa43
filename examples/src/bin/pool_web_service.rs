//! A small JSON service on the cluster's pool.
//!
//! ```sh
//! cargo run -p aya-examples --bin pool_web_service -- "host=db1,db2 user=app dbname=app" 127.0.0.1:8080
//! curl localhost:8080/items -H 'content-type: application/json' -d '{"id": 1, "name": "lamp"}'
//! curl localhost:8080/items
//! curl localhost:8080/health
//! ```

#![expect(clippy::print_stdout, reason = "the address is for whoever started the program")]

use std::time::Duration;

use anyhow::{Context, Result};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, extract::State, http::StatusCode, routing::get, serve};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

use aya_db::{CallOptions, Cluster, Error, Fate};

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    /// Chosen by the client: with a key of its own a request may be sent twice.
    id: i64,
    name: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let conninfo = arguments.next().context("give a connection string")?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());

    let cluster = Cluster::connect(&conninfo).await?;
    cluster.batch(TABLE).await?;
    // The handle is the pool: clones of it share their connections.
    let routes = Router::new()
        .route("/items", get(list).post(add))
        .route("/health", get(health))
        .with_state(cluster);
    let listener = TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(listener, routes).await.context("serve")
}

async fn list(State(cluster): State<Cluster>) -> Result<Json<Vec<Item>>, Failure> {
    // Nothing is written, so the driver may ask again whatever happened to the first try.
    let view = cluster.with(limited().read_only());
    let rows = view.query("select id, name from example_item order by id", &[]).await?;
    Ok(Json(rows.iter().map(|row| Item { id: row.get(0), name: row.get(1) }).collect()))
}

async fn add(cluster: State<Cluster>, Json(item): Json<Item>) -> Result<Json<Item>, Failure> {
    // Doing it twice is the same as doing it once, and the driver may know.
    let sql = "insert into example_item values ($1, $2) on conflict (id) do update set name = $2";
    cluster.with(limited().idempotent()).execute(sql, &[&item.id, &item.name]).await?;
    Ok(Json(item))
}

/// Looks at what the driver knows; asks no server.
async fn health(State(cluster): State<Cluster>) -> impl IntoResponse {
    let leader = cluster.snapshot().leadership.confirmed().map(ToString::to_string);
    let pools = cluster
        .pool_status()
        .into_iter()
        .map(|pool| json!({ "node": pool.node.to_string(), "size": pool.size, "idle": pool.idle }));
    let status = if leader.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "leader": leader, "pools": pools.collect::<Vec<_>>() })))
}

/// No client waits longer than this.
fn limited() -> CallOptions {
    CallOptions::new().timeout(Duration::from_secs(20))
}

struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    /// A client may repeat what left no trace, and must be told where nobody knows.
    fn into_response(self) -> Response {
        let status = match self.0.fate() {
            Fate::NotSent => StatusCode::SERVICE_UNAVAILABLE,
            Fate::Unknown => StatusCode::GATEWAY_TIMEOUT,
            Fate::RolledBack | Fate::Committed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = json!({ "code": self.0.code(), "fate": self.0.fate().to_string() });
        (status, Json(body)).into_response()
    }
}

const TABLE: &str = "create table if not exists example_item (id bigint primary key, name text)";
