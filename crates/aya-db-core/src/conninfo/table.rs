//! Every parameter: the fifty of libpq 18 in its own order, then ours.

use super::keyword::Keyword;

/// Every parameter that a connection string, the builder or a service file can hold.
pub const KEYWORDS: &[Keyword] = &[
    libpq("service", "name", "takes further parameters from this section of the service file")
        .variable("PGSERVICE"),
    libpq("user", "name", "the database user; by default that of the operating system")
        .variable("PGUSER"),
    libpq("password", "text", "the user's password; an empty one counts as none")
        .variable("PGPASSWORD")
        .secret(),
    libpq("passfile", "path", "the password file; by default ~/.pgpass").variable("PGPASSFILE"),
    libpq(
        "channel_binding",
        "disable, prefer, require",
        "whether SCRAM is bound to the TLS connection",
    )
    .variable("PGCHANNELBINDING")
    .default("prefer"),
    libpq(
        "connect_timeout",
        "seconds; 0 or less: none of its own",
        "the longest that one address may take from the first packet to a usable session; libpq \
         has no limit by default",
    )
    .variable("PGCONNECT_TIMEOUT")
    .default("5"),
    libpq("dbname", "name", "the database; by default named like the user").variable("PGDATABASE"),
    libpq("host", "list", "host names, addresses or socket directories, separated by commas")
        .variable("PGHOST"),
    libpq("hostaddr", "list of IP addresses", "addresses to dial instead of looking up `host`")
        .variable("PGHOSTADDR"),
    libpq("port", "1 to 65535, list", "one port for all hosts or one for each")
        .variable("PGPORT")
        .default("5432"),
    libpq("client_encoding", "UTF8, auto", "the encoding of text; only UTF-8 is served")
        .variable("PGCLIENTENCODING")
        .default("UTF8"),
    libpq("options", "text", "command-line options for the server process, as in -c name=value")
        .variable("PGOPTIONS"),
    libpq("application_name", "text", "how pg_stat_activity shows the session")
        .variable("PGAPPNAME"),
    libpq("fallback_application_name", "text", "the application name when none is given"),
    libpq("keepalives", "0, 1", "whether the kernel probes idle connections").default("1"),
    libpq(
        "keepalives_idle",
        "seconds; 0: the system's",
        "silence before the first probe; libpq leaves it to the system",
    )
    .default("10"),
    libpq(
        "keepalives_interval",
        "seconds; 0: the system's",
        "time between probes; libpq leaves it to the system",
    )
    .default("3"),
    libpq(
        "keepalives_count",
        "number; 0: the system's",
        "lost probes that end the connection; libpq leaves it to the system",
    )
    .default("3"),
    libpq(
        "tcp_user_timeout",
        "milliseconds; 0: the system's",
        "how long sent data may stay unacknowledged; libpq leaves it to the system",
    )
    .default("10000"),
    libpq(
        "sslmode",
        "disable, allow, prefer, require, verify-ca, verify-full",
        "whether TLS is used and what is checked; verify-full by default with sslrootcert=system",
    )
    .variable("PGSSLMODE")
    .default("prefer"),
    libpq("sslnegotiation", "postgres, direct", "whether TLS starts at once or is asked for first")
        .variable("PGSSLNEGOTIATION")
        .default("postgres"),
    libpq("sslcompression", "0", "compression inside TLS")
        .variable("PGSSLCOMPRESSION")
        .default("0")
        .refused("compression inside TLS is insecure, and no PostgreSQL since 14 offers it"),
    libpq("sslcert", "path", "the client's certificate; by default ~/.postgresql/postgresql.crt")
        .variable("PGSSLCERT"),
    libpq("sslkey", "path", "the client's key; by default ~/.postgresql/postgresql.key")
        .variable("PGSSLKEY"),
    libpq("sslcertmode", "disable, allow, require", "whether the client's certificate is sent")
        .variable("PGSSLCERTMODE")
        .default("allow"),
    libpq("sslpassword", "text", "the password of the client's key").secret(),
    libpq(
        "sslrootcert",
        "path, system",
        "the authorities that may sign the server's certificate; by default ~/.postgresql/root.crt",
    )
    .variable("PGSSLROOTCERT"),
    libpq("sslcrl", "path", "revoked certificates; by default ~/.postgresql/root.crl")
        .variable("PGSSLCRL"),
    libpq("sslcrldir", "path", "a directory of files with revoked certificates")
        .variable("PGSSLCRLDIR"),
    libpq("sslsni", "0, 1", "whether TLS tells the server which host name is meant")
        .variable("PGSSLSNI")
        .default("1"),
    libpq("requirepeer", "name", "the system user that must own a Unix socket's server")
        .variable("PGREQUIREPEER"),
    libpq(
        "require_auth",
        "list of password, md5, scram-sha-256, gss, sspi, oauth, none; each may be preceded by !",
        "the only ways in which the server may ask for authentication, or those it may not use",
    )
    .variable("PGREQUIREAUTH"),
    libpq("min_protocol_version", "3.0", "the lowest protocol version; 3.0 is the one spoken")
        .variable("PGMINPROTOCOLVERSION"),
    libpq("max_protocol_version", "3.0, 3.2, latest", "the highest protocol version")
        .variable("PGMAXPROTOCOLVERSION"),
    libpq("ssl_min_protocol_version", "TLSv1.2, TLSv1.3", "the lowest TLS version")
        .variable("PGSSLMINPROTOCOLVERSION")
        .default("TLSv1.2"),
    libpq("ssl_max_protocol_version", "TLSv1.2, TLSv1.3", "the highest TLS version")
        .variable("PGSSLMAXPROTOCOLVERSION"),
    libpq("gssencmode", "disable, prefer", "encryption by GSSAPI")
        .variable("PGGSSENCMODE")
        .default("prefer")
        .refused(GSS),
    libpq("krbsrvname", "name", "the Kerberos service name of the server")
        .variable("PGKRBSRVNAME")
        .default("postgres")
        .refused(GSS),
    libpq("gsslib", "name", "the GSSAPI library").variable("PGGSSLIB").refused(GSS),
    libpq("gssdelegation", "0", "whether GSSAPI credentials are passed on")
        .variable("PGGSSDELEGATION")
        .default("0")
        .refused(GSS),
    libpq("replication", "false", "whether the replication protocol is spoken").refused(
        "the replication protocol belongs to replication tools, not to a pool of sessions",
    ),
    libpq(
        "target_session_attrs",
        "any, read-write, read-only, primary, standby, prefer-standby, prefer-primary",
        "which servers are acceptable; prefer-primary is this driver's own",
    )
    .variable("PGTARGETSESSIONATTRS")
    .default("any"),
    libpq("load_balance_hosts", "disable, random", "whether hosts are tried in random order")
        .variable("PGLOADBALANCEHOSTS")
        .default("disable"),
    libpq("scram_client_key", "base64", "a SCRAM client key in place of the password")
        .secret()
        .refused(SCRAM_KEY),
    libpq("scram_server_key", "base64", "a SCRAM server key in place of the password")
        .secret()
        .refused(SCRAM_KEY),
    libpq("oauth_issuer", "URL", "the issuer of OAuth tokens").refused(OAUTH),
    libpq("oauth_client_id", "text", "the OAuth client identifier").refused(OAUTH),
    libpq("oauth_client_secret", "text", "the OAuth client secret").secret().refused(OAUTH),
    libpq("oauth_scope", "text", "the OAuth scope").refused(OAUTH),
    libpq("sslkeylogfile", "path", "a file that receives the TLS keys, for debugging"),
    own("cluster_scope", "name", "the cluster's name in Patroni; etcd_endpoints needs it"),
    own("etcd_namespace", "name", "Patroni's namespace, the first part of its keys")
        .default("service"),
    own("etcd_endpoints", "list of [http[s]://]host[:2379]", "the etcd members to ask and watch"),
    own("etcd_user", "name", "the etcd user"),
    own("etcd_password", "text", "the etcd user's password").secret(),
    own("etcd_cacert", "path", "the authorities that may sign the etcd members' certificates"),
    own("etcd_cert", "path", "the client's certificate for etcd"),
    own("etcd_key", "path", "the client's key for etcd"),
    own("patroni_endpoints", "list of [http[s]://]host[:8008]", "Patroni's REST interfaces"),
    own("patroni_user", "name", "the user for basic authentication at Patroni"),
    own("patroni_password", "text", "the password for basic authentication at Patroni").secret(),
    own("patroni_cacert", "path", "the authorities that may sign Patroni's certificates"),
    own("patroni_cert", "path", "the client's certificate for Patroni"),
    own("patroni_key", "path", "the client's key for Patroni"),
    own(
        "failover",
        "auto, on, off",
        "whether a session of the Python package outlives its server; auto: with several hosts, or \
         where etcd or Patroni is named",
    )
    .default("auto"),
    own("failover_timeout", "seconds, or with a unit", "the longest that a call waits in all")
        .default("60s"),
    own(
        "switchover_hold",
        "seconds, or with a unit; 0: never",
        "the longest that calls wait for a switchover that etcd or Patroni tells of, rather than go \
         to the leader that is about to stop",
    )
    .default("10s"),
    own("max_lag_bytes", "bytes, or with kB, MB, GB", "the lag at which a standby gets no reads"),
    own(
        "max_lag_ms",
        "milliseconds, or with a unit",
        "the age of the last replayed commit at which a standby gets no reads",
    ),
    own("pool_max_size", "number from 1", "the most connections to one server").default("16"),
    own("pool_min_idle", "number", "idle connections kept ready").default("0"),
    own("pool_max_lifetime", "seconds, or with a unit; 0: no end", "the age of a connection's end")
        .default("0"),
    own("pool_idle_timeout", "seconds, or with a unit; 0: no end", "when an idle connection ends")
        .default("10min"),
    own("connects_per_host", "number from 1", "connections being opened to one server at a time")
        .default("8"),
    own(
        "commit_resolution",
        "auto, lsn, ledger, off",
        "how a commit whose answer was lost is resolved: lsn by the leader's history, ledger by a \
         row in aya_db.commit_ledger, auto by the history where etcd or Patroni tells it, else by \
         the ledger where there is one",
    )
    .default("auto"),
    own(
        "read_policy",
        "random, round-robin, least-outstanding, nearest",
        "which of several standbys gets a read",
    )
    .default("random"),
    own(
        "read_fallback",
        "primary, wait, refuse",
        "what becomes of a read that no standby may serve",
    )
    .default("primary"),
    own(
        "read_routing",
        "off, hints, auto",
        "which statements choose their server by their text: hints by a leading comment, auto plain \
         SELECTs as well, which needs the cargo feature sql-parser",
    )
    .default("hints"),
    own(
        "causal_wait",
        "milliseconds, or with a unit",
        "how long a read that must see an earlier write waits for a standby",
    )
    .default("100"),
    own(
        "transaction_replay",
        "on, off",
        "whether an open transaction whose connection is lost is run again on the new leader",
    )
    .default("on"),
    own(
        "replay_max_statements",
        "number",
        "the most statements of a transaction that are kept for its replay",
    )
    .default("1000"),
    own(
        "replay_max_bytes",
        "bytes, or with kB, MB, GB",
        "the most bytes of statements, parameters and copied data that are kept for it",
    )
    .default("4MB"),
    own("probe_interval", "milliseconds, or with a unit", "time between questions to each server")
        .default("5000"),
    own(
        "silence_timeout",
        "milliseconds, or with a unit",
        "how long a busy server may answer nothing on the side channel",
    )
    .default("1500"),
];

const GSS: &str = "GSSAPI is not implemented";
const OAUTH: &str = "OAuth is not implemented";
const SCRAM_KEY: &str =
    "logging in with SCRAM keys is not implemented: give the password, or a password file";

const fn libpq(name: &'static str, values: &'static str, meaning: &'static str) -> Keyword {
    Keyword::libpq(name, values, meaning)
}

const fn own(name: &'static str, values: &'static str, meaning: &'static str) -> Keyword {
    Keyword::own(name, values, meaning)
}
