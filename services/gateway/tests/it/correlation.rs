//! Alerts about one thing are one incident; what ends, ends; what comes again is new.

use std::{sync::Arc, time::Duration};

use paramedic_bus::{
    Append, SharedBus,
    jetstream::{JetStreamBus, Options},
    streams,
};
use paramedic_domain::{alert::AlertStatus, correlation::Stage, event::Event, incident::Status};
use paramedic_testkit::{eventually, servers::NatsServer};
use tempfile::TempDir;

use crate::harness::{FIRING, Gateway, PARTLY_RESOLVED, Parts, RESOLVED, alert, alert_of, bus, clock, cluster, gateway, webhook};

#[tokio::test]
async fn real_webhooks_open_one_incident_that_follows_its_alerts() {
    let (gateway, _folder) = gateway().await;
    assert_eq!(gateway.post(FIRING).await.body["alerts"], 2);
    eventually!(gateway.incidents().await.iter().any(|incident| incident.firing().count() == 2));
    let opened = gateway.incidents().await.remove(0);
    assert_eq!(opened.title, "KubePodCrashLooping: shop/web");
    assert_eq!(opened.cluster, cluster());
    assert_eq!(opened.severity, paramedic_domain::alert::Severity::Critical);
    assert_eq!(opened.status(), Status::Open);

    assert_eq!(gateway.post(FIRING).await.body["repeated"], true);
    assert_eq!(gateway.post(PARTLY_RESOLVED).await.status, 200);
    eventually!(gateway.incidents().await[0].firing().count() == 1);
    assert_eq!(gateway.post(RESOLVED).await.status, 200);
    eventually!(gateway.incidents().await[0].firing().count() == 0);

    let [incident] = &gateway.incidents().await[..] else {
        panic!("not one incident")
    };
    assert_eq!((incident.alerts.len(), incident.misfits), (2, 0));
}

#[tokio::test]
async fn alerts_about_other_things_are_other_incidents_but_an_alert_of_two_groups_is_in_one() {
    let (gateway, _folder) = gateway().await;
    gateway.post(webhook("g1", &[alert_of("web", "a", "firing", 0)])).await;
    gateway.post(webhook("g2", &[alert_of("database", "b", "firing", 0)])).await;
    eventually!(gateway.incidents().await.len() == 2);
    // The same alert through another route, and another one about the same.
    gateway.post(webhook("g3", &[alert_of("web", "a", "firing", 0)])).await;
    gateway.post(webhook("g4", &[alert_of("web", "c", "firing", 1)])).await;
    eventually!(gateway.incidents().await.iter().any(|incident| incident.alerts.len() == 2));
    let mut alerts: Vec<Vec<_>> = gateway
        .incidents()
        .await
        .iter()
        .map(|incident| incident.alerts.keys().cloned().collect())
        .collect();
    alerts.sort();
    assert_eq!(alerts, [vec!["a", "c"], vec!["b"]]);
}

#[tokio::test]
async fn what_vanishes_from_a_whole_group_has_ended() {
    let (gateway, _folder) = gateway().await;
    gateway
        .post(webhook("g", &[alert("a", "firing", 0), alert("b", "firing", 0)]))
        .await;
    eventually!(gateway.incidents().await.iter().any(|incident| incident.firing().count() == 2));
    gateway.post(webhook("g", &[alert("b", "firing", 0)])).await;
    eventually!(gateway.incidents().await[0].firing().count() == 1);
    let incident = gateway.incidents().await.remove(0);
    assert_eq!(incident.alerts["a"].status, AlertStatus::Resolved);
    assert_eq!(incident.alerts["a"].labels["deployment"], "web", "what is known of it stays");
}

#[tokio::test]
async fn a_resolution_alone_opens_nothing() {
    let (gateway, _folder) = gateway().await;
    assert_eq!(gateway.post(webhook("g", &[alert("a", "resolved", 0)])).await.status, 200);
    gateway.post(webhook("g", &[alert("b", "firing", 0)])).await;
    eventually!(gateway.incidents().await.len() == 1);
    assert_eq!(
        gateway.incidents().await[0].alerts.keys().collect::<Vec<_>>(),
        ["b"],
        "only the firing alert is known"
    );
}

