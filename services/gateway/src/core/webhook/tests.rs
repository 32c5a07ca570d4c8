use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    super::{
        fields::{MAX_ALERT_BYTES, MAX_ANNOTATION_BYTES},
        lenient::{MAX_ELEMENTS, MAX_KEPT_BYTES},
        problems::MAX_PROBLEMS,
    },
    *,
};

const FIRING: &str = include_str!("../../../tests/fixtures/alertmanager_webhook_sample.json");
const PARTLY: &str = include_str!("../../../tests/fixtures/alertmanager_webhook_sample_partial_resolved.json");
const RESOLVED: &str = include_str!("../../../tests/fixtures/alertmanager_webhook_sample_resolved.json");

fn read(body: &[u8]) -> Result<Reading, Rejection> {
    parse(body.into())
}

fn with(change: impl FnOnce(&mut Value)) -> Result<Reading, Rejection> {
    let mut value: Value = serde_json::from_str(FIRING).unwrap();
    change(&mut value);
    read(value.to_string().as_bytes())
}

fn group(reading: Result<Reading, Rejection>) -> Group {
    let mut reading = reading.unwrap();
    assert_eq!(reading.problems, Vec::<String>::new());
    reading.groups.remove(0)
}

fn problems(reading: Result<Reading, Rejection>) -> Vec<String> {
    let reading = reading.unwrap();
    assert_eq!(reading.groups, Vec::new(), "nothing of a body with a problem is used");
    reading.problems
}

