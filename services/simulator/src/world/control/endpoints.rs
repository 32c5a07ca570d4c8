//! Endpoints and EndpointSlices of Services with a selector.

use serde_json::{Value, json};

use super::pods;
use crate::{
    store::{Gvr, Store},
    world::{chance::safe_hash, obj},
};

/// Writes the endpoints of every Service.
pub(crate) fn step(store: &Store) {
    for service in store.awake(&Gvr::services()) {
        if service["spec"]["selector"].as_object().is_some_and(|selector| !selector.is_empty()) && !obj::deleting(&service) {
            sync(store, &service);
        }
    }
}

fn sync(store: &Store, service: &Value) {
    let ns = obj::namespace(service);
    let name = obj::name(service);
    let all = store.list_shared(&Gvr::pods(), Some(ns)).0;
    let chosen: Vec<_> = all
        .iter()
        .filter(|pod| obj::selects_plainly(&service["spec"]["selector"], pod) && !obj::text(pod, "/status/podIP").is_empty())
        .collect();
    let reference = |pod: &Value| json!({"kind": "Pod", "namespace": ns, "name": obj::name(pod), "uid": obj::uid(pod)});
    let usable = |pod: &Value| pods::ready(pod) && !obj::deleting(pod);
    let address = |pod: &Value| json!({"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": reference(pod)});
    let ports: Vec<Value> = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| endpoint_port(port, chosen.first().map(|pod| &***pod)))
        .collect();
    let mut subset = json!({"ports": ports});
    let ready: Vec<Value> = chosen.iter().filter(|pod| usable(pod)).map(|pod| address(pod)).collect();
    let unready: Vec<Value> = chosen
        .iter()
        .filter(|pod| !usable(pod) && !obj::deleting(pod))
        .map(|pod| address(pod))
        .collect();
    for (key, list) in [("addresses", &ready), ("notReadyAddresses", &unready)] {
        if !list.is_empty() {
            subset[key] = json!(list);
        }
    }
    let subsets = if ready.is_empty() && unready.is_empty() {
        json!([])
    } else {
        json!([subset])
    };
    ensure(
        store,
        &Gvr::endpoints(),
        ns,
        name,
        || json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name, "namespace": ns, "labels": service["metadata"]["labels"]}}),
    );
    obj::change(store, &Gvr::endpoints(), ns, name, |object| object["subsets"] = subsets.clone());

    let endpoints: Vec<Value> = chosen
        .iter()
        .map(|pod| {
            json!({
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": usable(pod), "serving": pods::ready(pod), "terminating": obj::deleting(pod)},
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": reference(pod),
            })
        })
        .collect();
    let slice = slice_of(store, service);
    ensure(store, &Gvr::endpoint_slices(), ns, &slice, || {
        let labels = json!({
            "kubernetes.io/service-name": name,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        });
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "name": slice, "generateName": format!("{name}-"), "namespace": ns, "labels": labels,
                "ownerReferences": [obj::owner_reference(service, "v1", "Service")],
            },
            "endpoints": [], "ports": ports,
        })
    });
    obj::change(store, &Gvr::endpoint_slices(), ns, &slice, |object| {
        object["endpoints"] = json!(endpoints);
        object["ports"] = json!(ports);
    });
}

/// The name of the slice of a Service: one is enough for fewer than a hundred pods. One that was recorded is used on; else the
/// name is fixed, so that it can be found again.
fn slice_of(store: &Store, service: &Value) -> String {
    let name = obj::name(service);
    let slices = store.list_shared(&Gvr::endpoint_slices(), Some(obj::namespace(service))).0;
    let known = slices
        .iter()
        .find(|slice| obj::labels(slice).get("kubernetes.io/service-name") == Some(&name));
    known.map_or_else(
        || {
            let hash = safe_hash(obj::uid(service));
            format!("{name}-{}", hash.chars().take(5).collect::<String>())
        },
        |slice| obj::name(slice).to_owned(),
    )
}

fn ensure(store: &Store, gvr: &Gvr, ns: &str, name: &str, make: impl FnOnce() -> Value) {
    if store.get_shared(gvr, Some(ns), name).is_none()
        && let Err(status) = store.create(gvr, make())
    {
        tracing::debug!(%gvr, name, ?status, "was not created");
    }
}

/// The port of the pods behind a Service port; named target ports are looked up in the pod.
fn endpoint_port(port: &Value, pod: Option<&Value>) -> Value {
    let target = match &port["targetPort"] {
        Value::String(named) => {
            let containers = pod.and_then(|pod| pod["spec"]["containers"].as_array());
            let ports = containers
                .into_iter()
                .flatten()
                .flat_map(|c| c["ports"].as_array().into_iter().flatten());
            let found = ports.into_iter().find(|p| p["name"] == named.as_str());
            found.map_or_else(|| port["port"].clone(), |p| p["containerPort"].clone())
        }
        Value::Null => port["port"].clone(),
        number => number.clone(),
    };
    let mut out = json!({"port": target, "protocol": port.get("protocol").cloned().unwrap_or_else(|| json!("TCP"))});
    if let Some(name) = port.get("name") {
        out["name"] = name.clone();
    }
    out
}
