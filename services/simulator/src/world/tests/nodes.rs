//! Cordons, taints, failing nodes, evictions and budgets, as a client sees them.

use super::{
    rest::{Cluster, deployment},
    *,
};
use crate::api::backend::Kubelets;

const PODS: &str = "/api/v1/namespaces/shop/pods";

fn on(pods: &[Value], node: &str) -> usize {
    pods.iter()
        .filter(|pod| pod["spec"]["nodeName"] == node && !obj::deleting(pod))
        .count()
}

#[tokio::test]
async fn a_cordoned_node_keeps_its_pods_and_gets_no_new_ones() {
    let cluster = Cluster::new(&[deployment("web", 3)], "");
    cluster.live(10);
    cluster
        .merge("/api/v1/nodes/node-2", &json!({"spec": {"unschedulable": true}}))
        .await;
    cluster
        .merge("/apis/apps/v1/namespaces/shop/deployments/web", &json!({"spec": {"replicas": 6}}))
        .await;
    cluster.live(10);
    let pods = cluster.items(PODS).await;
    assert_eq!((pods.len(), on(&pods, "node-2")), (6, 1));
    let node = cluster.get("/api/v1/nodes/node-2").await;
    assert_eq!(node["spec"]["taints"][0]["key"], "node.kubernetes.io/unschedulable");
    cluster
        .merge("/api/v1/nodes/node-2", &json!({"spec": {"unschedulable": null}}))
        .await;
    cluster.live(1);
    assert!(cluster.get("/api/v1/nodes/node-2").await["spec"].get("taints").is_none());
}

#[tokio::test]
async fn a_no_execute_taint_evicts_the_pods_that_do_not_tolerate_it() {
    let mut tough = deployment("tough", 3);
    tough["spec"]["template"]["spec"]["tolerations"] =
        json!([{"key": "maintenance", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}]);
    let cluster = Cluster::new(&[deployment("web", 3), tough], "");
    cluster.live(10);
    let taint = json!({"spec": {"taints": [{"key": "maintenance", "value": "now", "effect": "NoExecute"}]}});
    cluster.merge("/api/v1/nodes/node-1", &taint).await;
    cluster.live(20);
    let left = |pods: &[Value], app: &str| {
        let here = pods.iter().filter(|pod| pod["metadata"]["labels"]["app"] == app);
        here.filter(|pod| pod["spec"]["nodeName"] == "node-1").count()
    };
    let pods = cluster.items(PODS).await;
    assert_eq!((left(&pods, "web"), left(&pods, "tough")), (0, 1));
    let find = |pods: &[Value]| {
        let found = pods
            .iter()
            .find(|pod| pod["metadata"]["labels"]["app"] == "tough" && pod["spec"]["nodeName"] == "node-1");
        found.map(|pod| obj::name(pod).to_owned())
    };
    let patient = find(&pods).unwrap();
    cluster.live(60);
    let pods = cluster.items(PODS).await;
    assert!(!pods.iter().any(|pod| obj::name(pod) == patient), "its patience is over");
    assert_eq!(pods.len(), 6);
}

#[tokio::test]
async fn pods_of_a_silent_node_stay_terminating_while_others_take_over() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}});
    let cluster = Cluster::new(
        &[deployment("web", 3), service],
        "node_failures:\n  - {node: node-3, after: 60s, lasts: 20m}\n",
    );
    let addresses = async || {
        let endpoints = cluster.get("/api/v1/namespaces/shop/endpoints/web").await;
        endpoints["subsets"][0]["addresses"].as_array().map_or(0, Vec::len)
    };
    cluster.live(60);
    assert_eq!(addresses().await, 3);
    cluster.live(45);
    let node = cluster.get("/api/v1/nodes/node-3").await;
    let ready = obj::condition(&node, "Ready").unwrap();
    assert_eq!(
        (&ready["status"], &ready["reason"]),
        (&json!("Unknown"), &json!("NodeStatusUnknown"))
    );
    let effects: Vec<&Value> = node["spec"]["taints"].as_array().unwrap().iter().map(|t| &t["effect"]).collect();
    assert_eq!(effects, ["NoSchedule", "NoExecute"]);
    assert_eq!(addresses().await, 2, "its pod is not asked any more");
    assert_eq!(
        cluster.items("/apis/metrics.k8s.io/v1beta1/nodes").await.len(),
        2,
        "nobody measures it"
    );
    assert_eq!(cluster.items("/apis/metrics.k8s.io/v1beta1/pods").await.len(), 2);
    let pods = cluster.items(PODS).await;
    let lost = pods.iter().find(|pod| pod["spec"]["nodeName"] == "node-3").unwrap();
    let machines: &dyn Kubelets = &*cluster.world;
    let refused = machines
        .exec("shop", obj::name(lost), "app", &["true".to_owned()], &[])
        .unwrap_err();
    assert!(refused.message.contains("error dialing backend"), "{refused}");
    assert_eq!(cluster.items(PODS).await.len(), 3, "and not replaced for five minutes");
    cluster.live(320);
    let pods = cluster.items(PODS).await;
    let lost: Vec<&Value> = pods.iter().filter(|pod| obj::deleting(pod)).collect();
    assert_eq!((pods.len(), lost.len()), (4, 1), "nobody confirms that it stopped");
    assert_eq!(lost[0]["spec"]["nodeName"], "node-3");
    assert_eq!(
        obj::condition(lost[0], "DisruptionTarget").unwrap()["reason"],
        "DeletionByTaintManager"
    );
    assert_eq!(addresses().await, 3);
    // The kubelet comes back.
    cluster.live(1000);
    let node = cluster.get("/api/v1/nodes/node-3").await;
    assert!(obj::is_true(&node, "Ready") && node["spec"].get("taints").is_none(), "{node}");
    assert_eq!(cluster.items(PODS).await.len(), 3);
}

