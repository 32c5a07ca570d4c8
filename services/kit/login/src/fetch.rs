//! What is asked of the provider goes through here: no redirects, bounded time and size.

use std::time::Duration;

use http::StatusCode;
use openidconnect::{HttpRequest, HttpResponse};

/// Longest wait for one answer. Somebody waits in front of a browser.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer: key sets and tokens have a few kilobytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Request(#[from] reqwest::Error),
    #[error("it answers {0}")]
    Unavailable(StatusCode),
    #[error("the answer has more than {MAX_ANSWER} bytes")]
    TooLarge,
    #[error("{0}")]
    Response(#[from] http::Error),
}

/// A client that follows no redirect: one could lead to another host with our secret, or into the cluster.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    paramedic_runtime::http::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
}

pub(crate) async fn fetch(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Failure> {
    let mut answer = client.execute(request.try_into()?).await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Failure::Unavailable(status));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if body.len() + part.len() > MAX_ANSWER {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&part);
    }
    let mut response = http::Response::builder().status(status).body(body)?;
    *response.headers_mut() = headers;
    Ok(response)
}
