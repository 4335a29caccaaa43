//! One monitor per process and cluster: handles with the same servers, sources and login share it.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError, Weak};

use aya_db_core::conninfo::ConnInfo;

use super::handle::Monitor;
use crate::connect::Session;

/// The monitor of the session's cluster, started if there is none.
///
/// # Errors
/// When the system refuses a thread or what a runtime needs.
pub(crate) fn monitor_of(session: &Arc<Session>) -> io::Result<Arc<Monitor>> {
    static MONITORS: Mutex<Vec<Registered>> = Mutex::new(Vec::new());
    let process = std::process::id();
    let child = is_a_child(process);
    let mut monitors = match MONITORS.try_lock() {
        Ok(monitors) => monitors,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // In a child process it may stay locked for ever, by a thread that only its parent has.
        Err(TryLockError::WouldBlock) if child => {
            return Ok(Arc::new(Monitor::start(Arc::clone(session))?));
        }
        Err(TryLockError::WouldBlock) => MONITORS.lock().unwrap_or_else(PoisonError::into_inner),
    };
    // The threads of a parent process are not in its child.
    monitors.retain(|it| it.process == process && it.monitor.strong_count() > 0);
    let shared = monitors
        .iter()
        .filter_map(|registered| registered.monitor.upgrade())
        .find(|monitor| monitor.is_alive() && are_alike(monitor.session.info(), session.info()));
    if let Some(monitor) = shared {
        return Ok(monitor);
    }
    let monitor = Arc::new(Monitor::start(Arc::clone(session))?);
    monitors.push(Registered { process, monitor: Arc::downgrade(&monitor) });
    Ok(monitor)
}

/// A monitor, and the process that its thread is in.
struct Registered {
    process: u32,
    monitor: Weak<Monitor>,
}

/// Whether this process was forked off one that has asked for a monitor.
fn is_a_child(process: u32) -> bool {
    static FIRST: AtomicU32 = AtomicU32::new(0);
    let first = FIRST.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
    first.is_err_and(|first| first != process)
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
