//! ConfigMaps, variables, flags, revisions, autoscalers, budgets, Secrets.

use paramedic_domain::{change::Wait, plan::Lasts};
use serde_json::{Value, json};

use super::{Stage, concerns, edit, requests, target, values, web};
use crate::{action::Draft, world::Kind as Kinds};

fn configured(immutable: bool) -> Stage {
    let reader = web(json!({"name": "web", "envFrom": [{"configMapRef": {"name": "config"}}]}));
    Stage::default()
        .with(reader)
        .with(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "config", "namespace": "shop"},
            "immutable": immutable, "data": {"SIZE": "100", "OLD": "x"}, "binaryData": {"blob": "AA=="}}),
        )
        .listed(Kinds::within("apps/v1", "Deployment", "shop"))
}

#[test]
fn values_of_a_config_map_are_set_and_removed_and_its_readers_are_named() {
    let stage = configured(false);
    let with = |patch: Value| json!({"configMap": "config", "namespace": "shop", "patch": patch});
    let draft = stage
        .draft("patch_config_map", with(json!({"SIZE": 200, "TIMEOUT": "30s", "OLD": null})))
        .unwrap();
    assert_eq!(
        values(&draft),
        [
            ("/data/OLD".into(), None),
            ("/data/SIZE".into(), Some(json!("200"))),
            ("/data/TIMEOUT".into(), Some(json!("30s")))
        ]
    );
    assert!(draft.notes[0].contains("Deployment shop/web read"), "{:?}", draft.notes);
    assert!(stage.refusal("patch_configmap", with(json!({"blob": "x"}))).contains("binary data"));
    assert!(
        stage
            .refusal("patch_configmap", with(json!({"GONE": null})))
            .contains("no key GONE")
    );
    assert!(
        stage
            .refusal("patch_configmap", with(json!({"SIZE": "100"})))
            .contains("already has")
    );
    assert!(
        stage
            .refusal("patch_configmap", with(json!({"a b": "1"})))
            .contains("cannot be a key")
    );
    assert!(
        configured(true)
            .refusal("patch_config_map", with(json!({"SIZE": "1"})))
            .contains("immutable")
    );
}

#[test]
fn readers_of_a_config_map_are_held_until_it_has_changed_in_both_directions() {
    let stage = configured(false);
    let arguments = json!({"configMap": "config", "namespace": "shop", "patch": {"SIZE": "200"}, "restart": true});
    let draft = stage.draft("patch_config_map", arguments).unwrap();
    let requests = requests(&draft);
    let paths: Vec<Vec<String>> = requests
        .iter()
        .map(|request| edit(request).edits.iter().map(|edit| edit.path.pointer()).collect())
        .collect();
    let restarted = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";
    assert_eq!(paths, [vec![restarted, "/spec/paused"], vec!["/data/SIZE"], vec!["/spec/paused"]]);
    assert_eq!(edit(&requests[0]).edits[1].value, Some(json!(true)));
    assert_eq!(
        (edit(&requests[2]).edits[0].value.clone(), edit(&requests[2]).wait),
        (None, Wait::Rollout)
    );
}

