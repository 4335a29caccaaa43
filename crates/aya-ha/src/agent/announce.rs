//! What the node says of itself in the store.

use aya_ha_core::cluster::encode::Announcement;
use aya_ha_core::rest::{role_word, state_word};
use aya_ha_core::view::{Profile, Role, View};

use crate::postgres::Server;

/// The entry of this node.
pub(super) fn announcement(
    view: &View,
    server: &Server,
    received: Option<Standing>,
) -> Announcement {
    let config = server.config();
    let running = view.is_up();
    let standby = view.postgres.role == Role::Standby;
    Announcement {
        conn_url: format!("postgres://{}/postgres", config.postgresql.connect_address),
        api_url: format!("http://{}/patroni", config.restapi.connect_address),
        state: state_word(view).to_owned(),
        role: role_word(view).to_owned(),
        lsn: running.then_some(view.postgres.lsn),
        standby: received
            .filter(|_| running && standby)
            .map(|it| (Some(it.received), Some(it.replayed))),
        replication_state: (view.postgres.streaming && standby).then(|| "streaming".to_owned()),
        timeline: running.then_some(view.postgres.timeline),
        tags: view.me.tags.clone(),
        paused: view.cluster.is_paused(),
        awaits_checkpoint: view.postgres.awaits_checkpoint,
        profile: match view.settings.profile {
            Profile::Native => "native",
            Profile::Patroni => "patroni",
        }
        .to_owned(),
    }
}

/// How far a standby is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) received: aya_db_core::Lsn,
    pub(super) replayed: aya_db_core::Lsn,
}

/// Without its positions, which change all the time.
pub(super) fn essence(announcement: &Announcement) -> Announcement {
    Announcement { lsn: None, standby: None, ..announcement.clone() }
}
