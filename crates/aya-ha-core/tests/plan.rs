//! Every decision over every combination of what a node can see, against what must never be decided.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aya_db_core::{Lsn, Moment, Timeline};
use aya_ha_core::cluster::{Cluster, Holder, Initialize, Member, Request, SyncKey, Tags};
use aya_ha_core::lease::{Lease, Timing};
use aya_ha_core::plan::{Action, Decision, Job, RULES, Stop, decide};
use aya_ha_core::sync::{Names, Standbys};
use aya_ha_core::view::{
    Answer, Asked, Data, Down, Me, Memory, Postgres, Process, Profile, Receiver, Role, Settings,
    Store, Synchronous, View, WaitsFor,
};

#[test]
fn numbers_rise_and_names_are_unique() {
    let ids: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
}

#[test]
fn no_combination_leads_to_what_must_not_happen_and_every_rule_is_reached() {
    let mut reached = BTreeMap::new();
    let mut count = 0_u32;
    each_view(&mut |view| {
        let decision = decide(view);
        check(view, &decision);
        *reached.entry(decision.rule.name).or_insert(0_u32) += 1;
        count += 1;
    });
    assert!(count > 100_000, "{count}");
    let missed: Vec<_> =
        RULES.iter().map(|rule| rule.name).filter(|name| !reached.contains_key(name)).collect();
    assert!(missed.is_empty(), "{missed:?} are never reached");
}

fn check(view: &View, decision: &Decision) {
    let told = || format!("{} decided {:?} of {view:?}", decision.rule.name, decision.actions);
    let jobs = decision.actions.iter().filter_map(|action| match action {
        Action::Begin(job) => Some(job),
        _ => None,
    });
    let jobs: Vec<_> = jobs.collect();
    let has = |wanted: &Action| decision.actions.contains(wanted);
    let lost = view.store != Store::Current;
    let foreign = view.postgres.data != Data::Valid;

    assert!(jobs.len() <= 1, "{}", told());
    if jobs.contains(&&Job::Promote) {
        assert!(view.has_lock() && !lost && view.is_standby(), "{}", told());
        // Nobody who was synchronous to the last leader may be thought so to this one.
        let silent = view.settings.synchronous == Synchronous::Off && view.cluster.sync.is_empty();
        let cleared = decision
            .actions
            .iter()
            .any(|action| matches!(action, Action::WriteSync(v) if v.names.is_empty()));
        assert!(silent || cleared, "{}", told());
    }
    if has(&Action::TakeLock) {
        assert!(view.cluster.leader.is_none() && !lost && !foreign, "{}", told());
        let named =
            view.cluster.request.as_ref().is_some_and(|it| it.candidate.as_deref() == Some("me"));
        let priority =
            view.settings.synchronous == Synchronous::Priority && !view.cluster.sync.is_empty();
        let paused = view.cluster.is_paused();
        assert!(!priority || named || paused || view.cluster.sync.admits("me"), "{}", told());
    }
    if jobs.iter().any(|job| matches!(job, Job::Bootstrap)) {
        let fresh = view.cluster.initialize == Initialize::Absent && view.cluster.leader.is_none();
        assert!(fresh && view.postgres.data == Data::Empty, "{}", told());
    }
    if jobs.iter().any(|job| matches!(job, Job::Copy { .. })) {
        assert!(view.postgres.data == Data::Empty, "{}", told());
    }
    if jobs.contains(&&Job::StartPrimary) {
        assert!(view.has_lock() && view.postgres.role == Role::Primary, "{}", told());
    }
    if view.working.is_some() {
        assert!(jobs.iter().all(|job| matches!(job, Job::Stop(_))), "{}", told());
    }
    if lost {
        let writes = |action: &&Action| {
            !matches!(action, Action::Begin(Job::Stop(_)) | Action::Refuse(_) | Action::RenewLock)
        };
        assert!(!decision.actions.iter().any(|action| writes(&action)), "{}", told());
    }
    let replaced = view.other_leader().is_some() && !lost;
    let expired = (view.has_lock() || lost) && !view.lease_holds() && !view.cluster.is_paused();
    if view.is_primary() && (replaced || expired) && !view.memory.bootstraps {
        let stops = has(&Action::Begin(Job::Stop(Stop::Immediate)));
        assert!(stops || matches!(view.working, Some(Job::Stop(_))), "{}", told());
    }
    if let Some(Action::WriteSync(voters)) =
        decision.actions.iter().find(|it| matches!(it, Action::WriteSync(_)))
    {
        // Whoever may lead must have been confirming commits already.
        let confirms = view.postgres.waits_for.standbys.clone().unwrap_or_default();
        assert!(
            voters.names.is_subset(&confirms.names)
                || voters.names.is_subset(&view.cluster.sync.standbys),
            "{}",
            told()
        );
    }
}

/// Calls with every view of a few values for each of its parts.
fn each_view(call: &mut dyn FnMut(&View)) {
    let processes = [
        Process::Down(Down::Clean),
        Process::Down(Down::Crashed),
        Process::Starting(ms(0)),
        Process::Running,
        Process::Silent(ms(0)),
    ];
    let jobs = [None, Some(Job::Promote), Some(Job::Stop(Stop::Fast))];
    for data in [Data::Empty, Data::Valid, Data::Unusable("odd".to_owned())] {
        // A server runs on nothing but its data.
        for process in processes
            .iter()
            .copied()
            .filter(|it| data == Data::Valid || matches!(it, Process::Down(_)))
        {
            for role in [Role::Primary, Role::Standby] {
                for working in &jobs {
                    for leader in [None, Some("me"), Some("other")] {
                        let view = base(data.clone(), process, role, working.clone(), leader);
                        each_surrounding(&view, call);
                    }
                }
            }
        }
    }
}

