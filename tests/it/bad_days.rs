//! The bus is away; the cluster is away.

use paramedic_domain::incident::Status;
use paramedic_testkit::servers::NatsServer;
use paramedic_tests::{Product, ProductOptions, Range, wait_for_end, wait_for_event};

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn without_the_bus_alerts_are_accepted_and_a_killed_process_brings_them_back() {
    let mut nats = NatsServer::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let options = ProductOptions::default().with("PARAMEDIC_GATEWAY__APPEND_TIMEOUT_SECONDS", "1");
    let mut product = Product::start("up", &range, &nats.url(), &options).await.unwrap();
    let webhook = cast::oom_webhook(&range).await;
    nats.kill9().unwrap();
    let answer = product.post_alerts(&webhook).await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer["spooled"], true, "{answer}");
    product.kill9().unwrap();
    nats.start_again().await.unwrap();
    product.start_again(&[]).await.unwrap();
    // Nobody sends them again.
    wait_for_event(&product.grpc(), |incident, _| incident.opened_at.is_some())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_cluster_is_said_so_and_goes_to_people() {
    let range = Range::start("payment-oom", 120.0).await.unwrap();
    let bus = format!("embedded:{}", range.folder().join("bus").display());
    let options = ProductOptions::default().with("PARAMEDIC_CLUSTER__KUBECONFIG", cast::nowhere(&range));
    let product = Product::start("up", &range, &bus, &options).await.unwrap();
    product
        .post_alerts(&cast::oom_webhook(&range).await)
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let (ended, _) = wait_for_end(&product.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Escalated);
    let said = format!("{:?} {:?}", ended.inconclusive, ended.end);
    assert!(said.contains("unreachable") || said.contains("cannot reach"), "{said}");
}
