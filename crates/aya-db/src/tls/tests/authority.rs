//! Certificates made for one test.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// An authority that signs whatever it is asked to.
pub(super) struct Authority {
    pub(super) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM form.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) cert: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // A name of its own, so that no other authority is taken for it.
        let own = key.public_key_raw().iter().skip(1).take(8).map(|byte| format!("{byte:02x}"));
        let name = format!("the authority {}", own.collect::<String>());
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// For `names`, and `common` as the subject.
    pub(super) fn sign(&self, names: &[&str], common: &str) -> Pair {
        self.sign_with(names, common, |_| {})
    }

    pub(super) fn sign_with(
        &self,
        names: &[&str],
        common: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = params(names, common, change);
        Pair { cert: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// Like `sign_with`, but with a key of this kind.
    pub(super) fn sign_key(&self, names: &[&str], common: &str, key: &KeyPair) -> Pair {
        let params = params(names, common, |_| {});
        Pair { cert: params.signed_by(key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A list that revokes the certificates of these serial numbers.
    pub(super) fn revoke(&self, serials: &[u64]) -> String {
        self.revoke_until(serials, 2099)
    }

    pub(super) fn revoke_until(&self, serials: &[u64], year: i32) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A certificate that signs itself.
pub(super) fn self_signed(names: &[&str], common: &str) -> Pair {
    let key = KeyPair::generate().unwrap();
    let authority =
        |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let cert = params(names, common, authority).self_signed(&key).unwrap().pem();
    Pair { cert, key: key.serialize_pem() }
}

fn params(
    names: &[&str],
    common: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params.use_authority_key_identifier_extension = true;
    change(&mut params);
    params
}

/// A folder that disappears with the test.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file that its owner alone can read.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        set_mode(&path, 0o600);
        path
    }
}

#[cfg(unix)]
pub(super) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
