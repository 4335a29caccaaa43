//! What is wrong with a configuration is told by the key's name, with what would be right.

use aya_ha_core::config::{Severity, check, from_environment, merge};
use aya_ha_core::yaml;

const WHOLE: &str = "
scope: aya
name: n1
restapi: {listen: '0.0.0.0:8008', connect_address: '10.0.0.1:8008', authentication: {username: u, password: p}}
etcd3: {hosts: '10.0.0.1:2379,10.0.0.2:2379', username: root, password: 0123}
bootstrap:
  dcs: {ttl: 30, synchronous_mode: on, postgresql: {use_pg_rewind: yes, parameters: {max_connections: 300}}}
  initdb: [data-checksums, {encoding: UTF8}]
postgresql:
  listen: '0.0.0.0:5432'
  connect_address: '10.0.0.1:5432'
  data_dir: /data
  authentication:
    superuser: {username: postgres, password: 'Power$$336633$$'}
    replication: {username: replicator, password: 'it''s \\ all'}
  parameters: {shared_buffers: 128GB, work_mem: 64MB, jit: off}
  pg_hba: [local all all trust]
tags: {nofailover: no, clonefrom: on}
";

#[test]
fn patronis_file_is_read_unchanged() {
    let (config, findings) = check(&yaml::load(WHOLE).unwrap());
    assert_eq!(findings, []);
    let config = config.unwrap();
    assert_eq!(config.etcd.endpoints, ["http://10.0.0.1:2379", "http://10.0.0.2:2379"]);
    // An octal number to YAML, so a number to Patroni as well.
    assert_eq!(config.etcd.authentication.unwrap().1.reveal(), "83");
    assert_eq!(config.bootstrap.initdb, ["data-checksums", "encoding=UTF8"]);
    assert_eq!(config.bootstrap.dcs["synchronous_mode"], true);
    assert_eq!(config.postgresql.superuser.password.unwrap().reveal(), "Power$$336633$$");
    assert_eq!(config.postgresql.parameters["jit"], "false");
    assert_eq!(config.postgresql.connect_address.to_string(), "10.0.0.1:5432");
    assert!(!config.tags.no_failover() && config.tags.clone_from());
}

#[test]
fn no_password_shows_itself() {
    let (config, _) = check(&yaml::load(WHOLE).unwrap());
    let shown = format!("{config:?}");
    assert!(!shown.contains("336633") && !shown.contains("it's"), "{shown}");
}

#[test]
fn every_problem_is_named_with_its_key() {
    let cases = [
        ("scope: [a]", "error: scope is a list, where a string is expected"),
        ("name:", "error: name is missing"),
        ("postgresql: 3", "error: postgresql is an integer, where keys with values are expected"),
        (
            "postgresql: {listen: 'x:y'}",
            "error: postgresql.listen is \"x:y\": not HOST[,HOST]:PORT",
        ),
        (
            "postgresql: {pg_ctl_timeout: soon}",
            "error: postgresql.pg_ctl_timeout is a string, where an integer is expected",
        ),
        (
            "postgresql: {use_pg_rewind: perhaps}",
            "error: postgresql.use_pg_rewind is a string, where true or false is expected",
        ),
        (
            "postgresql: {authentication: {superuser: {password: \"a\\nb\"}}}",
            "error: postgresql.authentication.superuser.password has a line break, which no password file can hold",
        ),
        ("restapi: {listen: '1.2.3.4:x'}", "error: restapi.listen is \"1.2.3.4:x\": not HOST:PORT"),
        (
            "etcd3: {hosts: {}}",
            "error: etcd3.hosts is a mapping, where a list of strings is expected",
        ),
        ("consul: {host: a}", "error: consul is not supported: the store is etcd (key etcd3)"),
        ("citus: {group: 1}", "error: citus is not supported: this daemon runs no Citus clusters"),
        (
            "aya: {lease: 1}",
            "error: aya.lease is out of range: a lease of 1 s cannot be: it lasts from 2 to 30 s",
        ),
        ("aya: {profile: fast}", "error: aya.profile is \"fast\", and can be native or patroni"),
        ("scop: a", "warning: scop is unknown and has no effect; is scope meant?"),
        (
            "postgresql: {data_dirs: a}",
            "warning: postgresql.data_dirs is unknown and has no effect; is data_dir meant?",
        ),
    ];
    for (change, told) in cases {
        let changed = merge(yaml::load(WHOLE).unwrap(), yaml::load(change).unwrap());
        let (config, findings) = check(&changed);
        let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(texts.iter().any(|text| text == told), "{change}: {texts:?}");
        let fails = findings.iter().any(|finding| finding.severity == Severity::Error);
        assert_eq!(config.is_none(), fails, "{change}");
    }
}

#[test]
fn what_the_environment_says_lies_over_the_file() {
    let variables = [("PATRONI_NAME", "n2"), ("PATRONI_SUPERUSER_PASSWORD", "other")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let (set, unreadable) = from_environment(&variables);
    assert!(unreadable.is_empty());
    let (config, _) = check(&merge(yaml::load(WHOLE).unwrap(), set));
    let config = config.unwrap();
    assert_eq!(config.name, "n2");
    let superuser = config.postgresql.superuser;
    assert_eq!(
        (superuser.username.as_str(), superuser.password.unwrap().reveal()),
        ("postgres", "other")
    );
}
