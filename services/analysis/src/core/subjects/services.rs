//! Services and Ingresses: whether they lead anywhere.

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::{Subject, Variable, World, owners::Owners, view::view, workloads};
use crate::core::{
    read::{each, text, texts},
    snapshot::{reference, selects},
};

view! {
    /// A Service.
    pub(super) struct ServiceView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// It selects pods by labels at all.
        selects: bool,
        /// The labels.
        selector: BTreeMap<String, String>,
        /// Pods that its selector matches.
        pods: i64,
        /// Endpoints that are ready.
        ready_endpoints: i64,
        /// Endpoints that are not.
        unready_endpoints: i64,
        /// Endpoints that are ready by zone, 0 where none of those that are there is; empty where endpoints have no zones.
        ready_by_zone: BTreeMap<String, i64>,
        /// Target ports that no container of the selected pods declares, though they declare some.
        wrong_ports: Vec<String>,
        /// Ports that those containers declare.
        declared_ports: Vec<i64>,
        /// Workloads in its namespace with its name, or with its label `app`.
        namesakes: Vec<String>,
        /// Manager that wrote it last.
        changed_by: String,
        /// Minutes since then.
        changed_minutes: f64,
    }
}

view! {
    /// An Ingress.
    pub(super) struct IngressView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The class that it names.
        class: String,
        /// That class exists; true where none is named.
        class_exists: bool,
        /// No class is named, and none is the default: nothing serves it.
        unclaimed: bool,
        /// Services that it names and that do not exist.
        missing_services: Vec<String>,
        /// Services that it names and that have no ready endpoint.
        dead_services: Vec<String>,
    }
}

pub(super) fn subjects(world: &World, owners: &Owners<'_>, all: &mut Vec<Subject>) {
    for object in world.snapshot.of("Service") {
        let service = reference("Service", object);
        let (view, behind) = view(world, owners, object);
        let excerpt = format!(
            "Service {}/{} selects {:?}: {} pods, {} ready and {} unready endpoints{}{}",
            view.namespace,
            view.name,
            view.selector,
            view.pods,
            view.ready_endpoints,
            view.unready_endpoints,
            if view.ready_by_zone.is_empty() {
                String::new()
            } else {
                format!(", ready by zone {:?}", view.ready_by_zone)
            },
            if view.wrong_ports.is_empty() {
                String::new()
            } else {
                format!("; target port {} is none of {:?}", view.wrong_ports.join(", "), view.declared_ports)
            }
        );
        let mut variables = vec![Variable::new("service", &view, service.clone(), excerpt)];
        variables.extend(behind.and_then(|workload| workloads::variable(world, owners, &workload)));
        all.push(Subject {
            of: "service",
            object: service,
            variables,
        });
    }
    for object in world.snapshot.of("Ingress") {
        all.push(ingress(world, object));
    }
}

fn view(world: &World, owners: &Owners<'_>, object: &Value) -> (ServiceView, Option<ObjectRef>) {
    let namespace = text(object, "/metadata/namespace");
    let name = text(object, "/metadata/name");
    let selector = texts(object, "/spec/selector");
    let wanted = serde_json::json!({"matchLabels": selector});
    let pods: Vec<&Value> = match selector.is_empty() {
        true => Vec::new(),
        false => world
            .snapshot
            .within("Pod", namespace)
            .filter(|pod| selects(&wanted, &pod["metadata"]["labels"]) && pod.pointer("/metadata/deletionTimestamp").is_none())
            .collect(),
    };
    let (ready, unready) = endpoints(world, namespace, name);
    let containers = || pods.iter().flat_map(|pod| each(pod, "/spec/containers"));
    let declared: Vec<&Value> = containers().flat_map(|container| each(container, "/ports")).collect();
    let exposes = |target: &Value| match target {
        Value::String(name) => declared.iter().any(|port| text(port, "/name") == name),
        number => declared.iter().any(|port| port["containerPort"] == *number),
    };
    let wrong = each(object, "/spec/ports").filter_map(|port| {
        let target = port.get("targetPort").or_else(|| port.get("port"))?;
        (!declared.is_empty() && !exposes(target)).then(|| target.as_str().map_or_else(|| target.to_string(), ToOwned::to_owned))
    });
    let mut numbers: Vec<i64> = declared.iter().filter_map(|port| port["containerPort"].as_i64()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let namesakes = super::owners::WORKLOADS
        .into_iter()
        .flat_map(|kind| world.snapshot.within(kind, namespace));
    let alike = |workload: &&Value| {
        let other = text(workload, "/metadata/name");
        let app = selector
            .get("app")
            .or_else(|| selector.get("app.kubernetes.io/name"))
            .map_or("", String::as_str);
        other == name || (!app.is_empty() && text(workload, "/spec/template/metadata/labels/app") == app)
    };
    let behind = pods
        .iter()
        .find_map(|pod| owners.of_pod(namespace, text(pod, "/metadata/name")))
        .cloned();
    let (changed_by, changed_minutes) = super::last_change(world.snapshot.at, object);
    let view = ServiceView {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        selects: !selector.is_empty(),
        pods: pods.len() as i64,
        ready_endpoints: ready,
        unready_endpoints: unready,
        ready_by_zone: ready_by_zone(world, namespace, name),
        wrong_ports: wrong.collect(),
        declared_ports: numbers,
        namesakes: namesakes
            .filter(alike)
            .map(|workload| text(workload, "/metadata/name").to_owned())
            .collect(),
        selector,
        changed_by,
        changed_minutes,
    };
    (view, behind)
}

/// The endpoints of a Service, each with whether it is ready.
fn endpoints_of<'w>(world: &'w World, namespace: &'w str, service: &'w str) -> impl Iterator<Item = (&'w Value, bool)> {
    let slices = world.snapshot.within("EndpointSlice", namespace);
    let own = slices.filter(move |slice| text(slice, "/metadata/labels/kubernetes.io~1service-name") == service);
    own.flat_map(|slice| each(slice, "/endpoints"))
        .map(|endpoint| (endpoint, endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false))))
}

