//! The language of observations: `<ms> <subject> <words>`.
//!
//! - `5 a primary tl=2 sys=7 run=1 lsn=100 ro end=90`,
//!   `5 a standby … lag_ms=3 rtt=2`: the server's answer;
//! - `5 a silent|refused|not-ready|no-name|too-many|rejected`: no answer;
//! - `5 a lost?|silent?|stopping?|read-only?|role?`: a suspicion;
//! - `5 etcd rev=3 leader=m1 sys=7 hist=1,2@900 sync=m2 lsn=100 paused members=m1@a:tl2,m2@b:nolb`:
//!   a report; a member takes `tl<n>`, `lag<n>`, `lsn<n>`, `nolb`, `standby-leader`, `stopping`,
//!   `stopped`; `asked=m1>m2`, `asked=>m2`, `asked=m1>m2@9000` is a request for a switchover, a
//!   failover, a switchover scheduled for that moment;
//! - `5 etcd gone`: a lost source.

use std::time::Duration;

use aya_db_core::observation::{
    ClusterReport, MemberReport, MemberRole, Observation, ServerAnswer, Source, Suspicion,
    SwitchoverRequest, TimelineSwitch, Unreachable,
};
use aya_db_core::{
    Lsn, MemberName, Moment, NodeId, ServerIncarnation, SystemIdentifier, Timeline, WallTime,
};

pub(super) fn node(name: &str) -> NodeId {
    NodeId::new(name, 5432)
}

pub(super) fn source(name: &str) -> Source {
    match name {
        "etcd" => Source::Etcd,
        "patroni" => Source::Patroni,
        "probe" => Source::Probe,
        other => panic!("no source {other:?}"),
    }
}

pub(super) fn parse(text: &str) -> (Moment, Observation) {
    let mut words = text.split_whitespace();
    let at = Moment::from_millis(words.next().unwrap().parse().unwrap());
    let subject = words.next().unwrap();
    let words: Vec<&str> = words.collect();
    let observation = match subject {
        "etcd" | "patroni" if words == ["gone"] => {
            Observation::SourceLost { source: source(subject), reason: "no quorum".into() }
        }
        "etcd" | "patroni" => {
            Observation::Reported { source: source(subject), report: report(&words) }
        }
        _ => of_server(node(subject), &words),
    };
    (at, observation)
}

fn of_server(node: NodeId, words: &[&str]) -> Observation {
    let cause = match words[0] {
        "primary" | "standby" => return Observation::Answered { node, answer: answer(words) },
        "silent" => Unreachable::Silent,
        "refused" => Unreachable::Refused,
        "not-ready" => Unreachable::NotReady,
        "no-name" => Unreachable::NameResolution,
        "too-many" => Unreachable::TooManyConnections,
        "rejected" => Unreachable::Rejected,
        sign => return Observation::Suspected { node, sign: suspicion(sign) },
    };
    Observation::Unanswered { node, cause, detail: String::new() }
}

fn suspicion(word: &str) -> Suspicion {
    match word {
        "lost?" => Suspicion::ConnectionLost,
        "silent?" => Suspicion::Silent,
        "stopping?" => Suspicion::ShuttingDown,
        "read-only?" => Suspicion::ReadOnly,
        "role?" => Suspicion::RoleChanged,
        other => panic!("no observation {other:?}"),
    }
}

