//! A real Alertmanager on the other side.

use std::{sync::atomic::Ordering, time::Duration};

use paramedic_testkit::{
    eventually,
    servers::{Alertmanager, Labels, Webhook},
};

use crate::{
    faults::flaky,
    harness::{Gateway, PATH, TOKEN, gateway},
};

/// Generous: Alertmanager's own waits and back-off come on top of a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn alertmanager(gateway: &Gateway) -> Alertmanager {
    let webhook = Webhook {
        url: format!("{}{PATH}", gateway.url),
        bearer_token: TOKEN.into(),
        group_by: vec!["alertname".into(), "namespace".into()],
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
