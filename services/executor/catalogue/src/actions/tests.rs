//! Every action: what it accepts, refuses and wants.

use serde_json::{Value, json};

use paramedic_domain::object::ObjectRef;

use super::*;
use crate::action::{Request, Work};

fn params(value: Value) -> Params {
    value.as_object().unwrap().clone()
}

fn deployment(spec: &Value) -> (ObjectRef, Value) {
    let reference = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "u-1"}, "spec": spec});
    (reference, object)
}

fn containers(containers: Value) -> Value {
    json!({"replicas": 2, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}})
}

fn world(spec: &Value) -> World {
    World {
        objects: vec![deployment(spec)],
        ..World::default()
    }
}

fn draft(action: &str, arguments: Value, world: &World) -> Result<Draft, String> {
    let moment = Moment {
        steps: vec!["rec-1".parse().unwrap(), "rec-001".parse().unwrap(), "rec-002".parse().unwrap()],
        now: "2026-11-22T10:00:00Z".parse().unwrap(),
        marker: "plan_a/rec-1".into(),
        suffix: "0123abcd".into(),
    };
    let catalogue = Catalogue::default();
    let action = catalogue.find(action).unwrap();
    action.draft(&params(arguments), world, &moment).map_err(|refused| refused.reason)
}

fn edits(draft: Draft) -> Vec<(String, Option<Value>)> {
    let Work::One(Request::Edit(edit)) = draft.work else {
        panic!("{draft:?}")
    };
    edit.edits.into_iter().map(|edit| (edit.path.pointer(), edit.value)).collect()
}

#[test]
fn no_name_is_used_twice_and_a_registered_action_cannot_take_one() {
    assert!(Catalogue::new(Vec::new()).is_ok());
    let twin: std::sync::Arc<dyn Action> = Catalogue::default().find("notify").unwrap().clone();
    let refused = Catalogue::new(vec![twin]).err().unwrap();
    assert!(refused.contains("two actions are called"), "{refused}");
}

#[test]
fn every_schema_is_one_that_validators_understand_and_forbids_what_it_does_not_know() {
    for action in Catalogue::default().iter() {
        let schema = action.schema();
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{}: {error}", action.name()));
        assert!(
            !validator.is_valid(&json!({"namespace": "a", "no_such_parameter": 1})),
            "{}",
            action.name()
        );
        assert!(action.needs(&params(json!({"no_such_parameter": 1}))).is_err(), "{}", action.name());
    }
}

#[test]
fn a_request_that_equals_its_limit_goes_up_with_it_and_others_stay() {
    let spec = containers(
        json!([{"name": "web", "resources": {"limits": {"memory": "2Gi", "cpu": "1"}, "requests": {"memory": "2Gi", "cpu": "500m"}}}]),
    );
    let arguments = json!({"deployment": "web", "namespace": "shop", "memory": "3Gi", "cpu": "2"});
    let base = "/spec/template/spec/containers/0/resources";
    assert_eq!(
        edits(draft("increase_resources", arguments, &world(&spec)).unwrap()),
        [
            (format!("{base}/limits/memory"), Some("3Gi".into())),
            (format!("{base}/requests/memory"), Some("3Gi".into())),
            (format!("{base}/limits/cpu"), Some("2".into())),
        ]
    );
}

