//! Who reaches whom: Services with their endpoints, and the NetworkPolicies in between.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::{control::pods, obj};
use crate::store::{Gvr, Store};

/// Why a pod gets no answer from a Service (`name` or `namespace/name`); `None` when it does.
pub(crate) fn cut(store: &Store, from: &Value, service: &str) -> Option<String> {
    let (ns, name) = service.split_once('/').unwrap_or((obj::namespace(from), service));
    let host = format!("{name}.{ns}.svc");
    let Some(service) = store.get_shared(&Gvr::services(), Some(ns), name) else {
        return Some(format!("dial tcp: lookup {host}: no such host"));
    };
    let all = store.list_shared(&Gvr::pods(), Some(ns)).0;
    let behind = |pod: &&Value| pods::active(pod) && pods::ready(pod) && obj::selects_plainly(&service["spec"]["selector"], pod);
    let targets: Vec<&Value> = all.iter().map(|pod| &**pod).filter(behind).collect();
    let port = obj::int(&service, "/spec/ports/0/targetPort").or_else(|| obj::int(&service, "/spec/ports/0/port"));
    let port = port.unwrap_or(0);
    if targets.is_empty() {
        return Some(format!(
            "dial tcp {}:{port}: connect: connection refused",
            obj::text(&service, "/spec/clusterIP")
        ));
    }
    if targets.iter().any(|to| allowed(store, from, to, port)) {
        return None;
    }
    Some(format!("dial tcp {}:{port}: i/o timeout", obj::text(&service, "/spec/clusterIP")))
}

/// True when no policy stands between two pods.
pub(crate) fn allowed(store: &Store, from: &Value, to: &Value, port: i64) -> bool {
    passes(store, from, ("Egress", "egress", "to"), to, port) && passes(store, to, ("Ingress", "ingress", "from"), from, port)
}

/// True when the policies that select `pod` in one direction let the `peer` through; without any policy everybody passes.
fn passes(store: &Store, pod: &Value, direction: (&str, &str, &str), peer: &Value, port: i64) -> bool {
    let (kind, rules, peers) = direction;
    let all = store.list_shared(&Gvr::network_policies(), Some(obj::namespace(pod))).0;
    let mut mine = all
        .iter()
        .filter(|policy| obj::selects(&policy["spec"]["podSelector"], pod) && governs(policy, kind))
        .peekable();
    if mine.peek().is_none() {
        return true;
    }
    mine.any(|policy| {
        let rules = policy["spec"][rules].as_array().into_iter().flatten();
        rules.into_iter().any(|rule| {
            let listed = rule[peers].as_array().filter(|list| !list.is_empty());
            let known = listed.is_none_or(|list| list.iter().any(|one| is_peer(store, policy, one, peer)));
            known && opens(&rule["ports"], port)
        })
    })
}

/// A policy without types governs ingress, and egress if it has rules for it.
fn governs(policy: &Value, kind: &str) -> bool {
    match policy["spec"]["policyTypes"].as_array().filter(|types| !types.is_empty()) {
        Some(types) => types.iter().any(|one| one == kind),
        None => kind == "Ingress" || policy["spec"].get("egress").is_some(),
    }
}

fn opens(ports: &Value, port: i64) -> bool {
    let Some(ports) = ports.as_array().filter(|list| !list.is_empty()) else {
        return true;
    };
    ports.iter().any(|one| match (one["port"].as_i64(), one["endPort"].as_i64()) {
        (Some(first), Some(last)) => (first..=last).contains(&port),
        (Some(only), None) => only == port,
        // A protocol alone opens all its ports; names are taken to be the one that is called.
        (None, _) => true,
    })
}

fn is_peer(store: &Store, policy: &Value, peer: &Value, pod: &Value) -> bool {
    if let Some(block) = peer["ipBlock"].as_object() {
        let address = obj::text(pod, "/status/podIP").parse().ok();
        let inside = |cidr: &Value| address.is_some_and(|address| contains(cidr.as_str().unwrap_or_default(), address));
        let mut except = block.get("except").and_then(Value::as_array).into_iter().flatten();
        return block.get("cidr").is_some_and(inside) && !except.any(inside);
    }
    let place = match peer.get("namespaceSelector") {
        Some(selector) => {
            let ns = store.get_shared(&Gvr::namespaces(), None, obj::namespace(pod));
            ns.is_some_and(|ns| obj::selects(selector, &ns))
        }
        None => obj::namespace(pod) == obj::namespace(policy),
    };
    place && peer.get("podSelector").is_none_or(|selector| obj::selects(selector, pod))
}

fn contains(cidr: &str, address: Ipv4Addr) -> bool {
    let Some((base, bits)) = cidr.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<Ipv4Addr>(), bits.parse::<u32>()) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or(0);
    u32::from(base) & mask == u32::from(address) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_blocks_contain_what_shares_their_prefix() {
        for (cidr, address, inside) in [
            ("10.244.0.0/16", "10.244.3.9", true),
            ("10.244.0.0/16", "10.245.3.9", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("10.0.0.7/32", "10.0.0.8", false),
            ("nonsense", "10.0.0.8", false),
        ] {
            assert_eq!(contains(cidr, address.parse().unwrap()), inside, "{cidr} {address}");
        }
    }
}
