//! Actions that change workloads and what belongs to them: what they want and what they refuse.

use serde_json::{Value, json};

use paramedic_domain::{change::Wait, object::ObjectRef, plan::Lasts};

use super::*;
use crate::{
    action::{ObjectEdit, Request, Work},
    world::{Kind as Kinds, served},
};

/// A world to which objects are added by their manifest.
#[derive(Default)]
pub(super) struct Stage(pub(super) World);

impl Stage {
    pub(super) fn with(mut self, object: Value) -> Self {
        let reference = crate::prepare::reference(&object).unwrap();
        let mut object = object;
        if object.pointer("/metadata/uid").is_none() {
            object["metadata"]["uid"] = json!(format!("u-{}", reference.name));
        }
        self.0.objects.push((reference, object));
        self
    }

    pub(super) fn listed(mut self, kind: Kinds) -> Self {
        self.0.kinds.push(kind);
        self
    }

    /// A pod that a workload selects.
    pub(super) fn pod(mut self, workload: &ObjectRef, name: &str, ready: bool, spec: Value) -> Self {
        let namespace = workload.namespace.clone().unwrap_or_else(|| "shop".into());
        let ready = if ready { "True" } else { "False" };
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec,
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        let reference = ObjectRef::new("v1", "Pod", Some(&namespace), name);
        self = self.with(pod);
        match self.0.pods.iter_mut().find(|(whose, _)| whose == workload) {
            Some((_, pods)) => pods.push(reference),
            None => self.0.pods.push((workload.clone(), vec![reference])),
        }
        self
    }

    pub(super) fn draft(&self, action: &str, arguments: Value) -> Result<Draft, String> {
        let moment = Moment {
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
            marker: "plan_a/rec-1".into(),
            suffix: "0123abcd".into(),
        };
        let catalogue = Catalogue::default();
        let action = catalogue.find(action).unwrap_or_else(|| panic!("no action {action}"));
        let params = arguments.as_object().unwrap().clone();
        if let Some(refused) = violation(action.as_ref(), &params) {
            return Err(refused.reason);
        }
        action.draft(&params, &self.0, &moment).map_err(|refused| refused.reason)
    }

    pub(super) fn refusal(&self, action: &str, arguments: Value) -> String {
        match self.draft(action, arguments.clone()) {
            Err(reason) => reason,
            Ok(draft) => panic!("{action} {arguments} was not refused: {draft:?}"),
        }
    }
}

pub(super) fn requests(draft: &Draft) -> Vec<Request> {
    match &draft.work {
        Work::One(request) => vec![request.clone()],
        Work::Several(requests) => requests.clone(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn edit(request: &Request) -> &ObjectEdit {
    match request {
        Request::Edit(edit) => edit,
        other => panic!("{other:?}"),
    }
}

/// Path and value of every edit of the only request.
pub(super) fn values(draft: &Draft) -> Vec<(String, Option<Value>)> {
    let requests = requests(draft);
    assert_eq!(requests.len(), 1, "{requests:?}");
    edit(&requests[0])
        .edits
        .iter()
        .map(|edit| (edit.path.pointer(), edit.value.clone()))
        .collect()
}

pub(super) fn concerns(draft: &Draft) -> String {
    let texts: Vec<String> = draft.concerns.iter().map(|one| format!("{:?}: {}", one.level, one.text)).collect();
    texts.join("\n")
}

fn set(name: &str) -> ObjectRef {
    ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), name)
}

fn web(container: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}}})
}

