//! A real Alertmanager on the other side.

use std::{sync::atomic::Ordering, time::Duration};

use paramedic_testkit::{
    eventually,
    servers::{Alertmanager, Labels, Webhook},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{
    faults::flaky,
    harness::{FIRING, Gateway, PATH, Parts, TOKEN, bus, clock, gateway},
};

/// Generous: Alertmanager's own waits and back-off come on top of a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn alertmanager(gateway: &Gateway) -> Alertmanager {
    sending_to(&gateway.url, 0).await
}

async fn sending_to(url: &str, max_alerts: u64) -> Alertmanager {
    let webhook = Webhook {
        url: format!("{url}{PATH}"),
        bearer_token: TOKEN.into(),
        group_by: vec!["alertname".into(), "namespace".into()],
        max_alerts,
    };
    Alertmanager::start(&webhook).await.unwrap()
}

fn labels(pod: &str) -> Labels {
    [
        ("alertname", "KubePodCrashLooping"),
        ("namespace", "shop"),
        ("pod", pod),
        ("severity", "critical"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[tokio::test]
async fn its_group_becomes_an_incident_and_its_resolution_arrives() {
    let (gateway, _folder) = gateway().await;
    let alertmanager = alertmanager(&gateway).await;
    for pod in ["web-7d9f-abcde", "web-7d9f-fghij"] {
        alertmanager.fire(&labels(pod), &Labels::new()).await.unwrap();
    }
    eventually!(within PATIENCE, gateway.incidents().await.iter().any(|incident| incident.firing().count() == 2));
    alertmanager.resolve(&labels("web-7d9f-abcde"), &Labels::new()).await.unwrap();
    eventually!(within PATIENCE, gateway.incidents().await[0].firing().count() == 1);
    assert_eq!(gateway.incidents().await.len(), 1);
}

#[tokio::test]
async fn it_repeats_what_was_answered_with_503_until_the_bus_is_back() {
    let (gateway, faults, _folder) = flaky().await;
    faults.down.store(true, Ordering::SeqCst);
    let alertmanager = alertmanager(&gateway).await;
    alertmanager.fire(&labels("web-7d9f-abcde"), &Labels::new()).await.unwrap();
    eventually!(within PATIENCE, faults.refused() > 0);
    faults.down.store(false, Ordering::SeqCst);
    eventually!(within PATIENCE, gateway.incidents().await.iter().any(|incident| incident.firing().count() == 1));
}

#[tokio::test]
async fn what_it_truncates_is_completed_from_its_api_and_what_cannot_be_is_a_part() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut alertmanager = sending_to(&format!("http://{}", listener.local_addr().unwrap()), 2).await;
    for number in 0..7 {
        alertmanager
            .fire(&labels(&format!("web-7d9f-{number}")), &Labels::new())
            .await
            .unwrap();
    }
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let settings = format!(
        "[gateway.sources.alertmanager]\ntokens = ['{TOKEN}']\nalertmanager_url = '{}/'",
        alertmanager.url()
    );
    let gateway = Gateway::start_on(listener, &bus, &clock(), Parts::IntakeOnly, &settings, None).await;
    let last = async || {
        let stored = gateway.stored().await.pop()?;
        paramedic_wire::decode_notification(&stored.payload).ok()
    };
    eventually!(within PATIENCE, last().await.is_some_and(|whole| whole.whole_group && whole.alerts.len() == 7));
    assert!(gateway.stored().await.iter().all(|stored| {
        let notification = paramedic_wire::decode_notification(&stored.payload).unwrap();
        notification.whole_group
    }));

    let mut body: serde_json::Value = serde_json::from_str(FIRING).unwrap();
    body["truncatedAlerts"] = 3.into();
    alertmanager.kill9().unwrap();
    assert_eq!(gateway.post(body.to_string()).await.status, 200);
    let part = last().await.unwrap();
    assert_eq!((part.whole_group, part.alerts.len()), (false, 2));
}
