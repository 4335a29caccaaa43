use std::time::Duration;

use aya_ha_core::postgres::{Probe, QUESTION};
use tokio_postgres::Client;

use super::ServerError;
use super::session::ask;

/// Asks a server for its state.
pub(super) async fn probe(client: &Client, patience: Duration) -> Result<Probe, ServerError> {
    let answer = ask(client, QUESTION, patience).await?;
    let read = serde_json::from_str(&answer).ok().and_then(|answer| Probe::read(&answer));
    read.ok_or_else(|| ServerError::Session {
        host: "the server".to_owned(),
        why: "an answer that cannot be read".to_owned(),
    })
}
