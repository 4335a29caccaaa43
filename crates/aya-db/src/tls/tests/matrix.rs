//! Which certificate passes in which mode.

use rcgen::date_time_ymd;
use rustls::version::{TLS12, TLS13};

use aya_tls::{TlsAttempt, attempts};

use super::authority::{Authority, Folder, Pair, self_signed};
use super::peer::{Peer, context, meet, told};
use aya_db_core::conninfo::SslMode;

/// Meets, and compares with `expected`: nothing for success, otherwise a part of the error.
async fn check(parameters: &str, host: &str, peer: &Peer, expected: Option<&str>) {
    let met = meet(parameters, host, peer).await;
    let case = format!("{parameters} to {host}");
    match (met.client, expected) {
        (Ok(stream), None) => {
            assert!(stream.is_encrypted(), "{case}");
            met.server.unwrap_or_else(|error| panic!("{case}: {error}"));
        }
        (Ok(_), Some(expected)) => panic!("{case}: passed, expected {expected}"),
        (Err(error), None) => panic!("{case}: {}", told(&error)),
        (Err(error), Some(expected)) => {
            let told = told(&error);
            assert!(told.contains(expected), "{case}: {told}");
        }
    }
}

#[test]
fn attempts_follow_the_mode() {
    use TlsAttempt::{Offered, Plain, Required};

    let cases: [(SslMode, &[TlsAttempt]); 6] = [
        (SslMode::Disable, &[Plain]),
        (SslMode::Allow, &[Plain, Required]),
        (SslMode::Prefer, &[Offered, Plain]),
        (SslMode::Require, &[Required]),
        (SslMode::VerifyCa, &[Required]),
        (SslMode::VerifyFull, &[Required]),
    ];
    for (mode, expected) in cases {
        assert_eq!(attempts(mode), expected, "{mode:?}");
    }
}

#[tokio::test]
async fn each_mode_checks_what_it_promises() {
    let (authority, other, folder) = (Authority::new(), Authority::new(), Folder::new());
    let root = folder.write("root.crt", &authority.pem);
    let root = format!("sslrootcert={}", root.display());
    let good = Peer::new(authority.sign(&["db.test"], "x"));
    let elsewhere = Peer::new(authority.sign(&["elsewhere.test", "10.0.0.1"], "x"));
    let foreign = Peer::new(other.sign(&["db.test"], "x"));
    let expired = Peer::new(authority.sign_with(&["db.test"], "x", |params| {
        params.not_after = date_time_ymd(2021, 1, 1);
    }));
    let names = "the certificate is for \"elsewhere.test\", \"10.0.0.1\", not for \"db.test\"";
    let rows: [(&str, [Option<&str>; 4]); 6] = [
        // the mode, and what becomes of: good, another name, another authority, expired
        ("sslmode=allow", [None, None, None, None]),
        ("sslmode=prefer", [None, None, None, None]),
        ("sslmode=require", [None, None, None, None]),
        ("sslmode=require {root}", [None, None, Some("UnknownIssuer"), Some("expired")]),
        ("sslmode=verify-ca {root}", [None, None, Some("UnknownIssuer"), Some("expired")]),
        ("sslmode=verify-full {root}", [None, Some(names), Some("UnknownIssuer"), Some("expired")]),
    ];
    for (mode, expected) in rows {
        let parameters = mode.replace("{root}", &root);
        for (peer, expected) in [&good, &elsewhere, &foreign, &expired].into_iter().zip(expected) {
            check(&parameters, "db.test", peer, expected).await;
        }
    }
}

#[tokio::test]
async fn names_are_matched_as_libpq_does() {
    let (authority, folder) = (Authority::new(), Folder::new());
    let root = folder.write("root.crt", &authority.pem);
    let parameters = format!("sslmode=verify-full sslrootcert={}", root.display());
    let cases: [(&[&str], &str, &str, bool); 12] = [
        (&["a.test", "db.test"], "x", "DB.test", true),
        (&["*.test"], "x", "db.test", true),
        (&["*.test"], "x", "a.db.test", false),
        (&[], "db.test", "db.test", true),
        (&[], "other.test", "db.test", false),
        // A DNS name rules the common name out, an address does not.
        (&["other.test"], "db.test", "db.test", false),
        (&["10.0.0.1"], "db.test", "db.test", true),
        // And the other way round for an address.
        (&["127.0.0.1"], "x", "127.0.0.1", true),
        (&["::1"], "x", "::1", true),
        (&["10.0.0.1"], "127.0.0.1", "127.0.0.1", false),
        (&["other.test"], "127.0.0.1", "127.0.0.1", true),
        (&[], "127.0.0.1", "127.0.0.1", true),
    ];
    for (names, common, host, fits) in cases {
        let peer = Peer::new(authority.sign(names, common));
        let expected = (!fits).then(|| format!("not for \"{host}\""));
        check(&parameters, host, &peer, expected.as_deref()).await;
    }
}

