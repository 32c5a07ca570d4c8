//! Other alerts than the incident's, and silences that hide them.

use serde_json::{Value, json};

use super::fixtures::alert;
use crate::core::{timeline::Telling, unnoticed::moments};

fn fires(name: &str, pod: &str, since: &str, status: &Value) -> Value {
    json!({"labels": {"alertname": name, "namespace": "shop", "pod": pod}, "annotations": {}, "startsAt": since, "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": format!("{name}-{pod}"), "status": status})
}

#[test]
fn other_alerts_are_told_by_name_with_what_hides_them_and_own_ones_are_not() {
    let active = json!({"state": "active", "silencedBy": [], "inhibitedBy": []});
    let silenced = json!({"state": "suppressed", "silencedBy": ["s-1"], "inhibitedBy": []});
    let inhibited = json!({"state": "suppressed", "silencedBy": [], "inhibitedBy": ["other"]});
    let alerts = json!([
        fires("Slow", "b", "2026-11-22T09:50:00Z", &active),
        fires("Slow", "a", "2026-11-22T09:40:00Z", &active),
        fires("DiskFull", "db", "2026-11-22T09:30:00Z", &silenced),
        fires("Info", "db", "2026-11-22T09:35:00Z", &inhibited),
        {"labels": {"alertname": "OOMKilled"}, "startsAt": "2026-11-22T09:35:00Z", "fingerprint": "another", "status": active},
        {"labels": {"alertname": "Own"}, "startsAt": "2026-11-22T09:35:00Z", "fingerprint": "f1", "status": active},
        {"labels": {"alertname": "NoTime"}, "fingerprint": "x"},
        "nonsense",
    ]);
    let silences = json!([
        {"id": "s-1", "createdBy": "ada", "comment": "noisy", "startsAt": "2026-11-22T08:00:00Z", "endsAt": "2026-11-23T08:00:00Z"},
        {"id": "s-2", "createdBy": "bob", "comment": "elsewhere", "startsAt": "2026-11-22T08:00:00Z", "endsAt": "2026-11-23T08:00:00Z"},
    ]);
    let found = moments(&[alert("OOMKilled", "")], &alerts, &silences, ("alerts", "silences"));
    let told: Vec<(String, &str)> = found
        .iter()
        .map(|moment| (format!("{} {}", moment.object, moment.what), moment.quote.query.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "Pod shop/db alert DiskFull fires too, silenced; it is not in this incident".into(),
                "alerts"
            ),
            (
                "Pod shop/db alert Info fires too, inhibited; it is not in this incident".into(),
                "alerts"
            ),
            (
                "Pod shop/a alert Slow fires too (2 of them); it is not in this incident".into(),
                "alerts"
            ),
            ("Alertmanager silence of ada hides DiskFull: noisy".into(), "silences"),
        ]
    );
    assert_eq!(found[3].telling, Telling::Turn);
    assert!(moments(&[], &json!({"error": "nonsense"}), &json!(null), ("", "")).is_empty());
}
