use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::environment::LOGIN;
use super::reader::{Reader, scalar};
use super::{Finding, Secret, Severity, to_json};
use crate::cluster::Tags;
use crate::lease;
use crate::view::Profile;
use crate::yaml::Value;

/// What one node is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The cluster's name.
    pub scope: String,
    /// The folder of the cluster's keys, `service` unless it is set.
    pub namespace: String,
    /// This node's name, which no other node of the cluster has.
    pub name: String,
    /// The REST interface.
    pub restapi: RestApi,
    /// The store.
    pub etcd: Etcd,
    /// How a new cluster is made.
    pub bootstrap: Bootstrap,
    /// The server.
    pub postgresql: Postgresql,
    /// What other nodes are to heed.
    pub tags: Tags,
    /// Our own section.
    pub aya: Aya,
}

/// The REST interface.
#[derive(Debug, Clone, PartialEq)]
pub struct RestApi {
    /// Where it listens.
    pub listen: Address,
    /// Where others reach it.
    pub connect_address: Address,
    /// User and password for everything that changes something.
    pub authentication: Option<(String, Secret)>,
}

/// The store.
#[derive(Debug, Clone, PartialEq)]
pub struct Etcd {
    /// The members, as URLs.
    pub endpoints: Vec<String>,
    /// User and password.
    pub authentication: Option<(String, Secret)>,
    /// The file of the certificates that sign theirs.
    pub cacert: Option<String>,
    /// The files of our own certificate and its key.
    pub identity: Option<(String, String)>,
}

/// How a new cluster is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// The first dynamic configuration.
    pub dcs: Json,
    /// Options of `initdb`, without their dashes.
    pub initdb: Vec<String>,
    /// A command that runs once the new server does.
    pub post_init: Option<String>,
}

/// The server.
#[derive(Debug, Clone, PartialEq)]
pub struct Postgresql {
    /// The addresses on which it listens.
    pub listen: String,
    /// Its port.
    pub port: u16,
    /// Where others reach it.
    pub connect_address: Address,
    /// Its data.
    pub data_dir: String,
    /// Its programs; found by PATH if empty.
    pub bin_dir: String,
    /// Where the password file for replication is kept.
    pub pgpass: Option<String>,
    /// Who makes and asks, who replicates, who rewinds.
    pub superuser: Login,
    /// Who replicates.
    pub replication: Login,
    /// Who rewinds; the superuser if nobody is named.
    pub rewind: Option<Login>,
    /// Parameters of this node.
    pub parameters: BTreeMap<String, String>,
    /// The lines of `pg_hba.conf`.
    pub pg_hba: Option<Vec<String>>,
    /// The lines of `pg_ident.conf`.
    pub pg_ident: Option<Vec<String>>,
    /// Options of `pg_basebackup`, without their dashes.
    pub basebackup: Vec<String>,
    /// Commands that are told of changes, by what they are told of.
    pub callbacks: BTreeMap<String, String>,
    /// Whether the daemon connects by the server's socket.
    pub use_unix_socket: bool,
    /// Whether a former primary is rewound.
    pub use_pg_rewind: Option<bool>,
    /// Whether data that cannot be rewound is removed and copied anew.
    pub remove_when_rewind_fails: bool,
    /// Whether data that cannot follow is removed and copied anew where rewinding is off.
    pub remove_when_diverged: bool,
    /// How long starting, stopping and promoting may take before they count as failed.
    pub patience: Duration,
}

/// A user of PostgreSQL, with everything that its connections need.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Login {
    /// Its name.
    pub username: String,
    /// Its password.
    pub password: Option<Secret>,
    /// `sslmode` and the like.
    pub options: BTreeMap<String, String>,
}

