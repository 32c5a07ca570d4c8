//! A real Alertmanager fires; people are asked by mail and Slack; the approved change runs; the measurement passes.

use paramedic_domain::{
    incident::{Incident, Status},
    workflow::StepState,
};
use paramedic_testkit::{
    eventually,
    servers::{Alertmanager, NatsServer, SmtpSink, Webhook},
    slack::SlackStandIn,
};
use paramedic_tests::{Product, ProductOptions, Range, wait_for_end, wait_for_event};

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_becomes_a_verified_fix_on_the_embedded_bus() {
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let bus = format!("embedded:{}", range.folder().join("bus").display());
    story(range, &bus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_becomes_a_verified_fix_on_a_nats_server() {
    let nats = NatsServer::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    story(range, &nats.url()).await;
}

async fn story(range: Range, bus: &str) {
    let smtp = SmtpSink::start().await.unwrap();
    let slack = SlackStandIn::start("xoxb-story").await.unwrap();
    let (host, port) = smtp.address();
    let options = ProductOptions::default()
        .with("PARAMEDIC_NOTIFIER__EMAIL__URL", format!("smtp://{host}:{port}"))
        .with("PARAMEDIC_NOTIFIER__EMAIL__FROM", "paramedic@example.com")
        .with("PARAMEDIC_NOTIFIER__EMAIL__TO", "oncall@example.com")
        .with("PARAMEDIC_NOTIFIER__SLACK__API_URL", slack.url())
        .with("PARAMEDIC_NOTIFIER__SLACK__TOKEN", "xoxb-story")
        .with("PARAMEDIC_NOTIFIER__SLACK__CHANNEL", "incidents");
    let product = Product::start("up", &range, bus, &options).await.unwrap();
    let webhook = Webhook {
        url: format!("{}/api/v1/alerts/alertmanager", product.http()),
        bearer_token: paramedic_tests::TOKEN.to_owned(),
        group_by: vec!["alertname".to_owned()],
        max_alerts: 0,
    };
    let alertmanager = Alertmanager::start(&webhook).await.unwrap();
    alertmanager
        .fire(&cast::oom_labels(&range).await, &cast::oom_annotations())
        .await
        .unwrap();

    let (asked, _) = wait_for_event(&product.grpc(), |incident, _| cast::asked(incident)).await.unwrap();
    assert!(cast::changed(&range).is_empty(), "nothing is changed before the approval");
    the_plan_is_one_rollout_behind_one_gate(&asked);
    cast::approve(&product, &asked).await;

    let (ended, log) = wait_for_end(&product.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}", ended.end);
    the_steps_ran_as_the_graph_allows(&ended);
    assert_eq!(cast::changed(&range), cast::expected_changes());
    assert_eq!(cast::cluster_state(&range).await, ("3Gi".to_owned(), 8));
    let verification = ended.verification.as_ref().unwrap();
    assert!(
        verification.caveats.iter().any(|caveat| caveat.contains("leak")),
        "the leak goes on and the verdict says so: {:?}",
        verification.caveats
    );
    assert!(
        verification.expected_recurrence.unwrap() > log.last().unwrap().envelope.time,
        "the next OOM kill is expected later"
    );

    let digest = asked.plan.as_ref().unwrap().gates[0].digest.to_string();
    eventually!(
        smtp.mails().unwrap().iter().any(|mail| cast::plain(&mail.body).contains(&digest)),
        "the approval mail names the digest"
    );
    let mails = smtp.mails().unwrap();
    let approval = mails
        .iter()
        .map(|mail| cast::plain(&mail.body))
        .find(|body| body.contains(&digest))
        .unwrap();
    for needle in ["2Gi", "3Gi", "Dry run", "rec-003", "rec-006"] {
        assert!(approval.contains(needle), "{needle:?} is missing in the approval mail:\n{approval}");
    }
    let first = mails[0].header("Message-ID").unwrap();
    assert!(
        mails[1..]
            .iter()
            .all(|mail| mail.header("References").is_some_and(|references| references.contains(first))),
        "one thread"
    );
    eventually!(
        slack.messages().iter().any(|message| message.all_text().contains(&digest)),
        "Slack shows the digest"
    );
    let messages = slack.messages();
    assert!(
        messages[1..]
            .iter()
            .all(|message| message.thread_ts.as_deref() == Some(&messages[0].ts)),
        "one thread"
    );
    assert_eq!(slack.rejected(), 0);

    the_command_line_tells_the_same_story(&product, &ended, log.len()).await;
}

fn the_plan_is_one_rollout_behind_one_gate(incident: &Incident) {
    let plan = incident.plan.as_ref().unwrap();
    assert_eq!(plan.steps.len(), 7);
    assert_eq!(plan.gates.len(), 1);
    assert_eq!(
        cast::patching_steps(incident),
        ["rec-003", "rec-006"],
        "template changes are one patch"
    );
}

fn the_steps_ran_as_the_graph_allows(incident: &Incident) {
    let run = incident.run.as_ref().unwrap();
    assert!(run.steps.values().all(|step| step.state == StepState::Succeeded), "{:?}", run.steps);
    let times = |id: &str| {
        let step = &run.steps[&id.parse().unwrap()];
        (step.started.unwrap(), step.finished.unwrap())
    };
    let ((diagnostics, _), (_, diagnostics_end), (backup, backup_end)) = (times("rec-001"), times("rec-001"), times("rec-002"));
    assert!(
        diagnostics <= backup_end && backup <= diagnostics_end,
        "diagnostics and backup overlap"
    );
    assert!(times("rec-003").0 >= diagnostics_end.max(backup_end), "the change waits for both");
    assert!(
        times("rec-007").0 >= times("rec-005").1.max(times("rec-006").1),
        "the report comes last"
    );
}

async fn the_command_line_tells_the_same_story(product: &Product, incident: &Incident, events: usize) {
    let id = incident.id.as_str();
    assert!(product.run(&["incidents"]).await.unwrap().contains("resolved"));
    let shown = product.run(&["show", id]).await.unwrap();
    assert!(shown.contains("memory_leak") && shown.contains("3Gi"), "{shown}");
    assert!(product.run(&["timeline", id]).await.unwrap().lines().count() >= events);
    let replayed: Incident = serde_json::from_str(&product.run(&["replay", id]).await.unwrap()).unwrap();
    assert_eq!(replayed.diagnosis, incident.diagnosis);
    assert!(product.run(&["audit", "verify"]).await.unwrap().contains("0 violations"));
}
