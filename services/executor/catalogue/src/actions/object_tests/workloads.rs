//! Pods, replicas, resources, images.

use paramedic_domain::{change::Wait, object::ObjectRef};
use serde_json::{Value, json};

use super::{Stage, concerns, edit, requests, target, values, web};
use crate::{
    action::{Draft, Request},
    world::served,
};

fn set(name: &str) -> ObjectRef {
    ObjectRef::new("apps/v1", "StatefulSet", Some("shop"), name)
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
    let restarted = all
        .draft("rolling_restart", arguments(json!({"strategy": "one-at-a-time"})))
        .unwrap();
    assert_eq!(deleted(&restarted), deleted(&draft), "by every name");
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
fn ordinals_are_numbers_and_a_pod_that_would_not_come_back_stays() {
    let object = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"replicas": 12, "template": {"spec": {"containers": []}}}});
    let all = (0..12).fold(Stage::default().with(object), |stage, n| {
        stage.pod(&set("db"), &format!("db-{n}"), true, json!({}))
    });
    let arguments = json!({"statefulset": "db", "namespace": "shop", "strategy": "one-at-a-time"});
    let draft = all.draft("rolling_restart", arguments).unwrap();
    assert_eq!(deleted(&draft)[..3], ["db-11", "db-10", "db-9"]);
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
fn quantities_are_compared_by_value_and_written_as_the_server_writes_them() {
    let stage = Stage::default().with(web(
        json!({"name": "web", "resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi", "cpu": "250m"}}}),
    ));
    assert!(
        stage
            .refusal("set_resources", target(json!({"memory": "2048Mi"})))
            .contains("already has these")
    );
    let draft = stage
        .draft("increase_resources", target(json!({"memory": "4096Mi", "cpu_request": "0.5"})))
        .unwrap();
    let written: Vec<Option<Value>> = values(&draft).into_iter().map(|(_, value)| value).collect();
    assert_eq!(written, [Some(json!("4Gi")), Some(json!("500m"))]);
    assert!(
        stage
            .refusal("increase_resources", target(json!({"cpu_request": "100m"})))
            .contains("present request 250m")
    );
    let first = stage.draft("increase_resources", target(json!({"cpu": "1"}))).unwrap();
    assert!(first.notes[0].contains("no cpu limit until now"), "{:?}", first.notes);
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
fn a_resize_that_restarts_containers_or_cannot_go_back_says_so() {
    let reference = ObjectRef::new("apps/v1", "Deployment", Some("shop"), "web");
    let resources = json!({"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}});
    let with = |policy: Value, kubelet: &str| {
        let spec = json!({"nodeName": "one", "containers": [{"name": "web", "resources": resources, "resizePolicy": policy}]});
        let mut stage = Stage::default()
            .with(web(json!({"name": "web", "resources": resources})))
            .pod(&reference, "web-a", true, spec);
        stage.0.served.push(served("v1", "pods/resize"));
        stage.0.nodes = vec![
            json!({"metadata": {"name": "one"}, "status": {"nodeInfo": {"kubeletVersion": kubelet}, "allocatable": {"memory": "64Gi"}}}),
        ];
        stage.draft("resize_pods_in_place", target(json!({"memory": "3Gi"}))).unwrap()
    };
    let restarts = with(json!([{"resourceName": "memory", "restartPolicy": "RestartContainer"}]), "v1.33.2");
    assert!(
        concerns(&restarts).contains("High: container web restarts in every pod"),
        "{}",
        concerns(&restarts)
    );
    assert_eq!(edit(&requests(&restarts)[0]).irreversible, None);
    let stays = with(json!([]), "v1.33.2");
    assert_eq!(concerns(&stays), "");
    assert!(edit(&requests(&stays)[0]).irreversible.as_ref().unwrap().contains("before 1.34"));
    assert!(stays.notes.iter().any(|note| note.contains("cannot go back")), "{:?}", stays.notes);
    assert_eq!(edit(&requests(&with(json!([]), "v1.34.0"))[0]).irreversible, None);
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
