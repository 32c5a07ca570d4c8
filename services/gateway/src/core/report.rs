//! What a person reports: a sentence, and where.

use jiff::Timestamp;
use paramedic_domain::alert::{Alert, AlertStatus};
use serde::Deserialize;

use super::{
    body::{Chunks, Rejection},
    fields, identity,
    lenient::{Object, Text, Texts},
    problems::{Problems, quoted},
    reading::{Group, Reading},
};

/// Longest sentence, bytes.
const MAX_TEXT_BYTES: usize = 4 << 10;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    text: Text,
    namespace: Text,
    severity: Text,
    by: Text,
    labels: Texts,
}

/// Reads a report made at `now`.
///
/// # Errors
/// When it is none.
pub fn parse(body: Chunks, now: Timestamp) -> Result<Reading, Rejection> {
    let report: Report = match body.read_json()? {
        Object::Is(report) => report,
        Object::Other(what) => {
            return Err(Rejection::Shape(format!(
                "the body is {what}, expected a report: {{\"text\": \"payment-service is slow\"}}"
            )));
        }
    };
    let mut problems = Problems::default();
    let alert = alert(report, now, &mut problems);
    let Some(alert) = alert.filter(|_| problems.is_empty()) else {
        return Ok(Reading::wrong(problems.sentences("")));
    };
    Ok(Reading {
        groups: vec![Group {
            key: alert.group_key.clone(),
            whole: false,
            missing: None,
            alerts: vec![alert],
        }],
        problems: Vec::new(),
    })
}

fn alert(report: Report, now: Timestamp, problems: &mut Problems) -> Option<Alert> {
    let text = match report.text {
        Text::Is(text) if (1..=MAX_TEXT_BYTES).contains(&text.trim().len()) => text.trim().to_owned(),
        Text::Is(text) if text.trim().is_empty() => {
            problems.add("text is empty: say in a sentence what is wrong".into());
            return None;
        }
        Text::Is(text) => {
            problems.add(format!("text has {} bytes, at most {MAX_TEXT_BYTES} are accepted", text.len()));
            return None;
        }
        Text::Missing => {
            problems.add("text is missing: say in a sentence what is wrong".into());
            return None;
        }
        Text::Other(what) => {
            problems.add(format!("text is {what}, expected a string"));
            return None;
        }
    };
    let severity = match report.severity {
        Text::Is(word) if matches!(word.as_str(), "critical" | "warning" | "info") => word,
        Text::Missing => "warning".to_owned(),
        Text::Is(other) => {
            problems.add(format!("severity is {}, expected critical, warning or info", quoted(&other)));
            return None;
        }
        Text::Other(what) => {
            problems.add(format!("severity is {what}, expected critical, warning or info"));
            return None;
        }
    };
    let mut labels = fields::texts(format_args!("labels"), report.labels, problems)?;
    labels.insert("alertname".into(), "HumanReport".into());
    labels.insert("severity".into(), severity);
    for (name, value) in [("namespace", report.namespace), ("reported_by", report.by)] {
        match value {
            Text::Is(value) if !value.is_empty() => {
                labels.insert(name.into(), value);
            }
            Text::Is(_) | Text::Missing => {}
            Text::Other(what) => problems.add(format!("{name} is {what}, expected a string")),
        }
    }
    // Two sentences about one place are two reports.
    let mut identity = labels.clone();
    identity.insert("text".into(), text.clone());
    let fingerprint = identity::fingerprint(&identity);
    let alert = Alert {
        group_key: format!("report:{fingerprint}"),
        fingerprint,
        status: AlertStatus::Firing,
        labels,
        annotations: [("summary".to_owned(), text)].into(),
        starts_at: now,
        ends_at: None,
        generator_url: String::new(),
    };
    fields::bounded(format_args!("the report"), alert, problems)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: &Value) -> Result<Reading, Rejection> {
        parse(value.to_string().as_bytes().into(), Timestamp::UNIX_EPOCH)
    }

    fn problem(value: &Value) -> String {
        read(value).unwrap().problems.remove(0)
    }

    #[test]
    fn a_sentence_is_enough() {
        let alert = read(&json!({"text": " payment-service is slow\n"}))
            .unwrap()
            .groups
            .remove(0)
            .alerts
            .remove(0);
        assert_eq!((alert.name(), alert.label("severity")), ("HumanReport", "warning"));
        assert_eq!(alert.annotations["summary"], "payment-service is slow");
        let more = json!({"text": "x", "namespace": "shop", "severity": "critical", "by": "ann", "labels": {"service": "payment"}});
        let other = read(&more).unwrap().groups.remove(0).alerts.remove(0);
        assert_eq!(
            (
                other.label("namespace"),
                other.label("severity"),
                other.label("reported_by"),
                other.label("service")
            ),
            ("shop", "critical", "ann", "payment")
        );
        assert_ne!(alert.fingerprint, other.fingerprint);
    }

    #[test]
    fn what_is_no_report_is_refused_with_its_reason() {
        assert!(matches!(read(&json!("slow")), Err(Rejection::Shape(text)) if text.contains("payment-service is slow")));
        assert!(problem(&json!({})).contains("text is missing"));
        assert!(problem(&json!({"text": "  "})).contains("text is empty"));
        assert!(problem(&json!({"text": 5})).contains("text is a number"));
        assert!(problem(&json!({"text": "x".repeat(MAX_TEXT_BYTES + 1)})).contains("at most 4096"));
        assert!(problem(&json!({"text": "x", "severity": "yolo"})).contains("severity is \"yolo\""));
        assert!(problem(&json!({"text": "x", "namespace": []})).contains("namespace is an array"));
        assert!(problem(&json!({"text": "x", "labels": {"a": 1}})).contains("labels.a is a number"));
    }
}
