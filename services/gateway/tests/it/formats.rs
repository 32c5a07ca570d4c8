//! Each kind of source by its own endpoint, in the words of its sender.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use paramedic_domain::alert::{AlertStatus, Notification};
use paramedic_runtime::Clock;
use paramedic_testkit::{
    eventually,
    servers::{Prometheus, Push},
};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;

use crate::harness::{Answer, Gateway, Parts, TOKEN, answer, bus, clock};

const SOURCES: &str = "
    [gateway.sources.prometheus]
    tokens = ['0123456789abcdef-old']
    [gateway.sources.grafana]
    tokens = ['0123456789abcdef-old']
    [gateway.sources.pagerduty]
    signing_secrets = ['the first secret', 'the second secret']
    [gateway.sources.checks]
    kind = 'json'
    tokens = ['0123456789abcdef-old']
    mapping = { alerts = '/checks', name = '/name', status = '/state', resolved = ['ok'], labels = { namespace = '/ns' } }
    [gateway.sources.report]
    tokens = ['0123456789abcdef-old']";

async fn gateway(clock: &Clock) -> (Gateway, TempDir) {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    (Gateway::start_with(&bus, clock, Parts::IntakeOnly, SOURCES, None).await, folder)
}

async fn post(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    let request = gateway
        .request("POST", path)
        .bearer_auth(TOKEN)
        .header("content-type", "application/json");
    answer(request.body(body.to_string())).await
}

async fn last(gateway: &Gateway) -> Notification {
    let stored = gateway.stored().await.pop().unwrap();
    paramedic_wire::decode_notification(&stored.payload).unwrap()
}

#[tokio::test]
async fn a_prometheus_pushes_by_itself() {
    let (gateway, _folder) = gateway(&Clock::system()).await;
    let push = Push {
        target: gateway.url.strip_prefix("http://").unwrap().into(),
        path_prefix: "/api/v1/alerts/prometheus".into(),
        bearer_token: TOKEN.into(),
    };
    let rules = json!({"groups": [{"name": "g", "rules": [{"alert": "AlwaysOn", "expr": "vector(1)", "labels": {"namespace": "shop", "severity": "critical"}}]}]});
    let _prometheus = Prometheus::pushing(&[], &rules.to_string(), &push).await.unwrap();
    eventually!(within Duration::from_secs(60), !gateway.stored().await.is_empty());
    let notification = last(&gateway).await;
    assert_eq!((notification.source.as_str(), notification.whole_group), ("prometheus", false));
    assert_eq!(notification.group_key, r#"{}:{alertname="AlwaysOn", namespace="shop"}"#);
    let alert = &notification.alerts[0];
    assert_eq!((alert.name(), alert.status, alert.ends_at), ("AlwaysOn", AlertStatus::Firing, None));
    assert!(alert.generator_url.contains("/graph"), "{alert:?}");
}

#[tokio::test]
async fn grafana_speaks_for_its_whole_group() {
    let (gateway, _folder) = gateway(&clock()).await;
    let body = json!({
        "version": "1", "groupKey": "{}:{alertname=\"HighCpu\"}", "receiver": "paramedic", "status": "firing", "orgId": 1, "state": "alerting",
        "alerts": [{
            "status": "firing", "labels": {"alertname": "HighCpu"}, "annotations": {}, "startsAt": "2026-10-12T09:51:03.157076+02:00",
            "endsAt": "0001-01-01T00:00:00Z", "values": {"B": 44.23}, "fingerprint": "57c6d9296de2ad39", "dashboardURL": "https://grafana.example/d/1",
        }],
    });
    assert_eq!(post(&gateway, "/api/v1/alerts/grafana", &body).await.status, 200);
    let notification = last(&gateway).await;
    assert!(notification.covers("57c6d9296de2ad39"));
    assert_eq!(notification.alerts[0].annotations["dashboard_url"], "https://grafana.example/d/1");
}

/// `v1=` and the HMAC of `body` with the second secret.
fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"the second secret").unwrap();
    mac.update(body.as_bytes());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn pagerduty_is_known_by_its_signature() {
    let (gateway, _folder) = gateway(&clock()).await;
    let body = json!({"event": {
        "event_type": "incident.triggered", "occurred_at": "2026-10-02T18:45:22.169Z",
        "data": {"id": "PGR0VU2", "type": "incident", "created_at": "2026-10-02T18:40:00Z", "title": "A little bump in the road", "urgency": "high"},
    }})
    .to_string();
    let signed = signature(&body);
    let send = async |signature: Option<&str>, body: &str| {
        let mut request = gateway
            .request("POST", "/api/v1/alerts/pagerduty")
            .header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header("x-pagerduty-signature", signature);
        }
        answer(request.body(body.to_owned())).await
    };
    for (signature, body) in [(None, body.as_str()), (Some("v1=00"), &body), (Some(&signed), "{}")] {
        let refused = send(signature, body).await;
        assert_eq!(
            (refused.status, refused.body["reason"].as_str()),
            (401, Some("unauthorized")),
            "{refused:?}"
        );
    }
    assert!(gateway.stored().await.is_empty());
    assert_eq!(send(Some(&signed), &body).await.status, 200);
    let alert = last(&gateway).await.alerts.remove(0);
    assert_eq!((alert.name(), alert.label("pagerduty_incident")), ("PagerDutyIncident", "PGR0VU2"));

    let ping = json!({"event": {"event_type": "pagey.ping", "data": {"message": "Hello"}}}).to_string();
    let answer = send(Some(&signature(&ping)), &ping).await;
    assert_eq!((answer.status, &answer.body["alerts"]), (200, &json!(0)));
    assert_eq!(gateway.stored().await.len(), 1);
}

#[tokio::test]
async fn any_json_is_mapped() {
    let (gateway, _folder) = gateway(&clock()).await;
    let body = json!({"checks": [{"name": "disk", "state": "crit", "ns": "shop"}, {"name": "disk", "state": "OK", "ns": "bar"}]});
    let taken = post(&gateway, "/api/v1/alerts/checks", &body).await;
    assert_eq!((taken.status, &taken.body["alerts"]), (200, &json!(2)), "{taken:?}");
    assert_eq!(gateway.stored().await.len(), 2, "two namespaces are two groups");
    let refused = post(&gateway, "/api/v1/alerts/checks", &json!({"alerts": []})).await;
    assert_eq!((refused.status, refused.body["reason"].as_str()), (422, Some("payload")));
    assert!(refused.error().contains("/checks"), "{refused:?}");
}

#[tokio::test]
async fn a_person_reports_in_a_sentence() {
    let (gateway, _folder) = gateway(&clock()).await;
    let report = json!({"text": "payment-service is slow", "namespace": "shop", "severity": "critical", "by": "ann"});
    assert_eq!(post(&gateway, "/api/v1/alerts/report", &report).await.status, 200);
    let alert = last(&gateway).await.alerts.remove(0);
    assert_eq!(alert.annotations["summary"], "payment-service is slow");
    assert_eq!((alert.label("namespace"), alert.starts_at), ("shop", clock().now()));
    let refused = post(&gateway, "/api/v1/alerts/report", &json!({"text": ""})).await;
    assert_eq!(refused.status, 422);
    assert!(refused.error().starts_with("text is empty"), "{refused:?}");
}
