//! Two replicas of every role on one nats-server share the work and double nothing.

use paramedic_domain::incident::Status;
use paramedic_testkit::servers::{NatsServer, SmtpSink};
use paramedic_tests::{Installation, Product, ProductOptions, ROLES, Range, Setup, wait_for_end, wait_for_event};

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_every_role_share_the_work_and_double_nothing() {
    let nats = NatsServer::start().await.unwrap();
    let smtp = SmtpSink::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let setup = ROLES
        .into_iter()
        .fold(Setup::default().mail(&smtp), |setup, role| setup.replicas(role, 2));
    let product = Installation::start(&range, &nats.url(), &setup).await.unwrap();
    // Roles of another cluster on the same server leave this one's work alone.
    let other = ProductOptions::default()
        .with("PARAMEDIC_CLUSTER__NAME", "other")
        .with("PARAMEDIC_CLUSTER__KUBECONFIG", cast::nowhere(&range));
    let _analysis = Product::start("analysis", &range, &nats.url(), &other).await.unwrap();
    let _executor = Product::start("executor", &range, &nats.url(), &other).await.unwrap();
    let _planner = Product::start("planner", &range, &nats.url(), &other).await.unwrap();
    // The same webhook reaches both gateways, as from a highly available pair of Alertmanagers.
    let webhook = cast::oom_webhook(&range).await;
    for gateway in product.all("gateway") {
        gateway.post_alerts(&webhook).await.unwrap().error_for_status().unwrap();
    }
    let console = product.of("console").grpc();
    let (asked, _) = wait_for_event(&console, |incident, _| cast::asked(incident)).await.unwrap();
    product.approve(&asked).await.unwrap();
    let second = product.all("console").nth(1).unwrap().grpc();
    let (ended, log) = wait_for_end(&second).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}", ended.end);
    assert_eq!(cast::changed(&range), cast::expected_changes());
    for kind in [
        "incident_opened",
        "diagnosis_reached",
        "plan_proposed",
        "approval_requested",
        "approval_granted",
        "workflow_finished",
        "verification_passed",
        "incident_resolved",
    ] {
        assert_eq!(cast::count(&log, kind), 1, "{kind} happens once");
    }
    let mails = smtp.mails().unwrap();
    let mut ids: Vec<_> = mails.iter().filter_map(|mail| mail.header("Message-ID")).collect();
    ids.sort_unstable();
    let all = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), all, "no mail twice");
}
