//! Nothing answered with 2xx is lost (INV-01), and no fault makes two incidents of one group (INV-02).

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use paramedic_bus::SharedBus;
use paramedic_domain::{correlation::Stage, event::Event};
use paramedic_testkit::eventually;
use tempfile::TempDir;

use crate::{
    flaky::{Faults, Flaky},
    harness::{FIRING, Gateway, Parts, alert_of, bus, clock, webhook},
};

/// An embedded bus that fails on demand.
pub(crate) async fn flaky_bus(folder: &Path) -> (SharedBus, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let bus = Flaky {
        bus: bus(folder).await,
        faults: faults.clone(),
    };
    (Arc::new(bus), faults)
}

pub(crate) async fn flaky() -> (Gateway, Arc<Faults>, TempDir) {
    let folder = TempDir::new().unwrap();
    let (bus, faults) = flaky_bus(folder.path()).await;
    (Gateway::start(&bus, &clock(), Parts::All).await, faults, folder)
}

#[tokio::test]
async fn without_a_bus_and_a_spool_the_answer_is_503_and_the_retry_is_accepted() {
    let (gateway, faults, _folder) = flaky().await;
    faults.down.store(true, Ordering::SeqCst);
    let answer = gateway.post(FIRING).await;
    assert_eq!(
        (answer.status, answer.header("retry-after"), answer.body["reason"].as_str()),
        (503, Some("5"), Some("bus_unavailable"))
    );
    assert!(answer.error().contains("send it again"), "{answer:?}");
    faults.down.store(false, Ordering::SeqCst);
    assert_eq!(gateway.post(FIRING).await.status, 200);
    eventually!(gateway.incidents().await.iter().any(|incident| incident.alerts.len() == 2));
}

#[tokio::test]
async fn a_gateway_that_starts_while_the_bus_is_away_does_all_its_work_when_it_is_back() {
    let folder = TempDir::new().unwrap();
    let (bus, faults) = flaky_bus(folder.path()).await;
    faults.down.store(true, Ordering::SeqCst);
    let gateway = Gateway::start(&bus, &clock(), Parts::All).await;
    // The correlator's office and the consumer of what becomes of incidents.
    eventually!(faults.closed() >= 4);
    faults.down.store(false, Ordering::SeqCst);
    assert_eq!(gateway.post(FIRING).await.status, 200);
    eventually!(gateway.incidents().await.iter().any(|incident| incident.alerts.len() == 2));
    let incident = gateway.incidents().await.remove(0);
    gateway
        .append(&incident, Event::IncidentResolved { reason: "verified".into() })
        .await;
    eventually!(gateway.was_told(Stage::Resolved).await);
}

#[tokio::test]
async fn what_was_answered_survives_a_death_before_the_decision() {
    let folder = TempDir::new().unwrap();
    let bus = bus(folder.path()).await;
    let doomed = Gateway::start(&bus, &clock(), Parts::IntakeOnly).await;
    assert_eq!(doomed.post(FIRING).await.status, 200);
    assert!(doomed.incidents().await.is_empty());
    drop(doomed);
    let heir = Gateway::start(&bus, &clock(), Parts::All).await;
    eventually!(heir.incidents().await.iter().any(|incident| incident.alerts.len() == 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_writes_and_lost_acknowledgements_double_and_lose_nothing() {
    let (gateway, faults, _folder) = flaky().await;
    faults.every.store(4, Ordering::SeqCst);
    for n in 0..12_usize {
        let deployment = ["web", "database"][n % 2];
        let body = webhook(&format!("g{n}"), &[alert_of(deployment, &format!("f{n}"), "firing", 0)]);
        // Alertmanager repeats until it hears 2xx.
        let mut accepted = false;
        for _ in 0..5 {
            accepted = gateway.post(body.as_str()).await.status == 200;
            if accepted {
                break;
            }
        }
        assert!(accepted);
    }
    eventually!(within Duration::from_secs(60), {
        gateway.incidents().await.iter().map(|incident| incident.alerts.len()).sum::<usize>() == 12
    });
    let incidents = gateway.incidents().await;
    assert_eq!(incidents.len(), 2);
    assert!(incidents.iter().all(|incident| incident.alerts.len() == 6 && incident.misfits == 0));
}