/// Our own section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aya {
    /// Whose rules this node follows; `None` lets the cluster's members say.
    pub profile: Option<Profile>,
    /// How long the leader's lease is, under our own rules.
    pub lease: lease::Timing,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host; of IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Address {
    /// From `HOST:PORT`, `HOST` or `[IPV6]:PORT`.
    pub fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']')?;
                (host, after.strip_prefix(':'))
            }
            None => match text.rsplit_once(':') {
                Some((host, port)) if !host.contains(':') => (host, Some(port)),
                Some(_) | None => (text, None),
            },
        };
        let port = port.map_or(Some(default_port), |port| port.parse().ok())?;
        (!host.is_empty() && port > 0).then(|| Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Reads a configuration. There is one unless something is wrong that the daemon cannot start with; all
/// findings are given, not just the first.
pub fn check(value: &Value) -> (Option<Config>, Vec<Finding>) {
    let findings = RefCell::new(Vec::new());
    let config = read(&Reader::new(value, &findings));
    let findings = findings.into_inner();
    let fails = findings.iter().any(|finding| finding.severity == Severity::Error);
    (config.filter(|_| !fails), findings)
}

fn read(root: &Reader<'_>) -> Option<Config> {
    for (section, why) in REFUSED {
        if root.value(section).is_some() {
            root.error(section, why);
        }
    }
    for section in WITHOUT_EFFECT {
        if root.value(section).is_some() {
            root.warn(section, "is for other programs than this one and has no effect here");
        }
    }
    let scope = root.required("scope");
    let namespace = root.text("namespace").unwrap_or_else(|| "service".to_owned());
    let name = root.required("name");
    let restapi = restapi(&root.section("restapi"));
    let etcd = etcd(root);
    let bootstrap = bootstrap(&root.section("bootstrap"));
    let postgresql = postgresql(&root.section("postgresql"));
    let tags = tags(&root.section("tags"));
    let aya = aya(&root.section("aya"));
    root.finish();
    Some(Config {
        scope,
        namespace: namespace.trim_matches('/').to_owned(),
        name,
        restapi: restapi?,
        etcd: etcd?,
        bootstrap,
        postgresql: postgresql?,
        tags,
        aya: aya?,
    })
}

fn restapi(section: &Reader<'_>) -> Option<RestApi> {
    let listen = section.address("listen", 8008).or_else(|| Address::parse("127.0.0.1:8008", 8008));
    let connect = section.address("connect_address", 8008).or_else(|| listen.clone());
    let login = section.section("authentication");
    let user = login.text("username");
    let authentication = user.zip(login.secret("password"));
    login.finish();
    for key in ["certfile", "keyfile", "cafile", "verify_client"] {
        if section.value(key).is_some() {
            section.error(key, "is not supported yet: the interface speaks plain HTTP");
        }
    }
    for key in
        ["allowlist", "allowlist_include_members", "http_extra_headers", "https_extra_headers"]
    {
        if section.value(key).is_some() {
            section.warn(key, "is not supported yet and has no effect");
        }
    }
    section.finish();
    Some(RestApi { listen: listen?, connect_address: connect?, authentication })
}

fn etcd(root: &Reader<'_>) -> Option<Etcd> {
    let (three, two) = (root.section("etcd3"), root.section("etcd"));
    let section = if three.is_set() || !two.is_set() { three } else { two };
    let protocol = section.text("protocol").unwrap_or_else(|| "http".to_owned());
    let hosts = section.texts("hosts").or_else(|| section.text("host").map(|host| vec![host]));
    let mut endpoints: Vec<String> =
        hosts.unwrap_or_default().iter().map(|host| endpoint(&protocol, host)).collect();
    endpoints.extend(section.text("url").or_else(|| section.text("proxy")));
    for key in ["srv", "srv_suffix"] {
        if section.value(key).is_some() {
            section.error(key, "is not supported yet: list the members under hosts");
        }
    }
    // The members are used as they are listed, which is what a proxy asks for.
    let _listed = section.flag("use_proxies");
    if endpoints.is_empty() {
        section.error("hosts", "is missing: a list of HOST:PORT of etcd's members");
    }
    let authentication = section.text("username").zip(section.secret("password"));
    let identity = section.text("cert").zip(section.text("key"));
    let cacert = section.text("cacert");
    section.finish();
    Some(Etcd { endpoints, authentication, cacert, identity })
}

fn endpoint(protocol: &str, host: &str) -> String {
    if host.contains("://") { host.to_owned() } else { format!("{protocol}://{host}") }
}

fn bootstrap(section: &Reader<'_>) -> Bootstrap {
    let dcs = section.value("dcs").map_or_else(|| Json::Object(Map::new()), to_json);
    let initdb = options(section, "initdb");
    let post_init = section.text("post_bootstrap").or_else(|| section.text("post_init"));
    if section.text("method").is_some_and(|method| method != "initdb") {
        section.error("method", "is not supported yet: only initdb makes clusters");
    }
    if section.value("users").is_some() {
        section.warn("users", "has no effect since Patroni 4: make users with post_bootstrap");
    }
    section.finish();
    Bootstrap { dcs, initdb, post_init }
}

/// A list of options as Patroni's file has them: `name`, or `name: value`; or a mapping of these.
fn options(section: &Reader<'_>, key: &str) -> Vec<String> {
    let Some(value) = section.value(key) else { return Vec::new() };
    let option = |value: &Value| match value {
        Value::Map(entries) if entries.len() == 1 => {
            Some(format!("{}={}", scalar(&entries[0].0)?, scalar(&entries[0].1)?))
        }
        other => scalar(other),
    };
    let options = match value {
        Value::List(values) => values.iter().map(option).collect::<Option<Vec<_>>>(),
        Value::Map(entries) => {
            entries.iter().map(|entry| option(&Value::Map(vec![entry.clone()]))).collect()
        }
        other => scalar(other).map(|option| vec![option]),
    };
    if options.is_none() {
        section.error(key, "is no list of options: each is a name, or a name with a value");
    }
    options.unwrap_or_default()
}

fn postgresql(section: &Reader<'_>) -> Option<Postgresql> {
    let listen = section.required("listen");
    let (hosts, port) = listen.rsplit_once(':').unwrap_or((&listen, "5432"));
    let Ok(port) = port.parse::<u16>() else {
        section.error("listen", &format!("is {listen:?}: not HOST[,HOST]:PORT"));
        return None;
    };
    let first = hosts.split(',').next().unwrap_or_default().trim();
    let connect = section
        .address("connect_address", port)
        .or_else(|| Address::parse(&format!("{first}:{port}"), port));
    let logins = section.section("authentication");
    let superuser = login(&logins.section("superuser"), "postgres");
    let replication = login(&logins.section("replication"), "replicator");
    let rewind = logins.section("rewind");
    let rewind = rewind.is_set().then(|| login(&rewind, "rewind_user"));
    logins.finish();
    let postgresql = Postgresql {
        listen: hosts.to_owned(),
        port,
        connect_address: connect?,
        data_dir: section.required("data_dir"),
        bin_dir: section.text("bin_dir").unwrap_or_default(),
        pgpass: section.text("pgpass"),
        superuser,
        replication,
        rewind,
        parameters: pairs(&section.section("parameters")),
        pg_hba: section.lines("pg_hba"),
        pg_ident: section.lines("pg_ident"),
        basebackup: options(section, "basebackup"),
        callbacks: pairs(&section.section("callbacks")),
        use_unix_socket: section.flag("use_unix_socket").unwrap_or(false),
        use_pg_rewind: section.flag("use_pg_rewind"),
        remove_when_rewind_fails: section
            .flag("remove_data_directory_on_rewind_failure")
            .unwrap_or(false),
        remove_when_diverged: section
            .flag("remove_data_directory_on_diverged_timelines")
            .unwrap_or(false),
        patience: seconds(section.integer("pg_ctl_timeout").unwrap_or(60)),
    };
    for key in NOT_YET {
        if section.value(key).is_some() {
            section.warn(key, "is not supported yet and has no effect");
        }
    }
    section.finish();
    Some(postgresql)
}

fn login(section: &Reader<'_>, default: &str) -> Login {
    let username = section.text("username").unwrap_or_else(|| default.to_owned());
    let password = section.secret("password");
    let options = LOGIN.iter().filter(|key| !matches!(**key, "username" | "password"));
    let options = options.filter_map(|key| Some(((*key).to_owned(), section.text(key)?))).collect();
    section.finish();
    Login { username, password, options }
}

fn pairs(section: &Reader<'_>) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for (key, value) in section.entries() {
        match (scalar(value), value) {
            (Some(text), _) => {
                pairs.insert(key, text);
            }
            (None, Value::Null) => {}
            (None, value) => section.error(&key, &format!("is {}, not a value", value.type_name())),
        }
    }
    pairs
}

