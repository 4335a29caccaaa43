//! The same with a real PostgreSQL that is built with OpenSSL; the one on PyPI is not.
//!
//! `AYA_DB_TLS_POSTGRES` names the folder of its programs; without it, `pg_config` is asked.
//! The direct handshake is left out before version 17, which does not know it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use aya_db_core::conninfo::{ConnInfo, FixedSurroundings};
use tokio::net::TcpStream;
use tokio_postgres::config::ChannelBinding;
use tokio_postgres::{Client, Config, SimpleQueryMessage};

use aya_tls::{TlsContext, attempts};

use super::super::{Established, negotiate};
use super::authority::{Authority, Folder, Pair};
use super::peer::told;

struct Server {
    programs: PathBuf,
    folder: Folder,
    port: u16,
}

impl Server {
    fn start(pair: &Pair, client_root: &str, client_crl: Option<&str>) -> Self {
        let programs = programs();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { programs, folder: Folder::new(), port };
        let data = server.folder.path().join("data");
        let data = data.to_str().unwrap();
        server.run("initdb", &["-D", data, "-U", "postgres", "-A", "trust", "--no-sync"]);
        server.folder.write("data/server.crt", &pair.cert);
        server.folder.write("data/server.key", &pair.key);
        server.folder.write("data/root.crt", client_root);
        let mut conf = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             fsync = off\nssl = on\nssl_ca_file = 'root.crt'\n"
        );
        if let Some(crl) = client_crl {
            server.folder.write("data/root.crl", crl);
            conf.push_str("ssl_crl_file = 'root.crl'\n");
        }
        server.folder.write("data/postgresql.conf", &conf);
        server.folder.write(
            "data/pg_hba.conf",
            "hostssl all scram 127.0.0.1/32 scram-sha-256\n\
             hostssl all certified 127.0.0.1/32 cert\n\
             hostnossl all plain 127.0.0.1/32 trust\n\
             hostssl all postgres,secure 127.0.0.1/32 trust\n",
        );
        let log = server.folder.path().join("log");
        server.run("pg_ctl", &["-D", data, "-l", log.to_str().unwrap(), "-w", "start"]);
        server
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.output(program, arguments);
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(output.status.success(), "{program}: {output:?}\n{log}");
    }

    /// PostgreSQL refuses to run as root: then it gets a user namespace of its own.
    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let path = self.programs.join(program);
        let id = Command::new("id").arg("-u").output().unwrap();
        let mut command = if id.stdout == b"0\n" {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-user=1000", "--map-group=1000"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // A server that inherits a pipe would keep the reader of its output waiting.
        let out = std::fs::File::create(self.folder.path().join("out")).unwrap();
        command.args(arguments).stdout(out.try_clone().unwrap()).stderr(out).output().unwrap()
    }

    /// Connects as libpq would: one attempt after the other.
    async fn connect(&self, user: &str, host: &str, parameters: &str) -> Result<Client, String> {
        let text = format!("host={host} user={user} password='p@ss' dbname=postgres {parameters}");
        let info = ConnInfo::parse(&text, &FixedSurroundings::default()).unwrap();
        let context = TlsContext::load(info.tls()).map_err(|error| told(&error))?;
        let mut config = Config::new();
        config.user(user).password("p@ss").dbname("postgres");
        config.channel_binding(match parameters.contains("channel_binding=require") {
            true => ChannelBinding::Require,
            false => ChannelBinding::Prefer,
        });
        Established::prepare(&mut config);
        let mut failed = String::new();
        for attempt in attempts(context.mode()) {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
            let stream = match negotiate(stream, host, &context, *attempt).await {
                Ok(stream) => stream,
                Err(error) => {
                    failed = told(&error);
                    continue;
                }
            };
            let established = Established::new(stream.tls_server_end_point());
            match config.connect_raw(stream, established).await {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return Ok(client);
                }
                Err(error) => failed = told(&error),
            }
        }
        Err(failed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        self.output("pg_ctl", &["-D", data.to_str().unwrap(), "-m", "immediate", "stop"]);
    }
}

