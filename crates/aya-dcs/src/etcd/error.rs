//! What etcd's answers mean.

use std::error::Error as _;

use etcd_client::Error;
use tonic::{Code, Status};

use crate::StoreError;

/// What an error of the member at `endpoint` means. Codes and texts are those of etcd's
/// `api/v3rpc/rpctypes/error.go`.
pub(super) fn classify(endpoint: &str, error: &Error) -> StoreError {
    let Error::GRpcStatus(status) = error else {
        return StoreError::Unavailable { detail: format!("{endpoint}: {}", explain(error)) };
    };
    from_text(endpoint, status.code(), &describe(status))
}

/// As [`classify`], for the reason with which etcd cancels a watch: only a text.
pub(super) fn from_cancel_reason(endpoint: &str, reason: &str) -> StoreError {
    from_text(endpoint, Code::Unknown, reason)
}

/// Whether the store says that it wants no authentication at all.
pub(super) fn is_auth_disabled(error: &Error) -> bool {
    matches!(error, Error::GRpcStatus(status) if status.message().contains(AUTH_DISABLED))
}

/// An error and its causes in one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// One error for members that all failed: the kind that tells most, and every detail.
pub(super) fn combine(failures: Vec<StoreError>) -> StoreError {
    let rank = |error: &StoreError| match error {
        StoreError::AuthRejected { .. } => 3,
        StoreError::NoLeader { .. } => 2,
        _ => 1,
    };
    let detail = failures.iter().map(detail_of).collect::<Vec<_>>().join("; ");
    match failures.iter().map(rank).max() {
        Some(3) => StoreError::AuthRejected { detail },
        Some(2) => StoreError::NoLeader { detail },
        _ => StoreError::Unavailable { detail },
    }
}

fn detail_of(error: &StoreError) -> String {
    match error {
        StoreError::AuthRejected { detail }
        | StoreError::NoLeader { detail }
        | StoreError::Unavailable { detail } => detail.clone(),
        StoreError::Compacted { .. } | StoreError::Misconfigured { .. } => error.to_string(),
    }
}

fn from_text(endpoint: &str, code: Code, text: &str) -> StoreError {
    let detail = format!("{endpoint}: {text}");
    let says = |texts: &[&str]| texts.iter().any(|part| text.contains(part));
    if matches!(code, Code::Unauthenticated | Code::PermissionDenied) || says(AUTH_REJECTED) {
        StoreError::AuthRejected { detail }
    } else if says(NO_LEADER) {
        StoreError::NoLeader { detail }
    } else {
        StoreError::Unavailable { detail }
    }
}

fn explain(error: &Error) -> String {
    match error {
        Error::TransportError(error) => chain(error),
        Error::IoError(error) => chain(error),
        other => other.to_string(),
    }
}

fn describe(status: &Status) -> String {
    match status.source() {
        Some(cause) => format!("{}: {}", status.message(), chain(cause)),
        None => status.message().to_owned(),
    }
}

const AUTH_DISABLED: &str = "authentication is not enabled";

const AUTH_REJECTED: &[&str] = &[
    "authentication failed",
    "user name is empty",
    "permission denied",
    "invalid auth token",
    "auth store is old",
];

const NO_LEADER: &[&str] = &["no leader", "request timed out", "leader changed", "not leader"];
