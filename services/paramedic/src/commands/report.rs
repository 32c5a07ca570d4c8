//! A person says that something is wrong.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::source::post;
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
    let said = post(&report.url, report.token.as_ref(), &body, "report").await?;
    text::say(if said["spooled"] == true {
        "reported; the bus is away, it becomes an incident when it is back"
    } else {
        "reported; watch it with: paramedic incidents --open"
    });
    Ok(ExitCode::SUCCESS)
}
