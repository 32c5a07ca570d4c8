//! Deployments, StatefulSets and DaemonSets.

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;
use serde::Serialize;
use serde_json::Value;

use super::{
    EventView, Quote, Said, Subject, Variable, World, conditions, events, lines, managed_by,
    owners::{Owners, WORKLOADS},
    quoted,
};
use crate::core::{
    estate::calls,
    measures::Measure,
    read::{self, count, each, text},
    snapshot::{age, reference},
};

/// A rollout longer ago, minutes, is not the cause of something that begins now.
const RECENT: f64 = 24.0 * 60.0;

/// `workload`: a Deployment, StatefulSet or DaemonSet.
#[derive(Debug, Clone, Default, Serialize)]
struct WorkloadView {
    kind: String,
    name: String,
    namespace: String,
    desired: i64,
    ready: i64,
    available: i64,
    updated: i64,
    paused: bool,
    /// The controller has not seen the newest specification.
    lagging: bool,
    conditions: BTreeMap<String, BTreeMap<&'static str, String>>,
    /// Why no pods can be created; empty where they can.
    blocked: String,
    release: ReleaseView,
    /// `helm`, `argo`, `flux` or nothing.
    managed_by: &'static str,
    helm_release: String,
    /// Manager that wrote it last, and minutes since then.
    changed_by: String,
    changed_minutes: f64,
    service_account: String,
    node_selector: BTreeMap<String, String>,
    events: Vec<EventView>,
    said: Vec<Said>,
    /// Names of the workloads behind the Services in its environment.
    calls: Vec<String>,
    /// Of those, the ones that have pods which are not ready.
    calls_unwell: Vec<String>,
    /// Hosts that its environment names and that no Service has, of names within the cluster.
    calls_nobody: Vec<String>,
    /// Requests per second now and three hours before; -1: not measured.
    requests: f64,
    requests_before: f64,
    /// Share of requests that fail, now and three hours before; -1: not measured.
    failed: f64,
    failed_before: f64,
    /// Seconds, now and three hours before; -1: not measured.
    p99: f64,
    p99_before: f64,
    /// Nodes of its pods that are not ready.
    unready_nodes: Vec<String>,
    owned_by_operator: bool,
}

/// The newest rollout against the one before.
#[derive(Debug, Clone, Default, Serialize)]
struct ReleaseView {
    number: i64,
    minutes_ago: f64,
    /// Within a day, and there is one before.
    recent: bool,
    changes: Vec<String>,
    changes_image: bool,
    cause: String,
    /// Number of the revision before; 0: there is none.
    previous: i64,
    /// Ready replicas of the revision before.
    previous_ready: i64,
    /// Every pod that is not ready is of the newest revision, and there is one.
    only_new_fail: bool,
}

pub(super) fn subjects(world: &World, owners: &Owners<'_>, all: &mut Vec<Subject>) {
    for kind in WORKLOADS {
        for object in world.snapshot.of(kind) {
            let workload = reference(kind, object);
            if let Some(variable) = variable(world, owners, &workload) {
                all.push(Subject {
                    of: "workload",
                    object: workload,
                    variables: vec![variable],
                });
            }
        }
    }
}

/// The workload as rules see it; `None` if it is none, or is not listed.
pub(super) fn variable(world: &World, owners: &Owners<'_>, workload: &ObjectRef) -> Option<Variable> {
    if !WORKLOADS.contains(&workload.kind.as_str()) {
        return None;
    }
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let object = world.snapshot.named(&workload.kind, namespace, &workload.name)?;
    let view = view(world, owners, workload, object);
    let said: Vec<&Said> = world.said.iter().filter(|said| said.by.same_object(workload)).collect();
    let mut quotes = Vec::new();
    if view.release.number > 0 {
        quotes.push(release_quote(workload, &view.release));
    }
    let numbers = [("failed", view.failed), ("p99", view.p99), ("requests", view.requests)];
    let measured = numbers.into_iter().filter(|(_, value)| *value >= 0.0);
    let pods = owners.pods(workload);
    let of_pod = |name: &'static str| {
        let of = |pod: &&Value| {
            world
                .measures
                .find(name, &[("namespace", namespace), ("pod", text(pod, "/metadata/name"))])
        };
        pods.iter().filter_map(of).next()
    };
    quotes.extend(measured.filter_map(|(name, _)| of_pod(name)).map(Measure::quote));
    let excerpt = describe(&view);
    let events = quoted(workload, &view.events);
    Some(
        Variable::new("workload", &view, workload.clone(), excerpt)
            .quoting(quotes)
            .quoting(events)
            .quoting(lines(&said)),
    )
}

