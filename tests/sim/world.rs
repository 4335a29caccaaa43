//! A cluster as it is, apart from what the driver sees of it: servers with roles and timelines,
//! a lease, and the faults between them and the driver.

use std::time::Duration;

use aya_db_core::observation::{
    ClusterReport, MemberReport, MemberRole, Observation, ServerAnswer, Source, Suspicion,
    SwitchoverRequest, TimelineSwitch, Unreachable,
};
use aya_db_core::{Lsn, MemberName, NodeId, ServerIncarnation, SystemIdentifier, Timeline};

use crate::dice::Dice;

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Primary,
    Standby,
    Dead,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) life: Life,
    was: Life,
    timeline: u32,
    run: i64,
    pub(crate) cut: bool,
}

pub(crate) struct World {
    pub(crate) servers: Vec<Server>,
    pub(crate) lease: Option<usize>,
    pub(crate) lost_sources: Vec<Source>,
    /// What somebody asked for and nobody has done yet.
    request: Option<SwitchoverRequest>,
    revision: u64,
    timeline: u32,
    runs: i64,
    /// Whether the driver may read timelines and system identifiers.
    readable: bool,
    /// What Patroni's slower members may still say; nothing once the faults have ended.
    past_reports: Vec<ClusterReport>,
}

impl World {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let count = 1 + dice.below(4);
        let server = |number: usize| {
            let life = if number == 0 { Life::Primary } else { Life::Standby };
            let run = i64::try_from(number).unwrap() + 1;
            Server { life, was: life, timeline: 1, run, cut: false }
        };
        let servers: Vec<Server> = (0..count).map(server).collect();
        Self {
            servers,
            lease: Some(0),
            lost_sources: Vec::new(),
            request: None,
            revision: 1,
            timeline: 1,
            runs: 100,
            readable: !dice.once_in(4),
            past_reports: Vec::new(),
        }
    }

    /// The address of a server; the first has a second one.
    pub(crate) fn server_at(&self, node: &NodeId) -> Option<usize> {
        if node.host() == "alias" {
            return Some(0);
        }
        (0..self.servers.len()).find(|number| address(*number) == *node)
    }

    /// One change for the worse, or at random for the better.
    pub(crate) fn disturb(&mut self, dice: &mut Dice) {
        let chosen = dice.below(self.servers.len());
        match dice.below(10) {
            0 => self.kill(chosen),
            1 => self.start(chosen, Life::Standby),
            // An old primary comes back as it was: fencing is not our premise.
            2 => self.start(chosen, self.servers[chosen].was),
            3 => self.servers[chosen].cut ^= true,
            4 => self.set_lease(None),
            5 if self.servers[chosen].life == Life::Standby => self.set_lease(Some(chosen)),
            6 | 7 => self.promote_holder(),
            8 => {
                let source = if dice.once_in(2) { Source::Etcd } else { Source::Patroni };
                if !self.lost_sources.contains(&source) {
                    self.lost_sources.push(source);
                } else if dice.once_in(2) {
                    self.lost_sources.retain(|lost| *lost != source);
                }
            }
            9 => {
                let (leader, candidate) = (self.lease.map(member), Some(member(chosen)));
                let request = SwitchoverRequest { leader, candidate, scheduled_at: None };
                self.request = if dice.once_in(2) { Some(request) } else { None };
                self.revision += 1;
            }
            _ => {}
        }
        let report = self.report();
        self.past_reports.push(report);
    }

    /// Ends every fault: one primary on the newest timeline holds the lease, all others follow.
    pub(crate) fn heal(&mut self, dice: &mut Dice) -> usize {
        self.lost_sources.clear();
        self.past_reports.clear();
        self.request = None;
        let leader = dice.below(self.servers.len());
        for number in 0..self.servers.len() {
            self.servers[number].cut = false;
            self.kill(number);
            self.start(number, Life::Standby);
        }
        self.set_lease(Some(leader));
        self.promote_holder();
        for server in &mut self.servers {
            server.timeline = self.timeline;
        }
        leader
    }

    /// What a probe of this address brings.
    pub(crate) fn probe(&self, node: &NodeId) -> Observation {
        let node = node.clone();
        let unanswered = |node, cause| {
            let detail = String::new();
            Observation::Unanswered { node, cause, detail }
        };
        let Some(server) = self.server_at(&node).map(|number| &self.servers[number]) else {
            return unanswered(node, Unreachable::NameResolution);
        };
        if server.cut {
            return unanswered(node, Unreachable::Silent);
        }
        if server.life == Life::Dead {
            return unanswered(node, Unreachable::Refused);
        }
        let answer = ServerAnswer {
            in_recovery: server.life == Life::Standby,
            default_read_only: false,
            system_identifier: self.readable.then_some(SystemIdentifier(7)),
            timeline: self.readable.then_some(Timeline(server.timeline)),
            lsn: Some(Lsn(self.revision * 1000)),
            replay_lag: None,
            recovered_to: None,
            incarnation: Some(ServerIncarnation(server.run)),
            round_trip: Duration::from_millis(1),
        };
        Observation::Answered { node, answer }
    }

    /// What a source says: etcd the truth, Patroni perhaps an old view.
    pub(crate) fn ask_source(&self, source: Source, dice: &mut Dice) -> Observation {
        if self.lost_sources.contains(&source) {
            return Observation::SourceLost { source, reason: "cut off".into() };
        }
        let mut report = self.report();
        if source == Source::Patroni {
            if !self.past_reports.is_empty() && dice.once_in(4) {
                report = self.past_reports[dice.below(self.past_reports.len())].clone();
            }
            report.revision = None;
        }
        Observation::Reported { source, report }
    }

    pub(crate) fn suspicion(&self, dice: &mut Dice) -> Observation {
        let signs = [
            Suspicion::ConnectionLost,
            Suspicion::Silent,
            Suspicion::ShuttingDown,
            Suspicion::ReadOnly,
            Suspicion::RoleChanged,
        ];
        let node = address(dice.below(self.servers.len()));
        Observation::Suspected { node, sign: signs[dice.below(signs.len())] }
    }

    fn report(&self) -> ClusterReport {
        let history = (1..self.timeline).map(|timeline| TimelineSwitch {
            timeline: Timeline(timeline),
            switched_at: Lsn(u64::from(timeline) * 1000),
            new_leader: None,
        });
        let live = |(_, server): &(usize, &Server)| server.life != Life::Dead;
        let members = self.servers.iter().enumerate().filter(live).map(|(number, server)| {
            let primary = server.life == Life::Primary;
            MemberReport {
                name: member(number),
                node: address(number),
                role: if primary { MemberRole::Primary } else { MemberRole::Replica },
                state: "running".into(),
                timeline: self.readable.then_some(Timeline(server.timeline)),
                lsn: None,
                lag_bytes: None,
                no_load_balance: false,
            }
        });
        ClusterReport {
            leader: self.lease.map(member),
            members: members.collect(),
            system_identifier: self.readable.then_some(SystemIdentifier(7)),
            history: history.filter(|_| self.readable).collect(),
            switchover: self.request.clone(),
            revision: Some(self.revision),
            ..ClusterReport::default()
        }
    }

    fn kill(&mut self, number: usize) {
        let server = &mut self.servers[number];
        if server.life != Life::Dead {
            server.was = server.life;
            server.life = Life::Dead;
            self.revision += 1;
        }
    }

    fn start(&mut self, number: usize, life: Life) {
        let server = &mut self.servers[number];
        if server.life == Life::Dead {
            self.runs += 1;
            server.run = self.runs;
            server.life = life;
            self.revision += 1;
        }
    }

    fn set_lease(&mut self, holder: Option<usize>) {
        self.lease = holder;
        self.revision += 1;
    }

    /// The holder of the lease promotes itself; where histories cannot be read, a standby that
    /// was cut off may do so beside an old primary.
    fn promote_holder(&mut self) {
        let Some(holder) = self.lease else { return };
        if self.servers[holder].life == Life::Standby {
            self.timeline += 1;
            self.servers[holder].life = Life::Primary;
            self.servers[holder].timeline = self.timeline;
            self.revision += 1;
        }
    }
}

pub(crate) fn address(number: usize) -> NodeId {
    NodeId::new(&format!("n{number}"), 5432)
}

fn member(number: usize) -> MemberName {
    MemberName(format!("m{number}").into())
}