#[test]
fn real_bodies_are_read_whole() {
    let firing = group(read(FIRING.as_bytes()));
    assert_eq!((firing.alerts.len(), firing.whole, &firing.missing), (2, true, &None));
    let alert = &firing.alerts[0];
    assert_eq!(
        (alert.name(), alert.label("pod"), alert.fingerprint.as_str()),
        ("KubePodCrashLooping", "web-7d9f-abcde", "e2eb2d19dddfc24d")
    );
    assert_eq!(firing.key, r#"{}:{alertname="KubePodCrashLooping", namespace="shop"}"#);
    assert_eq!(alert.group_key, firing.key);
    assert_eq!((alert.status, alert.ends_at), (AlertStatus::Firing, None));

    let statuses: Vec<_> = group(read(PARTLY.as_bytes())).alerts.iter().map(|alert| alert.status).collect();
    assert_eq!(statuses, [AlertStatus::Resolved, AlertStatus::Firing]);
    let resolved = group(read(RESOLVED.as_bytes()));
    assert_eq!(resolved.alerts[0].ends_at, Some("2026-11-21T22:51:42Z".parse().unwrap()));
}

#[test]
fn every_field_of_newer_versions_and_unknown_ones_are_accepted() {
    let group = group(with(|value| {
        value["notification_reason"] = json!("repeat");
        value["routeLabels"] = json!({"team": "shop"});
        value["somethingNew"] = json!([[{"deep": [1, null, true, -0.5e3]}]]);
        value["alerts"][0]["routeLabels"] = json!({"team": "shop"});
        value["alerts"][0]["labels"]["severity"] = json!("none");
        value["alerts"][0]["annotations"] = Value::Null;
        value["alerts"][0]["generatorURL"] = json!(7);
        value["truncatedAlerts"] = json!(7);
    }));
    assert_eq!((group.alerts.len(), group.whole), (2, false));
    let missing = group.missing.unwrap();
    assert_eq!((missing.alerts, missing.receiver.as_str(), missing.labels.len()), (7, "hook", 2));
}

#[test]
fn a_body_in_pieces_reads_as_the_whole_one() {
    for mut pieces in [Chunks::default(), Chunks::streamed()] {
        for piece in FIRING.as_bytes().chunks(7) {
            pieces.push(Bytes::copy_from_slice(piece));
        }
        assert_eq!(parse(pieces), read(FIRING.as_bytes()));
    }
}

#[test]
fn syntax_errors_name_their_position() {
    let malformed = |body: &[u8]| match read(body) {
        Err(Rejection::Malformed(text)) => text,
        other => panic!("{other:?}"),
    };
    let text = malformed(b"{\"version\": \"4\",\n  \"alerts\": [}");
    assert!(text.contains("line 2 column 14"), "{text}");
    let text = malformed(&FIRING.as_bytes()[..100]);
    assert!(text.contains("EOF") && text.contains("line 1 column 100"), "{text}");
    assert!(malformed(b"").contains("empty"));
    assert!(malformed(b"{} {}").contains("trailing"));
    let twice = FIRING.replacen("\"receiver\"", "\"alerts\":[],\"receiver\"", 1);
    assert!(
        malformed(twice.as_bytes()).contains("duplicate field"),
        "of two lists neither is the right one"
    );
}

#[test]
fn nesting_costs_no_stack() {
    let deep = [vec![b'['; 1_000_000], vec![b']'; 1_000_000]].concat();
    assert!(matches!(read(&deep), Err(Rejection::Shape(text)) if text.starts_with("the body is an array")));
    let inside = FIRING.replacen(
        "\"receiver\"",
        &format!("\"new\":{},\"receiver\"", String::from_utf8(deep).unwrap()),
        1,
    );
    assert_eq!(group(read(inside.as_bytes())).alerts.len(), 2);
}

#[test]
fn other_versions_and_other_payloads_are_told_apart() {
    assert_eq!(
        with(|value| value["version"] = json!("3")),
        Err(Rejection::Version("version is \"3\", only \"4\" is supported".into()))
    );
    assert!(matches!(with(|value| value["version"] = json!(4)), Err(Rejection::Version(text)) if text.contains("a number")));
    assert!(matches!(read(br#"{"alerts": []}"#), Err(Rejection::Version(text)) if text.contains("missing")));
    assert!(
        matches!(read(br#"{"text": "an alert for Slack", "channel": "ops"}"#), Err(Rejection::Shape(text)) if text.contains("custom payload"))
    );
    for (body, problem) in [
        ("[1]", "the body is an array, expected the JSON object of Alertmanager's webhook"),
        (
            r#""text""#,
            "the body is a string, expected the JSON object of Alertmanager's webhook",
        ),
        (r#"{"version": "4", "groupKey": "g"}"#, "alerts is missing"),
        (r#"{"version": "4", "groupKey": "g", "alerts": []}"#, "alerts is empty"),
        (
            r#"{"version": "4", "groupKey": "g", "alerts": {}}"#,
            "alerts is an object, expected an array",
        ),
        (r#"{"version": "4", "alerts": [{}]}"#, "groupKey is missing"),
        (
            r#"{"version": "4", "alerts": [{}], "groupKey": 1}"#,
            "groupKey is a number, expected a string",
        ),
    ] {
        assert_eq!(read(body.as_bytes()), Err(Rejection::Shape(problem.into())));
    }
}

#[test]
fn a_giant_group_key_is_refused() {
    let refused = with(|value| value["groupKey"] = json!("g".repeat(MAX_GROUP_KEY_BYTES + 1)));
    assert!(matches!(refused, Err(Rejection::Shape(text)) if text.starts_with("groupKey has 16385 bytes")));
    let long = Text::Is("g".repeat(MAX_GROUP_KEY_BYTES));
    assert!(group_key(long.clone(), 4096).is_ok());
    assert!(matches!(group_key(long, 4097), Err(Rejection::Shape(text)) if text.contains("too long for a group of 4097")));
}

#[test]
fn every_problem_is_named_and_nothing_is_used() {
    let problems = problems(with(|value| {
        value["alerts"][0] = json!({
            "status": "pending", "labels": {"severity": "critical", "count": 3}, "annotations": [], "startsAt": "yesterday", "fingerprint": "a.b>"
        });
    }));
    assert_eq!(
        problems,
        [
            "alerts[0].status is \"pending\", expected \"firing\" or \"resolved\"",
            "alerts[0].labels.count is a number, expected a string",
            "alerts[0].annotations is an array, expected an object of strings",
            "alerts[0].fingerprint is \"a.b>\", expected 1 to 64 letters, digits, '-' or '_'",
            "alerts[0].startsAt is \"yesterday\", expected a time as in RFC 3339",
        ]
    );
}

#[test]
fn missing_fields_are_named() {
    for (field, problem) in [
        ("status", "alerts[1].status is missing"),
        ("labels", "alerts[1].labels is missing"),
        ("fingerprint", "alerts[1].fingerprint is missing"),
        ("startsAt", "alerts[1].startsAt is missing"),
    ] {
        let problems = problems(with(|value| {
            value["alerts"][1].as_object_mut().unwrap().remove(field);
        }));
        assert_eq!(problems, [problem]);
    }
    let problems = problems(with(|value| {
        value["alerts"][1]["labels"].as_object_mut().unwrap().remove("alertname");
    }));
    assert_eq!(problems, ["alerts[1].labels.alertname is missing"]);
}

#[test]
fn a_body_full_of_mistakes_gets_a_short_answer() {
    let problems = problems(with(|value| value["alerts"] = Value::Array(vec![json!(null); 500])));
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(problems[0], "alerts[0] is null, expected an object");
    assert_eq!(problems[MAX_PROBLEMS], "and 490 more");
}

#[test]
fn a_log_in_an_annotation_is_cut_and_the_alert_kept() {
    let group = group(with(|value| {
        value["alerts"][0]["annotations"]["dump"] = json!("ä".repeat(MAX_KEPT_BYTES / 4))
    }));
    let dump = &group.alerts[0].annotations["dump"];
    assert_eq!(dump.len(), MAX_ANNOTATION_BYTES + " [507904 bytes cut]".len());
    assert!(dump.ends_with("ä [507904 bytes cut]"), "{}", &dump[dump.len() - 30..]);
}

#[test]
fn an_alert_that_no_message_could_hold_is_refused() {
    for bytes in [MAX_ALERT_BYTES, MAX_KEPT_BYTES] {
        let problems = problems(with(|value| value["alerts"][0]["labels"]["dump"] = json!("x".repeat(bytes))));
        assert!(
            problems[0].starts_with("alerts[0]") && problems[0].contains("at most 262144 are accepted"),
            "{problems:?}"
        );
    }
    let many: Value = (0..10_000)
        .map(|n| (format!("label{n}"), json!("x".repeat(20))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let problems = problems(with(|value| {
        value["alerts"][0]["labels"] = many;
        value["alerts"][0]["labels"]["alertname"] = json!("A");
    }));
    assert!(problems[0].contains("at most 262144 are accepted"), "{problems:?}");
}

#[test]
fn more_alerts_than_are_accepted_at_once_are_refused() {
    let one = r#"{"status":"firing","labels":{"alertname":"A"},"startsAt":"2026-01-01T00:00:00Z","fingerprint":"f"}"#;
    let body = |alerts: usize| format!(r#"{{"version":"4","groupKey":"g","alerts":[{}]}}"#, vec![one; alerts].join(","));
    assert_eq!(group(read(body(MAX_ELEMENTS).as_bytes())).alerts.len(), MAX_ELEMENTS);
    assert_eq!(
        problems(read(body(MAX_ELEMENTS + 2).as_bytes())),
        ["alerts[100000] is one more than the 100000 that are accepted at once"]
    );
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), at in proptest::prelude::any::<proptest::sample::Index>()) {
        let _ = read(&body);
        let mut damaged = FIRING.as_bytes().to_vec();
        let index = at.index(damaged.len());
        damaged[index] = body.first().copied().unwrap_or(b'"');
        let _ = read(&damaged);
    }
}
