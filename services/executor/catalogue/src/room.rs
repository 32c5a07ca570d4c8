//! What pods ask for, and how much of it nodes have left.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{quantity::milli, references::items, world::Asked};

/// Nodes take this many pods when they do not say how many: the default of the kubelet.
const DEFAULT_PODS: i128 = 110;

/// What one pod of this specification asks for, as the scheduler counts.
#[must_use]
pub fn asks(spec: &Value) -> Asked {
    let of = |container: &Value, resource: &str| {
        ["requests", "limits"]
            .iter()
            .find_map(|kind| milli(container.pointer(&format!("/resources/{kind}/{resource}"))?.as_str()?))
            .unwrap_or(0)
    };
    let total = |resource: &str| {
        let running = items(spec, "/containers").map(|container| of(container, resource)).sum();
        with_the_rest(spec, resource, running, |container| of(container, resource))
    };
    Asked {
        cpu: total("cpu"),
        memory: total("memory"),
        pods: 1,
    }
}

/// What a pod counts when its containers together count `running`. Containers of the beginning run before the others, so the
/// greatest of them counts against the sum of the others; those that go on running (sidecars) count with both. What the runtime
/// needs for itself (overhead) comes on top.
fn with_the_rest(spec: &Value, resource: &str, running: i128, of: impl Fn(&Value) -> i128) -> i128 {
    let (mut sidecars, mut first) = (0, 0);
    for container in items(spec, "/initContainers") {
        let own = of(container);
        first = first.max(sidecars + own);
        if container.get("restartPolicy").and_then(Value::as_str) == Some("Always") {
            sidecars += own;
        }
    }
    let overhead = spec.pointer(&format!("/overhead/{resource}")).and_then(Value::as_str);
    (running + sidecars).max(first) + overhead.and_then(milli).unwrap_or(0)
}

/// What the pods of each node ask for together. Ended pods ask for nothing.
#[must_use]
pub fn asked(pods: &[Value]) -> BTreeMap<String, Asked> {
    let mut nodes: BTreeMap<String, Asked> = BTreeMap::new();
    for pod in pods {
        let ended = pod
            .pointer("/status/phase")
            .and_then(Value::as_str)
            .is_some_and(|phase| phase == "Succeeded" || phase == "Failed");
        let Some(node) = pod.pointer("/spec/nodeName").and_then(Value::as_str).filter(|_| !ended) else {
            continue;
        };
        let one = asks(pod.get("spec").unwrap_or(&Value::Null));
        let sum = nodes.entry(node.to_owned()).or_default();
        sum.cpu += one.cpu;
        sum.memory += one.memory;
        sum.pods += 1;
    }
    nodes
}

/// How many pods of this specification find room, by what is asked for and the node selector; affinity and tolerations are
/// the scheduler's to judge.
#[must_use]
pub fn fitting(spec: &Value, nodes: &[Value], asked: &BTreeMap<String, Asked>) -> i128 {
    let one = asks(spec);
    nodes
        .iter()
        .filter(|node| takes_pods(node) && selected(spec, node))
        .map(|node| {
            let name = node.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let used = asked.get(name).copied().unwrap_or_default();
            let has = |resource: &str| milli(node.pointer(&format!("/status/allocatable/{resource}"))?.as_str()?);
            let left = [
                (has("cpu"), used.cpu, one.cpu),
                (has("memory"), used.memory, one.memory),
                (has("pods").map(|pods| pods / 1000).or(Some(DEFAULT_PODS)), used.pods, 1),
            ];
            left.iter()
                .filter(|(_, _, each)| *each > 0)
                .map(|(has, used, each)| has.map_or(0, |has| ((has - used) / each).max(0)))
                .min()
                .unwrap_or(0)
        })
        .sum()
}

/// Whether new pods may come: it is not cordoned and holds no taint that keeps pods away.
fn takes_pods(node: &Value) -> bool {
    let cordoned = node.pointer("/spec/unschedulable").and_then(Value::as_bool) == Some(true);
    let tainted = items(node, "/spec/taints").any(|taint| {
        let effect = taint.get("effect").and_then(Value::as_str);
        matches!(effect, Some("NoSchedule" | "NoExecute"))
    });
    !cordoned && !tainted
}

fn selected(spec: &Value, node: &Value) -> bool {
    let wanted = spec.get("nodeSelector").and_then(Value::as_object);
    let labels = node.pointer("/metadata/labels");
    wanted.is_none_or(|wanted| {
        wanted
            .iter()
            .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
    })
}

/// What a quota counts of one pod: every container's resources of one kind (`requests`, `limits`) and name, summed, and what
/// comes with them; `None` when a container has none.
#[must_use]
pub fn every(spec: &Value, kind: &str, resource: &str) -> Option<i128> {
    let of = |container: &Value| milli(container.pointer(&format!("/resources/{kind}/{resource}"))?.as_str()?);
    let running: i128 = items(spec, "/containers").map(of).sum::<Option<i128>>()?;
    Some(with_the_rest(spec, resource, running, |container| of(container).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, memory: &str, more: Value) -> Value {
        let mut node = json!({"metadata": {"name": name, "labels": {"pool": "a"}}, "spec": {}, "status": {"allocatable": {"cpu": "4", "memory": memory, "pods": "10"}}});
        node["spec"] = more;
        node
    }

    #[test]
    fn pods_fit_where_every_resource_is_left_and_not_on_cordoned_or_tainted_nodes() {
        let spec = json!({"containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}}]});
        let nodes = [
            node("one", "8Gi", json!({})),
            node("two", "8Gi", json!({"unschedulable": true})),
            node("three", "8Gi", json!({"taints": [{"key": "k", "effect": "NoExecute"}]})),
        ];
        let pod = |node: &str, phase: &str| json!({"spec": {"nodeName": node, "containers": [{"resources": {"limits": {"memory": "3Gi"}}}]}, "status": {"phase": phase}});
        let asked = asked(&[pod("one", "Running"), pod("one", "Failed")]);
        assert_eq!(fitting(&spec, &nodes, &asked), 5);
        let elsewhere = json!({"nodeSelector": {"pool": "b"}, "containers": []});
        assert_eq!(fitting(&elsewhere, &nodes, &asked), 0);
    }

    #[test]
    fn the_greatest_first_container_counts_against_the_sum_of_the_others() {
        let with = |memory: &str| json!({"resources": {"requests": {"memory": memory}}});
        let spec = json!({"initContainers": [with("5Gi"), with("1Gi")], "containers": [with("1Gi"), with("2Gi")]});
        assert_eq!(Some(asks(&spec).memory), milli("5Gi"));
    }

    #[test]
    fn sidecars_and_overhead_count_with_the_containers() {
        let with = |memory: &str| json!({"resources": {"requests": {"memory": memory}, "limits": {"memory": memory}}});
        let mut sidecar = with("1Gi");
        sidecar["restartPolicy"] = json!("Always");
        let spec =
            json!({"initContainers": [sidecar, with("2Gi")], "containers": [with("1Gi"), with("2Gi")], "overhead": {"memory": "512Mi"}});
        assert_eq!(every(&spec, "limits", "memory"), milli("4608Mi"));
        assert_eq!(Some(asks(&spec).memory), milli("4608Mi"));
        let first = json!({"initContainers": [with("5Gi")], "containers": [with("1Gi")]});
        assert_eq!(every(&first, "requests", "memory"), milli("5Gi"));
    }
}
