//! What is stored of a webhook: once, whole, and readable message by message.

use paramedic_domain::alert::Notification;
use serde_json::{Value, json};

use crate::harness::{FIRING, Gateway, Parts, alert, bus, clock, gateway, webhook};

async fn notifications(gateway: &Gateway) -> Vec<Notification> {
    let stored = gateway.stored().await;
    assert!(stored.iter().all(|message| message.subject == "paramedic.alert.prod.notification"));
    stored
        .iter()
        .map(|message| paramedic_wire::decode_notification(&message.payload).unwrap())
        .collect()
}

#[tokio::test]
async fn a_webhook_is_one_message_that_speaks_for_its_whole_group() {
    let (gateway, _folder) = gateway().await;
    assert_eq!(gateway.post(FIRING).await.status, 200);
    let [notification] = &notifications(&gateway).await[..] else {
        panic!("not one message")
    };
    assert_eq!(notification.source, "alertmanager");
    assert_eq!(notification.group_key, r#"{}:{alertname="KubePodCrashLooping", namespace="shop"}"#);
    assert_eq!(notification.received_at, clock().now());
    assert!(notification.covers("0000000000000000") && notification.covers("ffffffffffffffff"));
    let fingerprints: Vec<_> = notification.alerts.iter().map(|alert| alert.fingerprint.as_str()).collect();
    assert_eq!(fingerprints, ["4fca93a874583236", "e2eb2d19dddfc24d"]);
    assert!(notification.alerts.iter().all(|alert| alert.group_key == notification.group_key));
}

#[tokio::test]
async fn a_truncated_group_is_not_whole() {
    let (gateway, _folder) = gateway().await;
    let mut body: Value = serde_json::from_str(FIRING).unwrap();
    body["truncatedAlerts"] = json!(3);
    assert_eq!(gateway.post(body.to_string()).await.status, 200);
    assert!(!notifications(&gateway).await[0].whole_group);
}

#[tokio::test]
async fn the_other_half_of_a_pair_with_its_own_order_stores_nothing_new() {
    let folder = tempfile::TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let pair = [
        Gateway::start(&bus, &clock(), Parts::IntakeOnly).await,
        Gateway::start(&bus, &clock(), Parts::IntakeOnly).await,
    ];
    let (a, b) = (alert("a", "firing", 0), alert("b", "resolved", 0));
    for (half, (alerts, repeated)) in [([a.clone(), b.clone()], false), ([b, a], true)].into_iter().enumerate() {
        let answer = pair[half].post(webhook("g", &alerts)).await;
        assert_eq!((answer.status, &answer.body["repeated"]), (200, &json!(repeated)));
    }
    assert_eq!(pair[0].stored().await.len(), 1);
}

#[tokio::test]
async fn a_group_larger_than_a_message_is_several_that_share_its_fingerprints() {
    let (gateway, _folder) = gateway().await;
    let alerts: Vec<_> = (0..10)
        .map(|n| {
            let mut large = alert(&format!("f{n}"), "firing", 0);
            large["annotations"] = (0..10).map(|n| (format!("dump{n}"), json!("x".repeat(10_000)))).collect();
            large
        })
        .collect();
    let answer = gateway.post(webhook("g", &alerts)).await;
    assert_eq!((answer.status, &answer.body["alerts"]), (200, &json!(10)), "{answer:?}");
    let parts = notifications(&gateway).await;
    assert_eq!(parts.len(), 2);
    assert_eq!(parts.iter().map(|part| part.alerts.len()).sum::<usize>(), 10);
    for fingerprint in (0..10).map(|n| format!("f{n}")) {
        let speakers: Vec<_> = parts.iter().filter(|part| part.covers(&fingerprint)).collect();
        assert_eq!(speakers.len(), 1, "{fingerprint}");
        assert!(speakers[0].alerts.iter().any(|alert| alert.fingerprint == fingerprint));
    }
}
