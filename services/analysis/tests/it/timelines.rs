//! What happened in the cases, as their diagnoses tell it.

use paramedic_analysis::core::decide::Conclusion;
use paramedic_domain::{
    diagnosis::{Diagnosis, Happening},
    evidence::Source,
};
use paramedic_runtime::Clock;

use paramedic_testkit::{
    Backoff,
    servers::{Alertmanager, Labels, Webhook},
};

use crate::cases::{alerts, concluded, folder, investigated, investigated_at};

async fn diagnosis(case: &str) -> Diagnosis {
    let case = folder().join(case);
    match concluded(&case, alerts(&case), Vec::new()).await {
        Conclusion::Found(found) => *found,
        Conclusion::Inconclusive { reasons, .. } => panic!("{reasons:#?}"),
    }
}

fn told(diagnosis: &Diagnosis) -> String {
    let row = |row: &Happening| format!("{} {:?} {}: {} [{}]", row.at, row.source, row.object, row.what, row.evidence);
    diagnosis.timeline.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// Every row cites evidence of its source, rows are in order, and they are not too many.
fn checked(diagnosis: &Diagnosis) {
    let told = told(diagnosis);
    let order: Vec<_> = diagnosis.timeline.iter().map(|row| (row.at, row.source)).collect();
    assert!(order.is_sorted(), "{told}");
    for row in &diagnosis.timeline {
        let cited = diagnosis.evidence.iter().find(|one| one.id == row.evidence);
        assert!(
            cited.is_some_and(|one| one.source == row.source),
            "{} is not evidence of {:?}\n{told}",
            row.evidence,
            row.source
        );
    }
}

fn has(diagnosis: &Diagnosis, source: Source, object: &str, what: &str) {
    let mut rows = diagnosis.timeline.iter();
    let found = rows.any(|row| row.source == source && row.object == object && row.what.contains(what));
    assert!(found, "no row of {source:?} says of {object} {what:?}:\n{}", told(diagnosis));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_waits_for_a_database_is_told_by_alerts_logs_and_the_slow_span() {
    let found = diagnosis("P07-checkout-latency-inventory-db").await;
    checked(&found);
    has(&found, Source::Alertmanager, "Service shop/checkout", "HighLatencyP99");
    has(
        &found,
        Source::Loki,
        "Deployment shop/checkout",
        "connection timeout: inventory-db:5432",
    );
    has(&found, Source::Prometheus, "Deployment shop/checkout", "p99 left its usual");
    // The recorded latency turns at 14:32:00. Samples are a minute apart, and one taken seconds after the turn holds too little of it.
    let onset = found.timeline.iter().find(|row| row.what.starts_with("p99 left")).unwrap();
    let after = onset.at.as_second() - "2026-03-19T14:32:00Z".parse::<jiff::Timestamp>().unwrap().as_second();
    assert!((0..=120).contains(&after), "{}", told(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_traces_the_diagnosis_is_the_same_less_certain_and_says_what_is_missing() {
    let case = folder().join("P07-checkout-latency-inventory-db");
    let whole = diagnosis("P07-checkout-latency-inventory-db").await;
    let Conclusion::Found(less) = concluded(&case, alerts(&case), vec![paramedic_simulator::Source::Jaeger]).await else {
        panic!("no diagnosis without traces");
    };
    assert_eq!((less.category, &less.target), (whole.category, &whole.target));
    assert!(less.confidence < whole.confidence, "{} and {}", less.confidence, whole.confidence);
    assert!(
        less.missing_sources.iter().any(|missing| missing.starts_with("jaeger")),
        "{:?}",
        less.missing_sources
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tempo_tells_the_same_of_the_same_traces() {
    let case = folder().join("P07-checkout-latency-inventory-db");
    let found = investigated(&case, alerts(&case), Vec::new(), |access, simulator| {
        access.jaeger = None;
        access.tempo = Some(simulator.tempo_url());
    })
    .await;
    let Conclusion::Found(found) = found else { panic!("no diagnosis") };
    has(
        &found,
        Source::Tempo,
        "inventory-db",
        "span \"SELECT stock\" takes 4.1 s of its own, usually 15 ms",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_a_silence_keeps_from_the_incident_are_told_with_who_silenced_them() {
    let case = folder().join("P07-checkout-latency-inventory-db");
    let nobody = Webhook {
        url: "http://127.0.0.1:9/".into(),
        bearer_token: "none".into(),
        group_by: vec!["alertname".into()],
        max_alerts: 0,
    };
    let alertmanager = Alertmanager::start(&nobody).await.unwrap();
    let labels = [("alertname", "DatabaseFull"), ("namespace", "shop"), ("pod", "inventory-db-0")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    alertmanager.fire(&labels, &Labels::new()).await.unwrap();
    alertmanager.silence("alertname", "DatabaseFull", "ada", "too noisy").await.unwrap();
    // Alertmanager lives in the time of this machine, and so does this incident.
    let mut alerts = alerts(&case);
    alerts[0].starts_at = Clock::system().now();
    let mut backoff = Backoff::new(paramedic_testkit::DEADLINE);
    loop {
        let url = alertmanager.url();
        let found = investigated_at(&case, (alerts.clone(), Clock::system().now()), Vec::new(), move |access, _| {
            access.alertmanager = Some(url);
        })
        .await;
        let (moments, told) = match &found {
            Conclusion::Found(found) => (found.timeline.clone(), told(found)),
            Conclusion::Inconclusive { reasons, .. } => panic!("{reasons:#?}"),
        };
        let says = |text: &str| {
            moments
                .iter()
                .any(|row| row.source == Source::Alertmanager && row.what.contains(text))
        };
        if says("DatabaseFull fires too, silenced") && says("silence of ada hides DatabaseFull: too noisy") {
            return;
        }
        assert!(backoff.pause().await, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_somebody_made_before_the_alert_is_a_row_with_who_it_was() {
    let found = diagnosis("P12-deny-all-netpol").await;
    checked(&found);
    has(&found, Source::Kubernetes, "NetworkPolicy front/default-deny", "kubectl-create");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_by_hand_is_told_with_the_field_it_changed_and_what_followed() {
    let found = diagnosis("P16-misdirection-and-injection").await;
    checked(&found);
    has(&found, Source::Kubernetes, "Deployment backend/worker", "kubectl-patch");
    has(&found, Source::Kubernetes, "Deployment backend/worker", "was rolled out");
}
