//! One incident is one trace: every role's spans have the intake request for an ancestor.

use std::collections::BTreeMap;

use paramedic_testkit::{
    eventually,
    servers::{NatsServer, SmtpSink},
};
use paramedic_tests::{Installation, OtlpReceiver, Range, Setup, SpanRecord, wait_for_end, wait_for_event};

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn one_incident_is_one_trace_across_all_roles() {
    let nats = NatsServer::start().await.unwrap();
    let collector = OtlpReceiver::start().await.unwrap();
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let smtp = SmtpSink::start().await.unwrap();
    let traced = Setup::default().with("PARAMEDIC_TELEMETRY__OTLP_ENDPOINT", collector.url());
    let product = Installation::start(&range, &nats.url(), &traced.mail(&smtp)).await.unwrap();
    let webhook = cast::oom_webhook(&range).await;
    let answer = product.of("gateway").post_alerts(&webhook).await.unwrap();
    answer.error_for_status().unwrap();
    let console = product.of("console").grpc();
    let (asked, _) = wait_for_event(&console, |incident, _| cast::asked(incident)).await.unwrap();
    product.approve(&asked).await.unwrap();
    let (ended, _) = wait_for_end(&console).await.unwrap();

    let trace = ended
        .traceparent
        .as_deref()
        .and_then(|parent| parent.split('-').nth(1))
        .unwrap()
        .to_owned();
    let services = [
        "paramedic-gateway",
        "paramedic-analysis",
        "paramedic-planner",
        "paramedic-executor",
        "paramedic-approval",
        "paramedic-notifier",
    ];
    let of_trace = || collector.spans().into_iter().filter(|span| span.trace == trace).collect::<Vec<_>>();
    eventually!(within std::time::Duration::from_secs(60), services.iter().all(|service| of_trace().iter().any(|span| span.service == *service)), "every role exports spans of the incident's trace");
    // Parents are exported after their children: wait until only the intake request has none.
    let orphans = || {
        let spans = of_trace();
        let by_id: BTreeMap<&str, &SpanRecord> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
        spans
            .iter()
            .filter(|span| !by_id.contains_key(span.parent.as_str()))
            .map(|span| format!("{} {}", span.service, span.name))
            .collect::<Vec<_>>()
    };
    eventually!(within std::time::Duration::from_secs(60), orphans().len() == 1, "spans without a parent in the trace: {:?}", orphans());
    assert!(
        orphans()[0].starts_with("paramedic-gateway POST"),
        "the root is the intake request: {:?}",
        orphans()
    );
    let spans = of_trace();
    let parent_service = |child: &str, part: &str| {
        let span = spans
            .iter()
            .find(|span| span.service == child && span.name.contains(part))
            .unwrap_or_else(|| panic!("no span {part} of {child}"));
        spans
            .iter()
            .find(|parent| parent.id == span.parent)
            .map(|parent| parent.service.clone())
            .unwrap_or_default()
    };
    assert_eq!(parent_service("paramedic-analysis", "incident_opened"), "paramedic-gateway");
    assert_eq!(parent_service("paramedic-planner", "diagnosis_reached"), "paramedic-analysis");
    assert_eq!(parent_service("paramedic-executor", "Prepare"), "paramedic-planner");
    assert_eq!(parent_service("paramedic-approval", "plan_proposed"), "paramedic-planner");
    assert_eq!(parent_service("paramedic-notifier", "incident_opened"), "paramedic-gateway");
}