fn target(more: Value) -> Value {
    let mut params = json!({"deployment": "web", "namespace": "shop"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

#[test]
fn a_workload_is_scaled_and_zero_must_be_meant() {
    let stage = Stage::default().with(web(json!({"name": "web"})));
    let draft = stage.draft("scale_deployment", target(json!({"replicas": 8}))).unwrap();
    assert_eq!(values(&draft), [("/spec/replicas".into(), Some(json!(8)))]);
    assert_eq!(edit(&requests(&draft)[0]).wait, Wait::Rollout);
    assert!(stage.refusal("scale", target(json!({"replicas": 0}))).contains("allowZero"));
    assert!(stage.refusal("scale", target(json!({"replicas": 4}))).contains("already has 4"));
    assert!(stage.refusal("scale", target(json!({"replicas": 501}))).contains("500"));
    let zero = stage.draft("scale", target(json!({"replicas": 0, "allow_zero": true}))).unwrap();
    assert!(
        concerns(&zero).contains("High: Deployment shop/web stops completely"),
        "{}",
        concerns(&zero)
    );
    let less = stage.draft("scale_down", target(json!({"replicas": 1}))).unwrap();
    assert!(concerns(&less).contains("3 of 4 pods"), "{}", concerns(&less));
}

#[test]
fn one_at_a_time_means_deletions_that_each_wait_for_the_workload() {
    let reference = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
    let stage = Stage::default().with(web(json!({"name": "web"})));
    let two = stage
        .pod(&reference, "web-a", true, json!({}))
        .pod(&reference, "web-b", false, json!({}));
    let draft = two
        .draft(
            "rolling_restart_pods",
            target(json!({"strategy": "one-at-a-time", "waitForReady": true})),
        )
        .unwrap();
    let deleted: Vec<String> = requests(&draft)
        .iter()
        .map(|request| match request {
            Request::Delete { target, owner, .. } => {
                assert_eq!(owner.as_ref().unwrap().name, "web");
                assert!(target.uid.is_some());
                target.name.clone()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(deleted, ["web-b", "web-a"], "the broken pod first");
    let broken = two.pod(&reference, "web-c", false, json!({}));
    assert!(
        broken
            .refusal("rolling_restart", target(json!({"strategy": "one-at-a-time"})))
            .contains("2 pods")
    );
    let many = (0..51).fold(Stage::default().with(web(json!({"name": "web"}))), |stage, n| {
        stage.pod(&reference, &format!("web-{n}"), true, json!({}))
    });
    assert!(
        many.refusal("rolling_restart", target(json!({"strategy": "one-at-a-time"})))
            .contains("more than 50")
    );
}

fn redis(policy: &str, broken: &[usize]) -> Stage {
    let object = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "redis-cluster", "namespace": "shop"},
        "spec": {"replicas": 6, "podManagementPolicy": policy, "template": {"spec": {"containers": []}}}});
    (0..6).fold(Stage::default().with(object), |stage, n| {
        stage.pod(
            &set("redis-cluster"),
            &format!("redis-cluster-{n}"),
            !broken.contains(&n),
            json!({}),
        )
    })
}

fn deleted(draft: &Draft) -> Vec<String> {
    let name = |request: &Request| match request {
        Request::Delete { target, .. } => target.name.clone(),
        other => panic!("{other:?}"),
    };
    requests(draft).iter().map(name).collect()
}

#[test]
fn ordinals_of_a_statefulset_are_restarted_from_the_highest_and_broken_ones_where_order_matters_from_the_lowest() {
    let arguments = |more: Value| {
        let mut params = json!({"statefulset": "redis-cluster", "namespace": "shop"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    let parallel = redis("Parallel", &[1, 4]);
    let draft = parallel
        .draft("restart_statefulset", arguments(json!({"unhealthyOnly": true})))
        .unwrap();
    assert_eq!(deleted(&draft), ["redis-cluster-4", "redis-cluster-1"]);
    let ordered = redis("OrderedReady", &[1, 4]);
    let draft = ordered
        .draft("restart_statefulset", arguments(json!({"unhealthy_only": true})))
        .unwrap();
    assert_eq!(deleted(&draft), ["redis-cluster-1", "redis-cluster-4"]);
    let lost = ordered.refusal("restart_statefulset", arguments(json!({"ordinals": [5]})));
    assert!(lost.contains("pod 1") && lost.contains("pod 5 would not come back"), "{lost}");
    let all = redis("OrderedReady", &[]);
    let draft = all
        .draft("restart_statefulset", arguments(json!({"strategy": "one-at-a-time"})))
        .unwrap();
    assert_eq!(deleted(&draft)[0], "redis-cluster-5");
    assert_eq!(deleted(&draft).len(), 6);
    assert!(
        all.refusal("restart_statefulset", arguments(json!({"unhealthyOnly": true})))
            .contains("every pod")
    );
    assert!(
        all.refusal("restart_statefulset", arguments(json!({"ordinals": [7]})))
            .contains("no pod 7")
    );
    let rolling = all.draft("restart_statefulset", arguments(json!({"strategy": "rolling"}))).unwrap();
    assert_eq!(
        values(&rolling)[0].0,
        "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"
    );
}

#[test]
fn resources_may_go_down_only_with_the_action_that_says_so() {
    let stage = Stage::default().with(web(
        json!({"name": "web", "resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}}}),
    ));
    assert!(
        stage
            .refusal("increase_resources", target(json!({"memory": "1Gi"})))
            .contains("set_resources")
    );
    let draft = stage.draft("set_resources", target(json!({"memory": "1Gi"}))).unwrap();
    assert!(concerns(&draft).contains("goes down from 2Gi to 1Gi"), "{}", concerns(&draft));
    assert!(
        stage
            .refusal("set_resources", target(json!({"memory": "512Mi"})))
            .contains("more than the limit")
    );
}

#[test]
fn running_pods_are_resized_where_the_server_can_and_the_template_stays() {
    let reference = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
    let resources = json!({"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}});
    let spec = json!({"containers": [{"name": "proxy"}, {"name": "web", "resources": resources}]});
    let mut stage = Stage::default()
        .with(web(json!({"name": "web", "resources": resources})))
        .pod(&reference, "web-a", true, spec.clone())
        .pod(&reference, "web-b", true, spec);
    let arguments = target(json!({"memory": "3Gi", "inPlace": true}));
    assert!(
        stage
            .refusal("increase_resources", arguments.clone())
            .contains("cannot resize pods in place")
    );
    stage.0.served.push(served("v1", "pods/resize"));
    let draft = stage.draft("increase_resources", arguments).unwrap();
    let requests = requests(&draft);
    assert_eq!(requests.len(), 2);
    for request in &requests {
        let edit = edit(request);
        assert_eq!(
            (edit.subresource.as_deref(), edit.wait, edit.template),
            (Some("resize"), Wait::PodResized, false)
        );
        assert_eq!(edit.edits[0].path.pointer(), "/spec/containers/1/resources/limits/memory");
        assert_eq!(edit.owner.as_ref().unwrap().name, "web");
    }
    assert!(draft.notes[0].contains("its template stays"));
}

#[test]
fn an_image_must_be_exact_and_another_one() {
    let stage = Stage::default().with(web(json!({"name": "web", "image": "registry:5000/shop/web:1.2"})));
    let with = |image: &str| target(json!({"image": image}));
    let draft = stage.draft("set_image", with("registry:5000/shop/web:1.3")).unwrap();
    assert_eq!(values(&draft)[0].1, Some(json!("registry:5000/shop/web:1.3")));
    assert_eq!(concerns(&draft), "");
    assert!(
        stage
            .draft("set_image", with(&format!("registry:5000/shop/web@sha256:{}", "a".repeat(64))))
            .is_ok()
    );
    assert!(stage.refusal("set_image", with("registry:5000/shop/web")).contains("no tag"));
    assert!(stage.refusal("set_image", with("registry:5000/shop/web:latest")).contains("latest"));
    assert!(
        stage
            .refusal("set_image", with("registry:5000/shop/web:1.2"))
            .contains("already runs")
    );
    assert!(stage.refusal("set_image", with("a b:1")).contains("not the name"));
    let other = stage.draft("set_image", with("elsewhere/web:1.3")).unwrap();
    assert!(concerns(&other).contains("another program"), "{}", concerns(&other));
}

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