fn budget(spec: Value) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
}

fn eviction(name: &str, options: Value) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "shop"}, "deleteOptions": options})
}

#[tokio::test]
async fn evictions_spend_the_budget_and_are_refused_when_it_is_empty() {
    let cluster = Cluster::new(
        &[
            deployment("web", 4),
            budget(json!({"maxUnavailable": "25%", "selector": {"matchLabels": {"app": "web"}}})),
        ],
        "",
    );
    cluster.live(10);
    let status = cluster.get("/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web").await["status"].clone();
    let numbers = ["expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed"].map(|key| status[key].as_i64().unwrap());
    assert_eq!(numbers, [4, 4, 3, 1]);
    let pods = cluster.items(PODS).await;
    let names: Vec<String> = pods.iter().map(|pod| obj::name(pod).to_owned()).collect();
    let evict = |i: usize, options: Value| {
        let (path, body) = (format!("{PODS}/{}/eviction", names[i]), eviction(&names[i], options));
        let cluster = &cluster;
        async move { cluster.post(&path, &body).await }
    };
    let wrong = evict(0, json!({"preconditions": {"uid": "somebody-else"}})).await;
    assert_eq!((wrong.code.as_u16(), wrong.body["reason"].as_str()), (409, Some("Conflict")));
    assert_eq!(evict(0, json!({"dryRun": ["All"]})).await.code, 201);
    assert_eq!(
        evict(0, json!({"preconditions": {"uid": pods[0]["metadata"]["uid"]}})).await.code,
        201
    );
    let refused = evict(1, json!({})).await;
    assert_eq!(refused.code, 429);
    assert_eq!(
        refused.body["message"],
        "Cannot evict pod as it would violate the pod's disruption budget."
    );
    assert_eq!(refused.body["details"]["causes"][0]["reason"], "DisruptionBudget");
    assert_eq!(
        refused.body["details"]["causes"][0]["message"],
        "The disruption budget web needs 3 healthy pods and has 4 currently"
    );
    cluster.live(20);
    assert_eq!(evict(1, json!({})).await.code, 201, "the replacement is ready");
}

#[tokio::test]
async fn an_unready_pod_may_be_evicted_when_the_others_are_enough() {
    let rest = |name: &str| {
        format!(
            "workloads:\n  - namespace: shop\n    name: {name}\n    faults: [{{never_ready: {{message: no}}, when: {{node: node-1}}}}]\n"
        )
    };
    for (policy, code) in [("IfHealthyBudget", 429), ("AlwaysAllow", 201)] {
        let mut web = deployment("web", 3);
        web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = json!({"httpGet": {"path": "/", "port": 80}});
        let spec = json!({"minAvailable": 3, "unhealthyPodEvictionPolicy": policy, "selector": {"matchLabels": {"app": "web"}}});
        let cluster = Cluster::new(&[web, budget(spec)], &rest("web"));
        cluster.live(30);
        let pods = cluster.items(PODS).await;
        let sick = pods.iter().find(|pod| pod["spec"]["nodeName"] == "node-1").unwrap();
        assert!(!obj::is_true(sick, "Ready"));
        let name = obj::name(sick);
        let answer = cluster.post(&format!("{PODS}/{name}/eviction"), &eviction(name, json!({}))).await;
        assert_eq!(answer.code, code, "{policy}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_node_can_have_been_lost_before_the_beginning() {
    let cluster = Cluster::old(
        &[deployment("web", 3)],
        "warmup: 20m\nnode_failures:\n  - {node: node-3, ago: 16m, lasts: 20m}\n",
    );
    let node = cluster.get("/api/v1/nodes/node-3").await;
    let ready = obj::condition(&node, "Ready").unwrap();
    assert_eq!(
        (&ready["status"], &ready["lastTransitionTime"]),
        (&json!("Unknown"), &json!("2026-03-10T11:44:30Z"))
    );
    let pods = cluster.items(PODS).await;
    let stuck = pods.iter().filter(|pod| obj::deleting(pod)).count();
    assert_eq!((pods.len(), stuck), (4, 1), "its pod is replaced and cannot go");
    cluster.live(300);
    assert_eq!(cluster.items(PODS).await.len(), 3, "the kubelet is back after twenty minutes");
}
