use std::time::Duration;

use aya_db_core::observation::{ClusterReport, MemberRole, SwitchoverRequest, TimelineSwitch};
use aya_db_core::{Lsn, MemberName, NodeId, SystemIdentifier, Timeline, WallTime};
use serde_json::json;

use super::member::node_of_url;
use super::*;
use crate::{Batch, Entry, Event, Range, Revision};

fn scope() -> Scope {
    Scope::new("service", "batman").unwrap()
}

fn entry(key: &str, value: &str) -> Entry {
    Entry {
        key: scope().key(key),
        value: value.as_bytes().to_vec(),
        modified: Revision(7),
        lease: None,
    }
}

fn decode(keys: &[(&str, &str)]) -> Decoded {
    let entries = keys.iter().map(|(key, value)| entry(key, value)).collect();
    Keys::new(&scope(), Range { entries, revision: Revision(9) }).decode()
}

fn name(text: &str) -> MemberName {
    MemberName(text.into())
}

fn asked(
    leader: Option<&str>,
    candidate: Option<&str>,
    at_secs: Option<u64>,
) -> Option<SwitchoverRequest> {
    let scheduled_at = at_secs.map(|secs| WallTime(Duration::from_secs(secs)));
    Some(SwitchoverRequest {
        leader: leader.map(name),
        candidate: candidate.map(name),
        scheduled_at,
    })
}

const PRIMARY: &str = r#"{"conn_url":"postgres://127.0.0.1:5368/postgres","api_url":"https://127.0.0.1:8011/patroni","state":"running","role":"primary","version":"4.1.4","tags":{"replicatefrom":"postgres-0"},"xlog_location":134217728,"timeline":2}"#;
const REPLICA: &str = r#"{"conn_url":"postgres://127.0.0.1:5366/postgres","api_url":"https://127.0.0.1:8009/patroni","state":"running","role":"replica","version":"4.1.4","xlog_location":134217000,"replay_lsn":134217000,"receive_lsn":134217728,"replication_state":"streaming","timeline":2,"tags":{"noloadbalance":true}}"#;