fn answer(words: &[&str]) -> ServerAnswer {
    let mut answer = ServerAnswer {
        in_recovery: words[0] == "standby",
        default_read_only: false,
        system_identifier: None,
        timeline: None,
        lsn: None,
        replay_lag: None,
        recovered_to: None,
        incarnation: None,
        round_trip: Duration::from_millis(1),
    };
    for word in &words[1..] {
        match word.split_once('=') {
            Some(("tl", value)) => answer.timeline = Some(Timeline(value.parse().unwrap())),
            Some(("sys", value)) => {
                answer.system_identifier = Some(SystemIdentifier(value.parse().unwrap()));
            }
            Some(("run", value)) => {
                answer.incarnation = Some(ServerIncarnation(value.parse().unwrap()));
            }
            Some(("lsn", value)) => answer.lsn = Some(Lsn(value.parse().unwrap())),
            Some(("end", value)) => answer.recovered_to = Some(Lsn(value.parse().unwrap())),
            Some(("rtt", value)) => {
                answer.round_trip = Duration::from_millis(value.parse().unwrap())
            }
            Some(("lag_ms", value)) => {
                answer.replay_lag = Some(Duration::from_millis(value.parse().unwrap()));
            }
            None if *word == "ro" => answer.default_read_only = true,
            _ => panic!("no part of an answer: {word:?}"),
        }
    }
    answer
}

fn report(words: &[&str]) -> ClusterReport {
    let mut report = ClusterReport::default();
    for word in words {
        match word.split_once('=') {
            Some(("leader", name)) => report.leader = Some(MemberName(name.into())),
            Some(("rev", value)) => report.revision = Some(value.parse().unwrap()),
            Some(("sys", value)) => {
                report.system_identifier = Some(SystemIdentifier(value.parse().unwrap()));
            }
            Some(("lsn", value)) => report.leader_lsn = Some(Lsn(value.parse().unwrap())),
            Some(("sync", names)) => {
                report.sync_standbys =
                    names.split(',').map(|name| MemberName(name.into())).collect();
            }
            Some(("hist", rows)) => report.history = rows.split(',').map(switch).collect(),
            Some(("members", members)) => {
                report.members = members.split(',').map(member).collect();
            }
            Some(("asked", request)) => report.switchover = Some(asked(request)),
            None if *word == "paused" => report.paused = true,
            _ => panic!("no part of a report: {word:?}"),
        }
    }
    let leader = report.leader.clone();
    for member in &mut report.members {
        if Some(&member.name) == leader.as_ref() && member.role == MemberRole::Replica {
            member.role = MemberRole::Primary;
        }
    }
    report
}

/// The wall clock of a case shows the same as its own clock.
fn asked(text: &str) -> SwitchoverRequest {
    let (names, at) = match text.split_once('@') {
        Some((names, at)) => (names, Some(Duration::from_millis(at.parse().unwrap()))),
        None => (text, None),
    };
    let (leader, candidate) = names.split_once('>').unwrap();
    let member = |name: &str| (!name.is_empty()).then(|| MemberName(name.into()));
    SwitchoverRequest {
        leader: member(leader),
        candidate: member(candidate),
        scheduled_at: at.map(WallTime),
    }
}

fn switch(row: &str) -> TimelineSwitch {
    let (timeline, at) = row.split_once('@').unwrap_or((row, "1000"));
    TimelineSwitch {
        timeline: Timeline(timeline.parse().unwrap()),
        switched_at: Lsn(at.parse().unwrap()),
        new_leader: None,
    }
}

fn member(text: &str) -> MemberReport {
    let mut parts = text.split(':');
    let (name, address) = parts.next().unwrap().split_once('@').unwrap();
    let mut member = MemberReport {
        name: MemberName(name.into()),
        node: node(address),
        role: MemberRole::Replica,
        state: "running".into(),
        timeline: None,
        lsn: None,
        lag_bytes: None,
        no_load_balance: false,
    };
    for part in parts {
        if let Some(value) = part.strip_prefix("tl") {
            member.timeline = Some(Timeline(value.parse().unwrap()));
        } else if let Some(value) = part.strip_prefix("lag") {
            member.lag_bytes = Some(value.parse().unwrap());
        } else if let Some(value) = part.strip_prefix("lsn") {
            member.lsn = Some(Lsn(value.parse().unwrap()));
        } else if part == "nolb" {
            member.no_load_balance = true;
        } else if matches!(part, "stopping" | "stopped") {
            member.state = part.into();
        } else if part == "standby-leader" {
            member.role = MemberRole::StandbyLeader;
        } else {
            panic!("no part of a member: {part:?}");
        }
    }
    member
}