#[tokio::test]
async fn an_alert_that_fires_again_after_the_end_opens_a_new_incident() {
    let (gateway, _folder) = gateway().await;
    gateway.post(webhook("g", &[alert("a", "firing", 0)])).await;
    eventually!(gateway.incidents().await.len() == 1);
    let first = gateway.incidents().await.remove(0);
    gateway.append(&first, Event::IncidentResolved { reason: "verified".into() }).await;
    eventually!(gateway.was_told(Stage::Resolved).await);
    gateway.post(webhook("g", &[alert("a", "resolved", 0)])).await;
    eventually!(gateway.incidents().await[0].firing().count() == 0);

    gateway.post(webhook("g", &[alert("a", "firing", 30)])).await;
    eventually!(gateway.incidents().await.len() == 2);
    gateway
        .post(webhook("g", &[alert("b", "firing", 31), alert("a", "firing", 30)]))
        .await;
    eventually!(gateway.incidents().await[1].alerts.len() == 2);
    assert_eq!(gateway.incidents().await[0].alerts.len(), 1);
}

#[tokio::test]
async fn the_trace_of_the_request_becomes_the_trace_of_the_incident() {
    let (gateway, _folder) = gateway().await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    gateway.post(webhook("g", &[alert("a", "firing", 0)])).await;
    let stored = gateway.stored().await.remove(0);
    let mut notification = paramedic_wire::decode_notification(&stored.payload).unwrap();
    notification.group_key = "h".into();
    notification.alerts[0].fingerprint = "b".into();
    notification.alerts[0].labels.insert("deployment".into(), "database".into());
    let message = Append {
        subject: stored.subject,
        headers: [(paramedic_wire::headers::TRACEPARENT.into(), traceparent.into())].into(),
        payload: paramedic_wire::encode_notification(notification),
        ..Append::default()
    };
    gateway.kit.bus.append(streams::ALERTS, message).await.unwrap();
    eventually!(
        gateway
            .incidents()
            .await
            .iter()
            .any(|incident| incident.traceparent.as_deref() == Some(traceparent))
    );
}

/// Two gateways, three workloads, sixty alerts at once.
async fn compete(bus: &SharedBus) {
    let clock = clock();
    let gateways = [
        Gateway::start(bus, &clock, Parts::All).await,
        Gateway::start(bus, &clock, Parts::All).await,
    ];
    let posts = (0..60).map(|n| {
        let deployment = ["web", "database", "queue"][n as usize % 3];
        // Each alert is a group of its own: what is not listed has not vanished.
        let body = webhook(&format!("g{n}"), &[alert_of(deployment, &format!("f{n}"), "firing", 0)]);
        gateways[n as usize % 2].post(body)
    });
    assert!(futures::future::join_all(posts).await.iter().all(|answer| answer.status == 200));
    eventually!(within Duration::from_secs(60), {
        let incidents = gateways[0].incidents().await;
        incidents.iter().map(|incident| incident.alerts.len()).sum::<usize>() == 60
    });
    let incidents = gateways[0].incidents().await;
    assert_eq!(incidents.len(), 3);
    assert!(
        incidents
            .iter()
            .all(|incident| incident.alerts.len() == 20 && incident.misfits == 0)
    );
    for gateway in gateways {
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn competing_replicas_and_parallel_webhooks_make_one_incident_per_workload() {
    let folder = TempDir::new().unwrap();
    compete(&bus(folder.path()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn competing_replicas_on_nats_make_one_incident_per_workload_too() {
    let server = NatsServer::start().await.unwrap();
    let bus: SharedBus = Arc::new(JetStreamBus::connect(&server.url(), Options::default()).await.unwrap());
    streams::ensure_all(&*bus, 1).await.unwrap();
    compete(&bus).await;
}
