//! The Kubernetes probe: GET, and the one POST that changes nothing and is stored nowhere, a SubjectAccessReview.

use std::{pin::pin, time::Duration};

use futures::AsyncBufReadExt;
use http::{Request, header};
use serde_json::Value;

use super::meter::{Meter, UsedUp};
use crate::{
    core::rights::{PATH, Right},
    metrics,
};

/// Asks for a list of metadata alone; no other form of it is taken.
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no such object.
    #[error("GET {0}: not found")]
    Absent(String),
    /// The API server refuses.
    #[error("{path}: {message}")]
    Refused {
        /// What was asked, or was to be.
        path: String,
        /// The server's message.
        message: String,
    },
    /// It would be more than an investigation may ask or read.
    #[error("GET {path}: {used_up}")]
    TooMuch {
        /// Path.
        path: String,
        /// Of what.
        used_up: UsedUp,
    },
    /// No connection, no answer in time, or a failing server.
    #[error("cluster unreachable: {path}: {message}")]
    Unreachable {
        /// What was asked, or was to be.
        path: String,
        /// What went wrong.
        message: String,
    },
}

impl Problem {
    /// Whether this process may not ask that at all.
    pub(super) fn forbidden(&self) -> bool {
        matches!(self, Self::Refused { message, .. } if message.starts_with("403"))
    }
}

/// The API server of one cluster.
#[derive(Clone)]
pub struct Kubernetes {
    client: kube::Client,
    timeout: Duration,
    meter: Meter,
}

impl Kubernetes {
    /// A probe that waits at most `timeout` for each answer.
    #[must_use]
    pub fn new(client: kube::Client, timeout: Duration) -> Self {
        Self {
            client,
            timeout,
            meter: Meter::default(),
        }
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            ..self.clone()
        }
    }

    /// Counts a question that is about to be asked in an investigation.
    ///
    /// # Errors
    /// `TooMuch` when they are used up.
    pub(super) fn count(&self, path: &str) -> Result<(), Problem> {
        self.meter.call(path).map_err(|used_up| Problem::TooMuch {
            path: path.to_owned(),
            used_up,
        })
    }

    /// One object or list.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn get(&self, path: &str) -> Result<Value, Problem> {
        parsed(path, &self.ask(path).await?)
    }

    /// An answer that is plain text: a log.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn text(&self, path: &str) -> Result<String, Problem> {
        let body = self.ask(path).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// A list of what its objects are called, without what is in them.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn metadata(&self, path: &str) -> Result<Value, Problem> {
        let request = Request::get(path).header(header::ACCEPT, METADATA).body(Vec::new());
        let list = parsed(path, &self.timed(path, request).await?)?;
        match list["kind"] == "PartialObjectMetadataList" {
            true => Ok(list),
            // What comes with more than was asked for is not looked at.
            false => Err(Problem::Refused {
                path: path.to_owned(),
                message: "the answer is no list of metadata".into(),
            }),
        }
    }

    async fn ask(&self, path: &str) -> Result<Vec<u8>, Problem> {
        self.timed(path, Request::get(path).body(Vec::new())).await
    }

    /// Whether an account has a right now.
    ///
    /// # Errors
    /// See [`Problem`].
    pub async fn review(&self, right: &Right) -> Result<Value, Problem> {
        let body = right.question().to_string().into_bytes();
        let request = Request::post(PATH).header(header::CONTENT_TYPE, "application/json").body(body);
        let answer = self.timed(PATH, request).await?;
        parsed(PATH, &answer)
    }

    async fn timed(&self, path: &str, request: http::Result<Request<Vec<u8>>>) -> Result<Vec<u8>, Problem> {
        let started = tokio::time::Instant::now();
        let answer = self.send(path, request).await;
        metrics::probed("kubernetes", answer.is_ok(), started.elapsed().as_secs_f64());
        answer
    }

    async fn send(&self, path: &str, request: http::Result<Request<Vec<u8>>>) -> Result<Vec<u8>, Problem> {
        let request = request.map_err(|error| Problem::Refused {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
        let asked = format!("{} {path}", request.method());
        let refused = |message: String| Problem::Refused {
            path: asked.clone(),
            message,
        };
        let unreachable = |message: String| Problem::Unreachable {
            path: asked.clone(),
            message,
        };
        match tokio::time::timeout(self.timeout, self.read(request, path)).await {
            Err(_) => Err(unreachable(format!("no answer within {} s", self.timeout.as_secs()))),
            Ok(Ok(Ok(body))) => Ok(body),
            Ok(Ok(Err(used_up))) => Err(Problem::TooMuch {
                path: path.to_owned(),
                used_up,
            }),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(Problem::Absent(path.to_owned())),
            Ok(Err(kube::Error::Api(status))) if (400..500).contains(&status.code) && status.code != 429 => {
                Err(refused(format!("{} {}", status.code, status.message)))
            }
            Ok(Err(kube::Error::Api(status))) => Err(unreachable(format!("{} {}", status.code, status.message))),
            Ok(Err(error)) => Err(unreachable(chain(&error))),
        }
    }

    /// The body of the answer, as far as the budget lasts.
    async fn read(&self, request: Request<Vec<u8>>, path: &str) -> Result<Result<Vec<u8>, UsedUp>, kube::Error> {
        let mut answer = pin!(self.client.request_stream(request).await?);
        let mut body = Vec::new();
        loop {
            let chunk = answer.fill_buf().await.map_err(|error| kube::Error::Service(Box::new(error)))?;
            let length = chunk.len();
            if length == 0 {
                return Ok(Ok(body));
            }
            if let Err(used_up) = self.meter.take(length, "kubernetes", path) {
                return Ok(Err(used_up));
            }
            body.extend_from_slice(chunk);
            answer.consume_unpin(length);
        }
    }
}

fn parsed(path: &str, body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::Unreachable {
        path: format!("the answer to {path}"),
        message: format!("it is no JSON: {error}"),
    })
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}

/// A label selector as the value of a query parameter.
pub(crate) fn encode(selector: &str) -> String {
    let mut out = String::with_capacity(selector.len());
    for byte in selector.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
