//! The rest of a group that Alertmanager truncated, from the answer of its API (v2, `/api/v2/alerts/groups`).

use std::{collections::BTreeSet, fmt::Arguments};

use paramedic_domain::alert::{Alert, AlertStatus};
use serde::Deserialize;

use super::{
    body::{Chunks, Rejection},
    fields,
    lenient::{Array, Collected, Element, Object, Text, Texts},
    problems::Problems,
    reading::Group,
};

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawGroup {
    labels: Texts,
    receiver: RawReceiver,
    alerts: Collected<Object<RawAlert>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawReceiver {
    name: Text,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawAlert {
    labels: Texts,
    annotations: Texts,
    starts_at: Text,
    #[serde(rename = "generatorURL")]
    generator_url: Text,
    fingerprint: Text,
}

impl Element for Object<RawAlert> {
    type Read = Alert;
    fn read(self, path: Arguments<'_>, problems: &mut Problems) -> Option<Alert> {
        let Self::Is(alert) = self else {
            problems.add(format!("{path} is no object"));
            return None;
        };
        let alert = Alert {
            fingerprint: fields::fingerprint(path, alert.fingerprint, problems)?,
            // Only active alerts are asked for.
            status: AlertStatus::Firing,
            labels: fields::labels(path, alert.labels, problems)?,
            annotations: fields::annotations(path, alert.annotations, problems)?,
            starts_at: fields::time(format_args!("{path}.startsAt"), &alert.starts_at, problems)?,
            ends_at: None,
            generator_url: fields::text(alert.generator_url),
            group_key: String::new(),
        };
        fields::bounded(path, alert, problems)
    }
}

impl Element for Object<RawGroup> {
    type Read = RawGroup;
    fn read(self, path: Arguments<'_>, problems: &mut Problems) -> Option<RawGroup> {
        match self {
            Self::Is(group) => Some(group),
            Self::Other(what) => {
                problems.add(format!("{path} is {what}, expected an object"));
                None
            }
        }
    }
}

/// Adds to a group what was left out of it.
///
/// # Errors
/// Why it stays incomplete: the answer is none, or does not hold exactly one group with these labels and this receiver.
pub fn complete(group: &mut Group, answer: Chunks) -> Result<(), String> {
    let Some(missing) = &group.missing else { return Ok(()) };
    let groups: Collected<Object<RawGroup>> = answer.read_json().map_err(|rejection| match rejection {
        Rejection::Malformed(text) | Rejection::Version(text) | Rejection::Shape(text) => text,
    })?;
    if !matches!(groups.found, Array::Of(_)) || !groups.problems.is_empty() {
        return Err("the answer is no list of alert groups".into());
    }
    let is_it = |found: &RawGroup| {
        let labels = match &found.labels {
            Texts::Is { texts, .. } => Some(texts),
            Texts::Missing | Texts::Other(_) => None,
        };
        labels.map_or(missing.labels.is_empty(), |labels| *labels == missing.labels)
            && matches!(&found.receiver.name, Text::Is(name) if *name == missing.receiver)
    };
    let mut found = groups.read.into_iter().filter(is_it);
    let (Some(whole), None) = (found.next(), found.next()) else {
        return Err("the answer does not hold exactly one group with these labels and this receiver".into());
    };
    if let Some(problem) = whole.alerts.problems.sentences("alerts").into_iter().next() {
        return Err(problem);
    }
    let known: BTreeSet<String> = group.alerts.iter().map(|alert| alert.fingerprint.clone()).collect();
    for mut alert in whole.alerts.read {
        if !known.contains(&alert.fingerprint) {
            alert.group_key.clone_from(&group.key);
            group.alerts.push(alert);
        }
    }
    group.missing = None;
    group.whole = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::core::webhook;

    const FIRING: &str = include_str!("../../tests/fixtures/alertmanager_webhook_sample.json");

    fn truncated() -> Group {
        let mut body: Value = serde_json::from_str(FIRING).unwrap();
        body["truncatedAlerts"] = json!(1);
        webhook::parse(body.to_string().as_bytes().into()).unwrap().groups.remove(0)
    }

    fn found(receiver: &str, namespace: &str, fingerprints: &[&str]) -> Value {
        let alert = |fingerprint: &&str| {
            json!({
                "fingerprint": fingerprint, "labels": {"alertname": "KubePodCrashLooping"}, "annotations": {}, "updatedAt": "2026-11-21T22:52:00Z",
                "startsAt": "2026-11-21T22:51:10Z", "endsAt": "2026-11-21T22:56:10Z", "status": {"state": "active"}, "receivers": [{"name": receiver}],
            })
        };
        json!({
            "labels": {"alertname": "KubePodCrashLooping", "namespace": namespace}, "receiver": {"name": receiver},
            "alerts": fingerprints.iter().map(alert).collect::<Vec<_>>(),
        })
    }

    fn completed(answer: &Value) -> Result<Group, String> {
        let mut group = truncated();
        complete(&mut group, answer.to_string().as_bytes().into()).map(|()| group)
    }

    #[test]
    fn what_was_left_out_is_added_and_what_was_said_stays() {
        let group = completed(&json!([
            found("other", "shop", &["x"]),
            found("hook", "bar", &["y"]),
            found("hook", "shop", &["4fca93a874583236", "0123456789abcdef"]),
        ]))
        .unwrap();
        let fingerprints: Vec<_> = group.alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
        assert_eq!(fingerprints, ["e2eb2d19dddfc24d", "4fca93a874583236", "0123456789abcdef"]);
        assert_eq!(group.alerts[1].label("pod"), "web-7d9f-fghij", "the webhook's word stands");
        assert!(group.whole && group.missing.is_none());
        assert!(group.alerts.iter().all(|alert| alert.group_key == group.key));
    }

    #[test]
    fn an_answer_that_is_not_clear_completes_nothing() {
        let group = found("hook", "shop", &["a"]);
        let mut nameless = group.clone();
        nameless["alerts"][0]["labels"] = json!({});
        for answer in [
            json!({}),
            json!([]),
            json!([1]),
            json!([found("hook", "bar", &["a"])]),
            json!([group, group]),
            json!([nameless]),
        ] {
            assert!(completed(&answer).is_err(), "{answer}");
        }
        let mut group = truncated();
        assert!(
            complete(&mut group, (&b"<html>"[..]).into())
                .unwrap_err()
                .contains("not valid JSON")
        );
        assert!(!group.whole && group.missing.is_some());
    }
}
