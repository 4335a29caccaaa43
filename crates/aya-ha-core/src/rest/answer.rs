use std::collections::BTreeMap;

use serde_json::Value;

use super::{documents, health, metrics};
use crate::postgres::Probe;
use crate::view::View;

/// Everything that answers are made from.
#[derive(Debug, Clone)]
pub struct Status {
    /// What the node knows.
    pub view: View,
    /// What its server said last.
    pub probe: Option<Probe>,
    /// The cluster's name.
    pub scope: String,
    /// When the store was last seen, in seconds since 1970.
    pub store_seen: i64,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status code.
    pub code: u16,
    /// The body; JSON unless it is a text.
    pub body: Body,
}

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// None.
    Empty,
    /// A document.
    Json(Value),
    /// A text.
    Text(String),
}

impl Answer {
    pub(super) const fn empty(code: u16) -> Self {
        Self { code, body: Body::Empty }
    }

    /// A document.
    pub const fn document(code: u16, value: Value) -> Self {
        Self { code, body: Body::Json(value) }
    }

    /// A text.
    pub fn text(code: u16, text: impl Into<String>) -> Self {
        Self { code, body: Body::Text(text.into()) }
    }

    /// The body's bytes, and their type.
    pub fn bytes(&self) -> (String, &'static str) {
        match &self.body {
            Body::Empty => (String::new(), "text/html"),
            Body::Json(value) => (value.to_string(), "application/json"),
            Body::Text(text) => (text.clone(), "text/html"),
        }
    }
}

/// The parameters of a request.
pub type Query = BTreeMap<String, String>;

/// Answers a `GET`. Of a `HEAD` or `OPTIONS` only the code is sent.
pub fn get(status: &Status, path: &str, query: &Query) -> Answer {
    match path.trim_end_matches('/') {
        "/patroni" => Answer::document(200, documents::node(status)),
        "/cluster" => Answer::document(200, documents::cluster(&status.view)),
        "/history" => Answer::document(200, documents::history(&status.view)),
        "/config" => match &status.view.cluster.config {
            Some((config, _)) => Answer::document(200, config.clone()),
            None => Answer::empty(502),
        },
        "/failsafe" => match documents::failsafe(&status.view) {
            Some(members) => Answer::document(200, members),
            None => Answer::empty(502),
        },
        "/metrics" => Answer::text(200, metrics::metrics(status)),
        "/liveness" => Answer::empty(200),
        "/readiness" => Answer::empty(health::readiness(status)),
        path => Answer::document(health::code(status, path, query), documents::node(status)),
    }
}
