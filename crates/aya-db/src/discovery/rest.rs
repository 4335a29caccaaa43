use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use serde_json::Value;
use tokio::time::timeout;

use super::teller::Failure;
use super::{Login, SourceSettings, https};
use crate::error::chain;

/// Patroni's REST interfaces, each by its place in the settings.
pub(super) struct Rest {
    http: Client,
    endpoints: Vec<String>,
    login: Option<Login>,
}

/// Why an endpoint gave no usable answer.
#[derive(Debug)]
pub(super) struct RestError {
    /// Whether it may pass by itself.
    pub(super) failure: Failure,
    /// The endpoint and the cause, without any part of a body.
    pub(super) reason: String,
}

impl Rest {
    pub(super) fn new(settings: SourceSettings) -> Result<Self, String> {
        let SourceSettings { endpoints, login, tls } = settings;
        if endpoints.is_empty() {
            return Err("no Patroni endpoint".to_owned());
        }
        for endpoint in &endpoints {
            let url = reqwest::Url::parse(endpoint)
                .map_err(|error| format!("a Patroni endpoint is no URL: {error}"))?;
            if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
                return Err("a Patroni endpoint is not http[s]://host:port".to_owned());
            }
        }
        let http = Client::builder()
            .tls_backend_preconfigured(https::client_config(tls.as_ref())?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(DEADLINE)
            .build()
            .map_err(|error| error.without_url().to_string())?;
        Ok(Self { http, endpoints, login })
    }

    pub(super) fn count(&self) -> usize {
        self.endpoints.len()
    }

    pub(super) fn endpoint(&self, index: usize) -> &str {
        &self.endpoints[index]
    }

    /// The JSON at `path` of one endpoint.
    pub(super) async fn get(&self, index: usize, path: &str) -> Result<Value, RestError> {
        let endpoint = &self.endpoints[index];
        match timeout(DEADLINE, self.fetch(index, path)).await {
            Ok(Ok(json)) => Ok(json),
            Ok(Err((failure, cause))) => {
                Err(RestError { failure, reason: format!("{endpoint}: {cause}") })
            }
            Err(_) => Err(RestError {
                failure: Failure::Passing,
                reason: format!("{endpoint}: no answer to {path} in time"),
            }),
        }
    }

    /// Whether the node behind one endpoint says that it is the primary. Patroni answers that
    /// out of its own memory.
    pub(super) async fn is_primary(&self, index: usize) -> bool {
        let answer = timeout(CHECK_DEADLINE, self.request(Method::HEAD, index, "/primary").send());
        matches!(answer.await, Ok(Ok(response)) if response.status() == StatusCode::OK)
    }

    async fn fetch(&self, index: usize, path: &str) -> Result<Value, (Failure, String)> {
        let response = self
            .request(Method::GET, index, path)
            .send()
            .await
            .map_err(|error| (Failure::Passing, describe(error)))?;
        let status = response.status();
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let cause = format!("refuses the user, the password or the certificate ({status})");
                return Err((Failure::Lasting, cause));
            }
            _ => return Err((Failure::Passing, format!("answered {path} with {status}"))),
        }
        let kind = kind_of(&response);
        let body = read(response).await.map_err(|cause| (Failure::Passing, cause))?;
        serde_json::from_slice(&body)
            .map_err(|_| (Failure::Lasting, format!("answered {path} with {kind}, not with JSON")))
    }

    fn request(&self, method: Method, index: usize, path: &str) -> RequestBuilder {
        let base = self.endpoints[index].trim_end_matches('/');
        let request = self.http.request(method, format!("{base}{path}"));
        match &self.login {
            Some(Login { user, password }) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err("the answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What the answer says it is: at most a media type.
fn kind_of(response: &Response) -> String {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-+.".contains(c);
    match kind.len() {
        1..=40 if kind.chars().all(plain) => kind.to_owned(),
        _ => "an unknown media type".to_owned(),
    }
}

/// The error without the URL, which the caller names.
fn describe(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

/// One answer; Patroni asks its own store for `/cluster`.
const DEADLINE: Duration = Duration::from_millis(1500);
const CHECK_DEADLINE: Duration = Duration::from_millis(300);
const LARGEST_BODY: usize = 1 << 20;
