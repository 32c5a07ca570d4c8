//! What forbids: NetworkPolicies, quotas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Subject, Variable, World,
    owners::{Owners, WORKLOADS},
    view::view,
};
use crate::core::{
    estate::named_services,
    quantity,
    reachability::{Direction, Port, Side, allowed, blockers, concerns},
    read::{each, text},
    snapshot::{age, reference, selects},
};

view! {
    /// A NetworkPolicy.
    pub(super) struct PolicyView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Nothing may come in to a pod that it selects, whatever other policies say.
        denies_ingress: bool,
        /// Nothing may go out of one.
        denies_egress: bool,
        /// Nothing may go out of one to port 53.
        denies_dns: bool,
        /// It selects every pod of its namespace.
        selects_all: bool,
        /// Workloads whose pods it selects.
        workloads: Vec<String>,
        /// Of those, the ones with pods that are not ready.
        unready: Vec<String>,
        /// Workloads that call those and that neither it nor another policy lets in, though something may come in.
        shuts_out: Vec<String>,
        /// What the workloads that it selects call and neither it nor another policy lets them reach, though something may go out.
        holds_back_from: Vec<String>,
        /// Minutes since it was made.
        age_minutes: f64,
        /// Manager that wrote it last.
        changed_by: String,
        /// Minutes since then.
        changed_minutes: f64,
        /// Messages of events in its namespace, and log lines of its workloads, that speak of connections that time out.
        timeouts: i64,
        /// The same of names that cannot be looked up.
        lookups: i64,
    }
}

view! {
    /// A ResourceQuota.
    pub(super) struct QuotaView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Used share of each resource, at most 1 unless more is used than is allowed.
        shares: BTreeMap<String, f64>,
        /// Resources whose quota is used up, or nearly: more than 90 %.
        full: Vec<String>,
        /// Workloads that cannot create pods because of it.
        blocks: Vec<String>,
        /// What the server said when it refused.
        refusal: String,
    }
}

/// Words for a connection that gets no answer, as clients write them.
const TIMEOUTS: [&str; 5] = ["timed out", "timeout", "i/o timeout", "deadline exceeded", "etimedout"];
/// Words for a name that cannot be looked up.
pub(super) const LOOKUPS: [&str; 8] = [
    "no such host",
    "tcp: lookup ",
    "could not resolve",
    "name resolution",
    "getaddrinfo",
    "eai_again",
    "nxdomain",
    "server misbehaving",
];

pub(super) fn subjects(world: &World, owners: &Owners<'_>, all: &mut Vec<Subject>) {
    for object in world.snapshot.of("NetworkPolicy") {
        all.push(policy(world, owners, object));
    }
    for object in world.snapshot.of("ResourceQuota") {
        all.push(quota(world, object));
    }
}

