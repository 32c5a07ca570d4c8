//! A person says that something is wrong.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::{cli::Report, text};

/// Posts the report and says what became of it.
pub async fn report(report: &Report) -> anyhow::Result<ExitCode> {
    let mut labels = serde_json::Map::new();
    for label in &report.label {
        let (name, value) = label
            .split_once('=')
            .with_context(|| format!("--label {label:?} is not NAME=VALUE"))?;
        labels.insert(name.to_owned(), value.into());
    }
    let body = json!({
        "text": report.text, "namespace": report.namespace, "severity": report.severity, "by": report.by, "labels": labels,
    });
    let mut request = paramedic_runtime::http::client()?.post(&report.url).json(&body);
    if let Some(token) = &report.token {
        request = request.bearer_auth(token);
    }
    let answer = request
        .send()
        .await
        .with_context(|| format!("cannot reach the gateway at {}", report.url))?;
    let status = answer.status();
    let said: Value = answer.json().await.unwrap_or_default();
    if !status.is_success() {
        let why = said["error"]
            .as_str()
            .unwrap_or("it does not say why; is this the address of a source of the kind report?");
        bail!("the gateway answered {status}: {why}");
    }
    text::say(if said["spooled"] == true {
        "reported; the bus is away, it becomes an incident when it is back"
    } else {
        "reported; watch it with: paramedic incidents --open"
    });
    Ok(ExitCode::SUCCESS)
}
