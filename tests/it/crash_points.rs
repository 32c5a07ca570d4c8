//! The executor dies in every phase of a step; the workflow finishes and every change is in the cluster exactly once.

use paramedic_domain::incident::Status;
use paramedic_testkit::{eventually, servers::NatsServer};
use paramedic_tests::{Installation, Range, Setup, wait_for_end, wait_for_event};

use crate::cast;

async fn dies_at(step: &str, moment: &str) {
    let nats = NatsServer::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let crash = format!("{step}:{moment}");
    let marker = range.folder().join("crashed").display().to_string();
    let setup = Setup::default()
        .role("executor", "PARAMEDIC_CRASH_AT", crash)
        .role("executor", "PARAMEDIC_CRASH_MARKER", marker);
    let mut product = Installation::start(&range, &nats.url(), &setup.without("notifier")).await.unwrap();
    let webhook = cast::oom_webhook(&range).await;
    let answer = product.of("gateway").post_alerts(&webhook).await.unwrap();
    answer.error_for_status().unwrap();

    let console = product.of("console").grpc();
    let (asked, _) = wait_for_event(&console, |incident, _| cast::asked(incident)).await.unwrap();
    product.approve(&asked).await.unwrap();
    let executor = product.of_mut("executor");
    eventually!(within std::time::Duration::from_secs(120), !executor.runs().unwrap(), "the executor dies at {step}:{moment}:\n{}", executor.log_tail());
    executor.start_again(&[]).await.unwrap();

    let (ended, _) = wait_for_end(&console).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}\n{}", ended.end, executor.log_tail());
    assert_eq!(cast::changed(&range), cast::expected_changes(), "every change exactly once");
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
