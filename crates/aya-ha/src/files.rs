//! The configuration as it lies on disk, and the store that it leads to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aya_dcs::etcd::{Credentials, EtcdSettings, EtcdStore, EtcdTls};
use aya_ha_core::config::{Config, Etcd, Finding, check, from_environment, merge};
use aya_ha_core::yaml::{self, Value};

/// Reads a configuration: a file, or the files of a directory in the order of their names; what
/// `PATRONI_*` variables say lies over it.
///
/// # Errors
/// If a file cannot be read, or is no YAML.
pub fn read(
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> anyhow::Result<(Option<Config>, Vec<Finding>)> {
    let mut whole = Value::Map(Vec::new());
    for file in files(path)? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let part = yaml::load(&text).with_context(|| file.display().to_string())?;
        if !matches!(part, Value::Map(_)) {
            bail!(
                "{} is {}, where keys with values are expected",
                file.display(),
                part.type_name()
            );
        }
        whole = merge(whole, part);
    }
    let (set, unreadable) = from_environment(environment);
    if let Some(name) = unreadable.first() {
        bail!("the variable {name} cannot be read");
    }
    Ok(check(&merge(whole, set)))
}

/// The store of a configuration. `first` chooses the member that is asked first.
///
/// # Errors
/// If a certificate cannot be read, or an endpoint is none.
pub fn store(etcd: &Etcd, first: usize) -> anyhow::Result<EtcdStore> {
    let pem = |path: &String| fs::read_to_string(path).with_context(|| format!("etcd3: {path}"));
    let ca_pem = etcd.cacert.as_ref().map(pem).transpose()?;
    let identity = etcd.identity.as_ref();
    let identity_pem = identity
        .map(|(certificate, key)| anyhow::Ok((pem(certificate)?, pem(key)?)))
        .transpose()?;
    let tls =
        (ca_pem.is_some() || identity_pem.is_some()).then_some(EtcdTls { ca_pem, identity_pem });
    let credentials = etcd.authentication.as_ref().map(|(user, password)| Credentials {
        user: user.clone(),
        password: password.reveal().to_owned(),
    });
    let settings = EtcdSettings { endpoints: etcd.endpoints.clone(), credentials, tls };
    EtcdStore::new(&settings, first).context("etcd3")
}

fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let file = entry?.path();
        if file.extension().is_some_and(|kind| kind == "yml" || kind == "yaml") && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
