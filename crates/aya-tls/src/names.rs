//! Whether a certificate is made out to the host that was asked for.
//!
//! The rules are libpq's (PostgreSQL documentation, "Client Verification of Server
//! Certificates"): names of the kind asked for rule out the common name; without them it counts.

use std::fmt;
use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The certificate is made out to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameMismatch {
    /// The host that was asked for.
    pub host: String,
    /// The names that the certificate carries, in its order.
    pub names: Vec<String>,
}

impl fmt::Display for NameMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.is_empty() {
            return write!(f, "the certificate carries no name, so none matches \"{}\"", self.host);
        }
        f.write_str("the certificate is for ")?;
        for (index, name) in self.names.iter().take(NAMES_SHOWN).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}\"{}\"", name.escape_default())?;
        }
        if let Some(more @ 1..) = self.names.len().checked_sub(NAMES_SHOWN) {
            write!(f, " and {more} more")?;
        }
        write!(f, ", not for \"{}\"", self.host)
    }
}

impl std::error::Error for NameMismatch {}

/// Whether `certificate` is made out to `host`; if not, to whom.
///
/// # Errors
/// [`NameMismatch`] with every name found. A certificate that cannot be read has none.
pub(crate) fn check_name(certificate: &CertificateDer<'_>, host: &str) -> Result<(), NameMismatch> {
    let mismatch = |names| NameMismatch { host: host.to_owned(), names };
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Err(mismatch(Vec::new()));
    };
    let address: Option<IpAddr> = host.parse().ok();
    let mut names = Vec::new();
    let mut common_name_counts = true;
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(dns) => {
                common_name_counts &= address.is_some();
                if matches_dns(dns, host) {
                    return Ok(());
                }
                names.push((*dns).to_owned());
            }
            GeneralName::IPAddress(octets) => {
                common_name_counts &= address.is_none();
                let Some(found) = read_address(octets) else { continue };
                if address == Some(found) {
                    return Ok(());
                }
                names.push(found.to_string());
            }
            _ => {}
        }
    }
    if common_name_counts {
        let common = certificate.subject().iter_common_name().filter_map(|cn| cn.as_str().ok());
        // Of several, the first is the one that libpq reads.
        if let Some(common) = common.into_iter().next() {
            if matches_dns(common, host) {
                return Ok(());
            }
            names.push(common.to_owned());
        }
    }
    Err(mismatch(names))
}

/// Whether `pattern`, perhaps with `*` as its whole first label, covers `host`.
fn matches_dns(pattern: &str, host: &str) -> bool {
    if pattern.is_empty() || pattern.contains('\0') {
        return false;
    }
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(parent) = pattern.strip_prefix('*').filter(|rest| rest.len() > 1) else {
        return false;
    };
    if !parent.starts_with('.') || host.parse::<IpAddr>().is_ok() {
        return false;
    }
    match host.find('.') {
        Some(dot) => dot > 0 && host[dot..].eq_ignore_ascii_case(parent),
        None => false,
    }
}

fn read_address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(octets).ok().map(IpAddr::from)
}

const NAMES_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        let cases = [
            ("db.example.com", "db.example.com", true),
            ("DB.example.com", "db.EXAMPLE.com", true),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*", "db", false),
            ("*.", "db.", false),
            ("d*.example.com", "db.example.com", false),
            ("*.0.0.1", "127.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("db.example.com\0.evil", "db.example.com", false),
            ("", "", false),
        ];
        for (pattern, host, expected) in cases {
            assert_eq!(matches_dns(pattern, host), expected, "{pattern} against {host}");
        }
    }

    #[test]
    fn a_long_list_of_names_is_cut() {
        let names = (0..10).map(|n| format!("db{n}")).collect();
        let text = NameMismatch { host: "other".to_owned(), names }.to_string();
        assert!(text.ends_with("\"db7\" and 2 more, not for \"other\""), "{text}");
    }
}