fn view(world: &World, owners: &Owners<'_>, workload: &ObjectRef, object: &Value) -> WorkloadView {
    let snapshot = &world.snapshot;
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let own = |pointer: &str| text(object, pointer).to_owned();
    let number = |pointer: &str| count(object, pointer).map(i64::from);
    let daemon = workload.kind == "DaemonSet";
    let desired = match daemon {
        true => number("/status/desiredNumberScheduled").unwrap_or(0),
        false => number("/spec/replicas").unwrap_or(1),
    };
    let pods = owners.pods(workload);
    let template = &object["spec"]["template"];
    let called = calls(&world.listings, template, workload);
    let unwell = |one: &&ObjectRef| {
        let namespace = one.namespace.as_deref().unwrap_or_default();
        snapshot.named(&one.kind, namespace, &one.name).is_some_and(|object| {
            let wanted = count(object, "/spec/replicas").unwrap_or(1);
            count(object, "/status/readyReplicas").unwrap_or(0) < wanted || wanted == 0
        })
    };
    let (changed_by, changed_minutes) = super::last_change(snapshot.at, object);
    let sum = |name: &'static str| {
        let of = |pod: &&Value| {
            let name_of = text(pod, "/metadata/name");
            world.measures.find(name, &[("namespace", namespace), ("pod", name_of)])
        };
        let values: Vec<f64> = pods.iter().filter_map(of).map(|measure| measure.value).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>())
    };
    let greatest = |name: &'static str| {
        let of = |pod: &&Value| {
            world
                .measures
                .find(name, &[("namespace", namespace), ("pod", text(pod, "/metadata/name"))])
        };
        pods.iter().filter_map(of).map(|measure| measure.value).max_by(f64::total_cmp)
    };
    let share = |failed: &'static str, requests: &'static str| {
        let all = sum(requests).filter(|all| *all > 0.0)?;
        Some(sum(failed).unwrap_or(0.0) / all)
    };
    WorkloadView {
        kind: workload.kind.clone(),
        name: workload.name.clone(),
        namespace: namespace.to_owned(),
        desired,
        ready: number(if daemon { "/status/numberReady" } else { "/status/readyReplicas" }).unwrap_or(0),
        available: number(if daemon {
            "/status/numberAvailable"
        } else {
            "/status/availableReplicas"
        })
        .unwrap_or(0),
        updated: number(if daemon {
            "/status/updatedNumberScheduled"
        } else {
            "/status/updatedReplicas"
        })
        .unwrap_or(0),
        paused: object.pointer("/spec/paused") == Some(&Value::Bool(true)),
        lagging: number("/status/observedGeneration") < number("/metadata/generation"),
        conditions: conditions(object),
        blocked: blocked(world, workload),
        release: release(world, workload, object, pods),
        managed_by: managed_by(object),
        helm_release: own("/metadata/annotations/meta.helm.sh~1release-name"),
        changed_by,
        changed_minutes,
        service_account: own("/spec/template/spec/serviceAccountName"),
        node_selector: read::texts(object, "/spec/template/spec/nodeSelector"),
        events: events(snapshot, &workload.kind, namespace, &workload.name),
        said: world.said.iter().filter(|said| said.by.same_object(workload)).cloned().collect(),
        calls_unwell: called.iter().filter(unwell).map(|one| one.name.clone()).collect(),
        calls_nobody: Vec::new(),
        calls: called.iter().map(|one| one.name.clone()).collect(),
        requests: sum("requests").unwrap_or(-1.0),
        requests_before: sum("requests_before").unwrap_or(-1.0),
        failed: share("failed", "requests").unwrap_or(-1.0),
        failed_before: share("failed_before", "requests_before").unwrap_or(-1.0),
        p99: greatest("p99").unwrap_or(-1.0),
        p99_before: greatest("p99_before").unwrap_or(-1.0),
        unready_nodes: unready_nodes(world, pods),
        owned_by_operator: each(object, "/metadata/ownerReferences").next().is_some(),
    }
}

fn unready_nodes(world: &World, pods: &[&Value]) -> Vec<String> {
    let unready = |name: &&str| {
        world.snapshot.named("Node", "", name).is_some_and(|node| {
            each(node, "/status/conditions").any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") != "True")
        })
    };
    let mut nodes: Vec<String> = pods
        .iter()
        .map(|pod| text(pod, "/spec/nodeName"))
        .filter(unready)
        .map(ToOwned::to_owned)
        .collect();
    nodes.sort();
    nodes.dedup();
    nodes
}

/// Why its ReplicaSets, or it itself, cannot create pods.
fn blocked(world: &World, workload: &ObjectRef) -> String {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let sets = world
        .snapshot
        .within("ReplicaSet", namespace)
        .filter(|set| read::controller(set).is_some_and(|(kind, name)| kind == workload.kind && name == workload.name));
    let failure = |object: &Value| {
        let mut conditions = each(object, "/status/conditions");
        let failed = conditions.find(|condition| text(condition, "/type") == "ReplicaFailure" && text(condition, "/status") == "True")?;
        Some(text(failed, "/message").to_owned())
    };
    let mut newest: Vec<&Value> = sets.collect();
    newest.sort_by_key(|set| std::cmp::Reverse(revision_number(set)));
    let of_sets = newest.iter().find_map(|set| failure(set));
    let own = || {
        let found = events(&world.snapshot, &workload.kind, namespace, &workload.name);
        found
            .into_iter()
            .find(|event| event.reason == "FailedCreate")
            .map(|event| event.message)
    };
    let of_events = || {
        newest.iter().find_map(|set| {
            let found = events(&world.snapshot, "ReplicaSet", namespace, text(set, "/metadata/name"));
            found
                .into_iter()
                .find(|event| event.reason == "FailedCreate" && event.minutes_ago < 60.0)
                .map(|event| event.message)
        })
    };
    of_sets.or_else(own).or_else(of_events).unwrap_or_default()
}

