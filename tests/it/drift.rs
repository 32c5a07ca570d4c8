//! Somebody changes the Deployment between approval and execution: nothing is applied, a new plan is made.

use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use paramedic_domain::{
    event::{Event, FailureCause},
    fault::FailureKind,
};
use paramedic_tests::{Product, ProductOptions, Range, wait_for_event};
use serde_json::json;

use crate::cast;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_somebody_else_stops_the_approved_one_and_leads_to_a_new_plan() {
    let range = Range::start("payment-oom", cast::SPEED).await.unwrap();
    let bus = format!("embedded:{}", range.folder().join("bus").display());
    let product = Product::start("up", &range, &bus, &ProductOptions::default()).await.unwrap();
    product
        .post_alerts(&cast::oom_webhook(&range).await)
        .await
        .unwrap()
        .error_for_status()
        .unwrap();
    let (first, _) = wait_for_event(&product.grpc(), |incident, _| cast::asked(incident)).await.unwrap();

    let deployments: Api<Deployment> = Api::namespaced(range.client().await.unwrap(), "production");
    let patch = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "payment-service", "resources": { "limits": { "memory": "2560Mi" } } }] } } } });
    deployments
        .patch(
            "payment-service",
            &PatchParams {
                field_manager: Some("somebody".to_owned()),
                ..PatchParams::default()
            },
            &Patch::Strategic(patch),
        )
        .await
        .unwrap();
    cast::approve(&product, &first).await;

    let (second, log) = wait_for_event(&product.grpc(), |incident, _| incident.plans == 2 && cast::asked(incident))
        .await
        .unwrap();
    let drifted = |event: &Event| {
        matches!(
            event,
            Event::WorkflowFinished {
                cause: Some(FailureCause::StepFailed {
                    kind: FailureKind::Drift,
                    ..
                }),
                ..
            }
        )
    };
    assert!(cast::happened(&log, drifted), "the first workflow ends because of drift");
    assert!(cast::changed(&range).is_empty(), "nothing was applied: {:?}", cast::changed(&range));
    assert_eq!(cast::cluster_state(&range).await.0, "2560Mi", "the other person's value stands");
    let (old, new) = (first.plan.unwrap().gates[0].digest, second.plan.unwrap().gates[0].digest);
    assert_ne!(old, new, "the new plan asks for a new digest");
}
