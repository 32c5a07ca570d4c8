//! Two replicas of every role on one nats-server share the work and double nothing.

use paramedic_domain::incident::Status;
use paramedic_testkit::servers::{NatsServer, SmtpSink};
use paramedic_tests::{Product, ProductOptions, Range, wait_for_end, wait_for_event};

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_of_every_role_share_the_work_and_double_nothing() {
    let nats = NatsServer::start().await.unwrap();
    let smtp = SmtpSink::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let (host, port) = smtp.address();
    let mail = ProductOptions::default()
        .with("PARAMEDIC_NOTIFIER__EMAIL__URL", format!("smtp://{host}:{port}"))
        .with("PARAMEDIC_NOTIFIER__EMAIL__FROM", "paramedic@example.com")
        .with("PARAMEDIC_NOTIFIER__EMAIL__TO", "oncall@example.com");
    let mut replicas = Vec::new();
    for role in ["executor", "console", "approval", "analysis", "gateway"] {
        for _ in 0..2 {
            replicas.push((
                role,
                Product::start(role, &range, &nats.url(), &ProductOptions::default()).await.unwrap(),
            ));
        }
    }
    let of = |role: &str, replicas: &Vec<(&str, Product)>| {
        replicas
            .iter()
            .filter(|(name, _)| *name == role)
            .map(|(_, product)| product.grpc())
            .collect::<Vec<_>>()
    };
    let (executors, approvals) = (of("executor", &replicas), of("approval", &replicas));
    for index in 0..2 {
        let planner = ProductOptions::default().with("PARAMEDIC_PLANNER__EXECUTOR_URL", &executors[index]);
        replicas.push(("planner", Product::start("planner", &range, &nats.url(), &planner).await.unwrap()));
        let notifier = mail.clone().with("PARAMEDIC_NOTIFIER__APPROVAL_URL", &approvals[index]);
        replicas.push((
            "notifier",
            Product::start("notifier", &range, &nats.url(), &notifier).await.unwrap(),
        ));
    }
    // Roles of another cluster on the same server leave this one's work alone.
    let other = ProductOptions::default()
        .with("PARAMEDIC_CLUSTER__NAME", "other")
        .with("PARAMEDIC_CLUSTER__KUBECONFIG", cast::nowhere(&range));
    let _analysis = Product::start("analysis", &range, &nats.url(), &other).await.unwrap();
    let _executor = Product::start("executor", &range, &nats.url(), &other).await.unwrap();
    let _planner = Product::start("planner", &range, &nats.url(), &other).await.unwrap();
    let product = |role: &str, index: usize| &replicas.iter().filter(|(name, _)| *name == role).nth(index).unwrap().1;
    // The same webhook reaches both gateways, as from a highly available pair of Alertmanagers.
    let webhook = cast::oom_webhook(&range).await;
    for index in 0..2 {
        product("gateway", index)
            .post_alerts(&webhook)
            .await
            .unwrap()
            .error_for_status()
            .unwrap();
    }
    let console = product("console", 0);
    let (asked, _) = wait_for_event(&console.grpc(), |incident, _| cast::asked(incident)).await.unwrap();
    let digest = asked.plan.as_ref().unwrap().gates[0].digest.to_string();
    console
        .run(&[
            "approve",
            asked.id.as_str(),
            "--digest",
            &digest,
            "--by",
            "ann",
            "--approval-server",
            &approvals[1],
        ])
        .await
        .unwrap();
    let (ended, log) = wait_for_end(&product("console", 1).grpc()).await.unwrap();
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
