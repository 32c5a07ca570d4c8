//! Recorded worlds, through the doors their users take.

#![allow(clippy::unwrap_used, missing_docs)]

mod case;

use std::{path::Path, time::Duration};

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Event, Node, Pod},
};
use kube::{
    Api, Client, Config,
    api::{ListParams, LogParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use paramedic_simulator::{AuditEntry, Begin, Options, Recording, RequestPattern, Simulator, Source};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

const NOW: &str = "2026-03-02T14:20:00Z";

/// Simulated seconds per wall second: a rollout takes a moment, and nothing depends on how long a moment is.
const SPEED: f64 = 30.0;

async fn start(case: &tempfile::TempDir, begin: Begin) -> Simulator {
    rustls::crypto::ring::default_provider().install_default().ok();
    let recording = Recording::load(case.path()).unwrap();
    Simulator::start(Options {
        speed: SPEED,
        ..Options::new((recording, begin))
    })
    .await
    .unwrap()
}

fn begin() -> Begin {
    Begin {
        fixed_by: serde_json::from_value(json!([{"verb": "patch", "kind": "Deployment", "namespace": "shop", "name": "web"}])).unwrap(),
        ..Begin::at(NOW.parse().unwrap())
    }
}

async fn client(simulator: &Simulator) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&simulator.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// Looks until `holds`; fails when it takes far longer than it may.
async fn until<T, F: Future<Output = T>>(what: &str, mut look: impl FnMut() -> F, holds: impl Fn(&T) -> bool) -> T {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let seen = look().await;
        if holds(&seen) {
            return seen;
        }
        assert!(tokio::time::Instant::now() < patience, "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn query_with(simulator: &Simulator, kind: &str, query: &str, more: &str) -> Vec<Value> {
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let url = format!("{}/api/v1/{kind}?query={query}&{more}", simulator.prometheus_url());
    let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
}

async fn query(simulator: &Simulator, query: &str) -> Vec<(Value, f64)> {
    let all = query_with(simulator, "query", query, "").await;
    all.iter()
        .map(|one| (one["metric"].clone(), one["value"][1].as_str().unwrap().parse().unwrap()))
        .collect()
}

fn waiting(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses[0].state.as_ref()?.waiting.as_ref()?.reason.clone()
}

fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

#[tokio::test]
async fn nothing_moves_until_the_template_goes_back_to_what_was_healthy() {
    let case = case::stuck_rollout();
    let simulator = start(&case, begin()).await;
    let client = client(&simulator).await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "shop");
    let version = simulator.store().resource_version();
    simulator.clock().advance(Duration::from_secs(3600));
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    let heard = |node: &Node| node.status.as_ref().unwrap().conditions.as_ref().unwrap()[0].status.clone();
    assert_eq!(nodes.iter().map(heard).collect::<Vec<_>>(), ["True", "Unknown"]);
    let listed = pods.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(listed.len(), 4);
    assert_eq!(
        listed
            .iter()
            .filter(|pod| waiting(pod).as_deref() == Some("ImagePullBackOff"))
            .count(),
        1
    );
    let events = Api::<Event>::namespaced(client.clone(), "shop")
        .list(&ListParams::default())
        .await
        .unwrap();
    assert!(events.items[0].message.as_ref().unwrap().contains("manifest unknown"));
    assert_eq!(simulator.store().resource_version(), version, "something moved by itself");
    assert_eq!(query(&simulator, "web_ready").await[0].1, 2.0);

    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "registry.local/web:2.3.9"}]}}}});
    let dry = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    deployments.patch("web", &dry, &Patch::Strategic(&patch)).await.unwrap();
    assert_eq!(query(&simulator, "web_ready").await[0].1, 2.0, "a dry run fixes nothing");
    deployments
        .patch("web", &PatchParams::default(), &Patch::Strategic(&patch))
        .await
        .unwrap();
    let scrape = || async { query(&simulator, "web_ready").await[0].1 };
    until("the metrics of the fixed world", scrape, |value| *value >= 3.0).await;

    let healthy = |all: &Vec<Pod>| all.len() == 3 && all.iter().all(ready);
    let list = || async { pods.list(&ListParams::default().labels("app=web")).await.unwrap().items };
    let settled = until("three ready pods", list, healthy).await;
    let owners: Vec<&str> = settled
        .iter()
        .map(|pod| pod.metadata.owner_references.as_ref().unwrap()[0].name.as_str())
        .collect();
    assert_eq!(owners, ["web-old"; 3], "the recorded ReplicaSet of that template is used again");
    let get = || async { deployments.get("web").await.unwrap().status.unwrap() };
    let done = |status: &k8s_openapi::api::apps::v1::DeploymentStatus| {
        status.ready_replicas == Some(3) && status.updated_replicas == Some(3) && status.unavailable_replicas.is_none()
    };
    let status = until("the rollout", get, done).await;
    assert_eq!(status.observed_generation, Some(8));
    simulator.shutdown().await;
}

