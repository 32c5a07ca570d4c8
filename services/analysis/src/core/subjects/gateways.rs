//! The Gateway API: Gateways and the routes of HTTP, and whether they lead anywhere.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Subject, World, conditions, services::endpoints, view::view};
use crate::core::{
    read::{each, text},
    snapshot::reference,
};

/// The group of Gateways, which references leave out.
const GROUP: &str = "gateway.networking.k8s.io";

view! {
    /// A Gateway.
    pub(super) struct GatewayView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The class that it names.
        class: String,
        /// That class exists.
        class_exists: bool,
        /// Some controller looks after that class (its condition `Accepted`).
        class_accepted: bool,
        /// Why it is not served: its condition `Accepted` or `Programmed`, or one of its listeners; empty: it is.
        unserved: String,
    }
}

view! {
    /// An HTTPRoute.
    pub(super) struct RouteView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Gateways that it names and that do not exist.
        missing_gateways: Vec<String>,
        /// Why a Gateway does not take it, or not all of it: `shop/public: NotAllowedByListeners: ...`.
        refused: Vec<String>,
        /// Services that it names and that do not exist.
        missing_services: Vec<String>,
        /// Ports that it names and that their Service does not have: `cart:81`.
        missing_ports: Vec<String>,
        /// Services that it names and that have no ready endpoint.
        dead_services: Vec<String>,
    }
}

pub(super) fn subjects(world: &World, all: &mut Vec<Subject>) {
    for object in world.snapshot.of("Gateway") {
        let view = gateway(world, object);
        let excerpt = format!(
            "Gateway {}/{} of class {} ({}){}",
            view.namespace,
            view.name,
            view.class,
            match (view.class_exists, view.class_accepted) {
                (false, _) => "which does not exist",
                (true, false) => "which no controller looks after",
                (true, true) => "which is looked after",
            },
            if view.unserved.is_empty() {
                String::new()
            } else {
                format!(": {}", view.unserved)
            }
        );
        all.push(Subject::of("gateway", &view, reference("Gateway", object), excerpt));
    }
    for object in world.snapshot.of("HTTPRoute") {
        let view = route(world, object);
        let excerpt = format!(
            "HTTPRoute {}/{}: missing Gateways [{}]; refused [{}]; missing Services [{}]; missing ports [{}]; without ready endpoints [{}]",
            view.namespace,
            view.name,
            view.missing_gateways.join(", "),
            view.refused.join("; "),
            view.missing_services.join(", "),
            view.missing_ports.join(", "),
            view.dead_services.join(", ")
        );
        all.push(Subject::of("route", &view, reference("HTTPRoute", object), excerpt));
    }
}

fn gateway(world: &World, object: &Value) -> GatewayView {
    let class = text(object, "/spec/gatewayClassName");
    let known = world.snapshot.named("GatewayClass", "", class);
    let unlisted = !world.snapshot.listed("GatewayClass");
    let own = ["Accepted", "Programmed"].into_iter().filter_map(|kind| refusal(object, kind));
    let listeners = each(object, "/status/listeners").flat_map(|listener| {
        let said = ["Accepted", "Programmed", "ResolvedRefs"]
            .into_iter()
            .filter_map(|kind| wrong(listener, "/conditions", kind));
        said.map(|said| format!("listener {}: {said}", text(listener, "/name")))
    });
    GatewayView {
        name: text(object, "/metadata/name").to_owned(),
        namespace: text(object, "/metadata/namespace").to_owned(),
        class: class.to_owned(),
        class_exists: unlisted || known.is_some(),
        class_accepted: unlisted || known.is_some_and(|class| refusal(class, "Accepted").is_none()),
        unserved: own.chain(listeners).next().unwrap_or_default(),
    }
}

/// What the condition of a kind says, where it says no.
fn refusal(object: &Value, kind: &str) -> Option<String> {
    let conditions = conditions(object);
    let condition = conditions.get(kind).filter(|condition| condition["status"] == "False")?;
    Some(format!("{}: {}", condition["reason"], condition["message"]))
}

fn wrong(of: &Value, pointer: &str, kind: &str) -> Option<String> {
    let condition = each(of, pointer).find(|condition| text(condition, "/type") == kind && text(condition, "/status") == "False")?;
    Some(format!("{}: {}", text(condition, "/reason"), text(condition, "/message")))
}

/// Group, kind, namespace and name of a reference, with what is left out.
fn referred<'v>(to: &'v Value, group: &'v str, kind: &'v str, namespace: &'v str) -> (&'v str, &'v str, &'v str, &'v str) {
    let said = |key: &str, else_: &'v str| to[key].as_str().unwrap_or(else_);
    (
        said("group", group),
        said("kind", kind),
        said("namespace", namespace),
        said("name", ""),
    )
}

/// The Services that a route sends requests to, each with its namespace and the port.
pub fn backends(route: &Value) -> Vec<(&str, &str, Option<i64>)> {
    let own = text(route, "/metadata/namespace");
    let rules = each(route, "/spec/rules").flat_map(|rule| each(rule, "/backendRefs"));
    let named = rules.filter_map(|to| match referred(to, "", "Service", own) {
        ("", "Service", namespace, name) if !name.is_empty() => Some((namespace, name, to["port"].as_i64())),
        _ => None,
    });
    named.collect()
}

/// The Gateways that a route names, each with its namespace.
pub fn parents(route: &Value) -> Vec<(&str, &str)> {
    let own = text(route, "/metadata/namespace");
    let named = each(route, "/spec/parentRefs").filter_map(|to| match referred(to, GROUP, "Gateway", own) {
        (GROUP, "Gateway", namespace, name) if !name.is_empty() => Some((namespace, name)),
        _ => None,
    });
    named.collect()
}

fn route(world: &World, object: &Value) -> RouteView {
    let snapshot = &world.snapshot;
    let gateways = parents(object).into_iter();
    let missing_gateways =
        gateways.filter(|(namespace, name)| snapshot.listed("Gateway") && snapshot.named("Gateway", namespace, name).is_none());
    let refused = each(object, "/status/parents").flat_map(|parent| {
        let said = ["Accepted", "ResolvedRefs"]
            .into_iter()
            .filter_map(|kind| wrong(parent, "/conditions", kind));
        said.map(|said| format!("{}: {said}", text(parent, "/parentRef/name")))
    });
    let (mut missing_services, mut missing_ports, mut dead_services) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (namespace, name, port) in backends(object) {
        // Of a namespace that was not looked at nothing is known.
        if !snapshot.scope.contains(namespace) {
            continue;
        }
        match snapshot.named("Service", namespace, name) {
            None => drop(missing_services.insert(name.to_owned())),
            Some(service) => {
                let mut ports = each(service, "/spec/ports");
                if let Some(port) = port.filter(|port| !ports.any(|known| known["port"] == *port)) {
                    missing_ports.insert(format!("{name}:{port}"));
                }
                if endpoints(world, namespace, name).0 == 0 {
                    dead_services.insert(name.to_owned());
                }
            }
        }
    }
    RouteView {
        name: text(object, "/metadata/name").to_owned(),
        namespace: text(object, "/metadata/namespace").to_owned(),
        missing_gateways: missing_gateways.map(|(namespace, name)| format!("{namespace}/{name}")).collect(),
        refused: refused.collect(),
        missing_services: missing_services.into_iter().collect(),
        missing_ports: missing_ports.into_iter().collect(),
        dead_services: dead_services.into_iter().collect(),
    }
}
