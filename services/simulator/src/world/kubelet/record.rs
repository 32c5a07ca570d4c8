//! What the ledger keeps of a pod when it is admitted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Context;
use crate::{
    store::{Gvr, Store},
    world::{
        ledger::{ContainerRecord, PodRecord, WorkloadKey},
        obj, quantity,
    },
};

/// A fresh record of a bound pod.
pub(crate) fn of(ctx: &Context<'_>, pod: &Value, ip: &str) -> PodRecord {
    let workload = workload_of(ctx.store, pod);
    let behaviour = ctx.scenario.behaviour(&workload.namespace, &workload.name);
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let described = behaviour.and_then(|i| ctx.scenario.workloads[i].container.as_deref());
    let described = described.or_else(|| containers.first().and_then(|c| c["name"].as_str()));
    let containers = containers.iter().map(|spec| {
        let name = obj::text(spec, "/name");
        container(spec, behaviour.filter(|_| described == Some(name)))
    });
    let owner = obj::controller(pod)
        .map(|(kind, name, _)| (kind.to_owned(), name.to_owned()))
        .unwrap_or_default();
    let labels = obj::labels(pod)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    PodRecord {
        uid: obj::uid(pod).to_owned(),
        namespace: obj::namespace(pod).to_owned(),
        name: obj::name(pod).to_owned(),
        node: obj::text(pod, "/spec/nodeName").to_owned(),
        ip: ip.to_owned(),
        labels,
        owner,
        workload,
        created: obj::time(pod, "/metadata/creationTimestamp").unwrap_or(ctx.origin),
        deleted: None,
        containers: containers.collect(),
        ready: Vec::new(),
        phase: Vec::new(),
    }
}

fn container(spec: &Value, behaviour: Option<usize>) -> ContainerRecord {
    let words = |part: &str| {
        let words = spec[part].as_array().map_or(&[][..], Vec::as_slice);
        words.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let env = spec["env"].as_array().map_or(&[][..], Vec::as_slice);
    let env = env
        .iter()
        .map(|var| (obj::text(var, "/name").to_owned(), obj::text(var, "/value").to_owned()));
    ContainerRecord {
        name: obj::text(spec, "/name").to_owned(),
        image: obj::text(spec, "/image").to_owned(),
        args: [words("command"), words("args")].concat(),
        env: env.collect(),
        requests: resources(&spec["resources"]["requests"]),
        limits: resources(&spec["resources"]["limits"]),
        behaviour,
        instances: Vec::new(),
        waiting: Vec::new(),
    }
}

fn resources(list: &Value) -> BTreeMap<String, f64> {
    let list = list.as_object().into_iter().flatten();
    list.filter_map(|(name, amount)| Some((name.clone(), quantity::of(amount)?)))
        .collect()
}

/// The workload behind a pod: its controller, or that controller's controller.
pub(crate) fn workload_of(store: &Store, pod: &Value) -> WorkloadKey {
    let namespace = obj::namespace(pod).to_owned();
    let Some((kind, name, _)) = obj::controller(pod) else {
        return WorkloadKey {
            namespace,
            kind: String::new(),
            name: obj::name(pod).to_owned(),
        };
    };
    if kind == "ReplicaSet"
        && let Some(set) = store.get_shared(&Gvr::replica_sets(), Some(&namespace), name)
        && let Some((kind, name, _)) = obj::controller(&set)
    {
        return WorkloadKey {
            namespace,
            kind: kind.to_owned(),
            name: name.to_owned(),
        };
    }
    WorkloadKey {
        namespace,
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// The internal address of a node.
pub(crate) fn node_address(store: &Store, node: &str) -> String {
    let node = store.get_shared(&Gvr::nodes(), None, node);
    let addresses = node.as_ref().and_then(|node| node["status"]["addresses"].as_array());
    let internal = addresses.into_iter().flatten().find(|address| address["type"] == "InternalIP");
    internal.map_or("10.0.0.1", |address| obj::text(address, "/address")).to_owned()
}
