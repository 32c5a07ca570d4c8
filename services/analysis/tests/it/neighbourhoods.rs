//! Roots that are elsewhere than the first alert points.

use paramedic_analysis::{
    core::decide::Conclusion,
    shell::{investigate::investigate, probes::Probes},
};
use paramedic_domain::{
    alert::Alert,
    diagnosis::{Category, Diagnosis},
};
use paramedic_simulator::Simulator;
use serde_json::json;

use crate::world::{access, alert, clock, config, rules, simulate};

/// One alert for each set of labels, each with a fingerprint of its own.
fn alerts(simulator: &Simulator, all: &[(&str, &str, &str, &str)]) -> Vec<Alert> {
    all.iter()
        .enumerate()
        .map(|(i, (name, namespace, label, value))| {
            let labels = [("alertname", *name), ("namespace", *namespace), (*label, *value)];
            Alert {
                fingerprint: format!("{i:016x}"),
                ..alert(simulator, &labels, "see the runbook")
            }
        })
        .collect()
}

/// Investigates until the faults have shown in the telemetry, which they do within a scrape or two.
async fn diagnosis(simulator: &Simulator, alerts: Vec<Alert>, category: Category) -> Diagnosis {
    let probes = Probes::new(&access(simulator).await, clock(simulator), config(), rules());
    let mut last = None;
    for _ in 0..20 {
        match investigate(&probes, alerts.clone(), &mut |_, _| {}).await.unwrap() {
            Conclusion::Found(found) if found.category == category && found.confidence >= 0.80 => return *found,
            other => last = Some(other),
        }
    }
    panic!("{last:#?}");
}

fn actions(found: &Diagnosis) -> Vec<&str> {
    found.recommendations.iter().map(|step| step.action.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_is_down_leads_to_the_pool_of_what_it_calls() {
    let simulator = simulate("cascading-failure").await;
    let firing = alerts(
        &simulator,
        &[
            ("CheckoutServiceDown", "production", "service", "checkout-service"),
            ("HighErrorRate", "production", "service", "payment-gateway"),
            ("HighErrorRate", "production", "service", "cart"),
            ("HighErrorRate", "production", "service", "order-api"),
            ("HighLatency", "production", "service", "fraud-detection-service"),
        ],
    );
    let found = diagnosis(&simulator, firing, Category::DbPoolExhaustion).await;
    assert_eq!(found.target.to_string(), "Deployment production/fraud-detection-service");
    assert_eq!(
        actions(&found),
        [
            "collect_diagnostics",
            "collect_diagnostics",
            "patch_config_map",
            "rolling_restart",
            "scale",
            "health_check",
            "rolling_restart",
            "rolling_restart",
            "verify_recovery",
            "notify_only"
        ]
    );
    let step = |i: usize| &found.recommendations[i].parameters;
    assert_eq!(
        step(2)["patch"],
        json!({"DATABASE_POOL_SIZE": "200", "DATABASE_POOL_TIMEOUT": "30s"})
    );
    assert_eq!(step(4)["replicas"], json!(8));
    let callers: Vec<_> = [6, 7].into_iter().map(|i| step(i)["deployment"].as_str().unwrap()).collect();
    assert_eq!(callers, ["checkout-service", "payment-gateway"], "{:#?}", found.recommendations);
    let touched = |name: &str| {
        found
            .recommendations
            .iter()
            .any(|step| step.parameters.values().any(|value| value == name))
    };
    assert!(!touched("product-catalog"), "a neighbour that is well is left alone");
    assert_eq!(found.options.len(), 2);
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_fail_together_lead_to_the_cache_they_share() {
    let simulator = simulate("redis-storm").await;
    let mut firing: Vec<(&str, &str, &str, &str)> = Vec::new();
    for (namespace, service) in [
        ("shop", "cart"),
        ("shop", "search"),
        ("shop", "pricing"),
        ("accounts", "login"),
        ("accounts", "sessions"),
        ("fulfilment", "orders"),
        ("fulfilment", "tracking"),
    ] {
        firing.push(("ServiceDown", namespace, "service", service));
        firing.push(("ServiceSlow", namespace, "service", service));
    }
    let firing = alerts(&simulator, &firing);
    let found = diagnosis(&simulator, firing, Category::DependencyFailure).await;
    assert_eq!(found.target.to_string(), "StatefulSet infrastructure/redis-cluster");
    let restart = found
        .recommendations
        .iter()
        .find(|step| step.action == "restart_statefulset")
        .unwrap();
    assert_eq!(restart.parameters["unhealthyOnly"], json!(true));
    assert_eq!(restart.requires_approval, Some(true));
    assert_eq!(
        actions(&found).iter().filter(|action| **action == "verify_recovery").count(),
        3,
        "one for each namespace"
    );
    assert_eq!(actions(&found)[2], "silence_alerts");
    assert!(
        !found.recommendations[2].parameters.contains_key("matchers"),
        "the silence is of the incident's alerts and nothing else"
    );
    let without: Vec<_> = found.options[1].recommendations.iter().map(|step| step.action.as_str()).collect();
    assert!(!without.contains(&"silence_alerts"), "{without:?}");
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlocks_lead_to_the_job_with_the_long_transaction() {
    let simulator = simulate("db-deadlock").await;
    let firing = alerts(
        &simulator,
        &[
            ("DatabaseDeadlocksHigh", "production", "pod", "orders-db-0"),
            ("HighLatency", "production", "service", "order-api"),
        ],
    );
    let found = diagnosis(&simulator, firing, Category::DbDeadlock).await;
    assert!(
        found.target.to_string().starts_with("Job production/order-reconcile-"),
        "{}",
        found.target
    );
    assert_eq!(
        actions(&found),
        [
            "collect_diagnostics",
            "suspend_cronjob",
            "suspend_job",
            "verify_recovery",
            "notify_only",
            "notify_only"
        ]
    );
    let projects: Vec<_> = found.recommendations[4..]
        .iter()
        .map(|step| step.parameters["project"].as_str().unwrap())
        .collect();
    assert_eq!(projects, ["FINANCE", "ORDERS"], "both teams are told");
    simulator.shutdown().await;
}
