//! Nodes, pods on them, volumes.

use paramedic_domain::{change::Wait, object::ObjectRef};
use serde_json::{Value, json};

use super::{Stage, concerns, edit, requests, values};
use crate::{
    action::Request,
    world::{Kind, served},
};

fn node(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn nodes(stage: Stage) -> Stage {
    let mut stage = stage.with(node("one", json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]})));
    stage.0.nodes = vec![node("one", json!({})), node("two", json!({}))];
    stage
}

#[test]
fn a_node_is_cordoned_and_tainted_once_and_not_with_what_kubernetes_sets_itself() {
    let mut stage = nodes(Stage::default());
    let draft = stage.draft("cordon_node", json!({"node": "one"})).unwrap();
    assert_eq!(
        values(&draft),
        [
            ("/spec/unschedulable".into(), Some(json!(true))),
            (
                "/spec/taints".into(),
                Some(json!([{"key": "gpu", "effect": "NoSchedule"}, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]))
            )
        ]
    );
    assert_eq!(concerns(&draft), "");
    assert!(stage.refusal("uncordon", json!({"node": "one"})).contains("is not cordoned"));
    let taint = stage
        .draft(
            "taint",
            json!({"node": "one", "key": "broken", "value": "disk", "effect": "NoExecute"}),
        )
        .unwrap();
    assert_eq!(
        values(&taint)[0].1.clone().unwrap()[0],
        json!({"key": "broken", "value": "disk", "effect": "NoExecute"})
    );
    assert!(concerns(&taint).contains("without asking a budget"));
    let own = json!({"node": "one", "key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"});
    assert!(stage.refusal("taint", own).contains("knows that the machine is off"));
    let own = json!({"node": "one", "key": "node.kubernetes.io/not-ready", "effect": "NoExecute"});
    assert!(stage.refusal("taint", own).contains("Kubernetes itself"));
    assert_eq!(
        values(&stage.draft("untaint", json!({"node": "one", "key": "gpu"})).unwrap()),
        [("/spec/taints".into(), Some(json!([])))]
    );
    assert!(
        stage
            .refusal("untaint", json!({"node": "one", "key": "none"}))
            .contains("no such taint")
    );
    stage.0.nodes.pop();
    let last = stage.draft("cordon", json!({"node": "one"})).unwrap();
    assert!(concerns(&last).contains("no other node"), "{}", concerns(&last));
}

fn busy(volumes: Value, alone: bool) -> Stage {
    let reference = ObjectRef::new("v1", "Node", None, "one");
    let mut stage = nodes(Stage::default())
        .pod(&reference, "important", true, json!({"priority": 1000}))
        .pod(&reference, "cache", true, json!({"volumes": volumes}))
        .pod(&reference, "agent", true, json!({}));
    let mut owner = |pod: &str, kind: &str| {
        let pod = ObjectRef::new("v1", "Pod", Some("shop"), pod);
        stage.0.owners.push((pod, ObjectRef::new("apps/v1", kind, Some("shop"), "owner")));
    };
    owner("important", "Deployment");
    owner("agent", "DaemonSet");
    if !alone {
        owner("cache", "Deployment");
    }
    stage
}

