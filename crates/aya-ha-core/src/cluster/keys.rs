use std::collections::BTreeMap;

/// The keys of one cluster, by their names without the cluster's prefix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// The store's revision up to which they are known.
    pub revision: u64,
    /// The keys.
    pub stored: BTreeMap<String, Stored>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its value.
    pub value: Vec<u8>,
    /// The revision that wrote it.
    pub modified: u64,
    /// The lease that it hangs on.
    pub lease: Option<i64>,
}
