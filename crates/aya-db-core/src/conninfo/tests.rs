use super::*;

const PASSWORDS: [&str; 3] = ["Power$$336633$$", "p@ss:w/rd%", ""];

fn build(text: &str) -> Result<ConnInfo, ConnInfoError> {
    ConnInfo::parse(text, &FixedSurroundings::default().with_user_name("me"))
}

fn message(text: &str) -> String {
    build(text).unwrap_err().to_string()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn every_password_works_in_every_form() {
    for password in PASSWORDS {
        let kept = (!password.is_empty()).then_some(password);
        let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
        let plain = FixedSurroundings::default().with_home("/h");
        let env = plain.clone().with_var("PGPASSWORD", password);
        let line = format!("*:*:d:u:{escaped}\n");
        let passfile = plain.clone().with_file("/h/.pgpass", 0o600, &line);
        let section = format!("[s]\npassword={password}\n");
        let service = plain.clone().with_file("/h/.pg_service.conf", 0o644, &section);
        let uri = format!("postgresql://u:{}@h/d", encoded(password));
        let query = format!("postgresql://u@h/d?password={}", encoded(password));
        let pairs = format!("host=h user=u dbname=d password='{password}'");
        let bare = "host=h user=u dbname=d";
        for (text, around) in [
            (uri.as_str(), &plain),
            (&query, &plain),
            (&pairs, &plain),
            (bare, &env),
            (bare, &passfile),
            ("host=h user=u dbname=d service=s", &service),
        ] {
            let info = ConnInfo::parse(text, around).unwrap();
            assert_eq!(info.hosts()[0].password().map(Secret::expose), kept, "{text}");
            let shown = format!("{info:?} {}", info.redacted());
            assert!(kept.is_none_or(|kept| !shown.contains(kept)), "{shown}");
        }
        let built = ConnInfo::builder().host("h").user("u").password(password).build(&plain);
        assert_eq!(built.unwrap().hosts()[0].password().map(Secret::expose), kept);
    }
}

#[test]
fn errors_name_place_part_and_remedy() {
    for (text, part) in [
        ("postgresql://h?sslmod=require", "did you mean \"sslmode\"?"),
        ("host=a,b port=1,2,3", "could not match 3 port numbers to 2 hosts (at byte 14)"),
        ("postgresql://[::1", "(at byte 13)"),
        ("postgresql://h/%zz", "(at byte 15)"),
        ("host=h port=0", "invalid port number \"0\""),
        ("host=h sslmode=maybe", "invalid value \"maybe\" for parameter \"sslmode\""),
        ("host=h gssencmode=require", "is refused: GSSAPI is not implemented"),
        ("host=h oauth_issuer=x", "OAuth is not implemented"),
        ("host=h etcd_endpoints=e", "needs cluster_scope"),
        ("host=h failover_timeout=5x", "invalid value \"5x\""),
        ("host=h sslmode=prefer sslrootcert=system", "weak sslmode"),
        ("postgre://u:geheim@h", "unknown URI scheme \"postgre\""),
        ("host=h hostaddr=zz", "a list of IP addresses"),
    ] {
        assert!(message(text).contains(part), "{text}: {}", message(text));
    }
}

#[test]
fn errors_never_show_a_piece_of_a_password() {
    for text in [
        "postgre://u:geheim@h?sslmode=x",
        "postgresql://u:geheim/x@h",
        "postgresql://u:geheim%zz@h",
        "host=h password=my geheim",
        "host=h password=my geheim=1",
        "postgresql://h?password=a&geheim",
        "postgresql://h?password=a&geheim=1",
        "host=h scram_client_key=geheim",
        "host=h etcd_endpoints=http://u:geheim@e cluster_scope=s",
        "host=h password='geheim",
    ] {
        assert!(!message(text).contains("geheim"), "{text}: {}", message(text));
    }
}

#[test]
fn a_password_file_that_others_can_read_is_passed_over_with_a_warning() {
    let around = FixedSurroundings::default().with_user_name("u").with_home("/h").with_file(
        "/h/.pgpass",
        0o644,
        "*:*:*:*:x",
    );
    let info = ConnInfo::parse("host=h", &around).unwrap();
    assert!(info.hosts()[0].password().is_none());
    let text = info.warnings()[0].to_string();
    assert!(text.contains("/h/.pgpass") && text.contains("0644"), "{text}");
}

#[test]
fn a_password_file_is_matched_per_host() {
    let lines = "# note\na:1:*:u:one\nb\\:x:2:d:u:t\\:wo\nlocalhost:*:*:*:sock:et\n";
    let around = FixedSurroundings::default().with_file("/p", 0o600, lines);
    let text = "host='a,b:x,/tmp,c' port=1,2,3,4 user=u dbname=d passfile=/p";
    let info = ConnInfo::parse(text, &around).unwrap();
    let found: Vec<_> =
        info.hosts().iter().map(|host| host.password().map(Secret::expose)).collect();
    assert_eq!(found, [Some("one"), Some("t:wo"), Some("sock:et"), None]);
}

#[test]
fn nothing_said_gives_the_documented_defaults() {
    let info = build("").unwrap();
    assert_eq!(info.hosts()[0].socket_path().as_deref(), Some("/tmp/.s.PGSQL.5432"));
    assert_eq!((info.user(), info.dbname()), ("me", "me"));
    assert_eq!(info.failover_timeout().as_secs(), 60);
    assert_eq!(info.switchover_hold().as_secs(), 10);
    assert!(build("switchover_hold=0").unwrap().switchover_hold().is_zero());
    assert_eq!(info.sockets().tcp_user_timeout.map(|time| time.as_millis()), Some(10_000));
    assert_eq!(info.cluster().namespace, "service");
    assert_eq!(info.tls().mode, SslMode::Prefer);
    assert_eq!(build("sslrootcert=system").unwrap().tls().mode, SslMode::VerifyFull);
    assert!(build("gssencmode=disable krbsrvname=postgres replication=false").is_ok());
}

#[test]
fn the_table_names_the_fifty_of_libpq_once_each() {
    let libpq = KEYWORDS.iter().filter(|keyword| keyword.family == Family::Libpq);
    assert_eq!(libpq.count(), 50);
    let names: std::collections::BTreeSet<_> = KEYWORDS.iter().map(|k| k.name).collect();
    assert_eq!(names.len(), KEYWORDS.len());
    let page = keywords_markdown();
    assert!(names.iter().all(|name| page.contains(&format!("| `{name}` |"))));
}

#[test]
fn every_default_of_the_table_is_the_default_of_the_type() {
    let bare = build("").unwrap();
    let around = FixedSurroundings::default().with_user_name("me");
    let spelt = resolve(&defaults(&around).unwrap(), &around).unwrap();
    assert_eq!(format!("{:?}", bare.sockets()), format!("{:?}", spelt.sockets()));
    assert_eq!(bare.tls(), spelt.tls());
    assert_eq!(bare.pool(), spelt.pool());
    assert_eq!(bare.hosts(), spelt.hosts());
    assert_eq!(bare.connect_timeout(), spelt.connect_timeout());
    assert_eq!(bare.switchover_hold(), spelt.switchover_hold());
    assert_eq!(
        (bare.failover_timeout(), bare.probe_interval(), bare.silence_timeout()),
        (spelt.failover_timeout(), spelt.probe_interval(), spelt.silence_timeout())
    );
}
