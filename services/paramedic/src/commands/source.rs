//! Posting to a source of the gateway.

use anyhow::{Context, bail};
use serde_json::Value;

/// What the gateway answers to `body`, which it must accept.
pub async fn post(url: &str, token: Option<&String>, body: &Value, kind: &str) -> anyhow::Result<Value> {
    let mut request = paramedic_runtime::http::client()?.post(url).json(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.with_context(|| format!("cannot reach the gateway at {url}"))?;
    let status = answer.status();
    let said: Value = answer.json().await.unwrap_or_default();
    if !status.is_success() {
        let unsaid = format!("it does not say why; is this the address of a source of the kind {kind}?");
        let why = said["error"].as_str().unwrap_or(&unsaid);
        bail!("the gateway answered {status}: {why}");
    }
    Ok(said)
}