#[test]
fn a_running_cluster_is_read_whole() {
    let decoded = decode(&[
        ("config", r#"{"ttl":30,"pause":true}"#),
        ("failover", r#"{"leader":"postgres-2","member":"postgres-1"}"#),
        (
            "history",
            r#"[[1,106423768,"no recovery target specified","2026-11-24T02:23:29+00:00","postgres-2"]]"#,
        ),
        ("initialize", "7711557683554700689"),
        ("leader", "postgres-2"),
        ("members/postgres-1", REPLICA),
        ("members/postgres-2", PRIMARY),
        ("status", r#"{"optime":134217728,"slots":{"postgres_0":134217728}}"#),
        ("sync", r#"{"leader":"postgres-2","quorum":0,"sync_standby":"postgres-1, postgres-0"}"#),
    ]);
    assert_eq!(decoded.warnings, []);
    let report = decoded.report;
    assert_eq!(report.leader, Some(name("postgres-2")));
    assert_eq!(report.system_identifier, Some(SystemIdentifier(7_711_557_683_554_700_689)));
    assert_eq!(report.leader_lsn, Some(Lsn(134_217_728)));
    assert_eq!(report.sync_standbys, [name("postgres-1"), name("postgres-0")]);
    assert_eq!(report.switchover, asked(Some("postgres-2"), Some("postgres-1"), None));
    assert!(report.paused);
    assert_eq!(report.revision, Some(9));
    let switch = TimelineSwitch {
        timeline: Timeline(1),
        switched_at: Lsn(106_423_768),
        new_leader: Some(name("postgres-2")),
    };
    assert_eq!(report.history, [switch]);
    let [replica, primary] = &report.members[..] else { panic!("{:?}", report.members) };
    assert_eq!(
        (replica.role, replica.state.as_str(), replica.lag_bytes, replica.no_load_balance),
        (MemberRole::Replica, "streaming", Some(728), true)
    );
    assert_eq!(
        (primary.role, primary.state.as_str(), primary.lag_bytes, primary.no_load_balance),
        (MemberRole::Primary, "running", None, false)
    );
    assert_eq!(primary.node, NodeId::new("127.0.0.1", 5368));
    assert_eq!((primary.timeline, primary.lsn), (Some(Timeline(2)), Some(Lsn(134_217_728))));
}

#[test]
fn one_malformed_value_costs_a_warning_and_nothing_else() {
    let bad: &[(&str, &str, &str)] = &[
        ("members/bad", "{", "not JSON"),
        ("members/bad", "[]", "not a JSON object"),
        ("members/bad", "{}", "without conn_url"),
        ("members/bad", r#"{"conn_url":"postgres://:5432/x"}"#, "usable host"),
        ("members/bad", r#"{"conn_url":"postgres://user:secret@h:99999/x"}"#, "usable host"),
        ("initialize", "abc", "not a system identifier"),
        ("history", "{}", "not a list"),
        ("history", "[[0,1]]", "no timeline switch"),
        ("history", "nonsense", "not JSON"),
        ("status", r#"{"optime":"x"}"#, "not a log position"),
        ("status", "}", "not JSON"),
        ("sync", "}", "not JSON"),
        ("config", "}", "not JSON"),
        ("failover", r#"{"leader":"a","scheduled_at":"soon"}"#, "a time that cannot be read"),
    ];
    for (key, value, problem) in bad {
        let decoded =
            decode(&[("leader", "postgres-2"), ("members/postgres-2", PRIMARY), (key, value)]);
        let [warning] = &decoded.warnings[..] else { panic!("{key} {value}: {decoded:?}") };
        assert_eq!(warning.place, *key);
        assert!(warning.problem.contains(problem), "{key} {value}: {warning}");
        assert!(!warning.to_string().contains("secret"));
        assert_eq!(decoded.report.leader, Some(name("postgres-2")));
        assert_eq!(decoded.report.members.len(), 1, "{key} {value}");
    }
}

#[test]
fn values_that_mean_nothing_are_passed_over_in_silence() {
    let decoded = decode(&[
        ("failover", "{}"),
        ("failsafe", "whatever"),
        ("history", "[]"),
        ("initialize", ""),
        ("leader", ""),
        ("sync", r#"{"leader":null,"sync_standby":null}"#),
        ("unknown/key", "\u{1}"),
    ]);
    assert_eq!(decoded.warnings, []);
    assert_eq!(decoded.report, ClusterReport { revision: Some(9), ..ClusterReport::default() });
}

#[test]
fn a_request_is_read_in_every_form_that_patroni_takes() {
    let (a, b) = (Some("a"), Some("b"));
    for (value, request) in [
        (r#"{"leader":"a"}"#, asked(a, None, None)),
        (r#"{"member":"b"}"#, asked(None, b, None)),
        (r#"{"leader":"a","member":"b","scheduled_at":null}"#, asked(a, b, None)),
        (
            r#"{"leader":"a","scheduled_at":"2030-01-01T00:00:00+00:00"}"#,
            asked(a, None, Some(1_893_456_000)),
        ),
        (r#"{"leader":"","member":null}"#, None),
        (r#"{"scheduled_at":"2030-01-01T00:00:00+00:00"}"#, None),
        ("{}", None),
        ("[]", None),
        ("a:b", asked(a, b, None)),
        (":b", asked(None, b, None)),
        (":", None),
        ("", None),
    ] {
        let decoded = decode(&[("failover", value)]);
        assert_eq!((decoded.report.switchover, decoded.warnings), (request, vec![]), "{value}");
    }
}

#[test]
fn forms_of_older_versions_are_read() {
    let decoded = decode(&[
        ("members/old", "postgres://repl:secret@10.0.0.1:5433/postgres?application_name=x"),
        ("members/master", r#"{"conn_url":"postgresql://[::1]/postgres","role":"master"}"#),
        ("optime/leader", "67108864"),
    ]);
    assert_eq!(decoded.warnings, []);
    assert_eq!(decoded.report.leader_lsn, Some(Lsn(67_108_864)));
    let members = &decoded.report.members;
    assert_eq!(members[0].node, NodeId::new("::1", 5432));
    assert_eq!(members[0].role, MemberRole::Primary);
    assert_eq!(members[1].node, NodeId::new("10.0.0.1", 5433));
}

#[test]
fn batches_bring_the_keys_forward() {
    let mut keys = Keys::new(&scope(), Range::default());
    assert!(keys.is_empty());
    let outside = Entry { key: "/service/robin/leader".to_owned(), ..entry("", "z") };
    let events = vec![Event::Put(entry("leader", "a")), Event::Put(outside)];
    keys.apply(Batch { events, revision: Revision(5) });
    assert_eq!(keys.decode().report.leader, Some(name("a")));
    assert_eq!(keys.revision(), Revision(5));
    let events = vec![Event::Deleted { key: scope().key("leader"), at: Revision(6) }];
    keys.apply(Batch { events, revision: Revision(6) });
    assert!(keys.is_empty());
    assert_eq!(keys.decode().report.leader, None);
}

#[test]
fn connection_urls_lead_to_a_node_or_to_none() {
    for (url, node) in [
        ("postgres://h:5433/db", Some("h:5433")),
        ("postgresql://h", Some("h:5432")),
        ("postgres://u:p@ss@h:1/db", Some("h:1")),
        ("postgres://[fe80::1]:6000", Some("[fe80::1]:6000")),
        ("postgres://h:/db", Some("h:5432")),
        ("postgres://", None),
        ("postgres://a,b/db", None),
        ("postgres://[::1/db", None),
        ("postgres://h:0/db", None),
        ("postgres://h:x/db", None),
        ("http://h:1/", None),
        ("h:1", None),
    ] {
        assert_eq!(node_of_url(url).as_ref().map(NodeId::as_str), node, "{url}");
    }
}

#[test]
fn scopes_are_named_as_patroni_names_them() {
    for (namespace, scope, prefix) in [
        ("service", "batman", "/service/batman/"),
        ("/service/", "batman", "/service/batman/"),
        ("", "batman", "/service/batman/"),
        ("/a//b/", "x/0", "/a/b/x/0/"),
    ] {
        assert_eq!(Scope::new(namespace, scope).unwrap().prefix(), prefix);
    }
    assert_eq!(Scope::new("service", "/"), Err(ScopeError));
}

#[test]
fn a_missing_scope_names_those_that_exist() {
    let keys = ["/service/a/leader", "/service/b/members/x", "/service/a/config", "/service/odd"];
    let found = scopes_of("/service/", keys);
    assert_eq!(scope().not_found(&found), "no such scope: batman; found under /service/: a, b");
    assert!(scope().not_found(&scopes_of("/service/", [])).contains("no keys under /service/"));
}

#[test]
fn the_answer_to_cluster_is_read() {
    let json = json!({"members": [
        {"name": "a", "role": "leader", "state": "running", "host": "10.0.0.1", "port": 5432, "timeline": 3},
        {"name": "b", "role": "sync_standby", "state": "streaming", "host": "10.0.0.2", "port": 5433,
         "timeline": 3, "lag": 16, "lsn": "0/8000000", "tags": {"noloadbalance": true}},
        {"name": "c", "role": "replica", "state": "stopped", "host": "10.0.0.3", "lag": "unknown", "lsn": "unknown"},
        {"name": "d", "role": "replica", "state": "creating replica"},
        {"role": "replica", "host": "x"}
    ], "pause": true, "scope": "batman", "new_field": [],
       "scheduled_switchover": {"at": "2030-01-01T01:00:00+01:00", "from": "a", "to": "b"}});
    let Decoded { report, warnings } = decode_cluster(&json).unwrap();
    assert_eq!(report.leader, Some(name("a")));
    assert_eq!(report.sync_standbys, [name("b")]);
    assert!(report.paused);
    assert_eq!(report.switchover, asked(Some("a"), Some("b"), Some(1_893_456_000)));
    assert_eq!(report.members.len(), 3);
    assert_eq!(
        (report.members[1].lsn, report.members[1].lag_bytes),
        (Some(Lsn(0x800_0000)), Some(16))
    );
    assert!(report.members[1].no_load_balance);
    assert_eq!(report.members[2].lag_bytes, None);
    let places: Vec<_> = warnings.iter().map(|warning| warning.place.as_str()).collect();
    assert_eq!(places, ["members[3]", "members[4]"]);
    assert_eq!(decode_cluster(&json!({"members": 5})), None);
    assert_eq!(decode_cluster(&json!("html")), None);
}

#[test]
fn the_answer_to_history_is_ordered_by_timeline() {
    let (switches, warnings) =
        decode_history(&json!([[2, 200, "x"], [1, 100, "x", "t", "a"], ["?"]]));
    assert_eq!(warnings.len(), 1);
    let timelines: Vec<_> = switches.iter().map(|switch| switch.timeline.0).collect();
    assert_eq!(timelines, [1, 2]);
    assert_eq!(switches[0].new_leader, Some(name("a")));
}
