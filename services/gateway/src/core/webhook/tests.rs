use serde_json::json;

use super::*;

const FIRING: &str = include_str!("../../../tests/fixtures/alertmanager_webhook_sample.json");
const PARTLY: &str = include_str!("../../../tests/fixtures/alertmanager_webhook_sample_partial_resolved.json");
const RESOLVED: &str = include_str!("../../../tests/fixtures/alertmanager_webhook_sample_resolved.json");

fn with(change: impl FnOnce(&mut Value)) -> Result<Webhook, Rejection> {
    let mut value: Value = serde_json::from_str(FIRING).unwrap();
    change(&mut value);
    parse(value.to_string().as_bytes())
}

#[test]
fn real_bodies_are_read_whole() {
    let firing = parse(FIRING.as_bytes()).unwrap();
    assert_eq!((firing.alerts.len(), firing.problems.len(), firing.truncated), (2, 0, 0));
    let alert = &firing.alerts[0];
    assert_eq!(
        (alert.name(), alert.label("pod"), alert.fingerprint.as_str()),
        ("KubePodCrashLooping", "web-7d9f-abcde", "e2eb2d19dddfc24d")
    );
    assert_eq!(alert.group_key, r#"{}:{alertname="KubePodCrashLooping", namespace="shop"}"#);
    assert_eq!((alert.status, alert.ends_at), (AlertStatus::Firing, None));

    let statuses: Vec<_> = parse(PARTLY.as_bytes()).unwrap().alerts.iter().map(|alert| alert.status).collect();
    assert_eq!(statuses, [AlertStatus::Resolved, AlertStatus::Firing]);
    let resolved = parse(RESOLVED.as_bytes()).unwrap();
    assert_eq!(resolved.alerts[0].ends_at, Some("2026-11-21T22:51:42Z".parse().unwrap()));
}

#[test]
fn unknown_fields_are_accepted() {
    let webhook = with(|value| {
        value["notification_reason"] = json!("repeat");
        value["alerts"][0]["routeLabels"] = json!({"team": "shop"});
        value["truncatedAlerts"] = json!(7);
    })
    .unwrap();
    assert_eq!((webhook.alerts.len(), webhook.truncated), (2, 7));
}

#[test]
fn syntax_errors_name_their_position() {
    let Err(Rejection::Malformed(text)) = parse(b"{\"version\": \"4\",\n  \"alerts\": [}") else {
        panic!("accepted")
    };
    assert!(text.contains("line 2 column 14"), "{text}");
    let Err(Rejection::Malformed(text)) = parse(&FIRING.as_bytes()[..100]) else {
        panic!("accepted")
    };
    assert!(text.contains("EOF") && text.contains("line 1 column 100"), "{text}");
    assert!(matches!(parse(b""), Err(Rejection::Malformed(text)) if text.contains("empty")));
}

#[test]
fn other_versions_and_other_payloads_are_told_apart() {
    assert_eq!(
        with(|value| value["version"] = json!("3")),
        Err(Rejection::Version("version is \"3\", only \"4\" is supported".into()))
    );
    assert_eq!(
        with(|value| value["version"] = json!(4)),
        Err(Rejection::Version("version is 4, only \"4\" is supported".into()))
    );
    assert!(matches!(parse(br#"{"alerts": []}"#), Err(Rejection::Version(text)) if text.contains("missing")));
    assert!(
        matches!(parse(br#"{"text": "an alert for Slack", "channel": "ops"}"#), Err(Rejection::Shape(text)) if text.contains("custom payload"))
    );
    for (body, problem) in [
        ("[1]", "the body is an array, expected the JSON object of an Alertmanager webhook"),
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
        assert_eq!(parse(body.as_bytes()), Err(Rejection::Shape(problem.into())));
    }
}

#[test]
fn a_giant_group_key_is_refused() {
    let refused = with(|value| value["groupKey"] = json!("g".repeat(MAX_GROUP_KEY_BYTES + 1)));
    assert!(matches!(refused, Err(Rejection::Shape(text)) if text.starts_with("groupKey has 16385 bytes")));
}

#[test]
fn every_problem_is_named_and_the_other_alerts_are_kept() {
    let webhook = with(|value| {
        value["alerts"][0] = json!({
            "status": "pending", "labels": {"severity": "critical", "count": 3}, "annotations": [], "startsAt": "yesterday", "fingerprint": "a.b>"
        });
    })
    .unwrap();
    assert_eq!(webhook.alerts.len(), 1);
    assert_eq!(
        webhook.problems,
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
        let webhook = with(|value| {
            value["alerts"][1].as_object_mut().unwrap().remove(field);
        })
        .unwrap();
        assert_eq!((webhook.alerts.len(), webhook.problems), (1, vec![problem.to_owned()]));
    }
    let webhook = with(|value| {
        value["alerts"][1]["labels"].as_object_mut().unwrap().remove("alertname");
    })
    .unwrap();
    assert_eq!(webhook.problems, ["alerts[1].labels.alertname is missing"]);
}

#[test]
fn a_body_full_of_mistakes_gets_a_short_answer() {
    let webhook = with(|value| value["alerts"] = Value::Array(vec![json!(null); 500])).unwrap();
    assert_eq!(webhook.problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(webhook.problems[MAX_PROBLEMS], "and 490 more");
}

#[test]
fn a_giant_alert_is_refused_before_the_bus_refuses_it() {
    let webhook = with(|value| value["alerts"][0]["annotations"]["dump"] = json!("x".repeat(MAX_ALERT_BYTES))).unwrap();
    assert_eq!(webhook.alerts.len(), 1);
    assert!(webhook.problems[0].starts_with("alerts[0] has 2"), "{:?}", webhook.problems);
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), at in proptest::prelude::any::<proptest::sample::Index>()) {
        let _ = parse(&body);
        let mut damaged = FIRING.as_bytes().to_vec();
        let index = at.index(damaged.len());
        damaged[index] = body.first().copied().unwrap_or(b'"');
        let _ = parse(&damaged);
    }
}
