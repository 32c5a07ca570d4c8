//! LimitRanges, quotas, configuration and probes, as a client sees them.

use super::{
    rest::{Cluster, deployment, template, true_conditions},
    *,
};

const PODS: &str = "/api/v1/namespaces/shop/pods";
const WEB: &str = "/apis/apps/v1/namespaces/shop/deployments/web";

fn pod(resources: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"},
        "spec": {"containers": [{"name": "app", "image": "example/app:1", "resources": resources}]}})
}

#[tokio::test]
async fn a_limit_range_gives_defaults_and_refuses_what_is_out_of_range() {
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "sizes", "namespace": "shop"}, "spec": {"limits": [
        {"type": "Container", "max": {"memory": "1Gi"}, "min": {"memory": "32Mi"}, "default": {"memory": "512Mi"}, "defaultRequest": {"memory": "128Mi"}}]}});
    let cluster = Cluster::new(&[range], "");
    let refused = cluster.post(PODS, &pod(json!({"limits": {"memory": "2Gi"}}))).await;
    assert_eq!(refused.code, 403);
    assert_eq!(
        refused.body["message"],
        "pods \"one\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi"
    );
    let small = cluster.post(PODS, &pod(json!({"requests": {"memory": "16Mi"}}))).await;
    assert_eq!(
        small.body["message"],
        "pods \"one\" is forbidden: minimum memory usage per Container is 32Mi, but request is 16Mi"
    );
    let made = cluster.post(PODS, &pod(json!({}))).await.body;
    assert_eq!(
        made["spec"]["containers"][0]["resources"],
        json!({"limits": {"memory": "512Mi"}, "requests": {"memory": "128Mi"}})
    );
}

#[tokio::test]
async fn a_full_quota_shows_in_the_replica_set_and_its_deployment() {
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team", "namespace": "shop"},
        "spec": {"hard": {"requests.memory": "128Mi"}}});
    let cluster = Cluster::new(&[quota, deployment("web", 2)], "");
    cluster.live(10);
    cluster.merge(WEB, &json!({"spec": {"replicas": 3}})).await;
    cluster.live(10);
    let web = cluster.get(WEB).await;
    let failure = obj::condition(&web, "ReplicaFailure").unwrap();
    assert_eq!(failure["reason"], "FailedCreate");
    let message = failure["message"].as_str().unwrap();
    let expected =
        "is forbidden: exceeded quota: team, requested: requests.memory=64Mi, used: requests.memory=128Mi, limited: requests.memory=128Mi";
    assert!(message.starts_with("pods \"web-") && message.ends_with(expected), "{message}");
}

#[tokio::test]
async fn a_liveness_probe_that_fails_kills_the_container() {
    let rest = "workloads:\n  - namespace: shop\n    name: web\n    faults: [{liveness_fails: {after: 60s, message: \"HTTP probe failed with statuscode: 503\"}}]\n";
    let cluster = Cluster::new(&[deployment("web", 1)], rest);
    cluster.live(70);
    let pods = cluster.items(PODS).await;
    let status = status_of(&pods[0]);
    assert_eq!(status["restartCount"], 1);
    let last = &status["lastState"]["terminated"];
    assert_eq!((&last["exitCode"], &last["reason"]), (&json!(137), &json!("Error")));
    let events = cluster.events(obj::name(&pods[0])).await;
    for (reason, message) in [
        ("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503"),
        ("Killing", "Container app failed liveness probe, will be restarted"),
    ] {
        assert!(events.contains(&(reason.to_owned(), message.to_owned())), "{events:?}");
    }
}