#[test]
fn a_drain_evicts_the_least_important_first_and_refuses_what_would_be_lost() {
    let stage = busy(json!([]), false);
    let draft = stage.draft("drain", json!({"node": "one"})).unwrap();
    let found: Vec<String> = requests(&draft)
        .iter()
        .map(|request| match request {
            Request::Edit(edit) => format!("edit {}", edit.target.name),
            Request::Evict { target, owner } => {
                assert!(owner.is_some() && target.uid.is_some());
                format!("evict {}", target.name)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, ["edit one", "evict cache", "evict important"]);
    assert!(
        draft.notes.iter().any(|note| note.contains("stay: shop/agent")),
        "{:?}",
        draft.notes
    );
    let local = busy(json!([{"name": "tmp", "emptyDir": {}}]), false);
    assert!(local.refusal("drain", json!({"node": "one"})).contains("shop/cache"));
    let meant = local.draft("drain", json!({"node": "one", "deleteEmptyDirData": true})).unwrap();
    assert!(concerns(&meant).contains("local data"), "{}", concerns(&meant));
    assert!(
        busy(json!([]), true)
            .refusal("drain_node", json!({"node": "one"}))
            .contains("no controller")
    );
    assert!(
        stage
            .refusal("drain", json!({"node": "one", "ignoreDaemonSets": false}))
            .contains("always stay")
    );
}

#[test]
fn a_lost_node_is_emptied_alone_and_the_others_stay_as_they_are_meanwhile() {
    let mut stage = busy(json!([]), false);
    let silent = |name: &str| json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    stage.0.nodes = vec![node("one", json!({})), silent("two")];
    let refused = stage.refusal("drain", json!({"node": "one"}));
    assert!(
        refused.contains("Node two is not ready") && refused.contains("or cordon Node one"),
        "{refused}"
    );
    let reference = ObjectRef::new("v1", "Node", None, "one");
    stage.0.objects.retain(|(object, _)| *object != reference);
    let mut lost = node("one", json!({}));
    lost["status"] = silent("one")["status"].clone();
    stage.0.nodes[0] = lost.clone();
    let mut stage = stage.with(lost);
    for (name, pod) in &mut stage.0.objects {
        if name.name == "cache" {
            pod["metadata"]["deletionTimestamp"] = json!("2026-03-10T12:00:00Z");
        }
    }
    let draft = stage.draft("drain", json!({"node": "one"})).unwrap();
    assert!(
        draft
            .notes
            .iter()
            .any(|note| note.contains("shop/cache are being deleted already") && note.contains("nothing is forced")),
        "{:?}",
        draft.notes
    );
}

#[test]
fn a_pod_in_quarantine_loses_exactly_the_labels_that_select_it_and_is_cut_off_first() {
    let owner = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
    let service = |name: &str, selector: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": selector}});
    let mut stage = Stage::default()
        .with(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop",
            "labels": {"app": "web", "tier": "front", "team": "a", "pod-template-hash": "abc"}}}))
        .with(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}))
        .with(service("front", json!({"tier": "front"})))
        .with(service("other", json!({"team": "b"})))
        .listed(Kind::within("v1", "Service", "shop"));
    let pod = ObjectRef::new("v1", "Pod", Some("shop"), "web-1");
    stage.0.owners.push((pod.clone(), owner));
    let draft = stage.draft("quarantine_pod", json!({"pod": "web-1", "namespace": "shop"})).unwrap();
    let requests = requests(&draft);
    let Request::Create { object, .. } = &requests[0] else {
        panic!("{requests:?}")
    };
    assert_eq!(
        object["spec"]["podSelector"]["matchLabels"]["paramedic.dev/quarantined"],
        "0123abcd"
    );
    assert_eq!(object["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    let edits: Vec<(String, bool)> = edit(&requests[1])
        .edits
        .iter()
        .map(|edit| (edit.path.pointer(), edit.value.is_some()))
        .collect();
    let label = |name: &str| format!("/metadata/labels/{name}");
    assert_eq!(
        edits,
        [
            (label("app"), false),
            (label("pod-template-hash"), false),
            (label("tier"), false),
            (label("paramedic.dev~1quarantined"), true)
        ]
    );
    let policy = |name: &str, selector: Value| json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "shop"}, "spec": {"podSelector": selector}});
    let quarantine = json!({"pod": "web-1", "namespace": "shop"});
    stage = stage
        .with(policy("team", json!({"matchLabels": {"team": "a"}})))
        .with(policy("another", json!({"matchLabels": {"team": "b"}})))
        .listed(Kind::within("networking.k8s.io/v1", "NetworkPolicy", "shop"));
    let named = stage.draft("quarantine_pod", quarantine.clone()).unwrap();
    assert!(
        edit(&super::requests(&named)[1])
            .edits
            .iter()
            .any(|edit| edit.path.pointer() == label("team"))
    );
    assert!(!concerns(&named).contains("may still do"), "{}", concerns(&named));
    stage = stage.with(policy("everything", json!({})));
    let open = stage.draft("quarantine_pod", quarantine).unwrap();
    assert!(
        concerns(&open).contains("High: NetworkPolicy shop/everything also select"),
        "{}",
        concerns(&open)
    );
    assert!(open.notes[0].contains("not cut off from everything"), "{:?}", open.notes);
    stage.0.owners = vec![(pod, ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), "db"))];
    assert!(
        stage
            .refusal("isolate_pod", json!({"pod": "web-1", "namespace": "shop"}))
            .contains("same name")
    );
}

fn claim(expandable: bool) -> Stage {
    Stage::default()
        .with(
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"},
            "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "512Mi"}}}, "status": {"phase": "Bound"}}),
        )
        .with(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "fast"}, "allowVolumeExpansion": expandable}))
        .listed(Kind::everywhere("storage.k8s.io/v1", "StorageClass"))
}

#[test]
fn a_volume_grows_within_bounds_if_its_class_can_and_never_shrinks() {
    let with = |size: &str| json!({"pvc": "data", "namespace": "shop", "size": size});
    let stage = claim(true);
    let draft = stage.draft("expand_pvc", with("2Gi")).unwrap();
    let requests = self::requests(&draft);
    assert_eq!(edit(&requests[0]).wait, Wait::Resized);
    assert_eq!(edit(&requests[0]).irreversible.as_deref(), Some("a volume cannot shrink"));
    let unused = claim(true).listed(Kind::within("v1", "Pod", "shop"));
    let draft = unused.draft("expand_pvc", with("2Gi")).unwrap();
    assert_eq!(edit(&self::requests(&draft)[0]).wait, Wait::Accepted);
    assert!(draft.notes[0].contains("no pod mounts"), "{:?}", draft.notes);
    assert!(stage.refusal("expand_pvc", with("256Mi")).contains("cannot shrink"));
    assert!(stage.refusal("expand_pvc", with("6Gi")).contains("10 times"));
    assert!(stage.refusal("expand_pvc", with("0.5Gi")).contains("already"));
    assert!(claim(false).refusal("expand_volume", with("1Gi")).contains("does not allow"));
    let quota = claim(true)
        .with(
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"},
            "status": {"hard": {"requests.storage": "1Gi"}, "used": {"requests.storage": "768Mi"}}}),
        )
        .listed(Kind::within("v1", "ResourceQuota", "shop"));
    let refused = quota.refusal("expand_pvc", with("1Gi"));
    assert!(refused.contains("768Mi used + 512Mi more = 1280Mi"), "{refused}");
}

#[test]
fn a_snapshot_needs_a_server_that_has_them_and_is_kept() {
    let mut stage = claim(true);
    let arguments = json!({"pvc": "data", "namespace": "shop"});
    assert!(stage.refusal("snapshot_volume", arguments.clone()).contains("no volume snapshots"));
    stage.0.served.push(served("snapshot.storage.k8s.io/v1", "volumesnapshots"));
    let draft = stage.draft("snapshot_volume", arguments).unwrap();
    let Request::Create { object, irreversible, .. } = &requests(&draft)[0] else {
        panic!("{draft:?}")
    };
    assert_eq!(object["spec"]["source"]["persistentVolumeClaimName"], "data");
    assert_eq!(object["metadata"]["name"], "data-0123abcd");
    assert!(irreversible.is_some());
}
