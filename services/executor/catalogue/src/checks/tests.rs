//! Sentences with the arithmetic in them, wherever the steps are.

mod bounds;

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;
use serde_json::{Value, json};

use crate::{
    actions::Catalogue,
    prepare::{Item, Merged, prepare, reference},
    world::{Asked, Connections, Kind, World},
};

const POOL: &str = "DATABASE_POOL_SIZE";

fn fraud(replicas: i64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "fraud", "namespace": "shop", "uid": "u-1"},
        "spec": {"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": {"app": "fraud"}},
            "template": {"metadata": {"labels": {"app": "fraud"}}, "spec": {"containers": [{"name": "fraud", "image": "fraud:1",
                "envFrom": [{"configMapRef": {"name": "fraud-config"}}],
                "resources": {"requests": {"memory": "256Mi", "cpu": "100m"}, "limits": {"memory": "512Mi"}}}]}}}})
}

fn world(objects: Vec<Value>) -> World {
    let mut world = World::default();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fraud-config", "namespace": "shop", "uid": "u-2"}, "data": {POOL: "100"}});
    for object in objects.into_iter().chain([fraud(5), config]) {
        let reference = reference(&object).unwrap();
        if world.object(&reference).is_err() {
            world.objects.push((reference, object));
        }
    }
    for (api, kind) in [
        ("v1", "ConfigMap"),
        ("v1", "ResourceQuota"),
        ("v1", "LimitRange"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("policy/v1", "PodDisruptionBudget"),
        ("apps/v1", "Deployment"),
    ] {
        world.kinds.push(Kind::within(api, kind, "shop"));
    }
    world
}

fn with_connections(most: i64) -> World {
    let mut world = world(Vec::new());
    world.connections = vec![("shop".into(), Connections::Known { most, reserved: 3 })];
    world
}

fn run(steps: &[(&str, Value)], world: World) -> Merged {
    let items: Vec<Item> = steps
        .iter()
        .enumerate()
        .map(|(index, (action, params))| Item {
            step: format!("s{index}").parse().unwrap(),
            action: Catalogue::default().find(action).unwrap().clone(),
            params: params.as_object().unwrap().clone(),
        })
        .collect();
    prepare(
        &items,
        world,
        &[],
        &"plan_a".parse().unwrap(),
        "2026-11-22T10:00:00Z".parse().unwrap(),
    )
}

fn refusal(merged: &Merged, item: usize) -> &str {
    match &merged.outcomes[item].pending {
        Err(refused) => &refused.reason,
        Ok(pending) => panic!("{pending:?} {:?}", merged.notes),
    }
}

fn concerns(merged: &Merged, item: usize) -> String {
    let texts = merged.outcomes[item]
        .concerns
        .iter()
        .map(|one| format!("{:?}: {}", one.level, one.text));
    texts.collect::<Vec<_>>().join("\n")
}

fn pool(size: &str) -> (&'static str, Value) {
    (
        "patch_config_map",
        json!({"configMap": "fraud-config", "namespace": "shop", "patch": {POOL: size}}),
    )
}

fn scale(replicas: i64) -> (&'static str, Value) {
    ("scale", json!({"deployment": "fraud", "namespace": "shop", "replicas": replicas}))
}

#[test]
fn two_harmless_steps_that_are_too_much_for_the_database_are_refused_in_either_order() {
    for steps in [[pool("200"), scale(8)], [scale(8), pool("200")]] {
        let merged = run(&steps, with_connections(1500));
        let text = refusal(&merged, 1);
        assert!(
            text.contains("8 x 200 = 1600") && text.contains("5 x 100 = 500 before") && text.contains("1500 - 3 reserved = 1497"),
            "{text}"
        );
        // Alone each of them fits.
        for step in steps {
            let merged = run(&[step], with_connections(1500));
            assert!(merged.outcomes[0].pending.is_ok(), "{:?}", merged.outcomes[0].pending);
        }
    }
    let enough = run(&[pool("200"), scale(8)], with_connections(2000));
    assert!(enough.outcomes.iter().all(|outcome| outcome.pending.is_ok()));
    assert!(
        enough.notes.iter().any(|note| note.contains("8 x 200 = 1600")),
        "{:?}",
        enough.notes
    );
}

#[test]
fn the_pods_of_a_rollout_and_of_an_autoscaler_count_against_the_database_too() {
    let merged = run(&[pool("200"), scale(7)], with_connections(1500));
    let text = concerns(&merged, 1);
    assert!(
        text.contains("High: 7 x 200 = 1400") && text.contains("200 more while its pods are replaced"),
        "{text}"
    );
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "fraud", "namespace": "shop", "uid": "u-3"},
        "spec": {"minReplicas": 2, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": "fraud"}}});
    let mut world = world(vec![hpa]);
    world.connections = vec![("shop".into(), Connections::Known { most: 1500, reserved: 0 })];
    let text = concerns(&run(&[pool("120")], world), 0);
    assert!(text.contains("20 x 120 = 2400"), "{text}");
}

#[test]
fn what_a_database_takes_can_be_said_and_is_missed_aloud() {
    let mut world = world(Vec::new());
    world.connections = vec![("shop".into(), Connections::Unknown("prometheus is not configured".into()))];
    let merged = run(&[scale(8)], world.clone());
    assert!(merged.outcomes[0].pending.is_ok());
    let note = merged.notes.iter().find(|note| note.contains("could not be checked")).unwrap();
    assert!(note.contains("8 x 100 = 800") && note.contains("maxConnections"), "{note}");
    let mut said = scale(8);
    said.1["maxConnections"] = json!(700);
    assert!(refusal(&run(&[said], world), 0).contains("700 - 0 reserved = 700"));
}

fn quota(hard: &str, used: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team", "namespace": "shop", "uid": "u-4"},
        "status": {"hard": {"requests.memory": hard}, "used": {"requests.memory": used}}})
}