fn revision_number(set: &Value) -> i64 {
    text(set, "/metadata/annotations/deployment.kubernetes.io~1revision")
        .parse()
        .unwrap_or(0)
}

fn release(world: &World, workload: &ObjectRef, object: &Value, pods: &[&Value]) -> ReleaseView {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    if workload.kind != "Deployment" {
        return of_set(world, object, pods);
    }
    let sets: Vec<&Value> = world
        .snapshot
        .within("ReplicaSet", namespace)
        .filter(|set| read::controller(set).is_some_and(|(kind, name)| kind == "Deployment" && name == workload.name))
        .collect();
    let nobody = "none".parse().expect("letters are a valid id");
    let revisions = read::revisions(&sets, &nobody);
    let Some(newest) = revisions.first() else {
        return ReleaseView::default();
    };
    let previous = revisions.get(1);
    let minutes_ago = super::minutes(world.snapshot.at, newest.created);
    let failing: Vec<&str> = pods
        .iter()
        .filter(|pod| !each(pod, "/status/conditions").any(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True"))
        .filter_map(|pod| each(pod, "/metadata/ownerReferences").next())
        .map(|owner| text(owner, "/name"))
        .collect();
    let set = sets.iter().find(|set| text(set, "/metadata/name") == newest.name);
    ReleaseView {
        number: i64::try_from(newest.number).unwrap_or(0),
        minutes_ago,
        recent: previous.is_some() && minutes_ago <= RECENT,
        changes_image: newest.changes.iter().any(|change| change.contains(".image:")),
        changes: newest.changes.clone(),
        cause: set.map_or_else(String::new, |set| {
            text(set, "/metadata/annotations/kubernetes.io~1change-cause").to_owned()
        }),
        previous: previous.map_or(0, |previous| i64::try_from(previous.number).unwrap_or(0)),
        previous_ready: previous.map_or(0, |previous| i64::from(previous.ready)),
        only_new_fail: !failing.is_empty() && failing.iter().all(|owner| *owner == newest.name),
    }
}

/// What is known of the rollouts of a StatefulSet or DaemonSet without its ControllerRevisions.
fn of_set(world: &World, object: &Value, pods: &[&Value]) -> ReleaseView {
    let (current, update) = (text(object, "/status/currentRevision"), text(object, "/status/updateRevision"));
    if update.is_empty() || current == update {
        return ReleaseView::default();
    }
    let hash = |pod: &&&Value| text(pod, "/metadata/labels/controller-revision-hash") == update;
    let newest = pods
        .iter()
        .filter(hash)
        .filter_map(|pod| age(world.snapshot.at, pod, "/metadata/creationTimestamp"));
    let minutes_ago = newest.fold(f64::MAX, f64::min) / 60.0;
    ReleaseView {
        number: 2,
        minutes_ago,
        recent: minutes_ago <= RECENT,
        previous: 1,
        changes: vec![format!("revision: {current} -> {update}")],
        ..ReleaseView::default()
    }
}

fn release_quote(workload: &ObjectRef, release: &ReleaseView) -> Quote {
    let cause = if release.cause.is_empty() {
        String::new()
    } else {
        format!(" ({})", release.cause)
    };
    Quote {
        source: paramedic_domain::evidence::Source::Kubernetes,
        query: format!(
            "/apis/apps/v1/namespaces/{}/replicasets owned by {}",
            workload.namespace.as_deref().unwrap_or_default(),
            workload.name
        ),
        excerpt: format!(
            "revision {}{cause} since {:.0} min; changed {}; revision {} before it has {} ready replicas",
            release.number,
            release.minutes_ago,
            release.changes.iter().take(4).cloned().collect::<Vec<_>>().join(", "),
            release.previous,
            release.previous_ready
        ),
        value: Some((release.minutes_ago, "min".into())),
    }
}

fn describe(view: &WorkloadView) -> String {
    let mut text = format!(
        "{} {}/{}: {} of {} replicas ready, {} updated",
        view.kind, view.namespace, view.name, view.ready, view.desired, view.updated
    );
    for (name, condition) in &view.conditions {
        let good = (name == "ReplicaFailure") == (condition["status"] == "False");
        if !good {
            text.push_str(&format!(
                "; {name}={} ({}): {}",
                condition["status"], condition["reason"], condition["message"]
            ));
        }
    }
    if !view.blocked.is_empty() {
        text.push_str(&format!("; FailedCreate: {}", view.blocked));
    }
    text
}
