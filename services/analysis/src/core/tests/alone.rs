//! Pods that have no controller.

use std::collections::BTreeSet;

use paramedic_domain::object::ObjectRef;
use serde_json::json;

use super::fixtures::shipped;
use crate::core::{
    podlogs::wanted,
    snapshot::{Snapshot, kinds::named},
};

#[test]
fn a_pod_that_nothing_brings_back_is_the_cause_itself_and_is_handed_to_people() {
    for (test, says) in [
        ("a pod without a controller that crashes", "ends with exit code 1"),
        ("a pod without a controller that finds no node", "Insufficient memory"),
    ] {
        let found = shipped(test);
        assert_eq!(found.target.to_string(), "Pod shop/import", "{test}");
        let told: Vec<&str> = found.factors.iter().map(|factor| factor.text.as_str()).collect();
        assert!(
            told.contains(&"no controller owns pod import: once it is deleted, nothing makes it anew"),
            "{test}: {told:?}"
        );
        assert!(
            format!("{} {:?} {told:?}", found.summary, found.causal_chain).contains(says),
            "{test}: {found:#?}"
        );
        let actions: Vec<&str> = found.recommendations.iter().map(|step| step.action.as_str()).collect();
        assert_eq!(actions, ["notify_only"], "{test}");
        assert_eq!(found.criteria.len(), 0, "{test}: {:?}", found.criteria);
    }
}

#[test]
fn its_log_is_read_where_the_log_store_has_nothing_of_it() {
    let pod = |name: &str, owners| {
        json!({
            "metadata": {"name": name, "namespace": "shop", "ownerReferences": owners},
            "status": {"containerStatuses": [{"name": "main", "ready": false, "restartCount": 3, "lastState": {"terminated": {"exitCode": 1}}}]},
        })
    };
    let scope = BTreeSet::from(["shop".to_owned()]);
    let mut snapshot = Snapshot::new("2026-03-02T12:00:00Z".parse().unwrap(), scope.clone());
    let mirrors = json!([{"kind": "Node", "name": "n1", "controller": true}]);
    snapshot.file(named("Pod").unwrap(), vec![pod("import", json!([])), pod("kube-proxy-n1", mirrors)]);
    let asked = wanted(&snapshot, &scope, &BTreeSet::new());
    let owners: Vec<ObjectRef> = asked.into_iter().map(|asked| asked.owner).collect();
    assert_eq!(owners, [ObjectRef::new("v1", "Pod", Some("shop"), "import")]);
}
