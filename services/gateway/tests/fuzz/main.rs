//! Hostile bytes for every parser, some seconds of them: the same entries as cargo fuzz uses.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

#[path = "../../fuzz/entry.rs"]
#[allow(unreachable_pub, reason = "the same file is the library of the fuzz crate")]
mod entry;

use paramedic_gateway::core::format::Format;
use paramedic_testkit::hostile::TEXTS;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

const SEEDS: [&str; 3] = [
    include_str!("../fixtures/alertmanager_webhook_sample.json"),
    include_str!("../fixtures/alertmanager_webhook_sample_partial_resolved.json"),
    include_str!("../fixtures/alertmanager_webhook_sample_resolved.json"),
];

fn formats() -> Vec<Format> {
    vec![
        Format::Alertmanager,
        Format::Prometheus,
        Format::Grafana,
        Format::PagerDuty,
        Format::Report,
        entry::mapping(),
    ]
}

/// A body of each format around the same alert.
fn bodies(alert: &Value) -> Vec<(Format, Value)> {
    let webhook = |version: &str| json!({"version": version, "groupKey": "g", "receiver": "hook", "alerts": [alert]});
    let text = |pointer: &str| alert.pointer(pointer).cloned().unwrap_or_default();
    let incident = json!({"id": "P1", "title": text("/annotations/summary"), "created_at": text("/startsAt"), "service": {"summary": text("/labels/namespace")}});
    vec![
        (Format::Alertmanager, webhook("4")),
        (Format::Grafana, webhook("1")),
        (Format::Prometheus, json!([alert])),
        (
            Format::PagerDuty,
            json!({"event": {"event_type": "incident.triggered", "occurred_at": text("/startsAt"), "data": incident}}),
        ),
        (
            Format::Report,
            json!({"text": text("/annotations/summary"), "namespace": text("/labels/namespace"), "labels": alert["labels"]}),
        ),
        (entry::mapping(), json!({"alerts": [alert]})),
    ]
}

/// Texts that break careless code, and any others.
fn hostile() -> impl Strategy<Value = String> {
    let known = select(&TEXTS[..]).prop_map(str::to_owned);
    prop_oneof![known, any::<String>(), "[a-z]{1,8}"]
}

fn hostile_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => hostile().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => select(vec![json!(null), json!(true), json!([]), json!({}), json!(1e308), json!([[[{"a": []}]]])]),
    ]
}

fn hostile_texts() -> impl Strategy<Value = Value> {
    vec((hostile(), hostile_value()), 0..12).prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>()))
}

fn hostile_alert() -> impl Strategy<Value = Value> {
    let time = select(vec![
        "2026-03-02T10:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "-9999-01-01T00:00:00Z",
        "now",
        "",
    ]);
    (
        hostile_texts(),
        hostile_texts(),
        time.clone(),
        time,
        hostile_value(),
        hostile_value(),
    )
        .prop_map(|(mut labels, annotations, starts_at, ends_at, status, fingerprint)| {
            labels["alertname"] = json!("A");
            json!({
                "labels": labels, "annotations": annotations, "startsAt": starts_at, "endsAt": ends_at,
                "status": if status.is_string() { json!("firing") } else { status },
                "fingerprint": if fingerprint.is_string() { json!("f") } else { fingerprint },
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..400)) {
        for format in formats() {
            entry::read(&format, &data);
        }
        entry::complete(&data);
        entry::headers(&data);
    }

    #[test]
    fn damaged_bodies(
        seed in select(SEEDS.to_vec()),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut data = seed.as_bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(data.len());
            data[at] = byte;
        }
        if cuts {
            data.truncate(cut.index(data.len()));
        }
        for format in formats() {
            entry::read(&format, &data);
        }
        entry::complete(&data);
    }

    #[test]
    fn hostile_texts_in_every_field(alert in hostile_alert()) {
        for (format, body) in bodies(&alert) {
            entry::read(&format, body.to_string().as_bytes());
        }
        entry::complete(json!([{"labels": {"alertname": "A"}, "receiver": {"name": "hook"}, "alerts": [alert]}]).to_string().as_bytes());
    }
}

/// A usable alert with these labels and this annotation.
fn alert(labels: Map<String, Value>, summary: &str) -> Value {
    let mut labels = labels;
    labels.insert("alertname".into(), json!("A"));
    json!({
        "status": "firing", "labels": labels, "annotations": {"summary": summary}, "startsAt": "2026-03-02T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f",
    })
}

#[test]
fn ten_thousand_labels_and_megabytes_of_text() {
    let many: Map<String, Value> = (0..10_000).map(|n| (format!("label_{n}"), json!("value"))).collect();
    let long = |bytes: usize| Map::from_iter([("namespace".to_owned(), json!("x".repeat(bytes)))]);
    let wide = "\u{10ffff}".repeat(1 << 18);
    for alert in [
        alert(many, "s"),
        alert(long(1 << 20), "s"),
        alert(long(1 << 20), &"y".repeat(4 << 20)),
        alert(Map::new(), &wide),
        alert(Map::from_iter([(wide.clone(), json!(wide))]), ""),
    ] {
        for (format, body) in bodies(&alert) {
            entry::read(&format, body.to_string().as_bytes());
        }
    }
}

#[test]
fn what_is_kept_of_ten_thousand_labels_is_bounded() {
    // Of all that is said of a single alert, a megabyte at most is held while the rest is read, and nothing of it is stored.
    let many: Map<String, Value> = (0..100_000).map(|n| (format!("label_{n}"), json!("value"))).collect();
    let body = json!({"version": "4", "groupKey": "g", "alerts": [alert(many, "s")]});
    let reading = entry::read(&Format::Alertmanager, body.to_string().as_bytes()).unwrap();
    assert!(reading.groups.is_empty());
    assert!(
        reading.problems[0].contains("at most 262144 are accepted"),
        "{:?}",
        reading.problems
    );
}

#[test]
fn a_group_of_alerts_as_large_as_can_be_is_correlated_and_nothing_long_is_told() {
    let large = |number: usize| {
        let name = format!("{number}{}", "\u{202e}名".repeat(15_000));
        let mut alert = alert(
            Map::from_iter([("namespace".to_owned(), json!(name)), ("pod".to_owned(), json!(name))]),
            "s",
        );
        alert["fingerprint"] = json!(format!("f{number}"));
        alert
    };
    let alerts: Vec<Value> = (0..20).map(large).collect();
    let body = json!({"version": "4", "groupKey": "g", "receiver": "hook", "alerts": alerts});
    let reading = entry::read(&Format::Alertmanager, body.to_string().as_bytes()).unwrap();
    assert_eq!(
        reading.groups.iter().map(|group| group.alerts.len()).sum::<usize>(),
        20,
        "{:?}",
        reading.problems
    );
}

#[test]
fn bytes_that_are_no_utf8_are_no_text() {
    for seed in SEEDS {
        let text = seed.replacen("web", "w\u{0}b", 1);
        for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"] {
            let data: Vec<u8> = text
                .bytes()
                .flat_map(|byte| if byte == 0 { bad.to_vec() } else { vec![byte] })
                .collect();
            assert!(entry::read(&Format::Alertmanager, &data).is_none(), "{bad:?}");
        }
    }
}
