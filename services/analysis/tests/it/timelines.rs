//! What happened in the cases, as their diagnoses tell it.

use paramedic_analysis::core::decide::Conclusion;
use paramedic_domain::{
    diagnosis::{Diagnosis, Happening},
    evidence::Source,
};

use crate::cases::{alerts, concluded, folder};

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
async fn a_checkout_that_waits_for_a_database_is_told_by_alerts_and_logs() {
    let found = diagnosis("P07-checkout-latency-inventory-db").await;
    checked(&found);
    has(&found, Source::Alertmanager, "Service shop/checkout", "HighLatencyP99");
    has(
        &found,
        Source::Loki,
        "Deployment shop/checkout",
        "connection timeout: inventory-db:5432",
    );
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