#[test]
fn replicas_and_resources_are_counted_against_the_quota_with_the_pods_of_the_rollout() {
    let merged = run(&[scale(8)], world(vec![quota("1920Mi", "1280Mi")]));
    let text = refusal(&merged, 0);
    assert!(
        text.contains("1280Mi used + 768Mi more = 2Gi") && text.contains("allows 1920Mi"),
        "{text}"
    );
    assert!(run(&[scale(8)], world(vec![quota("2Gi", "1280Mi")])).outcomes[0].pending.is_ok());
    let more = json!({"deployment": "fraud", "namespace": "shop", "memory_request": "300Mi"});
    let merged = run(&[("increase_resources", more.clone())], world(vec![quota("1536Mi", "1280Mi")]));
    let text = concerns(&merged, 0);
    assert!(
        text.contains("High: 256Mi x 5 pods become 300Mi x 5") && text.contains("300Mi for a while"),
        "{text}"
    );
    let merged = run(&[("increase_resources", more)], world(vec![quota("4Gi", "1280Mi")]));
    assert_eq!(concerns(&merged, 0), "");
}

#[test]
fn a_quota_is_filled_by_all_steps_together() {
    let more = json!({"deployment": "fraud", "namespace": "shop", "memory_request": "512Mi"});
    let merged = run(&[("increase_resources", more), scale(8)], world(vec![quota("3Gi", "1280Mi")]));
    let text = refusal(&merged, 1);
    assert!(
        text.contains("512Mi x 8 pods") && text.contains("1280Mi used + 2816Mi more = 4Gi"),
        "{text}"
    );
}

#[test]
fn containers_beyond_a_limit_range_are_refused() {
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": "shop", "uid": "u-5"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}});
    let more = json!({"deployment": "fraud", "namespace": "shop", "memory": "2Gi"});
    let merged = run(&[("increase_resources", more)], world(vec![range]));
    let text = refusal(&merged, 0);
    assert!(text.contains("memory limit 2Gi of container fraud is more than the 1Gi"), "{text}");
}

fn autoscaler() -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "fraud-hpa", "namespace": "shop", "uid": "u-6"},
        "spec": {"minReplicas": 2, "maxReplicas": 6, "scaleTargetRef": {"kind": "Deployment", "name": "fraud"}}})
}

#[test]
fn an_autoscaler_that_would_undo_a_number_of_replicas_is_changed_first() {
    let merged = run(&[scale(8)], world(vec![autoscaler()]));
    assert!(refusal(&merged, 0).contains("keeps it between 2 and 6"), "{}", refusal(&merged, 0));
    let raise = ("update_hpa", json!({"hpa": "fraud-hpa", "namespace": "shop", "maxReplicas": 10}));
    let merged = run(&[raise, scale(8)], world(vec![autoscaler()]));
    assert!(merged.outcomes[1].pending.is_ok());
    assert!(
        merged.notes.iter().any(|note| note.contains("between 2 and 10")),
        "{:?}",
        merged.notes
    );
}