fn policy(world: &World, owners: &Owners<'_>, object: &Value) -> Subject {
    let namespace = text(object, "/metadata/namespace");
    let selector = &object["spec"]["podSelector"];
    let dns = |rule: &Value| {
        let ports: Vec<&Value> = each(rule, "/ports").collect();
        ports.is_empty() || ports.iter().any(|port| port["port"] == 53 || port["port"] == "dns")
    };
    let in_network = |pod: &&Value| !Side::of_pod(&world.snapshot, pod).of_host();
    let pods: Vec<&Value> = world
        .snapshot
        .within("Pod", namespace)
        .filter(|pod| selects(selector, &pod["metadata"]["labels"]))
        .filter(in_network)
        .collect();
    let denies = |direction: Direction, fits: &dyn Fn(&Value) -> bool| {
        pods.iter().any(|pod| {
            let pod = Side::of_pod(&world.snapshot, pod);
            concerns(object, &pod, direction) && !allowed(world.snapshot.of("NetworkPolicy"), &pod, direction, fits)
        })
    };
    let denies_ingress = denies(Direction::Ingress, &|_| true);
    let denies_egress = denies(Direction::Egress, &|_| true);
    let denies_dns = denies(Direction::Egress, &dns);
    let (mut workloads, mut unready) = (Vec::new(), Vec::new());
    for pod in &pods {
        let Some(owner) = owners.of_pod(namespace, text(pod, "/metadata/name")) else {
            continue;
        };
        workloads.push(owner.name.clone());
        if !each(pod, "/status/conditions").any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True") {
            unready.push(owner.name.clone());
        }
    }
    for names in [&mut workloads, &mut unready] {
        names.sort();
        names.dedup();
    }
    let partly = |direction| match direction {
        Direction::Ingress => !denies_ingress,
        Direction::Egress => !denies_egress,
    };
    let cuts = cuts(world, object, &partly);
    let ends = |wanted: Direction| -> Vec<String> {
        let ends = cuts.iter().filter(|cut| cut.direction == wanted).map(|cut| match wanted {
            Direction::Ingress => cut.client.clone(),
            Direction::Egress => cut.server.clone(),
        });
        ends.collect::<BTreeSet<String>>().into_iter().collect()
    };
    let (shuts_out, holds_back_from) = (ends(Direction::Ingress), ends(Direction::Egress));
    let texts: Vec<(String, i64)> = heard(world, namespace);
    let speak = |words: &[&str]| -> i64 {
        let fits = |(text, _): &&(String, i64)| words.iter().any(|word| text.contains(word));
        texts.iter().filter(fits).map(|(_, count)| count).sum()
    };
    let (changed_by, changed_minutes) = super::last_change(world.snapshot.at, object);
    let view = PolicyView {
        name: text(object, "/metadata/name").to_owned(),
        namespace: namespace.to_owned(),
        denies_ingress,
        denies_egress,
        denies_dns,
        selects_all: selector.as_object().is_none_or(serde_json::Map::is_empty),
        workloads,
        unready,
        shuts_out,
        holds_back_from,
        age_minutes: age(world.snapshot.at, object, "/metadata/creationTimestamp").unwrap_or(f64::MAX) / 60.0,
        changed_by,
        changed_minutes,
        timeouts: speak(&TIMEOUTS),
        lookups: speak(&LOOKUPS),
    };
    let excerpt = format!(
        "NetworkPolicy {namespace}/{}: {}{}{}{}{}it selects {} ({} workloads), made {:.0} min ago by {}",
        view.name,
        if view.denies_ingress { "nothing may come in, " } else { "" },
        if view.denies_egress { "nothing may go out, " } else { "" },
        if view.denies_dns && !view.denies_egress {
            "no name may be looked up, "
        } else {
            ""
        },
        if view.shuts_out.is_empty() {
            String::new()
        } else {
            format!("{} may not come in, ", view.shuts_out.join(", "))
        },
        if view.holds_back_from.is_empty() {
            String::new()
        } else {
            format!("{} may not be reached, ", view.holds_back_from.join(", "))
        },
        if view.selects_all { "every pod" } else { "some pods" },
        view.workloads.len(),
        view.age_minutes,
        view.changed_by
    );
    let object = reference("NetworkPolicy", object);
    let quotes = super::lines(
        &world
            .said
            .iter()
            .filter(|said| said.by.namespace.as_deref() == Some(namespace))
            .filter(|said| TIMEOUTS.iter().chain(&LOOKUPS).any(|word| said.text.to_lowercase().contains(word)))
            .collect::<Vec<_>>(),
    );
    let events = quoted_events(world, namespace);
    Subject {
        of: "policy",
        variables: vec![
            Variable::new("policy", &view, object.clone(), excerpt)
                .quoting(events)
                .quoting(quotes),
        ],
        object,
    }
}

/// A connection that somebody needs and a policy takes part in forbidding.
struct Cut {
    client: String,
    server: String,
    direction: Direction,
}

/// Connections between workloads and the Services in their environment that a policy forbids, alone or with others, in a direction in which
/// something may pass (`partly`). A Service is cut off where no port of it is reached: which one is used is not known.
fn cuts(world: &World, policy: &Value, partly: &dyn Fn(Direction) -> bool) -> Vec<Cut> {
    let snapshot = &world.snapshot;
    let workloads = || {
        WORKLOADS
            .into_iter()
            .flat_map(|kind| snapshot.of(kind).iter().map(move |object| (kind, object)))
    };
    let policies = snapshot.of("NetworkPolicy");
    let mut found = Vec::new();
    for (_, caller) in workloads() {
        let namespace = text(caller, "/metadata/namespace");
        let template = &caller["spec"]["template"];
        let client = Side::of_template(snapshot, namespace, template);
        for (of, name) in named_services(&world.listings, template, namespace) {
            let Some(service) = snapshot.named("Service", &of, &name) else {
                continue;
            };
            let selector = serde_json::json!({"matchLabels": service["spec"]["selector"]});
            let behind = workloads().filter(|(_, object)| {
                text(object, "/metadata/namespace") == of
                    && service["spec"]["selector"].is_object()
                    && selects(&selector, &object["spec"]["template"]["metadata"]["labels"])
            });
            for (_, called) in behind {
                let server = Side::of_template(snapshot, &of, &called["spec"]["template"]);
                let ports: Vec<Port<'_>> = each(service, "/spec/ports")
                    .map(|port| Port {
                        number: server.port(port.get("targetPort").unwrap_or(&port["port"])),
                        protocol: port["protocol"].as_str().unwrap_or("TCP"),
                    })
                    .collect();
                let shut: Vec<Vec<(&Value, Direction)>> = ports.iter().map(|port| blockers(policies, &client, &server, *port)).collect();
                if shut.is_empty() || shut.iter().any(Vec::is_empty) {
                    continue;
                }
                let same = |other: &Value| {
                    other["metadata"]["name"] == policy["metadata"]["name"]
                        && other["metadata"]["namespace"] == policy["metadata"]["namespace"]
                };
                let part = shut.iter().flatten().find(|(other, direction)| same(other) && partly(*direction));
                found.extend(part.map(|(_, direction)| Cut {
                    client: text(caller, "/metadata/name").to_owned(),
                    server: text(called, "/metadata/name").to_owned(),
                    direction: *direction,
                }));
            }
        }
    }
    found
}

