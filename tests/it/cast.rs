//! What stories share: the alert of the leaking payment service and the answers of people.

use std::{collections::BTreeMap, process::Command};

use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod};
use kube::{Api, api::ListParams};
use paramedic_domain::{approval::GateState, change::Change, event::Event, incident::Incident};
use paramedic_tests::{Product, Range, paramedic};
use serde_json::{Value, json};

/// How much faster than the wall clock ranges run here.
pub(crate) const SPEED: f64 = 30.0;

/// Labels of the alert for a pod that was OOM-killed.
pub(crate) async fn oom_labels(range: &Range) -> BTreeMap<String, String> {
    let pods: Api<Pod> = Api::namespaced(range.client().await.unwrap(), "production");
    let pods = pods.list(&ListParams::default().labels("app=payment-service")).await.unwrap();
    let restarts = |pod: &Pod| {
        pod.status
            .iter()
            .flat_map(|status| status.container_statuses.iter().flatten())
            .map(|container| container.restart_count)
            .max()
            .unwrap_or(0)
    };
    let pod = pods.items.iter().max_by_key(|pod| restarts(pod)).unwrap();
    let labels = [
        ("alertname", "OOMKilled"),
        ("namespace", "production"),
        ("pod", pod.metadata.name.as_deref().unwrap()),
        ("container", "payment-service"),
        ("severity", "warning"),
    ];
    labels
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Its annotations.
pub(crate) fn oom_annotations() -> BTreeMap<String, String> {
    BTreeMap::from([("summary".to_owned(), "container payment-service was OOM-killed".to_owned())])
}

/// The webhook that Alertmanager would post for it.
pub(crate) async fn oom_webhook(range: &Range) -> serde_json::Value {
    let labels = oom_labels(range).await;
    json!({
        "version": "4", "status": "firing", "receiver": "paramedic", "groupKey": "{}:{alertname=\"OOMKilled\"}", "truncatedAlerts": 0,
        "groupLabels": { "alertname": "OOMKilled" }, "commonLabels": labels, "commonAnnotations": {}, "externalURL": "http://alertmanager.example",
        "alerts": [{ "status": "firing", "labels": labels, "annotations": oom_annotations(), "startsAt": range.now().to_string(), "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "5a1b2c3d4e5f6071" }],
    })
}

/// A kubeconfig for a cluster where nobody answers.
pub(crate) fn nowhere(range: &Range) -> String {
    let kubeconfig = std::fs::read_to_string(range.kubeconfig()).unwrap();
    let server = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: "))
        .unwrap()
        .to_owned();
    let path = range.folder().join("nowhere");
    std::fs::write(&path, kubeconfig.replace(&server, "http://127.0.0.1:9")).unwrap();
    path.display().to_string()
}

/// Whether a gate waits for an answer.
pub(crate) fn asked(incident: &Incident) -> bool {
    incident.gates.values().any(|gate| matches!(gate, GateState::Waiting { .. }))
}

/// Approves the only waiting gate by the command line, bound to the digest of the plan that was read.
pub(crate) async fn approve(product: &Product, incident: &Incident) {
    let (gate, _) = incident
        .gates
        .iter()
        .find(|(_, state)| matches!(state, GateState::Waiting { .. }))
        .unwrap();
    let digest = incident.plan.as_ref().unwrap().gate(gate).unwrap().digest.to_string();
    product
        .run(&[
            "approve",
            incident.id.as_str(),
            "--gate",
            gate.as_str(),
            "--digest",
            &digest,
            "--by",
            "ann",
        ])
        .await
        .unwrap();
}

/// The memory limit in the Deployment and the ceiling of the HPA, as the cluster has them.
pub(crate) async fn cluster_state(range: &Range) -> (String, i32) {
    let client = range.client().await.unwrap();
    let deployment = Api::<Deployment>::namespaced(client.clone(), "production")
        .get("payment-service")
        .await
        .unwrap();
    let hpa = Api::<HorizontalPodAutoscaler>::namespaced(client, "production")
        .get("payment-service-hpa")
        .await
        .unwrap();
    let container = &deployment.spec.template.spec.unwrap().containers[0];
    let limit = container.resources.as_ref().unwrap().limits.as_ref().unwrap()["memory"].0.clone();
    (limit, hpa.spec.max_replicas)
}

/// Paths of what the product changed, as the cluster recorded it, in order.
pub(crate) fn changed(range: &Range) -> Vec<String> {
    range
        .mutations()
        .into_iter()
        .map(|entry| format!("{} {}", entry.verb, entry.path))
        .collect()
}

/// What P01's approved plan changes, once each.
pub(crate) fn expected_changes() -> Vec<String> {
    vec![
        "patch /apis/apps/v1/namespaces/production/deployments/payment-service".to_owned(),
        "patch /apis/autoscaling/v2/namespaces/production/horizontalpodautoscalers/payment-service-hpa".to_owned(),
    ]
}

/// How many events of a kind the log holds.
pub(crate) fn count(log: &[paramedic_domain::envelope::Recorded], kind: &str) -> usize {
    log.iter().filter(|recorded| recorded.envelope.event.kind() == kind).count()
}

/// Whether the log holds an event.
pub(crate) fn happened(log: &[paramedic_domain::envelope::Recorded], wanted: impl Fn(&Event) -> bool) -> bool {
    log.iter().any(|recorded| wanted(&recorded.envelope.event))
}

/// Steps that hold a patch of their own.
pub(crate) fn patching_steps(incident: &Incident) -> Vec<String> {
    let steps = incident.plan.iter().flat_map(|plan| &plan.steps);
    steps
        .filter(|step| matches!(step.change, Change::Patch(_)))
        .map(|step| step.id.to_string())
        .collect()
}

/// Undoes quoted-printable far enough to search for words.
pub(crate) fn plain(body: &str) -> String {
    body.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
}

/// Runs a drill with nobody at the keyboard and reads its report.
pub(crate) fn drill(scenario: &str) -> Value {
    let arguments = ["drill", scenario, "--approve", "auto", "--speed", "60", "--json"];
    let output = Command::new(paramedic()).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(report["verdict"], "PASSED", "{report:#}");
    assert_eq!(output.status.code(), Some(0));
    report
}

/// The actions of its steps, all of which succeeded.
pub(crate) fn actions(report: &Value) -> Vec<&str> {
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["status"] == "succeeded"), "{steps:#?}");
    steps.iter().map(|step| step["action"].as_str().unwrap()).collect()
}

/// What the cluster itself noted as changed: verb and path.
pub(crate) fn mutations(report: &Value) -> Vec<(&str, &str)> {
    let all = report["mutations"].as_array().unwrap();
    all.iter()
        .map(|one| (one["verb"].as_str().unwrap(), one["path"].as_str().unwrap()))
        .collect()
}
