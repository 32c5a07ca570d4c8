//! The executor dies in every phase of a step; the workflow finishes and every change is in the cluster exactly once.

use paramedic_domain::incident::Status;
use paramedic_testkit::{eventually, servers::NatsServer};
use paramedic_tests::{Product, ProductOptions, Range, wait_for_end, wait_for_event};

use crate::cast;

async fn dies_at(step: &str, moment: &str) {
    let nats = NatsServer::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let crash = format!("{step}:{moment}");
    let marker = range.folder().join("crashed").display().to_string();
    let dying = ProductOptions::default()
        .with("PARAMEDIC_CRASH_AT", crash)
        .with("PARAMEDIC_CRASH_MARKER", marker);
    let mut executor = Product::start("executor", &range, &nats.url(), &dying).await.unwrap();
    let people = Product::start("console", &range, &nats.url(), &ProductOptions::default())
        .await
        .unwrap();
    let approval = Product::start("approval", &range, &nats.url(), &ProductOptions::default())
        .await
        .unwrap();
    let planner = ProductOptions::default().with("PARAMEDIC_PLANNER__EXECUTOR_URL", executor.grpc());
    let _planner = Product::start("planner", &range, &nats.url(), &planner).await.unwrap();
    let _analysis = Product::start("analysis", &range, &nats.url(), &ProductOptions::default())
        .await
        .unwrap();
    let gateway = Product::start("gateway", &range, &nats.url(), &ProductOptions::default())
        .await
        .unwrap();
    gateway
        .post_alerts(&cast::oom_webhook(&range).await)
        .await
        .unwrap()
        .error_for_status()
        .unwrap();

    let (asked, _) = wait_for_event(&people.grpc(), |incident, _| cast::asked(incident)).await.unwrap();
    approve_at(&approval, &people, &asked).await;
    eventually!(within std::time::Duration::from_secs(120), !executor.runs().unwrap(), "the executor dies at {step}:{moment}:\n{}", executor.log_tail());
    executor.start_again(&[]).await.unwrap();

    let (ended, _) = wait_for_end(&people.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}\n{}", ended.end, executor.log_tail());
    assert_eq!(cast::changed(&range), cast::expected_changes(), "every change exactly once");
}

async fn approve_at(approval: &Product, people: &Product, incident: &paramedic_domain::incident::Incident) {
    let gate = &incident.plan.as_ref().unwrap().gates[0];
    let (id, digest) = (incident.id.as_str(), gate.digest.to_string());
    people
        .run(&[
            "approve",
            id,
            "--digest",
            &digest,
            "--by",
            "ann",
            "--approval-server",
            &approval.grpc(),
        ])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_change_is_applied() {
    dies_at("rec-003", "before_apply").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_change_before_the_log_knows() {
    dies_at("rec-003", "after_apply").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_log_before_the_message_is_acknowledged() {
    dies_at("rec-006", "before_ack").await;
}
