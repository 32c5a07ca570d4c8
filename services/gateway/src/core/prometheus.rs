//! What Prometheus posts to an Alertmanager (API v2, `POST /api/v2/alerts`): a list of alerts without groups, status or
//! fingerprint, sent again every minute as long as they fire and for a quarter of an hour after.

use std::{collections::BTreeMap, fmt::Arguments};

use jiff::Timestamp;
use paramedic_domain::alert::{Alert, AlertStatus};
use serde::Deserialize;

use super::{
    body::{Chunks, Rejection},
    fields, identity,
    lenient::{Array, Collected, Element, Object, Text, Texts},
    problems::Problems,
    reading::{Group, Reading},
};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawAlert {
    labels: Texts,
    annotations: Texts,
    starts_at: Text,
    ends_at: Text,
    #[serde(rename = "generatorURL")]
    generator_url: Text,
}

/// An alert whose times are not judged yet: that needs the time of receipt.
struct Timed {
    alert: Alert,
    starts_at: Option<Timestamp>,
}

impl Element for Object<RawAlert> {
    type Read = Timed;
    fn read(self, path: Arguments<'_>, problems: &mut Problems) -> Option<Timed> {
        let raw = match self {
            Self::Is(raw) => raw,
            Self::Other(what) => {
                problems.add(format!("{path} is {what}, expected an object"));
                return None;
            }
        };
        let labels = fields::labels(path, raw.labels, problems);
        let annotations = fields::annotations(path, raw.annotations, problems);
        let starts_at = fields::optional_time(format_args!("{path}.startsAt"), &raw.starts_at, problems);
        let ends_at = fields::optional_time(format_args!("{path}.endsAt"), &raw.ends_at, problems);
        let (mut labels, starts_at) = (labels?, starts_at?);
        // To Prometheus an empty label is none.
        labels.retain(|_, value| !value.is_empty());
        let alert = Alert {
            fingerprint: identity::fingerprint(&labels),
            status: AlertStatus::Firing,
            annotations: annotations?,
            starts_at: Timestamp::UNIX_EPOCH,
            ends_at: ends_at?,
            generator_url: fields::text(raw.generator_url),
            group_key: identity::group_key(&labels),
            labels,
        };
        fields::bounded(path, alert, problems).map(|alert| Timed { alert, starts_at })
    }
}

/// Reads a body that came at `now`: an alert that should have ended by then is resolved.
///
/// # Errors
/// When it is no list of alerts.
pub fn parse(body: Chunks, now: Timestamp) -> Result<Reading, Rejection> {
    let list: Collected<Object<RawAlert>> = body.read_json()?;
    match list.found {
        Array::Of(_) => {}
        Array::Other(what) => {
            return Err(Rejection::Shape(format!(
                "the body is {what}, expected the array of alerts that Prometheus posts"
            )));
        }
        Array::Missing => {
            return Err(Rejection::Shape(
                "the body is null, expected the array of alerts that Prometheus posts".into(),
            ));
        }
    }
    let problems = list.problems.sentences("alerts");
    if !problems.is_empty() {
        return Ok(Reading::wrong(problems));
    }
    let mut groups: BTreeMap<String, Vec<Alert>> = BTreeMap::new();
    for Timed { mut alert, starts_at } in list.read {
        let ended = alert.ends_at.filter(|end| *end <= now);
        alert.status = if ended.is_some() {
            AlertStatus::Resolved
        } else {
            AlertStatus::Firing
        };
        // As Alertmanager does it: without a start it is the end, and without that either it is now.
        alert.starts_at = starts_at.or(ended).unwrap_or(now);
        // The end of a firing alert is only when it would be forgotten.
        alert.ends_at = ended;
        groups.entry(alert.group_key.clone()).or_default().push(alert);
    }
    let group = |(key, alerts)| Group {
        key,
        whole: false,
        missing: None,
        alerts,
    };
    Ok(Reading {
        groups: groups.into_iter().map(group).collect(),
        problems,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    fn read(value: &Value) -> Result<Reading, Rejection> {
        parse(value.to_string().as_bytes().into(), now())
    }

    fn alert(name: &str, ends_at: &str) -> Value {
        json!({
            "labels": {"alertname": name, "namespace": "shop", "pod": "web-1", "empty": ""}, "annotations": {"summary": "s"},
            "startsAt": "2026-03-02T09:50:00.123Z", "endsAt": ends_at, "generatorURL": "http://prometheus/graph",
        })
    }

    #[test]
    fn alerts_become_groups_and_their_end_decides_their_status() {
        let reading = read(&json!([
            alert("B", "2026-03-02T10:04:00Z"),
            alert("A", "2026-03-02T09:59:00Z"),
            {"labels": {"alertname": "B", "namespace": "shop"}},
        ]))
        .unwrap();
        let [a, b] = &reading.groups[..] else { panic!("{reading:?}") };
        assert_eq!((a.key.as_str(), a.whole), (r#"{}:{alertname="A", namespace="shop"}"#, false));
        assert_eq!(
            (a.alerts[0].status, a.alerts[0].ends_at),
            (AlertStatus::Resolved, Some("2026-03-02T09:59:00Z".parse().unwrap()))
        );
        assert_eq!((b.alerts[0].status, b.alerts[0].ends_at), (AlertStatus::Firing, None));
        assert_eq!(b.alerts[0].starts_at, "2026-03-02T09:50:00.123Z".parse().unwrap());
        assert!(!b.alerts[0].labels.contains_key("empty"));
        assert_eq!(b.alerts[1].starts_at, now());
        assert_ne!(b.alerts[0].fingerprint, b.alerts[1].fingerprint);
    }

    #[test]
    fn an_empty_list_says_nothing_and_other_things_are_refused() {
        assert_eq!(read(&json!([])), Ok(Reading::default()));
        assert!(matches!(read(&json!({"alerts": []})), Err(Rejection::Shape(text)) if text.contains("array of alerts")));
        assert!(matches!(read(&json!(null)), Err(Rejection::Shape(_))));
        let wrong = read(&json!([{"labels": {}, "startsAt": 5}, 7])).unwrap();
        assert_eq!(
            wrong.problems,
            [
                "alerts[0].labels.alertname is missing",
                "alerts[0].startsAt is a number, expected a time as in RFC 3339",
                "alerts[1] is a number, expected an object",
            ]
        );
    }
}
