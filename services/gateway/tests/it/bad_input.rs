//! Whatever is not a webhook gets a 4xx that says why, and is counted; nothing of it is stored.

use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};

use crate::harness::{FIRING, LIMIT, NEXT_TOKEN, TOKEN, alert, gateway, webhook};

struct Case {
    name: &'static str,
    method: &'static str,
    token: Option<&'static str>,
    content_type: Option<&'static str>,
    body: Vec<u8>,
    status: u16,
    reason: &'static str,
    says: &'static str,
}

fn case(name: &'static str, body: impl Into<Vec<u8>>, status: u16, reason: &'static str, says: &'static str) -> Case {
    Case {
        name,
        method: "POST",
        token: Some(TOKEN),
        content_type: Some("application/json"),
        body: body.into(),
        status,
        reason,
        says,
    }
}

fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_str(FIRING).unwrap();
    change(&mut value);
    value.to_string().into_bytes()
}

fn cases() -> Vec<Case> {
    let big = format!("{{\"padding\": \"{}\"}}", "x".repeat(10 * LIMIT));
    vec![
        Case {
            method: "GET",
            ..case("wrong method", "", 405, "method", "takes POST requests only")
        },
        Case {
            method: "PUT",
            ..case("another wrong method", FIRING, 405, "method", "takes POST requests only")
        },
        Case {
            token: None,
            ..case("no token", FIRING, 401, "unauthorized", "holds no bearer token")
        },
        Case {
            token: Some("0123456789abcdef"),
            ..case(
                "wrong token",
                FIRING,
                401,
                "unauthorized",
                "is none of its tokens (source alertmanager)",
            )
        },
        Case {
            content_type: None,
            ..case("no content type", FIRING, 415, "content_type", "expected application/json")
        },
        Case {
            content_type: Some("text/plain"),
            ..case("wrong content type", FIRING, 415, "content_type", "\"text/plain\"")
        },
        case("a body ten times too large", big, 413, "too_large", "more than 1048576 bytes"),
        case("an empty body", "", 400, "malformed", "the body is empty"),
        case(
            "malformed JSON",
            "{\"version\": \"4\",\n \"alerts\": [}",
            400,
            "malformed",
            "line 2 column 13",
        ),
        case("JSON that stops", &FIRING.as_bytes()[..200], 400, "malformed", "line 1 column 200"),
        case("no UTF-8", b"{\"version\": \"\xff\"}".to_vec(), 400, "malformed", "not valid JSON"),
        case(
            "version 3",
            changed(|value| value["version"] = json!("3")),
            400,
            "version",
            "version is \"3\", only \"4\" is supported",
        ),
        case(
            "no version",
            changed(|value| drop(value.as_object_mut().unwrap().remove("version"))),
            400,
            "version",
            "version is missing",
        ),
        case("an array", "[]", 422, "payload", "the body is an array"),
        case(
            "another receiver's payload",
            r#"{"text": "Pod is down", "channel": "ops"}"#,
            422,
            "payload",
            "not the payload of Alertmanager's webhook",
        ),
        case(
            "no alerts",
            changed(|value| drop(value.as_object_mut().unwrap().remove("alerts"))),
            422,
            "payload",
            "alerts is missing",
        ),
        case(
            "no group key",
            changed(|value| drop(value.as_object_mut().unwrap().remove("groupKey"))),
            422,
            "payload",
            "groupKey is missing",
        ),
        case(
            "alerts without labels, name and fingerprint",
            webhook(
                "g",
                &[json!({"status": "firing", "startsAt": "2026-01-01T00:00:00Z"}), {
                    let mut nameless = alert("f1", "firing", 0);
                    nameless["labels"].as_object_mut().unwrap().remove("alertname");
                    nameless
                }],
            ),
            422,
            "alerts",
            "alerts[0].labels is missing; alerts[0].fingerprint is missing; alerts[1].labels.alertname is missing; nothing of the webhook was stored",
        ),
    ]
}

#[tokio::test]
async fn every_bad_request_gets_its_own_4xx_and_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _local = metrics::set_default_local_recorder(&recorder);
    let (gateway, _folder) = gateway().await;

    let mut expected = std::collections::BTreeMap::new();
    for case in cases() {
        let answer = gateway.send(case.method, case.token, case.content_type, case.body).await;
        assert_eq!(answer.status, case.status, "{}: {answer:?}", case.name);
        assert!(answer.error().contains(case.says), "{}: {answer:?}", case.name);
        assert_eq!(answer.body["reason"], case.reason, "{}", case.name);
        *expected.entry(case.reason).or_insert(0) += 1;
        match case.status {
            405 => assert_eq!(answer.header("allow"), Some("POST")),
            401 => assert_eq!(answer.header("www-authenticate"), Some("Bearer")),
            _ => {}
        }
    }
    let text = metrics.render();
    for (reason, count) in expected {
        let line = format!("paramedic_gateway_rejected_total{{source=\"alertmanager\",reason=\"{reason}\"}} {count}");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert!(gateway.stored().await.is_empty());
}

#[tokio::test]
async fn both_tokens_of_a_rotation_are_accepted() {
    let (gateway, _folder) = gateway().await;
    for token in [TOKEN, NEXT_TOKEN] {
        let answer = gateway
            .send("POST", Some(token), Some("application/json; charset=utf-8"), FIRING.into())
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn a_webhook_with_one_unusable_alert_is_stored_as_a_whole_or_not_at_all() {
    let (gateway, _folder) = gateway().await;
    let body = webhook(
        "g",
        &[alert("f1", "firing", 0), json!({"status": "firing"}), alert("f2", "firing", 0)],
    );
    let answer = gateway.post(body).await;
    assert_eq!((answer.status, &answer.body["reason"]), (422, &json!("alerts")), "{answer:?}");
    assert!(answer.error().starts_with("alerts[1].labels is missing"), "{answer:?}");
    assert!(gateway.stored().await.is_empty());
    assert_eq!(
        gateway
            .post(webhook("g", &[alert("f1", "firing", 0), alert("f2", "firing", 0)]))
            .await
            .status,
        200
    );
    assert_eq!(gateway.stored().await.len(), 1);
}