#[tokio::test]
async fn what_crashed_before_a_restart_crashes_after_it() {
    let case = case::crashing();
    let simulator = start(&case, Begin::at(NOW.parse().unwrap())).await;
    let client = client(&simulator).await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    let before: Vec<String> = pods
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .into_iter()
        .filter_map(|pod| pod.metadata.name)
        .collect();
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": NOW}}}}});
    Api::<Deployment>::namespaced(client, "shop")
        .patch("worker", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    let list = || async { pods.list(&ListParams::default()).await.unwrap().items };
    let new = |pod: &&Pod| !before.contains(pod.metadata.name.as_ref().unwrap());
    let crashes = |all: &Vec<Pod>| {
        all.iter()
            .filter(new)
            .any(|pod| waiting(pod).as_deref() == Some("CrashLoopBackOff"))
    };
    let all = until("a new pod that crashes", list, crashes).await;
    assert!(!all.iter().any(ready));
    let logs = pods
        .logs(
            &before[0],
            &LogParams {
                previous: true,
                ..LogParams::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(logs, "panic: no such table: jobs\n");
    simulator.shutdown().await;
}

#[tokio::test]
async fn what_a_policy_does_not_let_in_is_refused_in_a_dry_run_and_what_never_becomes_ready_does_not() {
    let policy = json!([{"policy": "no-candidates", "binding": "payments", "resources": ["deployments"], "namespaces": ["payments"],
        "image_contains": "-rc", "message": "not here"}]);
    let begin = Begin {
        admission: serde_json::from_value(policy).unwrap(),
        unready: serde_json::from_value(json!([".*/payments-service:v9\\..*"])).unwrap(),
        ..Begin::at("2026-03-10T09:30:00Z".parse().unwrap())
    };
    rustls::crypto::ring::default_provider().install_default().ok();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/P08-deploy-with-dry-run");
    let simulator = Simulator::start(Options {
        speed: SPEED,
        ..Options::new((Recording::load(&case).unwrap(), begin))
    })
    .await
    .unwrap();
    let client = client(&simulator).await;
    let pods: Api<Pod> = Api::namespaced(client.clone(), "payments");
    let deployments: Api<Deployment> = Api::namespaced(client, "payments");
    let image = |tag: &str| {
        let container = json!({"name": "payments", "image": format!("registry.example.com/payments/payments-service:{tag}")});
        Patch::Strategic(json!({"spec": {"template": {"spec": {"containers": [container]}}}}))
    };
    let dry = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let refused = deployments
        .patch("payments-service", &dry, &image("v3.0.0-rc1"))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("ValidatingAdmissionPolicy 'no-candidates' with binding 'payments' denied request: not here"),
        "{refused}"
    );
    deployments
        .patch("payments-service", &PatchParams::default(), &image("v9.0.0"))
        .await
        .unwrap();
    let list = || async {
        pods.list(&ListParams::default().labels("app=payments-service"))
            .await
            .unwrap()
            .items
    };
    let runs = |pod: &Pod| {
        let status = pod.status.as_ref().and_then(|status| {
            status
                .container_statuses
                .as_ref()?
                .iter()
                .find(|one| one.name == "payments")
                .cloned()
        });
        status.is_some_and(|status| status.image.ends_with(":v9.0.0") && status.state.is_some_and(|state| state.running.is_some()))
    };
    let all = until("a new pod that runs", list, |all: &Vec<Pod>| all.iter().any(runs)).await;
    assert!(all.iter().filter(|pod| runs(pod)).all(|pod| !ready(pod)));
    simulator.shutdown().await;
}

#[tokio::test]
async fn a_source_that_is_down_answers_nothing() {
    let case = case::stuck_rollout();
    let simulator = start(
        &case,
        Begin {
            down: vec![Source::Loki, Source::Kubernetes],
            ..begin()
        },
    )
    .await;
    for url in [
        format!("{}/loki/api/v1/labels", simulator.loki_url()),
        format!("{}/version", simulator.url()),
    ] {
        assert_eq!(reqwest::get(&url).await.unwrap().status(), 503, "{url}");
    }
    assert!(!query(&simulator, "web_ready").await.is_empty());
    simulator.shutdown().await;
}

#[tokio::test]
async fn the_audit_log_can_be_judged_by_patterns() {
    let case = case::stuck_rollout();
    let simulator = start(&case, begin()).await;
    let client = client(&simulator).await;
    Api::<Pod>::namespaced(client, "shop")
        .delete("web-new-1", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    let pattern: RequestPattern = serde_json::from_value(json!({"verb": "delete", "kind": "Pod", "name": "web-.*"})).unwrap();
    let audit = simulator.audit();
    let found: Vec<&AuditEntry> = audit.iter().filter(|entry| entry.is_mutation() && pattern.fits(entry)).collect();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].namespace.as_str(), found[0].name.as_str()), ("shop", "web-new-1"));
    simulator.shutdown().await;
}

