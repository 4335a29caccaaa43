//! tokio-postgres as a careful application uses it: all hosts, only a server that takes writes,
//! a limit on connecting, and a loop that connects again for as long as it takes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use aya_testkit::PatroniCluster;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::config::{LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::driver::{INSERT, Outcome, message};
use super::log::Left;

/// What every agent connects with.
pub(crate) struct Plain {
    config: Arc<Config>,
}

impl Plain {
    /// Takes the addresses and the account of `cluster`.
    pub(super) fn new(cluster: &PatroniCluster) -> Result<Self> {
        let account = cluster.account();
        let mut config = Config::new();
        for address in cluster.client_addresses() {
            config.host(address.ip().to_string()).port(address.port());
        }
        config
            .user(&account.name)
            .password(&account.password)
            .dbname(&account.name)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(KEEPALIVES_IDLE)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            // In a fixed order, a frozen first host would keep everybody from the second.
            .load_balance_hosts(LoadBalanceHosts::Random);
        Ok(Self { config: Arc::new(config) })
    }

    /// The writer of agent `number`. It connects with its first write.
    pub(super) fn writer(&self, number: i32) -> PlainWriter {
        PlainWriter { config: Arc::clone(&self.config), number, session: None }
    }
}

/// One agent's connection, and how to make another.
pub(crate) struct PlainWriter {
    config: Arc<Config>,
    number: i32,
    session: Option<Session>,
}

impl PlainWriter {
    pub(super) async fn write(&mut self, id: i64) -> Outcome {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.connect().await,
        };
        match session.client.execute(&session.insert, &[&id, &self.number]).await {
            Ok(_) => {
                self.session = Some(session);
                Outcome::Written
            }
            Err(error) => {
                // An error of the statement alone would leave the connection as it is, but there
                // is no such error here.
                let (label, message) = (label(&error), message(&error));
                Outcome::Failed { label, message, left: Left::Untold }
            }
        }
    }

    async fn connect(&self) -> Session {
        loop {
            // connect_timeout ends with TCP: a frozen server would be waited for without end.
            if let Ok(Ok(session)) = timeout(SESSION_TIMEOUT, Session::open(&self.config)).await {
                return session;
            }
            sleep(PAUSE).await;
        }
    }
}

struct Session {
    client: Client,
    insert: Statement,
    /// Moves the bytes, and ends with the session.
    _driver: JoinSet<()>,
}

impl Session {
    async fn open(config: &Config) -> Result<Self, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What ended the connection also ends the statement that runs on it.
            _ = connection.await;
        });
        let insert = client.prepare(INSERT).await?;
        Ok(Self { client, insert, _driver: driver })
    }
}

fn label(error: &Error) -> String {
    if let Some(code) = error.code() {
        return code.code().to_owned();
    }
    if error.is_closed() { "connection closed".to_owned() } else { error.to_string() }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVES_IDLE: Duration = Duration::from_secs(10);
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