#[tokio::test]
async fn home_made_certificates_pass_as_in_libpq() {
    let folder = Folder::new();
    let own = self_signed(&["db.test"], "x");
    let same_name = self_signed(&["db.test"], "x");
    let own_root = folder.write("own.crt", &own.cert);
    let v1_root = folder.write("v1.crt", include_str!("fixtures/root.crt"));
    let v1 = Pair {
        cert: include_str!("fixtures/server.crt").to_owned(),
        key: include_str!("fixtures/server.key").to_owned(),
    };
    let full =
        |root: &std::path::Path| format!("sslmode=verify-full sslrootcert={}", root.display());
    for version in [&TLS12, &TLS13] {
        let peer = |pair: &Pair| Peer { versions: vec![version], ..Peer::new(pair.clone()) };
        check(&full(&own_root), "db.test", &peer(&own), None).await;
        check(&full(&own_root), "db.test", &peer(&same_name), Some("trust the certificate")).await;
        check(&full(&v1_root), "db.test", &peer(&v1), None).await;
        check(&full(&v1_root), "other.test", &peer(&v1), Some("for \"db.test\"")).await;
        check(&full(&own_root), "db.test", &peer(&v1), Some("UnknownIssuer")).await;
        check("sslmode=require", "db.test", &peer(&v1), None).await;
    }
    let expired = {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["db.test".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2021, 1, 1);
        Pair { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    };
    let root = folder.write("expired.crt", &expired.cert);
    check(&full(&root), "db.test", &Peer::new(expired), Some("expired")).await;
}

#[tokio::test]
async fn a_forged_version_1_certificate_is_refused() {
    // Another authority of the very same name signs nothing that the first would answer for.
    let folder = Folder::new();
    let root = folder.write("v1.crt", include_str!("fixtures/impostor.crt"));
    let parameters = format!("sslmode=verify-ca sslrootcert={}", root.display());
    let v1 = Pair {
        cert: include_str!("fixtures/server.crt").to_owned(),
        key: include_str!("fixtures/server.key").to_owned(),
    };
    check(&parameters, "db.test", &Peer::new(v1), Some("UnknownIssuer")).await;
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused_in_every_mode() {
    let authority = Authority::new();
    let stolen = Pair { key: authority.sign(&[], "y").key, ..authority.sign(&["db.test"], "x") };
    for version in [&TLS12, &TLS13] {
        let peer = Peer { versions: vec![version], ..Peer::new(stolen.clone()) };
        for mode in ["sslmode=prefer", "sslmode=require"] {
            check(mode, "db.test", &peer, Some("BadSignature")).await;
        }
    }
}

#[tokio::test]
async fn revoked_certificates_are_refused() {
    let (authority, other, folder) = (Authority::new(), Authority::new(), Folder::new());
    let root = folder.write("root.crt", &authority.pem);
    let serial = |serial: u64| {
        Peer::new(authority.sign_with(&["db.test"], "x", |params| {
            params.serial_number = Some(serial.into());
        }))
    };
    let (kept, revoked) = (serial(7), serial(8));
    let list = folder.write("root.crl", &authority.revoke(&[8]));
    let stale = folder.write("stale.crl", &authority.revoke_until(&[8], 2021));
    let foreign = folder.write("foreign.crl", &other.revoke(&[]));
    let lists = Folder::new();
    lists.write("0a1b2c3d.r0", &authority.revoke(&[8]));
    lists.write("4e5f6a7b.r0", &other.revoke(&[]));
    let base = format!("sslmode=verify-ca sslrootcert={}", root.display());
    let with_file = |list: &std::path::Path| format!("{base} sslcrl={}", list.display());
    let with_folder = format!("{base} sslcrldir={}", lists.path().display());
    for parameters in [with_file(&list), with_folder] {
        check(&parameters, "db.test", &kept, None).await;
        check(&parameters, "db.test", &revoked, Some("Revoked")).await;
    }
    check(&with_file(&stale), "db.test", &kept, Some("revocation list expired")).await;
    check(&with_file(&foreign), "db.test", &kept, Some("UnknownRevocationStatus")).await;
    check("sslmode=require", "db.test", &revoked, None).await;
}

#[tokio::test]
async fn versions_are_kept_within_bounds() {
    let authority = Authority::new();
    let peer = |versions| Peer { versions, ..Peer::new(authority.sign(&["db.test"], "x")) };
    let (old, new) = (peer(vec![&TLS12]), peer(vec![&TLS13]));
    let refused = Some("shake hands over TLS");
    let cases = [
        ("", None, None),
        ("ssl_min_protocol_version=TLSv1", None, None),
        ("ssl_min_protocol_version=TLSv1.3", refused, None),
        ("ssl_max_protocol_version=TLSv1.2", None, refused),
    ];
    for (bounds, with_old, with_new) in cases {
        let parameters = format!("sslmode=require {bounds}");
        check(&parameters, "db.test", &old, with_old).await;
        check(&parameters, "db.test", &new, with_new).await;
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = Folder::new();
    let empty = folder.write("empty.crt", "nothing here");
    let root = folder.write("root.crt", &Authority::new().pem);
    let (empty, root) = (empty.display(), root.display());
    let missing = folder.path().join("missing");
    let missing = missing.display();
    let cases = [
        ("sslmode=verify-ca".to_owned(), "no home folder"),
        (format!("sslmode=verify-full sslrootcert={missing}"), "missing\""),
        (format!("sslmode=require sslrootcert={empty}"), "empty.crt\": it holds no certificate"),
        (format!("sslmode=require sslrootcert={root} sslcrl={missing}"), "read the revocation"),
        (format!("sslmode=require sslrootcert={root} sslcrl={empty}"), "holds no revocation list"),
        (format!("sslmode=require sslrootcert={root} sslcrldir={missing}"), "the folder of"),
        (format!("sslmode=require sslcert={missing}"), "read the client certificate"),
        ("sslmode=require sslcertmode=require".to_owned(), "there is none"),
        (format!("sslmode=require sslkeylogfile={missing}/x"), "the key log file"),
    ];
    for (parameters, expected) in cases {
        let error = context(&parameters).expect_err(&parameters);
        let told = told(&error);
        assert!(told.contains(expected), "{parameters}: {told}");
        assert!(!error.next_attempt_may_help(), "{parameters}");
    }
    assert!(context(&format!("sslmode=disable sslrootcert={missing}")).is_ok());
}
