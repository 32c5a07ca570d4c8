//! What the cluster itself tells: events, ends of containers, conditions that turned bad.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_domain::evidence::Source;
use serde_json::Value;

use super::{Moment, Telling};
use crate::core::{
    read::{each, text, time},
    snapshot::{Snapshot, reference},
    subjects::{Quote, owners::Owners, path},
};

/// Conditions of a node that are bad when they hold.
const PRESSURES: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];
/// Events of this type are worth a look.
const WARNING: &str = "Warning";

/// What follows from anything that is started: it tells nothing that the change and the trouble do not.
const ROUTINE: [&str; 7] = [
    "Scheduled",
    "Pulling",
    "Pulled",
    "Created",
    "Started",
    "SuccessfulCreate",
    "SuccessfulDelete",
];

pub(super) fn moments(snapshot: &Snapshot) -> Vec<Moment> {
    let owners = Owners::of(snapshot);
    let mut all = events(snapshot, &owners);
    all.extend(ends(snapshot, &owners));
    all.extend(unready(snapshot, &owners));
    all.extend(nodes(snapshot));
    all
}

/// Several of the same kind become one moment: the first of them, and how many there were.
#[derive(Default)]
struct Gathered(BTreeMap<(String, String), (Moment, i64)>);

impl Gathered {
    fn add(&mut self, key: &str, times: i64, moment: Moment) {
        let known = self.0.entry((moment.object.clone(), key.to_owned()));
        let (first, count) = known.or_insert_with(|| (moment.clone(), 0));
        *count += times;
        if moment.at < first.at {
            *first = moment;
        }
    }

    fn moments(self) -> impl Iterator<Item = Moment> {
        self.0.into_values().map(|(mut moment, count)| {
            if count > 1 {
                moment.what = format!("{} ({count} times)", moment.what);
            }
            moment
        })
    }
}

/// What a pod belongs to, or the pod.
fn whose(owners: &Owners<'_>, kind: &str, namespace: &str, name: &str) -> String {
    let owner = (kind == "Pod").then(|| owners.of_pod(namespace, name)).flatten();
    match (owner, namespace) {
        (Some(owner), _) => owner.to_string(),
        (None, "") => format!("{kind} {name}"),
        (None, _) => format!("{kind} {namespace}/{name}"),
    }
}

fn events(snapshot: &Snapshot, owners: &Owners<'_>) -> Vec<Moment> {
    let mut gathered = Gathered::default();
    for event in snapshot.of("Event") {
        let firsts = ["/firstTimestamp", "/eventTime", "/lastTimestamp", "/metadata/creationTimestamp"];
        let Some(at) = firsts.iter().find_map(|pointer| time(event, pointer)) else {
            continue;
        };
        let about = &event["involvedObject"];
        let (kind, namespace, name) = (text(about, "/kind"), text(about, "/namespace"), text(about, "/name"));
        let (reason, message) = (text(event, "/reason"), text(event, "/message"));
        if ROUTINE.contains(&reason) {
            continue;
        }
        let times = event.get("count").or_else(|| event.pointer("/series/count"));
        let times = times.and_then(Value::as_i64).unwrap_or(1);
        let told_in = match namespace {
            "" => "default",
            namespace => namespace,
        };
        gathered.add(
            reason,
            times,
            Moment {
                at,
                telling: if text(event, "/type") == WARNING {
                    Telling::Sign
                } else {
                    Telling::Detail
                },
                object: whose(owners, kind, namespace, name),
                what: format!("{reason}: {message}"),
                quote: Quote {
                    source: Source::Kubernetes,
                    query: format!(
                        "/api/v1/namespaces/{told_in}/events?fieldSelector=involvedObject.kind={kind},involvedObject.name={name}"
                    ),
                    excerpt: format!("{reason} ({times} times): {message}"),
                    value: Some((times as f64, "times".into())),
                },
            },
        );
    }
    gathered.moments().collect()
}

/// How the last runs of containers ended badly.
fn ends(snapshot: &Snapshot, owners: &Owners<'_>) -> Vec<Moment> {
    let mut gathered = Gathered::default();
    for pod in snapshot.of("Pod") {
        let object = reference("Pod", pod);
        let namespace = object.namespace.as_deref().unwrap_or_default();
        for status in each(pod, "/status/containerStatuses") {
            let ends = ["/lastState/terminated", "/state/terminated"];
            for end in ends.iter().filter_map(|pointer| status.pointer(pointer)) {
                let code = end["exitCode"].as_i64().unwrap_or_default();
                let (Some(at), true) = (time(end, "/finishedAt"), code != 0) else {
                    continue;
                };
                let what = format!(
                    "container {} ended with reason {} and exit code {code}",
                    text(status, "/name"),
                    text(end, "/reason")
                );
                let told = quote(path(&object), format!("{}: {what} at {at}", object.name));
                gathered.add(
                    &what.clone(),
                    1,
                    moment(at, whose(owners, "Pod", namespace, &object.name), what, told),
                );
            }
        }
    }
    gathered.moments().collect()
}

/// Since when pods are not ready.
fn unready(snapshot: &Snapshot, owners: &Owners<'_>) -> Vec<Moment> {
    let mut gathered = Gathered::default();
    for pod in snapshot.of("Pod") {
        let object = reference("Pod", pod);
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let ready = |condition: &&Value| text(condition, "/type") == "Ready" && text(condition, "/status") != "True";
        let Some(condition) = each(pod, "/status/conditions").find(ready) else {
            continue;
        };
        // What has done its work is not ready either.
        if let (Some(at), true) = (time(condition, "/lastTransitionTime"), text(pod, "/status/phase") != "Succeeded") {
            let told = quote(path(&object), format!("{} is not ready since {at}", object.name));
            let whose = whose(owners, "Pod", namespace, &object.name);
            gathered.add(
                "unready",
                1,
                moment(at, whose, format!("pod {} is no longer ready", object.name), told),
            );
        }
    }
    gathered.moments().collect()
}

fn nodes(snapshot: &Snapshot) -> Vec<Moment> {
    let mut all = Vec::new();
    for node in snapshot.of("Node") {
        let object = reference("Node", node);
        for condition in each(node, "/status/conditions") {
            let (kind, status) = (text(condition, "/type"), text(condition, "/status"));
            let bad = (kind == "Ready" && status != "True") || (PRESSURES.contains(&kind) && status == "True");
            let (Some(at), true) = (time(condition, "/lastTransitionTime"), bad) else {
                continue;
            };
            let what = format!("{kind} is {status}: {}", text(condition, "/message"));
            let told = quote(path(&object), format!("{what}, since {at}"));
            all.push(Moment {
                telling: Telling::Symptom,
                ..moment(at, object.to_string(), what, told)
            });
        }
    }
    all
}

fn moment(at: Timestamp, object: String, what: String, quote: Quote) -> Moment {
    Moment {
        at,
        telling: Telling::Sign,
        object,
        what,
        quote,
    }
}

fn quote(query: String, excerpt: String) -> Quote {
    Quote {
        source: Source::Kubernetes,
        query,
        excerpt,
        value: None,
    }
}
