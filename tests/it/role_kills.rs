//! Planner, approval and notifier are killed right after each of their events; nothing is lost and nothing is doubled.

use paramedic_domain::incident::Status;
use paramedic_testkit::{
    eventually,
    servers::{NatsServer, SmtpSink},
};
use paramedic_tests::{Installation, Range, Setup, wait_for_end, wait_for_event};

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn planner_approval_and_notifier_survive_kill_nine_around_their_effects() {
    let nats = NatsServer::start().await.unwrap();
    let smtp = SmtpSink::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let mut product = Installation::start(&range, &nats.url(), &Setup::default().mail(&smtp))
        .await
        .unwrap();
    let webhook = cast::oom_webhook(&range).await;
    let answer = product.of("gateway").post_alerts(&webhook).await.unwrap();
    answer.error_for_status().unwrap();

    let console = product.of("console").grpc();
    wait_for_event(&console, |_, log| cast::count(log, "diagnosis_reached") > 0)
        .await
        .unwrap();
    product.of_mut("planner").kill9().unwrap();
    product.of_mut("planner").start_again(&[]).await.unwrap();
    wait_for_event(&console, |_, log| cast::count(log, "plan_proposed") > 0)
        .await
        .unwrap();
    product.of_mut("approval").kill9().unwrap();
    product.of_mut("notifier").kill9().unwrap();
    product.of_mut("approval").start_again(&[]).await.unwrap();
    product.of_mut("notifier").start_again(&[]).await.unwrap();
    let (asked, _) = wait_for_event(&console, |incident, _| cast::asked(incident)).await.unwrap();
    product.of_mut("approval").kill9().unwrap();
    product.of_mut("notifier").kill9().unwrap();
    product.of_mut("approval").start_again(&[]).await.unwrap();
    product.of_mut("notifier").start_again(&[]).await.unwrap();

    product.approve(&asked).await.unwrap();
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
