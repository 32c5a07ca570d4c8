//! An outside system's HTTP API: answers sorted by what follows from them, as for the cluster.

use std::time::Duration;

use paramedic_catalogue::redact::redact;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::Value;

use super::super::kubernetes::Trouble;

/// Longest wait for a whole answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest answer that is read, in bytes: a page of a hundred issues has some hundred KiB.
const LARGEST: usize = 16 << 20;
/// Characters of a refusal that are repeated to people.
const WORDS: usize = 400;

/// One API.
pub(super) struct Api {
    pub(super) http: reqwest::Client,
    /// For people: `tracker bugs`.
    pub(super) system: String,
    /// Base URL without a slash at its end.
    pub(super) base: String,
    /// Name and value of the header that says who asks.
    pub(super) credentials: Option<(&'static str, String)>,
}

impl Api {
    /// An answer as JSON.
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Trouble> {
        let request = self.http.get(format!("{}{path}", self.base)).query(query);
        self.send(Method::GET, path, request).await
    }

    /// The answer to a request with a JSON body.
    pub(super) async fn json(&self, method: Method, path: &str, body: &Value) -> Result<Value, Trouble> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.base)).json(body);
        self.send(method, path, request).await
    }

    /// The answer to a deletion.
    pub(super) async fn delete(&self, path: &str) -> Result<Value, Trouble> {
        let request = self.http.delete(format!("{}{path}", self.base));
        self.send(Method::DELETE, path, request).await
    }

    /// The answer to any request; `null` where it is empty or not JSON.
    pub(super) async fn send(&self, method: Method, path: &str, request: RequestBuilder) -> Result<Value, Trouble> {
        let what = format!("{}: {method} {path}", self.system);
        let mut request = request.header("Accept", "application/json").timeout(TIMEOUT);
        if let Some((name, value)) = &self.credentials {
            request = request.header(*name, value);
        }
        let answer = answered(&what, method != Method::GET, request).await?;
        match judge(&what, method != Method::GET, &answer) {
            Some(trouble) => Err(trouble),
            None => Ok(answer.json()),
        }
    }
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The system's own words, safe to repeat.
    pub(super) fn words(&self) -> String {
        let body = self.json();
        let said = ["message", "error", "errorMessages", "errors"].into_iter().find_map(|name| {
            let said = body
                .get(name)
                .filter(|said| !matches!(said, Value::Array(items) if items.is_empty()))?;
            Some(said.as_str().map_or_else(|| said.to_string(), str::to_owned))
        });
        let text = said.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        bounded(&text)
    }
}

/// What another system says, safe to repeat and short.
pub(super) fn bounded(text: &str) -> String {
    redact(text).chars().take(WORDS).collect()
}

/// Sends a request and reads the answer.
pub(super) async fn answered(what: &str, changes: bool, request: RequestBuilder) -> Result<Answer, Trouble> {
    let lost = |detail: String, sent: bool| Trouble::Transient {
        what: what.to_owned(),
        detail,
        sent: sent && changes,
    };
    // A connection that was never made has carried nothing.
    let sent = request
        .send()
        .await
        .map_err(|error| lost(said(&error), !error.is_connect() && !error.is_builder()))?;
    let (status, headers) = (sent.status(), sent.headers().clone());
    let body = read(sent).await.map_err(|detail| lost(detail, true))?;
    Ok(Answer { status, headers, body })
}

async fn read(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| said(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(format!("the answer has more than {LARGEST} bytes"));
        }
    }
    Ok(body)
}

/// The error with its causes; without the URL, which may hold what it should not.
fn said(error: &reqwest::Error) -> String {
    let mut text = "no answer".to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// What is wrong with an answer, if anything is.
pub(super) fn judge(what: &str, changes: bool, answer: &Answer) -> Option<Trouble> {
    let code = answer.status.as_u16();
    if code < 300 {
        return None;
    }
    let (what, words) = (what.to_owned(), answer.words());
    let limited = ["retry-after", "x-ratelimit-remaining"].iter().any(|name| {
        answer
            .headers
            .get(*name)
            .is_some_and(|value| *name == "retry-after" || value == "0")
    });
    Some(match code {
        300..=399 => Trouble::Unfit {
            what,
            code,
            message: "it has moved: configure its present address".into(),
        },
        404 | 410 => Trouble::Missing(what),
        408 | 425 | 429 => Trouble::Transient {
            what,
            detail: format!("{code}: {words}"),
            sent: false,
        },
        // GitHub says 403 where others say 429.
        403 if limited => Trouble::Transient {
            what,
            detail: format!("{code}: {words}"),
            sent: false,
        },
        401 | 403 => Trouble::Forbidden {
            what,
            code,
            message: words,
        },
        500.. => Trouble::Transient {
            what,
            detail: format!("{code}: {words}"),
            sent: changes,
        },
        _ => Trouble::Unfit {
            what,
            code,
            message: words,
        },
    })
}