/// Where a PostgreSQL with OpenSSL is.
fn programs() -> PathBuf {
    if let Some(named) = std::env::var_os("AYA_DB_TLS_POSTGRES") {
        return named.into();
    }
    let ask = |question| {
        let output = Command::new("pg_config").arg(question).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let options = ask("--configure").unwrap_or_default();
    let with_openssl = options.contains("--with-openssl") || options.contains("--with-ssl=openssl");
    assert!(
        with_openssl,
        "no PostgreSQL with OpenSSL found: install one, or name it in AYA_DB_TLS_POSTGRES"
    );
    ask("--bindir").expect("pg_config answered before").trim().into()
}

/// The major version of the server.
async fn major(client: &Client) -> i32 {
    let row = client.query_one("select current_setting('server_version_num')", &[]).await.unwrap();
    row.get::<_, String>(0).parse::<i32>().unwrap() / 10_000
}

/// What the server says of the connection: `t TLSv1.3` and the client's name.
async fn seen(client: &Client) -> String {
    let query = "select ssl::text || coalesce(' ' || version, '') || coalesce(' ' || client_dn, '') \
                 from pg_stat_ssl where pid = pg_backend_pid()";
    let rows = client.simple_query(query).await.unwrap();
    let text = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    text.unwrap()
}

async fn check(server: &Server, user: &str, host: &str, parameters: &str, expected: &str) {
    let got = match server.connect(user, host, parameters).await {
        Ok(client) => seen(&client).await,
        Err(error) => error,
    };
    assert!(got.contains(expected), "{user}@{host} {parameters}: {got}, expected {expected}");
}

#[tokio::test]
async fn live_every_mode_and_version_and_certificate() {
    let (authority, other, folder) = (Authority::new(), Authority::new(), Folder::new());
    let pair = authority.sign_with(&["db.test"], "x", |params| {
        params.serial_number = Some(5.into());
    });
    let server = Server::start(&pair, &authority.pem, None);
    let postgres = server.connect("postgres", "db.test", "sslmode=require").await.unwrap();
    postgres
        .batch_execute(
            "create role scram login password 'p@ss'; create role certified login; \
             create role plain login; create role secure login",
        )
        .await
        .unwrap();
    let root = folder.write("root.crt", &authority.pem);
    let wrong = folder.write("wrong.crt", &other.pem);
    let client = authority.sign(&[], "certified");
    let cert = folder.write("client.crt", &client.cert);
    let key = folder.write("client.key", &client.key);
    let clear = folder.write("clear.crl", &authority.revoke(&[]));
    let revoked = folder.write("revoked.crl", &authority.revoke(&[5]));
    let full = format!("sslmode=verify-full sslrootcert={}", root.display());
    let identity = format!("sslcert={} sslkey={}", cert.display(), key.display());
    let foreign = format!("sslmode=verify-ca sslrootcert={}", wrong.display());
    let cases = [
        ("secure", "db.test", "sslmode=disable".to_owned(), "no pg_hba.conf entry"),
        ("secure", "db.test", "sslmode=allow".to_owned(), "true TLSv1.3"),
        ("plain", "db.test", "sslmode=allow".to_owned(), "false"),
        ("plain", "db.test", "sslmode=prefer".to_owned(), "false"),
        ("secure", "db.test", "sslmode=prefer".to_owned(), "true TLSv1.3"),
        ("plain", "db.test", "sslmode=require".to_owned(), "no pg_hba.conf entry"),
        ("secure", "db.test", full.clone(), "true TLSv1.3"),
        ("secure", "other.test", full.clone(), "is for \"db.test\", not for \"other.test\""),
        ("secure", "other.test", full.replace("full", "ca"), "true TLSv1.3"),
        ("secure", "db.test", foreign, "UnknownIssuer"),
        ("secure", "db.test", format!("{full} ssl_max_protocol_version=TLSv1.2"), "true TLSv1.2"),
        ("secure", "db.test", format!("{full} ssl_min_protocol_version=TLSv1.3"), "true TLSv1.3"),
        ("secure", "db.test", format!("{full} sslnegotiation=direct"), "true TLSv1.3"),
        ("secure", "db.test", format!("{full} sslcrl={}", clear.display()), "true TLSv1.3"),
        ("secure", "db.test", format!("{full} sslcrl={}", revoked.display()), "Revoked"),
        ("certified", "db.test", format!("{full} {identity}"), "true TLSv1.3 /CN=certified"),
        ("certified", "db.test", full.clone(), "certificate"),
        ("certified", "db.test", format!("{full} {identity} sslcertmode=disable"), "certificate"),
        ("certified", "db.test", format!("{full} {identity} sslcertmode=require"), "/CN=certified"),
        ("scram", "db.test", full.clone(), "true TLSv1.3"),
        ("scram", "db.test", format!("{full} channel_binding=require"), "true TLSv1.3"),
        (
            "scram",
            "db.test",
            format!("{full} channel_binding=require ssl_max_protocol_version=TLSv1.2"),
            "true TLSv1.2",
        ),
        ("secure", "db.test", format!("{full} channel_binding=require"), "channel binding"),
    ];
    let direct = major(&postgres).await >= 17;
    for (user, host, parameters, expected) in &cases {
        if parameters.contains("direct") && !direct {
            continue;
        }
        check(&server, user, host, parameters, expected).await;
    }
}

#[tokio::test]
async fn live_channel_binding_goes_with_the_servers_key() {
    let own = |algorithm| {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(["db.test".to_owned()]).unwrap();
        Pair { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    };
    let edwards = Pair {
        cert: include_str!("fixtures/ed25519.crt").to_owned(),
        key: include_str!("fixtures/ed25519.key").to_owned(),
    };
    let home_made = Pair {
        cert: include_str!("fixtures/server.crt").to_owned(),
        key: include_str!("fixtures/server.key").to_owned(),
    };
    let bound = "sslmode=require channel_binding=require";
    let cases = [
        (own(&rcgen::PKCS_ECDSA_P384_SHA384), bound, "true TLSv1.3"),
        (edwards.clone(), "sslmode=require", "true TLSv1.3"),
        (edwards, bound, "did not use channel binding"),
        (home_made, bound, "true TLSv1.3"),
    ];
    for (pair, parameters, expected) in cases {
        let server = Server::start(&pair, &pair.cert, None);
        let postgres = server.connect("postgres", "db.test", "sslmode=require").await.unwrap();
        postgres.batch_execute("create role scram login password 'p@ss'").await.unwrap();
        check(&server, "scram", "db.test", parameters, expected).await;
    }
}

#[tokio::test]
async fn live_the_server_may_revoke_the_client() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let client = authority.sign_with(&[], "certified", |params| {
        params.serial_number = Some(9.into());
    });
    let pair = authority.sign(&["db.test"], "x");
    let server = Server::start(&pair, &authority.pem, Some(&authority.revoke(&[9])));
    let cert = folder.write("client.crt", &client.cert);
    let key = folder.write("client.key", &client.key);
    let files = format!("sslcert={} sslkey={}", cert.display(), key.display());
    for version in ["TLSv1.2", "TLSv1.3"] {
        let parameters = format!("sslmode=require {files} ssl_max_protocol_version={version}");
        check(&server, "certified", "db.test", &parameters, "CertificateRevoked").await;
    }
}
