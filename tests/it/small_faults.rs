//! Recommendations for small faults: what is sensible becomes a plan with a gate, what is not is refused with the reason.

use std::path::{Path, PathBuf};

use paramedic_tests::{Product, ProductOptions, Range};
use serde_json::Value;

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/simulator/scenarios")
}

/// A cluster that nobody changes, and the product next to it.
struct Desk {
    range: Range,
    product: Product,
}

impl Desk {
    async fn of(scenario: &str) -> Self {
        let file = scenarios().join(scenario);
        let range = Range::start(file.to_str().unwrap(), 1.0).await.unwrap();
        let bus = format!("embedded:{}", range.folder().join("bus").display());
        let product = Product::start("up", &range, &bus, &ProductOptions::default()).await.unwrap();
        Self { range, product }
    }

    /// The plan that a file becomes.
    async fn planned(&self, name: &str) -> Value {
        let file = scenarios().join(format!("plans/{name}.accepted.json")).display().to_string();
        let planner = self.product.grpc();
        let out = self
            .product
            .run(&["plan", "preview", &file, "--planner", &planner, "--json"])
            .await
            .unwrap();
        serde_json::from_str(&out).unwrap()
    }

    /// Why a file is refused, in one line.
    async fn refused(&self, name: &str) -> String {
        let file = scenarios().join(format!("plans/{name}.refused.json")).display().to_string();
        let planner = self.product.grpc();
        let refused = self
            .product
            .command(&["plan", "preview", &file, "--planner", &planner])
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{name}: {said}");
        // The reasons are wrapped for a terminal.
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    async fn refuses(&self, cases: &[(&str, &str)]) {
        for (name, reason) in cases {
            let said = self.refused(name).await;
            assert!(said.contains(reason), "{name}: {said}");
        }
    }
}

/// The actions of a plan that wait for a person.
fn gated(plan: &Value) -> Vec<&str> {
    let steps = plan["steps"].as_array().unwrap();
    let held = steps.iter().filter(|step| step["gate"].is_string());
    held.map(|step| step["action"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_helps_is_planned_behind_a_gate_and_what_harms_is_refused() {
    let desk = Desk::of("small-faults.yaml").await;
    for (name, action) in [
        ("stuck-rollout", "rollback_deployment"),
        ("deny-all", "delete_network_policy"),
        ("volume-filling", "expand_pvc"),
        ("quota-blocked", "rollback_deployment"),
        ("release", "set_image"),
        ("release-never-ready", "set_image"),
    ] {
        assert_eq!(gated(&desk.planned(name).await), [action], "{name}");
    }
    desk.refuses(&[
        ("stuck-rollout", "would stop Deployment shop/checkout-api"),
        ("deny-all", "no such earlier revision"),
        ("volume-filling", "a volume"),
        ("quota-blocked", "ResourceQuota platform/platform allows 512Mi"),
        ("release", "the tag latest means another image"),
        (
            "release-candidate",
            "ValidatingAdmissionPolicy 'no-release-candidates' with binding 'production' denied request",
        ),
        ("release-other-container", "has no container \"proxy\""),
    ])
    .await;
    assert!(desk.range.mutations().is_empty(), "a preview changes nothing");
}

/// The same faults, in a workload that Argo CD deploys; with its Application, or after that was taken away.
fn deployed_by_argo(folder: &Path, application: bool) -> PathBuf {
    const NAMESPACE: &str = "  - {age: 230d, object: {apiVersion: v1, kind: Namespace, metadata: {name: argocd, labels: {kubernetes.io/metadata.name: argocd}}}}\n";
    const APPLICATION: &str = r#"  - age: 230d
    object:
      apiVersion: argoproj.io/v1alpha1
      kind: Application
      metadata: {name: shop, namespace: argocd}
      spec:
        source: {repoURL: "https://git.example.com/shop.git", path: shop, targetRevision: main}
        destination: {namespace: shop}
        syncPolicy: {automated: {prune: false}}
      status:
        sync: {revision: bbb222, status: Synced}
        history: [{id: 0, revision: aaa111, deployedAt: "2026-01-01T00:00:00Z"}, {id: 1, revision: bbb222, deployedAt: "2026-01-02T00:00:00Z"}]
"#;
    let plain = std::fs::read_to_string(scenarios().join("small-faults.yaml")).unwrap();
    let cause = r#"annotations: {kubernetes.io/change-cause: "release 6.4.0"}"#;
    let tracked = r#"annotations: {argocd.argoproj.io/tracking-id: "shop:apps/Deployment:shop/checkout-api", kubernetes.io/change-cause: "release 6.4.0"}"#;
    assert!(plain.contains(cause) && plain.contains("\nobjects:\n"));
    let more = format!("\nobjects:\n{NAMESPACE}{}", if application { APPLICATION } else { "" });
    let text = plain.replacen(cause, tracked, 1).replacen("\nobjects:\n", &more, 1);
    let file = folder.join(format!("argo-{application}.yaml"));
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn what_argo_cd_deploys_is_held_and_rolled_back_by_argo_cd_and_directly_only_where_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let planned = async |application| {
        let file = deployed_by_argo(folder.path(), application);
        let desk = Desk::of(file.to_str().unwrap()).await;
        desk.planned("stuck-rollout").await
    };
    let notes = |plan: &Value| plan["notes"].to_string();

    let alone = planned(false).await;
    assert_eq!(gated(&alone), ["rollback_deployment"]);
    assert!(
        notes(&alone).contains("rec-002 stays a direct change: argo_rollback was refused"),
        "{alone:#}"
    );

    let held = planned(true).await;
    assert_eq!(gated(&held), ["argo_pause_auto_sync", "argo_rollback"], "{held:#}");
    let rollback = held["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["id"] == "rec-002")
        .unwrap();
    let waits: Vec<&str> = rollback["depends_on"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(waits.contains(&"hold-rec-002"), "{rollback:#}");
    assert!(notes(&held).contains("rec-002 goes through argo_rollback"), "{held:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_node_is_cordoned_and_handed_to_people_and_nothing_is_forced() {
    let desk = Desk::of("node-lost.yaml").await;
    let plan = desk.planned("node-lost").await;
    assert_eq!(gated(&plan), ["cordon"]);
    let evict = desk.planned("node-lost-evict").await;
    assert_eq!(gated(&evict), ["drain"]);
    let change = evict["steps"][0]["change"].to_string();
    assert!(!change.contains("evict"), "pods that are going are left alone: {change}");
    let notes = evict["notes"].to_string();
    assert!(
        notes.contains("finance/ledger-2") && notes.contains("nothing is forced away"),
        "{notes}"
    );
    desk.refuses(&[
        ("node-lost-force", "has no parameter force or gracePeriodSeconds"),
        ("node-lost-delete-pod", "goes when worker-3 confirms that it has stopped"),
        ("node-lost-out-of-service", "knows that the machine is off"),
        (
            "node-lost-other-node",
            "Node worker-3 is not ready and its pods need places elsewhere",
        ),
        ("node-lost-delete-node", "\"delete_node\" is not in the catalogue"),
        ("node-lost-delete-budget", "\"delete_pdb\" is not in the catalogue"),
    ])
    .await;
    assert!(desk.range.mutations().is_empty(), "a preview changes nothing");
}
