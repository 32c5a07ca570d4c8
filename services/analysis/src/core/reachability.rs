//! Would this pod reach that port? What NetworkPolicies say, as the API defines them (networking.k8s.io/v1): a connection has to be let out
//! by the policies that select its client and let in by those that select its server; of several one is enough; a pod that none selects for
//! a direction is free in it.
//!
//! Addresses (`ipBlock`) are compared with those of the pods, if they have any yet. A pod in its node's network is selected by nobody.
//!
//! Not known here, and taken as a yes: whether selectors of a rule mean pods in their node's network, which is the plugin's affair, and
//! policies of other kinds.

use ::core::net::IpAddr;

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
    /// Its specification: names of ports, and whose network it is in.
    pub spec: &'a Value,
    /// The addresses of such pods; empty: there is none yet.
    pub addresses: Vec<IpAddr>,
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

impl Direction {
    /// Where a policy has its rules for it.
    #[must_use]
    pub fn rules(self) -> &'static str {
        match self {
            Self::Ingress => "/spec/ingress",
            Self::Egress => "/spec/egress",
        }
    }
}

impl<'a> Side<'a> {
    /// The pods of a template.
    #[must_use]
    pub fn of_template(snapshot: &Snapshot, namespace: &'a str, template: &'a Value) -> Self {
        let labels = &template["metadata"]["labels"];
        let like = json!({"matchLabels": labels});
        let labelled = labels.as_object().is_some_and(|labels| !labels.is_empty());
        let pods = snapshot.within("Pod", namespace).filter(|_| labelled);
        let addresses = pods.filter(|pod| selects(&like, &pod["metadata"]["labels"])).flat_map(addresses);
        Self::with(snapshot, namespace, template, addresses.collect())
    }

    /// A pod that there is.
    #[must_use]
    pub fn of_pod(snapshot: &Snapshot, pod: &'a Value) -> Self {
        Self::with(snapshot, text(pod, "/metadata/namespace"), pod, addresses(pod).collect())
    }

    fn with(snapshot: &Snapshot, namespace: &'a str, template: &'a Value, addresses: Vec<IpAddr>) -> Self {
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
            addresses,
        }
    }

    /// Whether it is in the network of its node: policies do not select it.
    #[must_use]
    pub fn of_host(&self) -> bool {
        self.spec["hostNetwork"] == Value::Bool(true)
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

/// Whether the policies that select a pod for a direction, all together, have a rule that fits; without such policies nothing is forbidden.
pub fn allowed(policies: &[Value], pod: &Side<'_>, direction: Direction, fits: impl Fn(&Value) -> bool) -> bool {
    let mut selecting = policies.iter().filter(|policy| concerns(policy, pod, direction)).peekable();
    selecting.peek().is_none() || selecting.any(|policy| each(policy, direction.rules()).any(&fits))
}

/// Whether a policy has a say about a direction of a pod's traffic.
pub fn concerns(policy: &Value, pod: &Side<'_>, direction: Direction) -> bool {
    let types: Vec<&str> = each(policy, "/spec/policyTypes").filter_map(Value::as_str).collect();
    let of_type = match direction {
        Direction::Ingress => types.is_empty() || types.contains(&"Ingress"),
        // Left out, it is there if there are rules for it.
        Direction::Egress => types.contains(&"Egress") || (types.is_empty() && each(policy, "/spec/egress").next().is_some()),
    };
    of_type && !pod.of_host() && text(policy, "/metadata/namespace") == pod.namespace && selects(&policy["spec"]["podSelector"], pod.labels)
}

/// Whether one of a policy's rules lets traffic with `peer` to a port of `server` pass.
fn lets(policy: &Value, direction: Direction, peer: &Side<'_>, server: &Side<'_>, port: Port<'_>) -> bool {
    let peers = match direction {
        Direction::Ingress => "/from",
        Direction::Egress => "/to",
    };
    let own = text(policy, "/metadata/namespace");
    each(policy, direction.rules()).any(|rule| {
        let mut listed = each(rule, peers).peekable();
        let whom = listed.peek().is_none() || listed.any(|listed| fits(listed, own, peer));
        let mut ports = each(rule, "/ports").peekable();
        whom && (ports.peek().is_none() || ports.any(|listed| opens(listed, server, port)))
    })
}

/// Whether a peer of a rule is this pod. Both selectors in one peer must fit; without one for namespaces it is the policy's own.
fn fits(listed: &Value, own: &str, peer: &Side<'_>) -> bool {
    if let Some(block) = listed.get("ipBlock") {
        let inside = |address: &IpAddr| {
            let mut except = each(block, "/except").filter_map(Value::as_str);
            contains(text(block, "/cidr"), *address) && !except.any(|cidr| contains(cidr, *address))
        };
        return peer.addresses.is_empty() || peer.addresses.iter().any(inside);
    }
    if peer.of_host() {
        return true;
    }
    let namespace = match listed.get("namespaceSelector") {
        Some(selector) => selects(selector, &peer.namespace_labels),
        None => peer.namespace == own,
    };
    namespace && listed.get("podSelector").is_none_or(|selector| selects(selector, peer.labels))
}

/// The addresses of a pod that runs, or will.
fn addresses(pod: &Value) -> impl Iterator<Item = IpAddr> {
    let over = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    let all = each(pod, "/status/podIPs")
        .map(|one| text(one, "/ip"))
        .chain([text(pod, "/status/podIP")]);
    all.filter(move |_| !over).filter_map(|address| address.parse().ok())
}

/// Whether an address is of a block, `10.0.0.0/8`.
fn contains(cidr: &str, address: IpAddr) -> bool {
    let Some((base, bits)) = cidr.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    // What the shift takes away is what may differ; a shift by all bits leaves nothing to compare.
    let same = |one: u128, other: u128, width: u32| width >= bits && (one ^ other).checked_shr(width - bits).unwrap_or(0) == 0;
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => same(base.to_bits().into(), address.to_bits().into(), 32),
        (IpAddr::V6(base), IpAddr::V6(address)) => same(base.to_bits(), address.to_bits(), 128),
        _ => false,
    }
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
