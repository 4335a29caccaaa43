//! One monitor per process and cluster: handles with the same servers, sources and login share it.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use aya_db_core::conninfo::ConnInfo;

use super::handle::Monitor;
use crate::connect::Session;

/// The monitor of the session's cluster, started if there is none.
///
/// # Errors
/// When the system refuses a thread or what a runtime needs.
pub(crate) fn monitor_of(session: &Arc<Session>) -> io::Result<Arc<Monitor>> {
    static MONITORS: Mutex<Vec<Weak<Monitor>>> = Mutex::new(Vec::new());
    let mut monitors = MONITORS.lock().unwrap_or_else(PoisonError::into_inner);
    monitors.retain(|monitor| monitor.strong_count() > 0);
    let shared = monitors
        .iter()
        .filter_map(Weak::upgrade)
        .find(|monitor| monitor.is_alive() && are_alike(monitor.session.info(), session.info()));
    if let Some(monitor) = shared {
        return Ok(monitor);
    }
    let monitor = Arc::new(Monitor::start(Arc::clone(session))?);
    monitors.push(Arc::downgrade(&monitor));
    Ok(monitor)
}

/// Whether two connection strings lead to the same cluster in the same way. What only pools and
/// statements read may differ.
fn are_alike(one: &ConnInfo, other: &ConnInfo) -> bool {
    one.hosts() == other.hosts()
        && one.user() == other.user()
        && one.dbname() == other.dbname()
        && one.cluster() == other.cluster()
        && one.tls() == other.tls()
        && one.sockets() == other.sockets()
        && one.require_auth() == other.require_auth()
        && one.require_peer() == other.require_peer()
        && one.options() == other.options()
        && one.connect_timeout() == other.connect_timeout()
        && one.probe_interval() == other.probe_interval()
        && one.silence_timeout() == other.silence_timeout()
}

#[cfg(test)]
mod tests {
    use aya_db_core::conninfo::FixedSurroundings;

    use super::*;

    #[test]
    fn handles_share_a_monitor_unless_they_lead_elsewhere_or_log_in_otherwise() {
        let read = |more: &str| {
            let text = format!("host=db1,db2 user=app dbname=shop {more}");
            ConnInfo::parse(&text, &FixedSurroundings::default()).unwrap()
        };
        let plain = read("");
        let same = ["pool_max_size=60", "target_session_attrs=read-write", "application_name=x"];
        for more in same {
            assert!(are_alike(&plain, &read(more)), "{more}");
        }
        let other =
            ["host=db3", "user=admin", "password=x", "patroni_endpoints=db1", "sslmode=disable"];
        for more in other {
            assert!(!are_alike(&plain, &read(more)), "{more}");
        }
    }
}