#[test]
fn limits_that_make_no_sense_are_refused_with_the_numbers() {
    let spec = containers(json!([{"name": "web", "resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}}}]));
    let mut world = world(&spec);
    world.nodes = vec![
        json!({"status": {"allocatable": {"memory": "15Gi"}}}),
        json!({"status": {"allocatable": {"memory": "7Gi"}}}),
    ];
    for (memory, expected) in [
        ("1Gi", "less than the present limit 2Gi"),
        ("16Gi", "more than any node can give (15Gi"),
        ("lots", "no positive Kubernetes quantity"),
    ] {
        let refused = draft(
            "increase_resources",
            json!({"deployment": "web", "namespace": "shop", "memory": memory}),
            &world,
        )
        .unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    let refused = draft("increase_resources", json!({"deployment": "web", "namespace": "shop"}), &world).unwrap_err();
    assert!(refused.contains("at least one"), "{refused}");
}

#[test]
fn with_several_containers_the_one_named_like_the_workload_is_meant_or_must_be_said() {
    let spec = containers(json!([{"name": "proxy"}, {"name": "web"}]));
    let arguments = json!({"deployment": "web", "namespace": "shop", "debug_flags": ["-v"]});
    let found = edits(draft("enable_debug_mode", arguments.clone(), &world(&spec)).unwrap());
    assert_eq!(found[0].0, "/spec/template/spec/containers/1/args");
    let unclear = containers(json!([{"name": "proxy"}, {"name": "app"}]));
    let refused = draft("enable_debug_mode", arguments, &world(&unclear)).unwrap_err();
    assert!(refused.contains("name one of"), "{refused}");
}

#[test]
fn flags_are_appended_once() {
    let spec = containers(json!([{"name": "web", "args": ["--a"]}]));
    let arguments = json!({"deployment": "web", "namespace": "shop", "debug_flags": ["--a", "--b"]});
    let found = edits(draft("enable_debug_mode", arguments, &world(&spec)).unwrap());
    assert_eq!(found[0].1, Some(json!(["--a", "--b"])));
    let again = json!({"deployment": "web", "namespace": "shop", "debug_flags": ["--a"]});
    assert!(
        draft("enable_debug_mode", again, &world(&spec))
            .unwrap_err()
            .contains("already has")
    );
}

#[test]
fn one_pod_is_deleted_only_if_something_replaces_it_and_a_workload_is_restarted_in_turn() {
    let pod = ObjectRef::new("v1", "Pod", Some("shop"), "web-1");
    let mut world = world(&containers(json!([{"name": "web"}])));
    world
        .objects
        .push((pod.clone(), json!({"metadata": {"name": "web-1", "uid": "u-pod"}})));
    let arguments = json!({"pod": "web-1", "namespace": "shop"});
    assert!(
        draft("restart_pod", arguments.clone(), &world)
            .unwrap_err()
            .contains("no controller")
    );
    let owner = deployment(&json!({})).0;
    world.owners.push((pod, owner.clone()));
    let Work::One(Request::Delete { target, owner: found, .. }) = draft("restart_pod", arguments, &world).unwrap().work else {
        panic!()
    };
    assert_eq!((target.uid.as_deref(), found), (Some("u-pod"), Some(owner)));
    let rolling = draft(
        "rolling_restart_pods",
        json!({"deployment": "web", "namespace": "shop", "strategy": "rolling"}),
        &world,
    )
    .unwrap();
    assert_eq!(
        edits(rolling),
        [(
            "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt".into(),
            Some("2026-11-22T10:00:00Z".into())
        )]
    );
    let paused = self::world(&json!({"paused": true, "template": {}}));
    assert!(
        draft("restart_deployment", json!({"deployment": "web", "namespace": "shop"}), &paused)
            .unwrap_err()
            .contains("paused")
    );
}

#[test]
fn a_rollback_restores_the_template_of_the_revision_before_without_its_hash() {
    let set = |revision: &str, image: &str, owner: &str| {
        json!({
            "metadata": {"annotations": {"deployment.kubernetes.io/revision": revision}, "ownerReferences": [{"uid": owner, "kind": "Deployment"}]},
            "spec": {"template": {"metadata": {"labels": {"app": "web", "pod-template-hash": "abc"}}, "spec": {"containers": [{"name": "web", "image": image}]}}}
        })
    };
    let mut world = world(&containers(json!([{"name": "web", "image": "web:3"}])));
    world.replica_sets = vec![
        set("10", "web:3", "u-1"),
        set("9", "web:2", "u-1"),
        set("2", "web:1", "u-1"),
        set("11", "other:1", "u-9"),
    ];
    let arguments = json!({"deployment": "web", "namespace": "shop"});
    let found = edits(draft("rollback_deployment", arguments, &world).unwrap());
    assert_eq!(found[0].0, "/spec/template");
    assert_eq!(
        found[0].1,
        Some(json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:2"}]}}))
    );
    let unknown = draft(
        "rollback_deployment",
        json!({"deployment": "web", "namespace": "shop", "revision": 5}),
        &world,
    )
    .unwrap_err();
    assert!(unknown.contains("[2, 9, 10]"), "{unknown}");
}

#[test]
fn the_bounds_of_an_autoscaler_stay_in_order() {
    let reference = ObjectRef::new("autoscaling/v2", "HorizontalPodAutoscaler", Some("shop"), "web-hpa");
    let object = json!({"metadata": {"uid": "u-2"}, "spec": {"minReplicas": 4, "maxReplicas": 12}, "status": {"currentReplicas": 10}});
    let world = World {
        objects: vec![(reference, object)],
        ..World::default()
    };
    let lower = draft(
        "update_hpa",
        json!({"hpa": "web-hpa", "namespace": "shop", "maxReplicas": 8}),
        &world,
    )
    .unwrap();
    assert_eq!(edits(lower), [("/spec/maxReplicas".into(), Some(json!(8)))]);
    assert!(
        draft(
            "update_hpa",
            json!({"hpa": "web-hpa", "namespace": "shop", "maxReplicas": 3}),
            &world
        )
        .is_err()
    );
}

#[test]
fn a_backup_copies_files_and_nothing_that_holds_secrets() {
    let world = world(&containers(json!([{"name": "web"}])));
    let with = |path: &str| {
        draft(
            "backup_data",
            json!({"deployment": "web", "namespace": "shop", "paths": [path]}),
            &world,
        )
    };
    let Work::Exec(exec) = with("/var/log/web/").unwrap().work else {
        panic!()
    };
    assert_eq!(exec.argv, ["tar", "cf", "-", "-C", "/", "var/log/web"]);
    assert_eq!(exec.container, "web");
    for path in [
        "",
        "/",
        "relative",
        "/a/../etc",
        "/-rf",
        "/var/run/secrets/token",
        "/var",
        "/proc/1/environ",
        "//x",
        "/a\nb",
    ] {
        assert!(with(path).is_err(), "{path:?}");
    }
}

#[test]
fn a_heap_dump_needs_a_command_that_its_owner_configured() {
    let with = |annotation: &str| heap_dump_command(&json!({"metadata": {"annotations": {"paramedic.dev/heap-dump-command": annotation}}}));
    assert_eq!(with(r#"["jcmd", "1", "GC.heap_dump"]"#).unwrap().len(), 3);
    assert_eq!(with("rm -rf /"), None);
    assert_eq!(with("[]"), None);
    assert_eq!(heap_dump_command(&json!({})), None);
}

#[test]
fn workloads_are_named_by_exactly_one_parameter() {
    let world = World::default();
    for arguments in [
        json!({"namespace": "shop"}),
        json!({"namespace": "shop", "deployment": "a", "statefulset": "b"}),
    ] {
        assert!(draft("collect_diagnostics", arguments, &world).unwrap_err().contains("exactly one"));
    }
    let missing = draft("collect_diagnostics", json!({"namespace": "shop", "deployment": "gone"}), &world).unwrap_err();
    assert_eq!(missing, "Deployment shop/gone does not exist in the cluster");
}
