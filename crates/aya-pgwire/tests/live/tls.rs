//! Encrypted sessions with a real PostgreSQL that is built with OpenSSL; the one on PyPI is not.
//!
//! `AYA_DB_TLS_POSTGRES` names the folder of its programs; without it, `pg_config` is asked.

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use aya_pgwire::{Answer, Connecting, Event, Field, Polled, Progress, Wait};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::support::{Client, patience, target};

struct Server {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// With a certificate for `db.test`, and an authority that signed it in `root.crt`.
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { programs: programs(), folder, port };
        let data = server.path("data");
        server.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync"]);
        server.certify();
        let conf = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             fsync = off\nssl = on\nlog_connections = on\n"
        );
        server.write("data/postgresql.conf", &conf);
        let hba = "hostssl all scram 127.0.0.1/32 scram-sha-256\n\
                   hostssl all postgres 127.0.0.1/32 trust\n\
                   hostnossl all plain 127.0.0.1/32 trust\n";
        server.write("data/pg_hba.conf", hba);
        let log = server.path("log");
        server.run("pg_ctl", &["-D", &data, "-l", &log, "-w", "start"]);
        server
    }

    fn certify(&self) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self.write("root.crt", &params.self_signed(&key).unwrap().pem());
        let authority = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["db.test".to_owned()]).unwrap();
        self.write("data/server.crt", &params.signed_by(&key, &authority).unwrap().pem());
        self.write("data/server.key", &key.serialize_pem());
    }

    fn conninfo(&self, more: &str) -> String {
        format!("host=db.test hostaddr=127.0.0.1 port={} dbname=postgres {more}", self.port)
    }

    /// The same with everything checked that can be.
    fn checked(&self, user: &str) -> String {
        let root = self.path("root.crt");
        self.conninfo(&format!("user={user} sslmode=verify-full sslrootcert={root}"))
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.output(program, arguments);
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        assert!(output.status.success(), "{program}: {output:?}\n{log}");
    }

    /// PostgreSQL refuses to run as root: then it gets a user namespace of its own.
    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let path = self.programs.join(program);
        let id = Command::new("id").arg("-u").output().unwrap();
        let mut command = match id.stdout == b"0\n" {
            true => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--map-user=1000", "--map-group=1000"]).arg(path);
                command
            }
            false => Command::new(path),
        };
        // A server that inherits a pipe would keep the reader of its output waiting.
        let out = fs::File::create(self.path("out")).unwrap();
        command.args(arguments).stdout(out.try_clone().unwrap()).stderr(out).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.output("pg_ctl", &["-D", &self.path("data"), "-m", "immediate", "stop"]);
    }
}

fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("AYA_DB_TLS_POSTGRES") {
        return PathBuf::from(folder);
    }
    let output = Command::new("pg_config").arg("--bindir").output();
    let output = output.expect("AYA_DB_TLS_POSTGRES or pg_config must tell of a PostgreSQL");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

#[test]
fn live_sessions_are_encrypted_and_bound() {
    let server = Server::start();
    let mut client = Client::open(&server.checked("postgres"));
    assert!(client.connection.is_encrypted());
    let question =
        "select ssl::text || ' ' || version from pg_stat_ssl where pid = pg_backend_pid()";
    assert_eq!(client.value(question), "true TLSv1.3");
    client.query("create role scram login password 'pass'; create role plain login");
    let bound = format!("{} password=pass channel_binding=require", server.checked("scram"));
    let mut scram = Client::open(&bound);
    assert_eq!(scram.value("select current_user"), "scram");
    let loose = server.conninfo("user=scram password=pass sslmode=require channel_binding=disable");
    assert!(Client::open(&loose).connection.is_encrypted());
    // Much goes while much comes.
    let text = "y".repeat(4 << 20);
    let query =
        format!("select repeat('x', 1000) from generate_series(1, 20000); select length('{text}')");
    let answers = client.pipeline(&[query.as_bytes(), query.as_bytes()]);
    let [_, _, Answer::Table(rows), Answer::Table(length)] = &answers[..] else { panic!() };
    assert_eq!(rows.rows.len(), 20_000);
    assert_eq!(length.rows.get(0).unwrap().cell(0), Some(text.len().to_string().as_bytes()));
    client.connection.close();
    scram.connection.close();
}

#[test]
fn live_cancel_requests_are_encrypted_too() {
    let server = Server::start();
    let mut client = Client::open(&server.checked("postgres"));
    let mut watch = Client::open(&server.checked("postgres"));
    let canceller = client.connection.canceller().unwrap();
    let answers = thread::scope(|scope| {
        let answers = scope.spawn(|| client.query("select pg_sleep(600)"));
        let sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
        while watch.value(sleeping) != "1" {
            assert!(!answers.is_finished());
        }
        canceller.cancel(&mut patience()).unwrap();
        answers.join().unwrap()
    });
    let [Answer::Error(error)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!(error.get(Field::Code), Some(&b"57014"[..]));
}

#[test]
fn live_steps_need_no_blocking_call() {
    let server = Server::start();
    let mut connecting = Connecting::new(target(&server.checked("postgres")));
    let mut connection = loop {
        match connecting.poll().unwrap() {
            Progress::Done(connection) => break connection,
            Progress::Wait(interest) => {
                patience().wait(connecting.fd().unwrap(), interest, None).unwrap();
            }
        }
    };
    connection.session_mut().query(b"select 7 from generate_series(1, 50000)").unwrap();
    loop {
        match connection.poll_event().unwrap() {
            Polled::Event(Event::Ready(_)) => break,
            Polled::Event(Event::Answer(Answer::Table(table))) => {
                assert_eq!(table.rows.len(), 50_000);
            }
            Polled::Event(event) => panic!("{event:?}"),
            Polled::Wait(interest) => {
                patience().wait(connection.as_fd(), interest, None).unwrap();
            }
        }
    }
}

#[test]
fn live_ways_are_tried_as_the_mode_says() {
    let server = Server::start();
    let mut client = Client::open(&server.checked("postgres"));
    client.query("create role plain login");
    let open = |more: &str| {
        Client::try_open(&server.conninfo(more)).map(|it| it.connection.is_encrypted())
    };
    assert!(open("user=postgres").unwrap(), "prefer");
    assert!(open("user=postgres sslmode=allow").unwrap(), "the second way");
    assert!(!open("user=plain").unwrap(), "prefer falls back when pg_hba.conf rejects");
    assert!(!open("user=plain sslmode=allow").unwrap());
    let place = format!("connection to server at \"127.0.0.1\", port {} failed: ", server.port);
    let told = |more: &str| open(more).unwrap_err().text();
    let rejected = told("user=plain sslmode=require");
    assert!(rejected.starts_with(&format!("{place}FATAL:  no pg_hba.conf entry")), "{rejected}");
    let root = server.path("root.crt");
    let other = format!("user=postgres host=other.test sslmode=verify-full sslrootcert={root}");
    assert_eq!(
        told(&other),
        format!(
            "{place}server certificate for \"db.test\" does not match host name \"other.test\"\n"
        )
    );
    let unknown = told("user=postgres sslmode=verify-full sslrootcert=system");
    assert!(
        unknown.starts_with(&format!("{place}SSL error: certificate verify failed")),
        "{unknown}"
    );
}