#[test]
fn variables_of_a_container_are_set_and_removed_but_not_those_from_elsewhere() {
    let stage = Stage::default().with(web(json!({"name": "web", "env": [
        {"name": "LEVEL", "value": "info"}, {"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}]})));
    let draft = stage
        .draft("patch_env", target(json!({"set": {"LEVEL": "debug", "WORKERS": 4}})))
        .unwrap();
    let list = values(&draft)[0].1.clone().unwrap();
    assert_eq!(list[0], json!({"name": "LEVEL", "value": "debug"}));
    assert_eq!(list[2], json!({"name": "WORKERS", "value": "4"}));
    assert!(stage.refusal("set_env", target(json!({"set": {"DB": "x"}}))).contains("valueFrom"));
    assert!(stage.refusal("set_env", target(json!({"unset": ["DB"]}))).contains("valueFrom"));
    assert!(
        stage
            .refusal("set_env", target(json!({"set": {"DB_PASSWORD": "x"}})))
            .contains("looks like a secret")
    );
    assert!(stage.refusal("set_env", target(json!({"unset": ["GONE"]}))).contains("no variable"));
}

#[test]
fn debug_flags_expire_and_with_a_duration_are_a_patch_of_their_own() {
    let stage = Stage::default().with(web(json!({"name": "web"})));
    let draft = stage.draft("enable_debug_mode", target(json!({"debug_flags": ["-v"]}))).unwrap();
    let seconds = |draft: &Draft| match draft.lasts {
        Some(Lasts::For { duration }) => duration.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!((seconds(&draft), draft.alone), (3600, false));
    let said = stage
        .draft("enable_debug_mode", target(json!({"debug_flags": ["-v"], "duration": "30m"})))
        .unwrap();
    assert_eq!((seconds(&said), said.alone), (1800, true));
    assert!(
        stage
            .refusal("enable_debug_mode", target(json!({"debug_flags": ["-v"], "duration": "25h"})))
            .contains("longer than 24 h")
    );
}

#[test]
fn a_rollback_to_what_refers_to_missing_objects_is_refused_with_their_names() {
    let mut stage = Stage::default().with(web(json!({"name": "web", "image": "web:2"})));
    stage.0.replica_sets = ["1", "2"]
        .map(|revision| {
            json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": revision}, "ownerReferences": [{"uid": "u-web"}]},
                "spec": {"template": {"spec": {"containers": [{"name": "web", "image": format!("web:{revision}"),
                    "envFrom": [{"configMapRef": {"name": format!("config-{revision}")}}, {"secretRef": {"name": "keys"}}]}]}}}})
        })
        .to_vec();
    let draft = stage.draft("rollback_deployment", target(json!({}))).unwrap();
    assert!(draft.notes[0].contains("web:1"), "{:?}", draft.notes);
    assert!(draft.notes[1].contains("ConfigMap, Secret may not be listed"), "{:?}", draft.notes);
    let names = |kind: &'static str, names: &[&str]| (Kinds::within("v1", kind, "shop"), names.iter().map(ToString::to_string).collect());
    stage.0.names = vec![names("ConfigMap", &["config-2"]), names("Secret", &["keys"])];
    let refused = stage.refusal("rollback_deployment", target(json!({})));
    assert!(refused.contains("does not exist any more: ConfigMap config-1"), "{refused}");
}

#[test]
fn an_autoscaler_aims_at_another_use_only_of_what_it_looks_at() {
    let stage = Stage::default().with(json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop"}, "spec": {"minReplicas": 2, "maxReplicas": 8, "metrics": [
            {"type": "Pods"}, {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]}}));
    let with = |more: Value| {
        let mut params = json!({"hpa": "web", "namespace": "shop"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let draft = stage.draft("update_hpa", with(json!({"targetCPUUtilization": 60}))).unwrap();
    assert_eq!(
        values(&draft),
        [("/spec/metrics/1/resource/target/averageUtilization".into(), Some(json!(60)))]
    );
    assert!(
        stage
            .refusal("update_hpa", with(json!({"targetMemoryUtilization": 60})))
            .contains("no target to change")
    );
}

#[test]
fn a_budget_changes_for_the_workflow_only_and_allowing_everything_is_a_high_risk() {
    let stage = Stage::default().with(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "shop"}, "spec": {"minAvailable": 3}, "status": {"expectedPods": 4}}));
    let with = |more: Value| {
        let mut params = json!({"pdb": "web", "namespace": "shop"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let draft = stage.draft("update_pdb", with(json!({"maxUnavailable": 2}))).unwrap();
    assert_eq!(draft.lasts, Some(Lasts::Workflow));
    assert_eq!(
        values(&draft),
        [("/spec/maxUnavailable".into(), Some(json!(2))), ("/spec/minAvailable".into(), None)]
    );
    for everything in [
        json!({"minAvailable": 0}),
        json!({"maxUnavailable": 4}),
        json!({"maxUnavailable": "100%"}),
    ] {
        let draft = stage.draft("update_pdb", with(everything)).unwrap();
        assert!(concerns(&draft).contains("High: "), "{}", concerns(&draft));
    }
    assert!(
        stage
            .refusal("update_pdb", with(json!({"minAvailable": 3})))
            .contains("already has")
    );
    assert!(
        stage
            .refusal("update_pdb", with(json!({"minAvailable": "many"})))
            .contains("neither")
    );
    assert!(stage.refusal("update_pdb", with(json!({}))).contains("exactly one"));
}

#[test]
fn everything_that_reads_a_secret_is_restarted_and_nothing_else() {
    let reader = web(json!({"name": "web", "envFrom": [{"secretRef": {"name": "keys"}}]}));
    let mut other = web(json!({"name": "other"}));
    other["metadata"]["name"] = json!("other");
    let stage = Stage::default()
        .with(reader)
        .with(other)
        .listed(Kinds::within("apps/v1", "Deployment", "shop"));
    let draft = stage.draft("rotate_pods", json!({"namespace": "shop", "secret": "keys"})).unwrap();
    let requests = requests(&draft);
    assert_eq!(requests.len(), 1);
    assert_eq!(edit(&requests[0]).target.name, "web");
    assert!(edit(&requests[0]).irreversible.is_some());
    assert!(
        stage
            .refusal("rotate_pods", json!({"namespace": "shop", "secret": "none"}))
            .contains("no workload")
    );
}

#[test]
fn a_statefulset_goes_back_to_what_its_controller_revision_keeps() {
    let image = |image: &str| json!({"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": image}]}});
    let kept = |name: &str, number: u64, tag: &str| {
        let mut template = image(tag);
        template["$patch"] = json!("replace");
        json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": name, "namespace": "shop", "ownerReferences": [{"uid": "u-db"}]},
            "revision": number, "data": {"spec": {"template": template}}})
    };
    let stage = Stage::default()
        .with(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"}, "spec": {"template": image("db:2")}}))
        .with(kept("db-b", 2, "db:2"))
        .with(kept("db-a", 1, "db:1"))
        .listed(Kinds::within("apps/v1", "ControllerRevision", "shop"));
    let draft = stage
        .draft("rollback_statefulset", json!({"statefulset": "db", "namespace": "shop"}))
        .unwrap();
    assert_eq!(values(&draft), [("/spec/template".into(), Some(image("db:1")))]);
}