/// What events and logs of a namespace say, in small letters, with counts.
fn heard(world: &World, namespace: &str) -> Vec<(String, i64)> {
    let events = world
        .snapshot
        .within("Event", namespace)
        .filter(|event| text(event, "/type") == "Warning");
    let events = events.map(|event| (text(event, "/message").to_lowercase(), event["count"].as_i64().unwrap_or(1)));
    let said = world.said.iter().filter(|said| said.by.namespace.as_deref() == Some(namespace));
    events.chain(said.map(|said| (said.text.to_lowercase(), said.count))).collect()
}

/// Warnings of a namespace that speak of connections or names.
fn quoted_events(world: &World, namespace: &str) -> Vec<super::Quote> {
    let fits = |event: &&Value| {
        let message = text(event, "/message").to_lowercase();
        TIMEOUTS.iter().chain(&LOOKUPS).any(|word| message.contains(word))
    };
    let events = world
        .snapshot
        .within("Event", namespace)
        .filter(|event| text(event, "/type") == "Warning");
    let quote = |event: &Value| super::Quote {
        source: paramedic_domain::evidence::Source::Kubernetes,
        query: format!("/api/v1/namespaces/{namespace}/events"),
        excerpt: format!(
            "{} of {} {}: {}",
            text(event, "/reason"),
            text(event, "/involvedObject/kind"),
            text(event, "/involvedObject/name"),
            text(event, "/message")
        ),
        value: None,
    };
    events.filter(fits).take(super::MOST_QUOTES).map(quote).collect()
}

fn quota(world: &World, object: &Value) -> Subject {
    let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let amounts = |pointer: &str| -> BTreeMap<String, f64> {
        let all = object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
        let number = |value: &Value| value.as_f64().or_else(|| quantity::parse(value.as_str()?));
        all.filter_map(|(key, value)| Some((key.clone(), number(value)?))).collect()
    };
    let (hard, used) = (amounts("/status/hard"), amounts("/status/used"));
    let share = |(key, hard): (&String, &f64)| {
        let used = used.get(key).copied().unwrap_or(0.0);
        (
            key.clone(),
            if *hard > 0.0 {
                used / hard
            } else {
                f64::from(u8::from(used > 0.0))
            },
        )
    };
    let shares: BTreeMap<String, f64> = hard.iter().map(share).collect();
    let refusals: Vec<(String, String)> = world
        .snapshot
        .within("ReplicaSet", namespace)
        .flat_map(|set| {
            let owner = crate::core::read::controller(set).map(|(_, name)| name).unwrap_or_default();
            let failed = each(set, "/status/conditions").filter(|condition| text(condition, "/type") == "ReplicaFailure");
            failed
                .map(move |condition| (owner.clone(), text(condition, "/message").to_owned()))
                .collect::<Vec<_>>()
        })
        .chain(
            world
                .snapshot
                .within("Event", namespace)
                .filter(|event| text(event, "/reason") == "FailedCreate")
                .map(|event| {
                    let name = text(event, "/involvedObject/name");
                    let owner = match text(event, "/involvedObject/kind") {
                        "ReplicaSet" => name.rsplit_once('-').map_or(name, |(owner, _)| owner),
                        _ => name,
                    };
                    (owner.to_owned(), text(event, "/message").to_owned())
                }),
        )
        .filter(|(_, message)| message.contains("exceeded quota") && message.contains(name))
        .collect();
    let mut blocks: Vec<String> = refusals.iter().map(|(owner, _)| owner.clone()).collect();
    blocks.sort();
    blocks.dedup();
    let view = QuotaView {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        full: shares
            .iter()
            .filter(|(_, share)| **share > 0.9)
            .map(|(key, _)| key.clone())
            .collect(),
        shares,
        blocks,
        refusal: refusals.first().map_or_else(String::new, |(_, message)| message.clone()),
    };
    let parts: Vec<String> = view
        .shares
        .iter()
        .map(|(key, share)| format!("{key} {:.0} % used", share * 100.0))
        .collect();
    let refusal = if view.refusal.is_empty() {
        String::new()
    } else {
        format!("; {}", view.refusal)
    };
    let excerpt = format!("ResourceQuota {namespace}/{name}: {}{refusal}", parts.join(", "));
    Subject::of("quota", &view, reference("ResourceQuota", object), excerpt)
}
