//! Would this pod reach that port? What NetworkPolicies say, as the API defines them (networking.k8s.io/v1): a connection has to be let out
//! by the policies that select its client and let in by those that select its server; of several one is enough; a pod that none selects for
//! a direction is free in it.
//!
//! Not known here, and taken as a yes: addresses (`ipBlock`; to which pods it applies is the plugin's affair), and policies of other kinds.

use serde_json::{Value, json};

use super::{
    read::{each, text},
    snapshot::{Snapshot, selects},
};

/// A pod, as policies see it.
#[derive(Debug, Clone)]
pub struct Side<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Labels of that namespace, with the one that every namespace has.
    pub namespace_labels: Value,
    /// Its own labels.
    pub labels: &'a Value,
    /// Its specification: names of ports.
    pub spec: &'a Value,
}

/// What a connection goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port<'a> {
    /// Number; `None`: it has a name that the server does not declare.
    pub number: Option<i64>,
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: &'a str,
}

/// A direction of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the pod.
    Ingress,
    /// Out of it.
    Egress,
}

impl<'a> Side<'a> {
    /// The pods of a template.
    #[must_use]
    pub fn of_template(snapshot: &Snapshot, namespace: &'a str, template: &'a Value) -> Self {
        let known = snapshot
            .of("Namespace")
            .iter()
            .find(|object| text(object, "/metadata/name") == namespace);
        let mut labels = known.map_or_else(|| json!({}), |object| object["metadata"]["labels"].clone());
        if !labels.is_object() {
            labels = json!({});
        }
        // The API server gives it to every namespace.
        labels["kubernetes.io/metadata.name"] = json!(namespace);
        Self {
            namespace,
            namespace_labels: labels,
            labels: &template["metadata"]["labels"],
            spec: &template["spec"],
        }
    }

    /// The number of a port: of a name, what a container declares.
    #[must_use]
    pub fn port(&self, port: &Value) -> Option<i64> {
        if let Some(number) = port.as_i64() {
            return Some(number);
        }
        let name = port.as_str()?;
        let mut declared = each(self.spec, "/containers").flat_map(|container| each(container, "/ports"));
        declared.find(|declared| text(declared, "/name") == name)?["containerPort"].as_i64()
    }
}

/// The policies that keep `client` from `port` of `server`, each with the direction in which it does; empty: it is reached.
#[must_use]
pub fn blockers<'p>(policies: &'p [Value], client: &Side<'_>, server: &Side<'_>, port: Port<'_>) -> Vec<(&'p Value, Direction)> {
    let mut found = Vec::new();
    for (direction, own, peer) in [(Direction::Egress, client, server), (Direction::Ingress, server, client)] {
        let selecting: Vec<&Value> = policies.iter().filter(|policy| concerns(policy, own, direction)).collect();
        if !selecting.iter().any(|policy| lets(policy, direction, peer, server, port)) {
            found.extend(selecting.into_iter().map(|policy| (policy, direction)));
        }
    }
    found
}

/// Whether a policy has a say about a direction of a pod's traffic.
fn concerns(policy: &Value, pod: &Side<'_>, direction: Direction) -> bool {
    let types: Vec<&str> = each(policy, "/spec/policyTypes").filter_map(Value::as_str).collect();
    let of_type = match direction {
        Direction::Ingress => types.is_empty() || types.contains(&"Ingress"),
        // Left out, it is there if there are rules for it.
        Direction::Egress => types.contains(&"Egress") || (types.is_empty() && each(policy, "/spec/egress").next().is_some()),
    };
    of_type && text(policy, "/metadata/namespace") == pod.namespace && selects(&policy["spec"]["podSelector"], pod.labels)
}

/// Whether one of a policy's rules lets traffic with `peer` to a port of `server` pass.
fn lets(policy: &Value, direction: Direction, peer: &Side<'_>, server: &Side<'_>, port: Port<'_>) -> bool {
    let (rules, peers) = match direction {
        Direction::Ingress => ("/spec/ingress", "/from"),
        Direction::Egress => ("/spec/egress", "/to"),
    };
    let own = text(policy, "/metadata/namespace");
    each(policy, rules).any(|rule| {
        let mut listed = each(rule, peers).peekable();
        let whom = listed.peek().is_none() || listed.any(|listed| fits(listed, own, peer));
        let mut ports = each(rule, "/ports").peekable();
        whom && (ports.peek().is_none() || ports.any(|listed| opens(listed, server, port)))
    })
}

/// Whether a peer of a rule is this pod. Both selectors in one peer must fit; without one for namespaces it is the policy's own.
fn fits(listed: &Value, own: &str, peer: &Side<'_>) -> bool {
    if listed.get("ipBlock").is_some() {
        return true;
    }
    let namespace = match listed.get("namespaceSelector") {
        Some(selector) => selects(selector, &peer.namespace_labels),
        None => peer.namespace == own,
    };
    namespace && listed.get("podSelector").is_none_or(|selector| selects(selector, peer.labels))
}

/// Whether a port of a rule is the one of the connection. A name means what the server's containers declare by it.
fn opens(listed: &Value, server: &Side<'_>, port: Port<'_>) -> bool {
    let protocol = listed["protocol"].as_str().unwrap_or("TCP");
    if protocol != port.protocol {
        return false;
    }
    let Some(first) = listed.get("port") else { return true };
    match (server.port(first), port.number, listed["endPort"].as_i64()) {
        (Some(first), Some(number), Some(last)) => (first..=last).contains(&number),
        (Some(first), Some(number), None) => first == number,
        _ => false,
    }
}