fn each_surrounding(base: &View, call: &mut dyn FnMut(&View)) {
    let initialize = [Initialize::Absent, Initialize::Running, Initialize::Done("1".to_owned())];
    for store in [Store::Current, Store::Lost(ms(9_000))] {
        for synchronous in [Synchronous::Off, Synchronous::Priority, Synchronous::Quorum] {
            for standbys in [vec![], vec!["me"], vec!["other"]] {
                for lease in [ms(0), ms(9_500)] {
                    for paused in [false, true] {
                        for initialize in &initialize {
                            let mut view = base.clone();
                            view.store = store;
                            view.settings.synchronous = synchronous;
                            view.cluster.initialize = initialize.clone();
                            view.lease = Some(Lease::granted(timing(), lease));
                            sync(&mut view, &standbys);
                            if paused {
                                view.cluster.config =
                                    Some((serde_json::json!({ "pause": true }), 1));
                            }
                            each_circumstance(&view, call);
                        }
                    }
                }
            }
        }
    }
}

/// Views that differ in one thing each.
fn each_circumstance(base: &View, call: &mut dyn FnMut(&View)) {
    call(base);
    let mut with = |change: &dyn Fn(&mut View)| {
        let mut view = base.clone();
        change(&mut view);
        call(&view);
    };
    with(&|view| view.memory.bootstraps = true);
    with(&|view| view.postgres.diverged = true);
    with(&|view| view.settings.profile = Profile::Patroni);
    with(&|view| view.postgres.system_identifier = Some("2".to_owned()));
    with(&|view| view.cluster.request = Some(request(Some("me"), None)));
    with(&|view| view.cluster.request = Some(request(None, Some("me"))));
    with(&|view| view.cluster.members.clear());
    with(&|view| {
        let answers = BTreeMap::from([("other".to_owned(), Answer::Silence)]);
        view.memory.peers = Some(Asked { at: ms(9_000), answers });
    });
    with(&|view| {
        view.settings.start_timeout = Duration::from_secs(1);
        view.memory.crashes = vec![ms(9_000); 3];
    });
    with(&|view| {
        view.me.tags = Tags::new(serde_json::from_str("{\"nofailover\": true}").expect("tags"));
    });
    with(&|view| {
        let receiver = Receiver { streaming: true, flushed: Lsn(100) };
        view.postgres.receivers = BTreeMap::from([("other".to_owned(), receiver)]);
        view.cluster.sync.leader = Some("me".to_owned());
    });
}

fn base(
    data: Data,
    process: Process,
    role: Role,
    working: Option<Job>,
    leader: Option<&str>,
) -> View {
    let other = Member {
        name: "other".to_owned(),
        conn_url: Some("postgres://other:5432/postgres".to_owned()),
        state: "running".to_owned(),
        role: if leader == Some("other") { "primary" } else { "replica" }.to_owned(),
        lsn: Some(Lsn(100)),
        profile: Some("native".to_owned()),
        ..Member::default()
    };
    let holder = |name: &str| Holder { name: name.to_owned(), lease: Some(1), taken: 1 };
    View {
        now: ms(10_000),
        wall_ms: 0,
        me: Me { name: "me".to_owned(), tags: Tags::default() },
        settings: Settings {
            profile: Profile::Native,
            synchronous: Synchronous::Off,
            strict: false,
            synchronous_nodes: 1,
            maximum_lag: 1_000,
            check_timeline: false,
            start_timeout: Duration::from_secs(300),
            loop_wait: Duration::from_secs(10),
            peer_timeout: Duration::from_millis(500),
        },
        store: Store::Current,
        cluster: Cluster {
            leader: leader.map(holder),
            members: BTreeMap::from([("other".to_owned(), other)]),
            optime: Some(Lsn(100)),
            ..Cluster::default()
        },
        lease: None,
        lease_id: Some(1),
        postgres: Postgres {
            data,
            process,
            role,
            system_identifier: Some("1".to_owned()),
            timeline: Timeline(1),
            lsn: Lsn(100),
            history: Vec::new(),
            follows: None,
            streaming: false,
            diverged: false,
            awaits_checkpoint: false,
            waits_for: WaitsFor { standbys: Some(Standbys::default()), since: Lsn(0) },
            receivers: BTreeMap::new(),
        },
        working,
        memory: Memory::default(),
    }
}

fn sync(view: &mut View, standbys: &[&str]) {
    let names: Names = standbys.iter().map(|name| (*name).to_owned()).collect();
    if names.is_empty() {
        return;
    }
    view.postgres.waits_for.standbys = Some(Standbys { names: names.clone(), number: 1 });
    let leader = Some("third".to_owned());
    view.cluster.sync = SyncKey { leader, standbys: names, quorum: 0, modified: Some(1) };
}

fn request(leader: Option<&str>, candidate: Option<&str>) -> Request {
    let name = |name: Option<&str>| name.map(str::to_owned);
    Request { leader: name(leader), candidate: name(candidate), scheduled_at: None, modified: 1 }
}

fn timing() -> Timing {
    Timing::new(Duration::from_secs(3)).expect("a lease within the limits")
}

fn ms(millis: u64) -> Moment {
    Moment::from_millis(millis)
}
