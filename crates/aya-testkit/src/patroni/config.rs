//! Patroni's configuration of one node. JSON is YAML, so JSON it is.

use std::{net::SocketAddr, path::Path};

use serde_json::{Map, Value, json};

use super::{
    front::{REPLICATOR, REWINDER},
    node::Blueprint,
};
use crate::EtcdCredentials;

/// Whether commits wait for a standby.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Replication {
    Asynchronous,
    Synchronous,
}

/// The addresses and folders of one node.
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) postgres: SocketAddr,
    pub(super) postgres_public: SocketAddr,
    pub(super) rest: SocketAddr,
    pub(super) rest_public: SocketAddr,
    pub(super) etcd: Vec<SocketAddr>,
    pub(super) credentials: Option<&'a EtcdCredentials>,
    pub(super) data: &'a Path,
    pub(super) sockets: &'a Path,
    pub(super) bin: &'a Path,
    pub(super) folder: &'a Path,
}

/// The whole file.
pub(super) fn document(blueprint: &Blueprint, place: &Place<'_>) -> Value {
    json!({
        "scope": blueprint.scope,
        "name": place.name,
        "restapi": { "listen": place.rest, "connect_address": place.rest_public },
        "etcd3": etcd(place),
        "bootstrap": {
            "dcs": {
                "ttl": blueprint.timings.ttl,
                "loop_wait": blueprint.timings.loop_wait,
                "retry_timeout": blueprint.timings.retry_timeout,
                "maximum_lag_on_failover": 1_048_576,
                "synchronous_mode": blueprint.replication == Replication::Synchronous,
                "postgresql": {
                    "use_pg_rewind": true,
                    "use_slots": true,
                    // Patroni takes it from here alone.
                    "parameters": { "max_connections": 300 },
                },
            },
            "initdb": ["no-sync", { "encoding": "UTF8" }, { "locale": "C" }, { "wal-segsize": "4" }],
        },
        "postgresql": postgresql(blueprint, place),
    })
}

fn etcd(place: &Place<'_>) -> Value {
    // As proxies, the hosts are used as given: etcd's own list would lead round ours.
    let mut etcd = json!({ "hosts": place.etcd, "use_proxies": true });
    if let Some(credentials) = place.credentials {
        etcd["username"] = json!(credentials.user);
        etcd["password"] = json!(credentials.password);
    }
    etcd
}

fn postgresql(blueprint: &Blueprint, place: &Place<'_>) -> Value {
    let mut parameters: Map<String, Value> = [
        ("fsync", "off"),
        ("shared_buffers", "32MB"),
        ("dynamic_shared_memory_type", "mmap"),
        ("max_wal_size", "256MB"),
        ("wal_keep_size", "64MB"),
        ("log_line_prefix", "%m [%p] "),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect();
    parameters.insert("unix_socket_directories".to_owned(), json!(place.sockets));
    for (name, value) in &blueprint.settings {
        parameters.insert(name.clone(), json!(value));
    }
    let login = |user: &str| json!({ "username": user, "password": user, "sslmode": "disable" });
    json!({
        "listen": place.postgres,
        "connect_address": place.postgres_public,
        "data_dir": place.data,
        "bin_dir": place.bin,
        "pgpass": place.folder.join("pgpass"),
        "use_unix_socket": true,
        "use_unix_socket_repl": true,
        "remove_data_directory_on_rewind_failure": true,
        "remove_data_directory_on_diverged_timelines": true,
        "authentication": {
            "superuser": { "username": "postgres", "password": "postgres" },
            "replication": login(REPLICATOR),
            "rewind": login(REWINDER),
        },
        "parameters": parameters,
        "basebackup": ["no-sync", { "checkpoint": "fast" }],
        "pg_hba": [
            "local all all trust",
            "local replication all trust",
            format!("host replication {REPLICATOR} 127.0.0.0/8 scram-sha-256"),
            "host all all 127.0.0.0/8 scram-sha-256",
        ],
    })
}