fn tags(section: &Reader<'_>) -> Tags {
    let tags = section.entries().into_iter().map(|(key, value)| (key, to_json(value)));
    // Patroni shows only those that are set.
    let set = |value: &Json| !matches!(value, Json::Null | Json::Bool(false));
    Tags::new(tags.filter(|(_, value)| set(value)).collect())
}

fn aya(section: &Reader<'_>) -> Option<Aya> {
    let profile = match section.text("profile").as_deref() {
        None => None,
        Some("native") => Some(Profile::Native),
        Some("patroni") => Some(Profile::Patroni),
        Some(other) => {
            section.error("profile", &format!("is {other:?}, and can be native or patroni"));
            None
        }
    };
    let lease = lease::Timing::new(seconds(section.integer("lease").unwrap_or(3)));
    if let Err(error) = &lease {
        section.error("lease", &format!("is out of range: {error}"));
    }
    section.finish();
    Some(Aya { profile, lease: lease.ok()? })
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or_default())
}

const REFUSED: &[(&str, &str)] = &[
    ("citus", "is not supported: this daemon runs no Citus clusters"),
    ("raft", "is not supported: the store is etcd (key etcd3)"),
    ("zookeeper", "is not supported: the store is etcd (key etcd3)"),
    ("exhibitor", "is not supported: the store is etcd (key etcd3)"),
    ("consul", "is not supported: the store is etcd (key etcd3)"),
    ("kubernetes", "is not supported: the store is etcd (key etcd3)"),
];

const WITHOUT_EFFECT: &[&str] = &["ctl", "log", "watchdog"];

const NOT_YET: &[&str] = &[
    "use_unix_socket_repl",
    "proxy_address",
    "config_dir",
    "bin_name",
    "custom_conf",
    "create_replica_methods",
    "create_replica_method",
    "recovery_conf",
    "pre_promote",
    "before_stop",
    "use_slots",
];
