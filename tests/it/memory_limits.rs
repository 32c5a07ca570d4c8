//! Containers that are killed at their limit: after a release that needs more, and in a single pod that has more to do.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use paramedic_domain::{incident::Status, plan::Approach, verification::Verdict};
use paramedic_tests::{Product, ProductOptions, Range, wait_for_end, wait_for_event};
use serde_json::json;

use crate::cast::{self, actions, drill, mutations};

#[test]
fn a_release_that_needs_more_memory_gets_it_and_is_fast_again_while_its_namesake_is_left_alone() {
    let report = drill("slow-release");
    assert_eq!(report["diagnosis"]["category"], "oom_limit_too_low");
    assert_eq!(report["diagnosis"]["target"], "Deployment production/payment-service");
    let actions = actions(&report);
    assert!(actions.contains(&"increase_resources"), "{actions:?}");
    assert_eq!(
        mutations(&report),
        [("patch", "/apis/apps/v1/namespaces/production/deployments/payment-service")]
    );
}

#[test]
fn a_single_pod_with_more_to_do_than_the_others_is_replaced_and_the_others_are_left_alone() {
    let report = drill("gateway-503");
    assert_eq!(report["diagnosis"]["category"], "oom_limit_too_low");
    let summary = report["diagnosis"]["summary"].as_str().unwrap();
    assert!(summary.contains("by the kernel, not by its runtime"), "{summary}");
    let mutations = mutations(&report);
    let [(verb, path)] = mutations[..] else { panic!("{mutations:?}") };
    assert_eq!(verb, "delete");
    let pod = path.rsplit('/').next().unwrap();
    assert!(summary.contains(pod), "the one that was killed: {pod}: {summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_out_of_a_release_that_needs_more_memory_are_offered_and_the_way_back_works_too() {
    let range = Range::start("slow-release", 60.0).await.unwrap();
    let bus = format!("embedded:{}", range.folder().join("bus").display());
    let product = Product::start("up", &range, &bus, &ProductOptions::default()).await.unwrap();
    let labels = json!({"alertname": "HighLatencyP99", "namespace": "production", "service": "payment-service", "severity": "critical"});
    let alert = json!({ "status": "firing", "labels": labels, "annotations": {"summary": "p99 is 2.4 s"}, "startsAt": range.now().to_string(), "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "0123456789abcdef" });
    let webhook = json!({ "version": "4", "status": "firing", "receiver": "paramedic", "groupKey": "{}", "truncatedAlerts": 0, "groupLabels": {}, "commonLabels": labels, "commonAnnotations": {}, "externalURL": "http://alertmanager.example", "alerts": [alert] });
    assert!(product.post_alerts(&webhook).await.unwrap().status().is_success());
    let (asked, _) = wait_for_event(&product.grpc(), |incident, _| cast::asked(incident)).await.unwrap();
    let first = asked.plan.clone().unwrap();
    let offered: Vec<_> = first
        .options
        .iter()
        .map(|option| (option.approach, option.title.as_str()))
        .collect();
    assert_eq!(
        offered,
        [
            (Approach::Fix, "raise the memory limit"),
            (Approach::Alternative, "roll back to revision 3")
        ]
    );
    product
        .run(&[
            "plan",
            "choose",
            asked.id.as_str(),
            "2",
            "--by",
            "ann",
            "--reason",
            "the batch can wait",
        ])
        .await
        .unwrap();
    let (asked, _) = wait_for_event(&product.grpc(), |incident, _| {
        cast::asked(incident) && incident.plan.as_ref().is_some_and(|plan| plan.id != first.id)
    })
    .await
    .unwrap();
    cast::approve(&product, &asked).await;
    let (ended, _) = wait_for_end(&product.grpc()).await.unwrap();
    assert_eq!(ended.status(), Status::Resolved, "{:?}", ended.end);
    let verification = ended.verification.unwrap();
    assert_eq!(verification.verdict, Verdict::Passed);
    let measured = |unit: &str| {
        let found = verification.measurements.iter().find(|m| m.criterion.unit == unit);
        found.and_then(|m| Some((m.criterion.before?, m.after?))).unwrap()
    };
    let ((_, used), (slow, fast)) = (measured("of the limit"), measured("s"));
    assert!(used < 0.60 && slow > 2.0 && fast < 0.2, "{used} {slow} {fast}");
    assert_eq!(
        cast::changed(&range),
        ["patch /apis/apps/v1/namespaces/production/deployments/payment-service"]
    );
    let deployments = Api::<Deployment>::namespaced(range.client().await.unwrap(), "production");
    let pod = deployments.get("payment-service").await.unwrap().spec.template.spec.unwrap();
    assert_eq!(
        pod.containers[0].image.as_deref(),
        Some("registry.example.com/payments/payment-service:2.13.2")
    );
}
