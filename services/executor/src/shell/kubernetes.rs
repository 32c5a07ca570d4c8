//! The Kubernetes API as the executor uses it: plain objects, exact requests, answers sorted by what follows from them.

mod exec;
mod look;
mod path;
mod pods;
mod proxy;
mod requests;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use paramedic_domain::{fault::FailureKind, object::ObjectRef};
use serde_json::Value;

use self::path::{collection, object, query};
pub(crate) use self::pods::selector;
pub use self::{exec::Output, pods::ended, requests::Evicted};

/// Longest wall time of one ordinary request. The API server itself gives up after 60 s; a healthy one answers in milliseconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read whole.
const MAX_BODY: usize = 64 << 20;
/// Characters of the server's words that are kept: they go into the log, and admission webhooks may say anything.
const MAX_MESSAGE: usize = 1_000;
/// Objects per page of a list.
const PAGE: &str = "500";

/// Why a request did not give what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No answer, or one that may be different next time. `sent`: the request may have taken effect.
    #[error("{what}: {detail}")]
    Transient {
        /// The request.
        what: String,
        /// The problem.
        detail: String,
        /// Whether it may have taken effect.
        sent: bool,
    },
    /// There is no such object.
    #[error("{0} does not exist")]
    Missing(String),
    /// The request does not fit the object: a failed `test`, a failed precondition, or an invalid result.
    #[error("{what} was refused ({code}): {message}")]
    Unfit {
        /// The request.
        what: String,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// Not allowed.
    #[error("{what} was forbidden ({code}): {message}")]
    Forbidden {
        /// The request.
        what: String,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
}

impl Trouble {
    /// What follows for a step.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Transient { .. } => FailureKind::Transient,
            Self::Missing(_) | Self::Unfit { .. } | Self::Forbidden { .. } => FailureKind::Permanent,
        }
    }
}

/// An object (or list) and what the server warned about.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body.
    pub body: Value,
    /// Texts of `Warning` headers.
    pub warnings: Vec<String>,
}

/// A cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

impl Cluster {
    /// Through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// One object.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn get(&self, target: &ObjectRef) -> Result<Value, Trouble> {
        Ok(self.call(Method::GET, &object(target), None, format!("get {target}")).await?.body)
    }

    /// Every object of a kind (in a namespace) with these labels.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        selector: &[(&str, &str)],
    ) -> Result<Vec<Value>, Trouble> {
        let base = collection(api_version, kind, namespace);
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let mut pairs = selector.to_vec();
            pairs.push(("limit", PAGE));
            if !next.is_empty() {
                pairs.push(("continue", &next));
            }
            let page = self
                .call(Method::GET, &query(&base, &pairs), None, format!("list {kind}"))
                .await?
                .body;
            if let Some(more) = page.get("items").and_then(Value::as_array) {
                items.extend(more.iter().cloned());
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => token.clone_into(&mut next),
                _ => return Ok(items),
            }
        }
    }

    /// The last lines of a container's log.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub async fn log(&self, namespace: &str, pod: &str, container: &str, previous: bool, lines: u32) -> Result<String, Trouble> {
        let pod = ObjectRef::new("v1", "Pod", Some(namespace), pod);
        let lines = lines.to_string();
        let mut pairs = vec![("container", container), ("tailLines", &*lines), ("timestamps", "true")];
        if previous {
            pairs.push(("previous", "true"));
        }
        let path = query(&format!("{}/log", object(&pod)), &pairs);
        let (_, _, bytes) = self.send(Method::GET, &path, None, &format!("log of {pod}")).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn call(&self, method: Method, path: &str, body: Option<(&str, Value)>, what: String) -> Result<Answer, Trouble> {
        let sent = method != Method::GET;
        let (_, warnings, bytes) = self.send(method, path, body, &what).await?;
        let body = serde_json::from_slice(&bytes).map_err(|error| Trouble::Transient {
            what,
            detail: format!("the answer is not JSON: {error}"),
            sent,
        })?;
        Ok(Answer { body, warnings })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, Value)>,
        what: &str,
    ) -> Result<(u16, Vec<String>, Bytes), Trouble> {
        self.send_accepting("application/json, */*", method, path, body, what).await
    }

    async fn send_accepting(
        &self,
        accept: &str,
        method: Method,
        path: &str,
        body: Option<(&str, Value)>,
        what: &str,
    ) -> Result<(u16, Vec<String>, Bytes), Trouble> {
        let mutates = method != Method::GET;
        let transient = |detail: String, sent: bool| Trouble::Transient {
            what: what.to_owned(),
            detail,
            sent: sent && mutates,
        };
        let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, accept);
        let bytes = match &body {
            Some((content_type, value)) => {
                request = request.header(header::CONTENT_TYPE, *content_type);
                value.to_string().into_bytes()
            }
            None => Vec::new(),
        };
        let request = request
            .body(Body::from(bytes))
            .map_err(|error| transient(format!("not a request: {error}"), false))?;
        let exchange = async {
            let response = self
                .client
                .send(request)
                .await
                .map_err(|error| transient(error.to_string(), true))?;
            let (parts, body) = response.into_parts();
            let bytes = http_body_util::Limited::new(body, MAX_BODY)
                .collect()
                .await
                .map_err(|error| transient(format!("the answer broke off: {error}"), true))?
                .to_bytes();
            Ok((parts, bytes))
        };
        let (parts, bytes) = tokio::time::timeout(REQUEST_TIMEOUT, exchange)
            .await
            .map_err(|_| transient(format!("no answer within {} s", REQUEST_TIMEOUT.as_secs()), true))??;
        let warnings = parts
            .headers
            .get_all(header::WARNING)
            .iter()
            .filter_map(|value| warning(value.to_str().ok()?))
            .collect();
        match refused(what, parts.status.as_u16(), &bytes) {
            Some(trouble) => Err(trouble),
            None => Ok((parts.status.as_u16(), warnings, bytes)),
        }
    }
}

fn refused(what: &str, code: u16, bytes: &[u8]) -> Option<Trouble> {
    if code < 400 {
        return None;
    }
    let status: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let said = status.get("message").and_then(Value::as_str);
    // A failed UID precondition and a conflicting write are both 409, but only the first can never succeed.
    let precondition = said.is_some_and(|said| said.contains("Precondition failed"));
    let message: String = match said {
        Some(said) => said.chars().take(MAX_MESSAGE).collect(),
        None => String::from_utf8_lossy(bytes).chars().take(MAX_MESSAGE).collect(),
    };
    let what = what.to_owned();
    Some(match code {
        404 => Trouble::Missing(what),
        401 | 403 => Trouble::Forbidden { what, code, message },
        409 if !precondition => Trouble::Transient {
            what,
            detail: message,
            sent: false,
        },
        429 => Trouble::Transient {
            what,
            detail: message,
            sent: false,
        },
        500.. => Trouble::Transient {
            what,
            detail: format!("{code}: {message}"),
            sent: true,
        },
        _ => Trouble::Unfit { what, code, message },
    })
}

/// The text of a `Warning: 299 - "text"` header.
fn warning(header: &str) -> Option<String> {
    let start = header.find('"')?;
    let end = header.rfind('"').filter(|end| *end > start)?;
    Some(header[start + 1..end].replace("\\\"", "\""))
}
