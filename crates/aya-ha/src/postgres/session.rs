//! Connections to servers: the one of this node, and the leader's.

use std::time::Duration;

use aya_ha_core::config::{Config, Login};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::ServerError;

/// Connects to this node's own server as its superuser.
pub(super) async fn own(config: &Config, patience: Duration) -> Result<Client, ServerError> {
    let postgresql = &config.postgresql;
    let sockets = postgresql.parameters.get("unix_socket_directories").map(String::as_str);
    let first = |list: &str| list.split(',').next().unwrap_or_default().trim().to_owned();
    let host = if postgresql.use_unix_socket {
        sockets.map_or_else(|| "/tmp".to_owned(), first)
    } else {
        match first(&postgresql.listen).as_str() {
            "" | "*" | "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
            host => host.to_owned(),
        }
    };
    connect(&host, postgresql.port, &postgresql.superuser, "postgres", patience).await
}

/// Connects to a server.
pub(super) async fn connect(
    host: &str,
    port: u16,
    login: &Login,
    database: &str,
    patience: Duration,
) -> Result<Client, ServerError> {
    let mut config = tokio_postgres::Config::new();
    config.host(host).port(port).user(&login.username).dbname(database);
    config.application_name("aya-ha").connect_timeout(patience);
    if let Some(password) = &login.password {
        config.password(password.reveal());
    }
    let session = |why: String| ServerError::Session { host: format!("{host}:{port}"), why };
    let (client, connection) = timeout(patience, config.connect(NoTls))
        .await
        .map_err(|_| session("no connection in time".to_owned()))?
        .map_err(|error| session(words(&error)))?;
    tokio::spawn(connection);
    Ok(client)
}

/// The first column of the first row.
pub(super) async fn ask(
    client: &Client,
    sql: &str,
    patience: Duration,
) -> Result<String, ServerError> {
    let failed = |why: String| ServerError::Session { host: "the server".to_owned(), why };
    let messages = timeout(patience, client.simple_query(sql))
        .await
        .map_err(|_| failed("no answer in time".to_owned()))?
        .map_err(|error| failed(words(&error)))?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    Ok(row.unwrap_or_default())
}

/// What the server said, or what went wrong below it.
fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        }
    }
}
