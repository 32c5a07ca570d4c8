//! `loki.jsonl`: one line of a log per line.

use std::collections::BTreeMap;

use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;

/// A line of a log, with the labels of its stream.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    pub(crate) stream: BTreeMap<String, String>,
    pub(crate) ts: Timestamp,
    pub(crate) line: String,
}

/// All lines, in the order of their times.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Line>> {
    let mut out = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).with_context(|| {
            format!(
                "line {} must be {{\"stream\": {{labels}}, \"ts\": RFC 3339, \"line\": text}}",
                i + 1
            )
        })?;
        out.push(line);
    }
    out.sort_by_key(|line| line.ts);
    Ok(out)
}
