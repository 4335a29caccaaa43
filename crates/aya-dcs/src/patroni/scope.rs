use std::collections::BTreeSet;
use std::fmt;

/// Where a cluster's keys live: `/{namespace}/{scope}/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    namespace: String,
    name: String,
}

impl Scope {
    /// The cluster `name` in `namespace`; slashes around and doubled inside either do not
    /// matter, as in Patroni. An empty namespace is Patroni's default, `service`.
    pub fn new(namespace: &str, name: &str) -> Result<Self, ScopeError> {
        let name = join_parts(name);
        if name.is_empty() {
            return Err(ScopeError);
        }
        let namespace = match join_parts(namespace) {
            empty if empty.is_empty() => DEFAULT_NAMESPACE.to_owned(),
            given => given,
        };
        Ok(Self { namespace, name })
    }

    /// The name of the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What every key of the cluster starts with, the closing slash included.
    pub fn prefix(&self) -> String {
        format!("/{}/{}/", self.namespace, self.name)
    }

    /// What the keys of all clusters of the namespace start with.
    pub fn namespace_prefix(&self) -> String {
        format!("/{}/", self.namespace)
    }

    /// The whole key of `name` in this cluster: `leader`, `members/node1`, …
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// The sentence for a cluster that has no keys, given the scopes which do.
    pub fn not_found(&self, found: &BTreeSet<String>) -> String {
        let Self { namespace, name } = self;
        if found.is_empty() {
            return format!("no such scope: {name}; there are no keys under /{namespace}/ at all");
        }
        let shown: Vec<&str> = found.iter().take(SCOPES_SHOWN).map(String::as_str).collect();
        let more = match found.len() - shown.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("no such scope: {name}; found under /{namespace}/: {}{more}", shown.join(", "))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.namespace, self.name)
    }
}

/// A scope without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cluster's scope has no name")]
pub struct ScopeError;

/// The scopes which own the keys `keys`, all of them under `namespace_prefix`.
pub fn scopes_of<'a>(
    namespace_prefix: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<String> {
    keys.into_iter()
        .filter_map(|key| key.strip_prefix(namespace_prefix)?.split_once('/'))
        .map(|(scope, _)| scope.to_owned())
        .collect()
}

fn join_parts(text: &str) -> String {
    text.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

const DEFAULT_NAMESPACE: &str = "service";
const SCOPES_SHOWN: usize = 8;
