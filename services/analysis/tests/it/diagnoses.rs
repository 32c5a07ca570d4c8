//! What is found out about simulated faults.

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

use crate::world::{access, alert, clock, config, crash_looping, pod, rules, simulate};

async fn diagnosis(simulator: &Simulator, alert: Alert) -> Diagnosis {
    let probes = Probes::new(&access(simulator).await, clock(simulator), config(), rules());
    match investigate(&probes, vec![alert], &mut |_, _| {}).await.unwrap() {
        Conclusion::Found(diagnosis) => *diagnosis,
        Conclusion::Inconclusive { reasons, evidence } => panic!("{reasons:#?}\n{evidence:#?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leaking_payment_service_is_diagnosed_with_seven_actions() {
    let simulator = simulate("payment-oom").await;
    let pod = pod(&simulator, "production", |pod| {
        pod.pointer("/status/containerStatuses/0/lastState/terminated/reason") == Some(&json!("OOMKilled"))
            && pod.pointer("/status/containerStatuses/0/restartCount") == Some(&json!(3))
    })
    .await;
    let labels = [
        ("alertname", "OOMKilled"),
        ("namespace", "production"),
        ("pod", &pod),
        ("container", "payment-service"),
    ];
    let found = diagnosis(&simulator, alert(&simulator, &labels, "killed")).await;
    assert_eq!(
        (found.category, found.target.to_string()),
        (Category::MemoryLeak, "Deployment production/payment-service".into())
    );
    assert!(
        (0.60..=0.90).contains(&found.confidence),
        "{} {:#?}",
        found.confidence,
        found.factors
    );
    assert!(found.missing_sources.is_empty(), "{:?}", found.missing_sources);
    let counter = found.factors.iter().find(|factor| factor.text.contains("coroutine pool size"));
    assert!(counter.is_some(), "{:#?}", found.factors);
    assert_eq!(found.recommendations.len(), 7, "{:#?}", found.recommendations);
    assert_eq!(found.recommendations[2].parameters["memory"], json!("3Gi"), "{:#?}", found.evidence);
    assert_eq!(
        found.recommendations[5].parameters["maxReplicas"],
        json!(8),
        "{:#?}",
        found.evidence
    );
    let reads_only = simulator
        .audit()
        .iter()
        .all(|entry| matches!(entry.verb.as_str(), "get" | "list" | "watch"));
    assert!(reads_only, "an investigation changes nothing");
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broken_release_of_the_cart_is_rolled_back() {
    let simulator = simulate("bad-release").await;
    let pod = crash_looping(&simulator, "shop").await;
    let labels = [
        ("alertname", "KubePodCrashLooping"),
        ("namespace", "shop"),
        ("pod", &pod),
        ("container", "cart-api"),
    ];
    let found = diagnosis(&simulator, alert(&simulator, &labels, "OOM: out of memory, raise the memory limit")).await;
    assert_eq!(
        (found.category, found.target.to_string()),
        (Category::BadRelease, "Deployment shop/cart-api".into())
    );
    assert!(found.confidence >= 0.60, "{} {:#?}", found.confidence, found.factors);
    let actions: Vec<_> = found.recommendations.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(
        actions,
        ["collect_diagnostics", "rollback_deployment", "health_check", "notify_only"]
    );
    assert!(
        found.factors.iter().any(|factor| factor.text.contains("the text was not used")),
        "{:#?}",
        found.factors
    );
    simulator.shutdown().await;
}
