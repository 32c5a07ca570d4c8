//! Recommendations for small faults: what is sensible becomes a plan with a gate, what is not is refused with the reason.

use std::path::{Path, PathBuf};

use paramedic_tests::{Product, ProductOptions, Range};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/simulator/scenarios")
}

/// Recommendations that are accepted, those that are refused, and a part of the reason.
const CASES: [(&str, &str, &str); 5] = [
    ("stuck-rollout", "rollback_deployment", "would stop Deployment shop/checkout-api"),
    ("deny-all", "delete_network_policy", "no such earlier revision"),
    ("volume-filling", "expand_pvc", "a volume"),
    (
        "quota-blocked",
        "rollback_deployment",
        "ResourceQuota platform/platform allows 512Mi",
    ),
    ("release", "set_image", "the tag latest means another image"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_helps_is_planned_behind_a_gate_and_what_harms_is_refused() {
    let file = scenarios().join("small-faults.yaml");
    let range = Range::start(file.to_str().unwrap(), 1.0).await.unwrap();
    let bus = format!("embedded:{}", range.folder().join("bus").display());
    let product = Product::start("up", &range, &bus, &ProductOptions::default()).await.unwrap();
    let planner = product.grpc();
    for (name, action, reason) in CASES {
        let plan = |kind: &str| scenarios().join(format!("plans/{name}.{kind}.json")).display().to_string();
        let out = product
            .run(&["plan", "preview", &plan("accepted"), "--planner", &planner, "--json"])
            .await
            .unwrap();
        let plan_json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let text = plan_json.to_string();
        assert!(text.contains(action) && text.contains("gate_"), "{name}: {plan_json:#}");
        let refused = product
            .command(&["plan", "preview", &plan("refused"), "--planner", &planner])
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
        // The reasons are wrapped for a terminal.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(refused.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(reason), "{name}: {said}");
    }
    assert!(range.mutations().is_empty(), "a preview changes nothing");
}
