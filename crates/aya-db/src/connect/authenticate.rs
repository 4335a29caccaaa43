//! From a negotiated stream to a running session.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{Client, Connection, Notification};

use aya_db_core::conninfo::HostSpec;
use aya_db_core::{Generation, NodeId};

use super::dial::Dialled;
use super::failure::ConnectCause;
use super::session::Session;
use super::transport::Transport;
use crate::link::{Link, LinkFacts, LinkState, Tap, drive};
use crate::tls::{Established, Negotiated};

/// What a connection is to be known by.
#[derive(Debug)]
pub(crate) struct Label<'a> {
    /// The server.
    pub(crate) node: &'a NodeId,
    /// The generation of its connections at this moment.
    pub(crate) generation: Generation,
    /// Who takes the notifications.
    pub(crate) notifications: Option<mpsc::Sender<Notification>>,
}

/// Sends the startup message, authenticates, starts the driver task, and learns the role.
///
/// Dropped midway, the connection is closed.
pub(super) async fn authenticate(
    session: &Session,
    host: &HostSpec,
    label: Label<'_>,
    stream: Negotiated<Transport>,
    dialled: Dialled,
) -> Result<Link, ConnectCause> {
    let state = LinkState::new();
    let binding = Established::new(stream.tls_server_end_point());
    let tap = Tap::new(stream, state.clone(), session.info().require_auth().clone());
    let (client, connection) = session.startup(host).connect_raw(tap, binding).await?;
    let reported = Role::reported(&connection);
    let driver = drive(connection, state.clone(), label.notifications);
    let role = match reported {
        Some(role) => role,
        None => Role::asked(&client).await?,
    };
    let facts = LinkFacts {
        node: label.node.clone(),
        generation: label.generation,
        made_at: Instant::now(),
        in_recovery: role.in_recovery,
        default_read_only: role.default_read_only,
    };
    Ok(Link::new(client, state, driver, facts, dialled))
}

/// What a server says of its role.
struct Role {
    in_recovery: bool,
    default_read_only: bool,
}

impl Role {
    /// As servers report it unasked since PostgreSQL 14
    /// (<https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-ASYNC>).
    fn reported<S, T>(connection: &Connection<S, T>) -> Option<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        T: TlsStream + Unpin,
    {
        Some(Self {
            in_recovery: connection.parameter("in_hot_standby")? == "on",
            default_read_only: connection.parameter("default_transaction_read_only")? == "on",
        })
    }

    async fn asked(client: &Client) -> Result<Self, ConnectCause> {
        const QUESTION: &str = "select pg_catalog.pg_is_in_recovery(), \
            pg_catalog.current_setting('default_transaction_read_only') = 'on'";
        let row = client.query_one(QUESTION, &[]).await?;
        Ok(Self { in_recovery: row.try_get(0)?, default_read_only: row.try_get(1)? })
    }
}
