//! The cancel request: a connection of its own to the same postmaster.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::CancelToken;

use super::dial::{Dialled, dial};
use super::failure::ConnectCause;
use super::session::Session;
use crate::tls::{Established, negotiate};

/// How long the request may take; the statement goes on if it does not arrive.
const LIMIT: Duration = Duration::from_secs(2);

/// Asks the server to cancel what `token`'s connection runs.
///
/// The server does not say whether it did; the statement's own answer tells.
pub(crate) async fn cancel(
    session: &Session,
    dialled: &Dialled,
    token: &CancelToken,
) -> Result<(), ConnectCause> {
    let request = async {
        let socket = dial(&dialled.address, session.info().sockets()).await?;
        let stream = negotiate(socket, dialled.host.host(), session.tls(), dialled.way).await?;
        let binding = Established::new(stream.tls_server_end_point());
        token.cancel_query_raw(stream, binding).await?;
        Ok(())
    };
    timeout(LIMIT, request).await.unwrap_or(Err(ConnectCause::Deadline))
}
