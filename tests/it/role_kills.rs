//! Planner, approval and notifier are killed right after each of their events; nothing is lost and nothing is doubled.

use paramedic_domain::incident::Status;
use paramedic_testkit::{
    eventually,
    servers::{NatsServer, SmtpSink},
};
use paramedic_tests::{Product, ProductOptions, Range, wait_for_end, wait_for_event};

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn planner_approval_and_notifier_survive_kill_nine_around_their_effects() {
    let nats = NatsServer::start().await.unwrap();
    let smtp = SmtpSink::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let plain = ProductOptions::default();
    let executor = Product::start("executor", &range, &nats.url(), &plain).await.unwrap();
    let people = Product::start("console", &range, &nats.url(), &plain).await.unwrap();
    let mut approval = Product::start("approval", &range, &nats.url(), &plain).await.unwrap();
    let (host, port) = smtp.address();
    let mail = plain
        .clone()
        .with("PARAMEDIC_NOTIFIER__APPROVAL_URL", approval.grpc())
        .with("PARAMEDIC_NOTIFIER__EMAIL__URL", format!("smtp://{host}:{port}"))
        .with("PARAMEDIC_NOTIFIER__EMAIL__FROM", "paramedic@example.com")
        .with("PARAMEDIC_NOTIFIER__EMAIL__TO", "oncall@example.com");
    let mut notifier = Product::start("notifier", &range, &nats.url(), &mail).await.unwrap();
    let mut planner = Product::start(
        "planner",
        &range,
        &nats.url(),
        &plain.clone().with("PARAMEDIC_PLANNER__EXECUTOR_URL", executor.grpc()),
    )
    .await
    .unwrap();
    let _analysis = Product::start("analysis", &range, &nats.url(), &plain).await.unwrap();
    let gateway = Product::start("gateway", &range, &nats.url(), &plain).await.unwrap();
    gateway
        .post_alerts(&cast::oom_webhook(&range).await)
        .await
        .unwrap()
        .error_for_status()
        .unwrap();

    let console = people.grpc();
    wait_for_event(&console, |_, log| cast::count(log, "diagnosis_reached") > 0)
        .await
        .unwrap();
    planner.kill9().unwrap();
    planner.start_again(&[]).await.unwrap();
    wait_for_event(&console, |_, log| cast::count(log, "plan_proposed") > 0)
        .await
        .unwrap();
    approval.kill9().unwrap();
    notifier.kill9().unwrap();
    approval.start_again(&[]).await.unwrap();
    notifier.start_again(&[]).await.unwrap();
    let (asked, _) = wait_for_event(&console, |incident, _| cast::asked(incident)).await.unwrap();
    approval.kill9().unwrap();
    notifier.kill9().unwrap();
    approval.start_again(&[]).await.unwrap();
    notifier.start_again(&[]).await.unwrap();

    let digest = asked.plan.as_ref().unwrap().gates[0].digest.to_string();
    people
        .run(&[
            "approve",
            asked.id.as_str(),
            "--digest",
            &digest,
            "--by",
            "ann",
            "--approval-server",
            &approval.grpc(),
        ])
        .await
        .unwrap();
    let (ended, log) = wait_for_end(&console).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}", ended.end);
    for kind in [
        "diagnosis_reached",
        "plan_proposed",
        "approval_requested",
        "approval_granted",
        "workflow_finished",
        "incident_resolved",
    ] {
        assert_eq!(cast::count(&log, kind), 1, "{kind} happens once");
    }
    assert_eq!(cast::changed(&range), cast::expected_changes());
    let told = || {
        smtp.mails()
            .unwrap()
            .iter()
            .any(|mail| cast::plain(&mail.body).contains("Resolved: OOMKilled"))
    };
    eventually!(told(), "the end is told");
    // A crash between delivery and its record may repeat one mail; its Message-ID is the same, so a reader sees it once.
    let mails = smtp.mails().unwrap();
    let mut ids: Vec<_> = mails.iter().filter_map(|mail| mail.header("Message-ID")).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(
        all - ids.len() <= 3,
        "at most one repetition per kill: {all} mails, {} different",
        ids.len()
    );
}
