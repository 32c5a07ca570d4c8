//! What else must be well for a fix to count: what was alerted about and suffers from the target, and the alerts themselves.

use std::collections::BTreeMap;

use paramedic_domain::{
    alert::Alert,
    object::ObjectRef,
    verification::{Comparison, Criterion, Probe, WorkloadMetric},
};
use serde_json::{Value, json};

use super::{
    criteria::{self, BACK, FEW_ERRORS, pods_like},
    facts::Facts,
    read::{count, text},
    rules::{
        about::about,
        influence::{Influence, Key, key},
    },
    snapshot::{Snapshot, reference, selects},
    subjects::owners::{Owners, WORKLOADS},
};

/// Workloads that are measured besides the target: the nearest ones tell whether it has spread, the rest follows them.
const MOST_DEPENDANTS: usize = 5;
/// Alerts (by name and what they are about) that are asked for.
const MOST_SIGNALS: usize = 5;
/// What the query of an alert's own state begins with, so that [`is_signal`] knows it again.
const SIGNAL: &str = "count(ALERTS{";
/// Labels of alerts that say what they are about and outlive a change. Pods do not.
const LASTING: [&str; 12] = [
    "namespace",
    "deployment",
    "statefulset",
    "daemonset",
    "job_name",
    "cronjob",
    "service",
    "persistentvolumeclaim",
    "horizontalpodautoscaler",
    "node",
    "container",
    "ingress",
];

/// Criteria that a diagnosis has besides those of its remedy.
#[must_use]
pub fn afterwards(facts: &Facts, influence: &Influence, target: &ObjectRef, already: &[Criterion]) -> Vec<Criterion> {
    let mut all = dependants(facts, influence, target, already);
    all.extend(signals(facts));
    all
}

/// Whether a criterion is about an alert's own state.
#[must_use]
pub fn is_signal(criterion: &Criterion) -> bool {
    matches!(&criterion.probe, Probe::Promql { query } if query.starts_with(SIGNAL))
}

/// The workloads that alerts are about and that a fault of the target reaches, the nearest first; the target itself where nothing
/// measures it yet.
fn dependants(facts: &Facts, influence: &Influence, target: &ObjectRef, already: &[Criterion]) -> Vec<Criterion> {
    let snapshot = &facts.world.snapshot;
    let owners = Owners::of(snapshot);
    let reach = influence.reach(target);
    let mut found: BTreeMap<Key, usize> = BTreeMap::new();
    for subject in facts.alerts.iter().flat_map(|alert| about(&facts.world, alert)) {
        for workload in behind(snapshot, &owners, &subject) {
            if let Some(distance) = reach.get(&workload).or_else(|| reach.get(&subject)) {
                found.insert(workload, *distance);
            }
        }
    }
    let measured = |workload: &Key| {
        already.iter().any(|criterion| {
            matches!(&criterion.probe, Probe::Workload { target, metric: WorkloadMetric::UnreadyReplicas } if key(target) == *workload)
        })
    };
    let mut nearest: Vec<(usize, Key)> = found.into_iter().map(|(workload, distance)| (distance, workload)).collect();
    nearest.sort();
    nearest.retain(|(_, workload)| !measured(workload));
    nearest.truncate(MOST_DEPENDANTS);
    nearest
        .iter()
        .flat_map(|(distance, (kind, namespace, name))| {
            let Some(object) = snapshot.named(kind, namespace, name) else {
                return Vec::new();
            };
            let workload = reference(kind, object);
            let why = match distance {
                0 => "was alerted about".to_owned(),
                _ => format!("was alerted about and suffers from {}", target.name),
            };
            let mut criteria = vec![ready(workload.clone(), object, &why)];
            criteria.extend(answering(facts, &workload, &why));
            criteria
        })
        .collect()
}

