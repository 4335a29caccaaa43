//! The table. The first rule that fits decides; the order is part of it.

use crate::view::{Data, Down, Postgres, Process, Role, Store, View};

use super::{Action, Decision, Job, Stop, handover, lead, race, rejoin, requests};

/// One row.
#[derive(Debug)]
pub struct Rule {
    /// Its number, by which logs and people name it.
    pub id: u16,
    /// Its name.
    pub name: &'static str,
    /// What it says to the operator.
    pub says: &'static str,
    /// Whether it fits.
    fits: fn(&View) -> bool,
    /// What it does, and what there is to say about it.
    does: fn(&View) -> Doing,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

/// Actions, and what there is to say about them.
pub(super) type Doing = (Vec<Action>, String);

/// What this node does next.
pub fn decide(view: &View) -> Decision {
    let fitting = RULES.iter().find(|rule| (rule.fits)(view)).unwrap_or(&LAST);
    let (actions, why) = (fitting.does)(view);
    Decision { rule: fitting, why, actions }
}

/// All rules, in the order in which they are tried.
pub static RULES: &[Rule] = &[
    Rule {
        id: 100,
        name: "lost-lock",
        says: "a primary without the lock stops at once",
        fits: |view| view.is_primary() && must_stop(view),
        does: |view| begin(stop_unless_stopping(view), lock_words(view)),
    },
    Rule {
        id: 110,
        name: "working",
        says: "work on the server is under way",
        fits: |view| view.working.is_some(),
        does: |view| (lead::while_working(view), format!("{:?}", view.working)),
    },
    Rule {
        id: 120,
        name: "foreign-data",
        says: "this data directory belongs to another cluster or cannot be used; nothing touches it",
        fits: |view| foreign(view).is_some(),
        does: |view| {
            let why = foreign(view).unwrap_or_default();
            (vec![Action::Refuse(why.clone())], why)
        },
    },
    Rule {
        id: 130,
        name: "store-lost",
        says: "the store does not answer: nobody can be promoted, and a leader leads until its lease ends",
        fits: |view| matches!(view.store, Store::Lost(_)),
        does: |_| nothing(""),
    },
    Rule {
        id: 200,
        name: "paused-release",
        says: "paused, and the leader's server does not run: the lock is let go",
        fits: |view| view.cluster.is_paused() && view.has_lock() && is_down(view),
        does: |_| (vec![Action::ReleaseLock { end: None }], String::new()),
    },
    Rule {
        id: 210,
        name: "paused-retake",
        says: "paused, and a primary runs without a lock: it takes it",
        fits: |view| view.cluster.is_paused() && view.is_primary() && is_free(view),
        does: |_| (vec![Action::TakeLock], String::new()),
    },
    Rule {
        id: 220,
        name: "paused",
        says: "paused: nothing happens by itself",
        fits: |view| view.cluster.is_paused() && !view.is_primary(),
        does: |_| nothing(""),
    },
    Rule {
        id: 300,
        name: "bootstrapped",
        says: "the new cluster's first server runs: it leads",
        fits: |view| view.memory.bootstraps && view.is_primary() && is_free(view),
        does: |_| (vec![Action::FinishBootstrap], String::new()),
    },
    Rule {
        id: 310,
        name: "empty-leader",
        says: "there is no data and yet the lock is held here: it is let go",
        fits: |view| is_empty(view) && view.has_lock(),
        does: |_| (vec![Action::ReleaseLock { end: None }], String::new()),
    },
    Rule {
        id: 320,
        name: "copy",
        says: "there is no data: it is copied from the cluster",
        fits: |view| is_empty(view) && rejoin::source_of_copy(view).is_some(),
        does: |view| {
            let from = rejoin::source_of_copy(view).unwrap_or_default();
            begin(Some(Job::Copy { from: from.clone() }), format!("from {from}"))
        },
    },
    Rule {
        id: 330,
        name: "bootstrap",
        says: "there is no cluster yet: one is made",
        fits: |view| is_empty(view) && rejoin::may_bootstrap(view),
        does: |_| (vec![Action::ClaimBootstrap, Action::Begin(Job::Bootstrap)], String::new()),
    },
    Rule {
        id: 340,
        name: "wait-for-leader",
        says: "there is no data, and nobody to copy it from",
        fits: is_empty,
        does: |_| nothing("waiting for a leader"),
    },
    Rule {
        id: 400,
        name: "hand-over",
        says: "the leader stopped or died, and another can go on without losing a commit: the lock is let go",
        fits: |view| view.has_lock() && is_down(view) && handover::lets_go(view),
        does: handover::let_go,
    },
    Rule {
        id: 410,
        name: "restart-in-place",
        says: "the leader's server died and nobody else can lead: it starts again as the primary",
        fits: |view| view.has_lock() && is_down(view) && was_primary(view),
        does: |_| begin(Some(Job::StartPrimary), String::new()),
    },
    Rule {
        id: 420,
        name: "rejoin",
        says: "a server that is down comes back as a standby of the leader, rewound where it has to be",
        fits: |view| is_down(view) && rejoin::can_rejoin(view),
        does: |view| {
            let leader = view.other_leader().unwrap_or_default().to_owned();
            begin(Some(Job::Rejoin { leader: leader.clone() }), format!("to {leader}"))
        },
    },
    Rule {
        id: 430,
        name: "rejoin-later",
        says: "a former primary waits for the new leader to be one",
        fits: |view| is_down(view) && was_primary(view) && view.other_leader().is_some(),
        does: |view| nothing(&format!("{} does not lead yet", view.other_leader().unwrap_or("?"))),
    },
    Rule {
        id: 440,
        name: "start-standby",
        says: "a server that is down starts in recovery, so that it can follow or stand for election",
        fits: is_down,
        does: |view| {
            let of = view.other_leader().map(str::to_owned);
            begin(Some(Job::StartStandby { of }), String::new())
        },
    },
    Rule {
        id: 450,
        name: "silent-leader",
        says: "the leader's server runs and does not answer: it is stopped, so that another can lead",
        fits: |view| view.has_lock() && handover::is_silent_too_long(view),
        does: |_| begin(Some(Job::Stop(Stop::Immediate)), String::new()),
    },
    Rule {
        id: 460,
        name: "slow-start",
        says: "the leader's server takes too long to start, and another can lead: it is stopped",
        fits: |view| view.has_lock() && handover::starts_too_long(view),
        does: |_| begin(Some(Job::Stop(Stop::Immediate)), String::new()),
    },
    Rule {
        id: 470,
        name: "starting",
        says: "the server starts",
        fits: |view| matches!(view.postgres.process, Process::Starting(_)),
        does: |_| nothing(""),
    },
    Rule {
        id: 500,
        name: "requested-handover",
        says: "somebody asks for another leader: this one stops and lets go",
        fits: |view| view.has_lock() && view.is_primary() && requests::to_obey(view).is_some(),
        does: requests::obey,
    },
    Rule {
        id: 510,
        name: "lead",
        says: "this node leads",
        fits: |view| view.has_lock() && view.is_primary(),
        does: lead::lead,
    },
    Rule {
        id: 520,
        name: "retake",
        says: "a primary whose lock is gone, and which nobody replaced, takes it again",
        fits: |view| view.is_primary() && is_free(view),
        does: |_| (vec![Action::TakeLock], String::new()),
    },
    Rule {
        id: 600,
        name: "promote",
        says: "this node has won the lock: it is promoted",
        fits: |view| view.has_lock() && view.is_standby(),
        does: lead::promote,
    },
    Rule {
        id: 610,
        name: "diverged",
        says: "a standby has log that the leader never had: it is rewound",
        fits: |view| view.is_standby() && view.postgres.diverged && rejoin::can_rejoin(view),
        does: |view| {
            let leader = view.other_leader().unwrap_or_default().to_owned();
            begin(Some(Job::Rejoin { leader: leader.clone() }), format!("to {leader}"))
        },
    },
    Rule {
        id: 620,
        name: "follow",
        says: "a standby follows the leader",
        fits: |view| view.is_standby() && view.other_leader().is_some(),
        does: rejoin::follow,
    },
    Rule {
        id: 700,
        name: "race",
        says: "nobody leads: the furthest of those that may lead takes the lock",
        fits: |view| view.is_standby() && is_free(view),
        does: race::race,
    },
];

/// What fits always.
static LAST: Rule = Rule {
    id: 999,
    name: "wait",
    says: "nothing is to be done",
    fits: |_| true,
    does: |_| nothing(""),
};

pub(super) fn nothing(why: &str) -> Doing {
    (Vec::new(), why.to_owned())
}

pub(super) fn begin(job: Option<Job>, why: String) -> Doing {
    (job.map(Action::Begin).into_iter().collect(), why)
}

fn is_empty(view: &View) -> bool {
    view.postgres.data == Data::Empty
}

pub(super) fn is_down(view: &View) -> bool {
    view.postgres.data == Data::Valid && matches!(view.postgres.process, Process::Down(_))
}

pub(super) fn was_primary(view: &View) -> bool {
    view.postgres.role == Role::Primary
}

pub(super) fn is_free(view: &View) -> bool {
    view.cluster.leader.is_none()
}

pub(super) fn crashed(postgres: &Postgres) -> bool {
    postgres.process == Process::Down(Down::Crashed)
}

/// Why the data directory is not touched.
fn foreign(view: &View) -> Option<String> {
    if let Data::Unusable(why) = &view.postgres.data {
        return Some(why.clone());
    }
    let crate::cluster::Initialize::Done(cluster) = &view.cluster.initialize else { return None };
    let own = view.postgres.system_identifier.as_ref()?;
    (own != cluster && view.postgres.data == Data::Valid).then(|| {
        format!("the data directory's system identifier is {own}, and the cluster's is {cluster}")
    })
}

/// A primary has to stop when another holds the lock, when its own lease has ended, and when nobody holds
/// the lock and it may not take it again.
fn must_stop(view: &View) -> bool {
    if view.memory.bootstraps {
        return false;
    }
    if view.other_leader().is_some() && view.store == Store::Current {
        return true;
    }
    if view.cluster.is_paused() {
        return false;
    }
    if view.has_lock() || matches!(view.store, Store::Lost(_)) {
        return !view.lease_holds();
    }
    !race::may_retake(view)
}

fn stop_unless_stopping(view: &View) -> Option<Job> {
    let stopping = matches!(view.working, Some(Job::Stop(_)));
    (!stopping).then_some(Job::Stop(Stop::Immediate))
}

fn lock_words(view: &View) -> String {
    match (&view.store, view.other_leader()) {
        (Store::Lost(_), _) => "the store does not answer, and the lease has ended".to_owned(),
        (Store::Current, Some(other)) => format!("{other} holds it"),
        (Store::Current, None) if view.has_lock() => "the lease has ended".to_owned(),
        (Store::Current, None) => "and it may not take it again".to_owned(),
    }
}
