//! What the ledger keeps of a pod when it is admitted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Context, environment};
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
    let behaviour = ctx.scenario.behaviour_of(&workload);
    let list = |key: &str| pod["spec"][key].as_array().map_or(&[][..], Vec::as_slice);
    let containers = list("containers");
    let described = behaviour.and_then(|i| ctx.scenario.workloads[i].container.as_deref());
    let described = described.or_else(|| containers.first().and_then(|c| c["name"].as_str()));
    // Init containers come last, so that the first container is the pod's own.
    let inits = list("initContainers").iter().map(|spec| (spec, true));
    let containers = containers.iter().map(|spec| (spec, false)).chain(inits).map(|(spec, init)| {
        let name = obj::text(spec, "/name");
        container(ctx.store, pod, spec, init, behaviour.filter(|_| described == Some(name)))
    });
    let owner = obj::controller(pod)
        .map(|(kind, name, _)| (kind.to_owned(), name.to_owned()))
        .unwrap_or_default();
    let labels = obj::labels(pod)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let created = obj::time(pod, "/metadata/creationTimestamp").unwrap_or(ctx.origin);
    PodRecord {
        uid: obj::uid(pod).to_owned(),
        namespace: obj::namespace(pod).to_owned(),
        name: obj::name(pod).to_owned(),
        node: obj::text(pod, "/spec/nodeName").to_owned(),
        ip: ip.to_owned(),
        labels,
        owner,
        workload,
        created,
        first: created < ctx.origin,
        deleted: None,
        containers: containers.collect(),
        ready: Vec::new(),
        phase: Vec::new(),
    }
}

fn container(store: &Store, pod: &Value, spec: &Value, init: bool, behaviour: Option<usize>) -> ContainerRecord {
    let words = |part: &str| {
        let words = spec[part].as_array().map_or(&[][..], Vec::as_slice);
        words.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    ContainerRecord {
        name: obj::text(spec, "/name").to_owned(),
        image: obj::text(spec, "/image").to_owned(),
        args: [words("command"), words("args")].concat(),
        env: environment::of(store, pod, spec),
        requests: resources(&spec["resources"]["requests"]),
        limits: resources(&spec["resources"]["limits"]),
        init,
        behaviour,
        instances: Vec::new(),
        waiting: Vec::new(),
    }
}

/// Amounts in base units by resource name.
pub(super) fn resources(list: &Value) -> BTreeMap<String, f64> {
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
    if kind == "Job"
        && let Some(job) = store.get_shared(&Gvr::jobs(), Some(&namespace), name)
        && let Some((kind, name, _)) = obj::controller(&job)
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