#[tokio::test]
async fn init_containers_run_first_and_one_after_the_other() {
    let mut web = deployment("web", 1);
    web["spec"]["template"]["spec"]["initContainers"] = json!([
        {"name": "wait", "image": "example/tool:1", "command": ["sleep", "20"]},
        {"name": "migrate", "image": "example/tool:1", "command": ["sh", "-c", "exit 3"]}]);
    let cluster = Cluster::new(&[web], "");
    cluster.live(10);
    let first = cluster.items(PODS).await.remove(0);
    let inits = &first["status"]["initContainerStatuses"];
    assert!(inits[0]["state"]["running"].is_object(), "{inits}");
    assert_eq!(inits[1]["state"]["waiting"]["reason"], "PodInitializing");
    assert_eq!(status_of(&first)["state"]["waiting"]["reason"], "PodInitializing");
    assert_eq!(first["status"]["phase"], "Pending");
    cluster.live(60);
    let stuck = cluster.items(PODS).await.remove(0);
    let inits = &stuck["status"]["initContainerStatuses"];
    assert_eq!(inits[0]["state"]["terminated"]["exitCode"], 0);
    assert_eq!(inits[1]["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert!(!true_conditions(&stuck).contains(&"Initialized"));
    cluster
        .send(
            "PATCH",
            WEB,
            "application/strategic-merge-patch+json",
            &json!({"spec": {"template": {"spec": {"initContainers": [{"name": "migrate", "command": ["true"]}]}}}}),
        )
        .await;
    cluster.live(60);
    assert_eq!(cluster.get(WEB).await["status"]["availableReplicas"], 1);
}

#[tokio::test]
async fn containers_see_what_their_config_map_holds_when_they_start() {
    let config =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}, "data": {"POOL_SIZE": "400"}});
    let mut web = deployment("web", 1);
    web["spec"]["template"] = template("web");
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "web"}}]);
    let rest = "workloads:\n  - namespace: shop\n    name: web\n    faults: [{when: {env: {POOL_SIZE: \"400\"}}, crash_on_start: {exit_code: 1}}]\n";
    let cluster = Cluster::new(&[config, web], rest);
    cluster.live(60);
    assert!(status_of(&cluster.items(PODS).await[0])["restartCount"].as_i64().unwrap() >= 2);
    cluster
        .merge("/api/v1/namespaces/shop/configmaps/web", &json!({"data": {"POOL_SIZE": "50"}}))
        .await;
    cluster.live(120);
    assert_eq!(
        cluster.get(WEB).await["status"]["availableReplicas"],
        1,
        "the next start reads the new value"
    );
    cluster.delete("/api/v1/namespaces/shop/configmaps/web").await;
    let name = obj::name(&cluster.items(PODS).await[0]).to_owned();
    cluster.delete(&format!("{PODS}/{name}")).await;
    cluster.live(20);
    let waiting = status_of(&cluster.items(PODS).await[0])["state"]["waiting"].clone();
    assert_eq!(
        (&waiting["reason"], &waiting["message"]),
        (&json!("CreateContainerConfigError"), &json!("configmap \"web\" not found"))
    );
}

#[tokio::test]
async fn an_admission_policy_refuses_an_image_in_a_dry_run_too_and_says_its_name() {
    let rest = "admission:\n  - {policy: no-candidates, binding: shops, resources: [deployments], namespaces: [shop], image_contains: \"-rc\", message: release candidates stay in staging}\n";
    let cluster = Cluster::new(&[deployment("web", 1)], rest);
    let other = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "example/app:2-rc1"}]}}}});
    for path in [format!("{WEB}?dryRun=All"), WEB.to_owned()] {
        let refused = cluster.send("PATCH", &path, "application/strategic-merge-patch+json", &other).await;
        assert_eq!((refused.code.as_u16(), &refused.body["reason"]), (422, &json!("Invalid")));
        let why = "ValidatingAdmissionPolicy 'no-candidates' with binding 'shops' denied request: release candidates stay in staging";
        assert_eq!(refused.body["message"], format!("deployments.apps \"web\" is forbidden: {why}"));
        assert_eq!(refused.body["details"]["causes"], json!([{"message": why}]));
    }
    let fine = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "example/app:2"}]}}}});
    let taken = cluster.send("PATCH", WEB, "application/strategic-merge-patch+json", &fine).await;
    assert_eq!(taken.code, 200, "{}", taken.body);
}