#[tokio::test]
async fn logs_traces_and_current_use_come_from_the_recording() {
    let case = case::observed();
    let simulator = start(&case, Begin::at(NOW.parse().unwrap())).await;
    let client = client(&simulator).await;
    let read = |url: String| async move { reqwest::get(url).await.unwrap().json::<Value>().await.unwrap() };
    let window = "start=2026-03-02T14:00:00Z&end=2026-03-02T14:20:00Z";
    let query: String = url::form_urlencoded::byte_serialize(br#"{app="web"} |= "timeout""#).collect();
    let lines = read(format!("{}/loki/api/v1/query_range?query={query}&{window}", simulator.loki_url())).await;
    let found = &lines["data"]["result"];
    assert_eq!(found[0]["stream"]["pod"], "web-1", "{lines}");
    assert_eq!(found[0]["values"], json!([["1772460900000000000", "timeout after 3 s"]]));

    let times = "query.startTimeMin=2026-03-02T14:00:00Z&query.startTimeMax=2026-03-02T14:20:00Z";
    let slow = "query.serviceName=web&query.durationMin=1s";
    let traces = read(format!("{}/api/v3/traces?{slow}&{times}", simulator.jaeger_url())).await;
    let spans = &traces["result"]["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(
        spans[0]["status"]["message"], "deadline exceeded",
        "what was recorded is answered whole: {traces}"
    );
    assert_eq!(
        read(format!("{}/api/v3/services", simulator.jaeger_url())).await["services"],
        json!(["web"])
    );
    let traceql: String = url::form_urlencoded::byte_serialize(br#"{ resource.service.name = "web" }"#).collect();
    let window = "start=1772460000&end=1772461200";
    let searched = read(format!("{}/api/search?q={traceql}&{window}", simulator.tempo_url())).await;
    let id = searched["traces"][0]["traceID"].as_str().unwrap();
    let trace = read(format!("{}/api/traces/{id}", simulator.tempo_url())).await;
    assert_eq!(trace["batches"], traces["result"]["resourceSpans"], "Tempo has what Jaeger has");
    let unknown = reqwest::get(format!("{}/api/search?q=nonsense", simulator.tempo_url()))
        .await
        .unwrap();
    assert_eq!(unknown.status(), 400);
    let calls = read(format!("{}/api/dependencies", simulator.jaeger_url())).await;
    assert_eq!(calls["data"], json!([{"parent": "web", "child": "db", "callCount": 7}]));

    let written = query_with(&simulator, "query_range", "absent(up)", &format!("{window}&step=600")).await;
    assert_eq!(written[0]["values"].as_array().unwrap().len(), 3);
    let request = http::Request::get("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-1")
        .body(Vec::new())
        .unwrap();
    let usage: Value = client.request(request).await.unwrap();
    assert_eq!(
        usage["containers"][0],
        json!({"name": "web", "usage": {"cpu": "500000000n", "memory": "2048Ki"}})
    );
    let pods: Api<Pod> = Api::namespaced(client.clone(), "shop");
    assert_eq!(
        pods.logs("web-1", &LogParams::default()).await.unwrap(),
        "started\ntimeout after 3 s\n"
    );
    let mut archive = pods
        .exec("web-1", ["tar", "cf", "-", "/var/log/web"], &kube::api::AttachParams::default())
        .await
        .unwrap();
    let mut out = Vec::new();
    archive.stdout().unwrap().read_to_end(&mut out).await.unwrap();
    assert!(
        String::from_utf8_lossy(&out).contains("timeout after 3 s"),
        "its log is a file of the volume it mounts"
    );
    let tables = http::Request::get("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations")
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
        .body(Vec::new())
        .unwrap();
    let table: Value = client.request(tables).await.unwrap();
    assert_eq!(table["rows"][0]["cells"][0], "policy");
    simulator.shutdown().await;
}