/// The workloads of what an alert is about.
fn behind(snapshot: &Snapshot, owners: &Owners<'_>, subject: &Key) -> Vec<Key> {
    let (kind, namespace, name) = subject;
    match kind.as_str() {
        kind if WORKLOADS.contains(&kind) => vec![subject.clone()],
        "Pod" => {
            let owner = owners.of_pod(namespace, name);
            let owner = owner.filter(|owner| WORKLOADS.contains(&owner.kind.as_str()));
            owner.map(key).into_iter().collect()
        }
        "Service" => {
            let Some(service) = snapshot.named("Service", namespace, name) else {
                return Vec::new();
            };
            let labels = &service["spec"]["selector"];
            if labels.as_object().is_none_or(serde_json::Map::is_empty) {
                return Vec::new();
            }
            let selector = json!({"matchLabels": labels});
            let selected = WORKLOADS.into_iter().flat_map(|kind| {
                let workloads = snapshot.within(kind, namespace);
                workloads.map(move |workload| (kind, workload))
            });
            selected
                .filter(|(_, workload)| selects(&selector, &workload["spec"]["template"]["metadata"]["labels"]))
                .map(|(kind, workload)| (kind.to_owned(), namespace.clone(), text(workload, "/metadata/name").to_owned()))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn ready(target: ObjectRef, object: &Value, why: &str) -> Criterion {
    let pointers = match target.kind.as_str() {
        "DaemonSet" => ["/status/desiredNumberScheduled", "/status/numberReady"],
        _ => ["/spec/replicas", "/status/readyReplicas"],
    };
    let [desired, ready] = pointers.map(|pointer| count(object, pointer));
    let unready = desired.unwrap_or(1).saturating_sub(ready.unwrap_or(0));
    Criterion {
        description: format!("every replica of {target}, which {why}, is ready"),
        probe: Probe::Workload {
            target,
            metric: WorkloadMetric::UnreadyReplicas,
        },
        comparison: Comparison::AtMost,
        threshold: 0.0,
        unit: "replicas".into(),
        before: Some(f64::from(unready)),
        decisive: true,
    }
}

/// Its requests do not fail any more, where they do now.
fn answering(facts: &Facts, workload: &ObjectRef, why: &str) -> Option<Criterion> {
    let namespace = workload.namespace.as_deref()?;
    let owners = Owners::of(&facts.world.snapshot);
    let sum = |name: &str| -> f64 {
        let place = (namespace, workload.name.as_str());
        let measures = facts.world.measures.of_workload(name, place, owners.pods(workload));
        measures.map(|measure| measure.value).sum()
    };
    let [failed, all] = ["failed", "requests"].map(sum);
    let [failed_before, all_before] = ["failed_before", "requests_before"].map(sum);
    let share = if all > 0.0 { failed / all } else { return None };
    let usual = if all_before > 0.0 { failed_before / all_before } else { 0.0 };
    let most = (usual * BACK).max(FEW_ERRORS);
    if share <= most {
        return None;
    }
    let of = facts.counted.of(namespace, std::iter::once(workload));
    Some(Criterion {
        description: format!("at most {:.1} % of the requests of {workload} fail, which {why}", most * 100.0),
        probe: Probe::Promql {
            query: criteria::share_failed(facts.counted, &of, "5m"),
        },
        comparison: Comparison::AtMost,
        threshold: most,
        unit: "share".into(),
        before: Some(share),
        decisive: true,
    })
}

/// The alerts that Prometheus itself shows as firing now: they must not any more.
fn signals(facts: &Facts) -> Vec<Criterion> {
    let owners = Owners::of(&facts.world.snapshot);
    let mut queries: BTreeMap<String, (String, f64)> = BTreeMap::new();
    for alert in facts.alerts.iter().filter(|alert| facts.firing.contains(&alert.fingerprint)) {
        let (query, about) = signal(&owners, alert);
        let known = queries.entry(query).or_insert((about, 0.0));
        known.1 += 1.0;
    }
    queries
        .into_iter()
        .take(MOST_SIGNALS)
        .map(|(query, (about, firing))| Criterion {
            description: format!("the alert {about} does not fire any more"),
            probe: Probe::Promql { query },
            comparison: Comparison::AtMost,
            threshold: 0.0,
            unit: "alerts".into(),
            before: Some(firing),
            decisive: true,
        })
        .collect()
}

/// The query for an alert, and its name with what it is about.
fn signal(owners: &Owners<'_>, alert: &Alert) -> (String, String) {
    let mut labels = vec![format!("alertname={}", quoted(alert.name()))];
    let mut about = Vec::new();
    for label in LASTING {
        let value = alert.label(label);
        if !value.is_empty() {
            labels.push(format!("{label}={}", quoted(value)));
            if label != "namespace" {
                about.push(value.to_owned());
            }
        }
    }
    let (namespace, pod) = (alert.label("namespace"), alert.label("pod"));
    if !pod.is_empty() {
        // The pod may be replaced; whoever takes its place must not fire either.
        let pods = owners.of_pod(namespace, pod).map(|owner| pods_like(&owner.kind, &owner.name));
        about.push(owners.of_pod(namespace, pod).map_or(pod, |owner| owner.name.as_str()).to_owned());
        labels.push(pods.map_or_else(|| format!("pod={}", quoted(pod)), |pods| format!("pod=~\"{pods}\"")));
    }
    let query = format!("{SIGNAL}{},alertstate=\"firing\"}}) or vector(0)", labels.join(","));
    let about = match about.is_empty() {
        true => alert.name().to_owned(),
        false => format!("{} of {}", alert.name(), about.join(", ")),
    };
    (query, about)
}

/// A text from an alert as PromQL writes it: nothing in it can end it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
