//! Waits that end before their caller's.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use aya_db_core::NodeId;
use aya_db_core::snapshot::{ClusterSnapshot, Node};
use aya_pgwire::{Interest, Interrupted, Readiness, Wait};

use crate::watch::Watch;

/// A wait that ends at a time of ours.
pub(crate) struct Bounded<'a> {
    pub(crate) wait: &'a mut dyn Wait,
    pub(crate) until: Option<Instant>,
}

impl Wait for Bounded<'_> {
    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted> {
        let until = [deadline, self.until].into_iter().flatten().min();
        self.wait.wait(socket, interest, until)
    }
}

/// A wait for a server that is asked whether it leads: it ends once another one is known to.
pub(crate) struct Asking<'a> {
    pub(crate) wait: Bounded<'a>,
    pub(crate) node: &'a NodeId,
    /// Who would know, where the leader is wanted.
    pub(crate) watch: Option<&'a mut dyn Watch>,
    /// Whether that was why it ended.
    pub(crate) in_vain: bool,
}

impl Wait for Asking<'_> {
    fn wait(
        &mut self,
        socket: BorrowedFd<'_>,
        interest: Interest,
        deadline: Option<Instant>,
    ) -> Result<Readiness, Interrupted> {
        let until = [deadline, self.wait.until].into_iter().flatten().min();
        loop {
            let glance = self.watch.is_some().then(|| Instant::now() + GLANCES);
            let next = [until, glance].into_iter().flatten().min();
            if self.wait.wait(socket, interest, next)? == Readiness::Ready {
                return Ok(Readiness::Ready);
            }
            let snapshot = self.watch.as_mut().and_then(|watch| watch.snapshot());
            self.in_vain = snapshot.is_some_and(|seen| leads_elsewhere(&seen, self.node));
            if self.in_vain || until.is_some_and(|until| until <= Instant::now()) {
                return Ok(Readiness::TimedOut);
            }
        }
    }
}

/// Whether a server is the confirmed leader, perhaps under another address.
pub(crate) fn leads(snapshot: &ClusterSnapshot, node: &NodeId) -> bool {
    snapshot.leadership.confirmed().is_some_and(|leader| {
        let same = |one: &Node| snapshot.nodes.get(node).is_some_and(|it| it.is_same_server(one));
        leader == node || snapshot.nodes.get(leader).is_some_and(same)
    })
}

fn leads_elsewhere(snapshot: &ClusterSnapshot, node: &NodeId) -> bool {
    snapshot.leadership.confirmed().is_some() && !leads(snapshot, node)
}

/// Between two looks at the picture of who watches.
const GLANCES: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;

    use aya_db_core::observation::Suspicion;
    use aya_db_core::snapshot::Leadership;
    use aya_db_core::{Moment, NodeId};
    use aya_pgwire::Poller;

    use super::*;

    /// Knows who leads once it was asked for the third time.
    #[derive(Debug)]
    struct Knowing(NodeId, u32);

    impl Watch for Knowing {
        fn snapshot(&mut self) -> Option<Arc<ClusterSnapshot>> {
            self.1 += 1;
            let mut snapshot = ClusterSnapshot::default();
            if self.1 > 2 {
                snapshot.leadership = Leadership::Confirmed {
                    node: self.0.clone(),
                    timeline: None,
                    since: Moment::default(),
                    confirmed_at: Moment::default(),
                };
            }
            Some(Arc::new(snapshot))
        }

        fn suspect(&mut self, _: &NodeId, _: Suspicion) {}
    }

    /// Whether a wait for `asked` is given up because `leader` leads.
    fn is_in_vain(asked: &str, leader: &str, patience: Duration) -> bool {
        let (silent, _other) = UnixStream::pair().unwrap();
        let node = NodeId::new(asked, 5432);
        let mut watch = Knowing(NodeId::new(leader, 5432), 0);
        let until = Some(Instant::now() + patience);
        let mut asking = Asking {
            wait: Bounded { wait: &mut Poller::new(), until },
            node: &node,
            watch: Some(&mut watch),
            in_vain: false,
        };
        let waited = asking.wait(silent.as_fd(), Interest::Read, None);
        assert_eq!(waited, Ok(Readiness::TimedOut));
        asking.in_vain
    }

    #[test]
    fn a_server_is_not_waited_for_once_another_one_leads() {
        assert!(is_in_vain("db1", "db2", Duration::from_secs(60)));
        assert!(!is_in_vain("db1", "db1", Duration::from_millis(150)));
    }
}