/// Ready and other endpoints of a Service.
pub(super) fn endpoints(world: &World, namespace: &str, service: &str) -> (i64, i64) {
    let (ready, unready): (Vec<_>, Vec<_>) = endpoints_of(world, namespace, service).partition(|(_, ready)| *ready);
    (ready.len() as i64, unready.len() as i64)
}

/// Ready endpoints of a Service by the zones in which it has any.
pub(super) fn ready_by_zone(world: &World, namespace: &str, service: &str) -> BTreeMap<String, i64> {
    let mut zones = BTreeMap::new();
    for (endpoint, ready) in endpoints_of(world, namespace, service) {
        if let Some(zone) = endpoint["zone"].as_str() {
            *zones.entry(zone.to_owned()).or_insert(0) += i64::from(ready);
        }
    }
    zones
}

fn is_default(class: &Value) -> bool {
    text(class, "/metadata/annotations/ingressclass.kubernetes.io~1is-default-class") == "true"
}

fn ingress(world: &World, object: &Value) -> Subject {
    let namespace = text(object, "/metadata/namespace");
    let paths = each(object, "/spec/rules").flat_map(|rule| each(rule, "/http/paths"));
    let mut services: Vec<&str> = paths.map(|path| text(path, "/backend/service/name")).collect();
    services.push(text(object, "/spec/defaultBackend/service/name"));
    services.retain(|name| !name.is_empty());
    services.sort_unstable();
    services.dedup();
    let (known, missing): (Vec<&str>, Vec<&str>) = services
        .into_iter()
        .partition(|name| world.snapshot.named("Service", namespace, name).is_some());
    let dead = known.into_iter().filter(|name| endpoints(world, namespace, name).0 == 0);
    let class = text(object, "/spec/ingressClassName");
    let view = IngressView {
        name: text(object, "/metadata/name").to_owned(),
        namespace: namespace.to_owned(),
        class: class.to_owned(),
        unclaimed: class.is_empty()
            && text(object, "/metadata/annotations/kubernetes.io~1ingress.class").is_empty()
            && world.snapshot.listed("IngressClass")
            && !world.snapshot.of("IngressClass").iter().any(is_default),
        class_exists: class.is_empty() || world.snapshot.named("IngressClass", "", class).is_some(),
        missing_services: missing.into_iter().map(ToOwned::to_owned).collect(),
        dead_services: dead.map(ToOwned::to_owned).collect(),
    };
    let excerpt = format!(
        "Ingress {namespace}/{} of class {class:?}{}; missing services: {}; without ready endpoints: {}",
        view.name,
        if view.unclaimed {
            " (none, and none is the default)"
        } else if view.class_exists {
            ""
        } else {
            ", which does not exist"
        },
        view.missing_services.join(", "),
        view.dead_services.join(", ")
    );
    Subject::of("ingress", &view, reference("Ingress", object), excerpt)
}