#[test]
fn what_an_operator_or_gitops_owns_is_said_to_be_put_back() {
    let mut object = fraud(5);
    object["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "kafka.strimzi.io/v1beta2", "kind": "Kafka", "name": "bus", "controller": true}]);
    object["metadata"]["labels"] = json!({"kustomize.toolkit.fluxcd.io/name": "apps"});
    let merged = run(&[scale(6)], world(vec![object]));
    let text = concerns(&merged, 0);
    assert!(
        text.contains("High: Deployment shop/fraud belongs to Kafka bus (kafka.strimzi.io)"),
        "{text}"
    );
    assert!(
        merged
            .notes
            .iter()
            .any(|note| note.contains("Flux deploys") && note.contains("update_git_manifests")),
        "{:?}",
        merged.notes
    );
}

fn node(memory: &str) -> Value {
    json!({"metadata": {"name": "one"}, "spec": {}, "status": {"allocatable": {"cpu": "4", "memory": memory, "pods": "110"}}})
}

#[test]
fn pods_that_find_no_room_are_counted() {
    let mut world = world(Vec::new());
    world.nodes = vec![node("2Gi")];
    world.asked = Some(BTreeMap::from([(
        "one".to_owned(),
        Asked {
            cpu: 500,
            memory: 1536 * 1024 * 1024 * 1000,
            pods: 5,
        },
    )]));
    let text = concerns(&run(&[scale(8)], world.clone()), 0);
    assert!(text.contains("3 more pods") && text.contains("have room for 2"), "{text}");
    world.asked.as_mut().unwrap().get_mut("one").unwrap().memory = 2048 * 1024 * 1024 * 1000;
    let restart = ("rolling_restart", json!({"deployment": "fraud", "namespace": "shop"}));
    let text = concerns(&run(&[restart], world), 0);
    assert!(
        text.contains("High: no node has room") && text.contains("lets no old pod go first"),
        "{text}"
    );
}

#[test]
fn pods_that_a_budget_does_not_spare_are_a_high_risk_where_it_is_not_asked() {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "fraud", "namespace": "shop", "uid": "u-7"},
        "spec": {"selector": {"matchLabels": {"app": "fraud"}}}, "status": {"disruptionsAllowed": 1}});
    let text = concerns(&run(&[scale(3)], world(vec![budget.clone()])), 0);
    assert!(text.contains("2 of 5 pods") && text.contains("lets 1 go now"), "{text}");
    let mut none = budget;
    none["status"]["disruptionsAllowed"] = json!(0);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fraud-1", "namespace": "shop", "uid": "u-8", "labels": {"app": "fraud"}}});
    let delete = [("delete_pod", json!({"pod": "fraud-1", "namespace": "shop"}))];
    let merged = run(&delete, owned(vec![none, pod.clone()]));
    let text = concerns(&merged, 0);
    assert!(text.contains("lets no pod go now, and a deletion does not ask it"), "{text}");
    let mut going = pod;
    going["metadata"]["deletionTimestamp"] = json!("2026-03-10T12:00:00Z");
    going["spec"]["nodeName"] = json!("worker-3");
    let merged = run(&delete, owned(vec![going]));
    let refused = merged.outcomes[0].pending.as_ref().unwrap_err().reason.clone();
    assert!(refused.contains("goes when worker-3 confirms"), "{refused}");
}

/// With a pod `fraud-1` of the Deployment.
fn owned(objects: Vec<Value>) -> World {
    let mut world = world(objects);
    world.owners.push((
        ObjectRef::new("v1", "Pod", Some("shop"), "fraud-1"),
        ObjectRef::new("apps/v1", "Deployment", Some("shop"), "fraud"),
    ));
    world
}

#[test]
fn an_eviction_that_would_wait_for_a_budget_is_a_high_risk() {
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "fraud", "namespace": "shop", "uid": "u-7"},
        "spec": {"selector": {"matchLabels": {"app": "fraud"}}}, "status": {"disruptionsAllowed": 0}});
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one", "uid": "u-9"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "fraud-1", "namespace": "shop", "uid": "u-8", "labels": {"app": "fraud"}}, "spec": {"nodeName": "one"}});
    let mut world = owned(vec![budget, node.clone(), pod]);
    world.kinds.retain(|kind| kind.kind != "PodDisruptionBudget");
    world.kinds.push(Kind::everywhere("policy/v1", "PodDisruptionBudget"));
    let on = ObjectRef::new("v1", "Node", None, "one");
    world.pods.push((on, vec![ObjectRef::new("v1", "Pod", Some("shop"), "fraud-1")]));
    let text = concerns(&run(&[("drain", json!({"node": "one"}))], world), 0);
    assert!(
        text.contains("High: PodDisruptionBudget shop/fraud lets no pod go now, and an eviction waits"),
        "{text}"
    );
}
