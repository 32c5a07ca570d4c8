//! Deployments, StatefulSets and DaemonSets.

use std::collections::BTreeMap;

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::{
    EventView, Said, Subject, Variable, World,
    answers::{self, Answer},
    conditions,
    deliveries::{self, DeliveryView},
    events, lines,
    owners::{ALONE, Owners, WORKLOADS},
    quoted,
    releases::{self, ReleaseView},
    view::view,
};
use crate::core::{
    delivery::managed_by,
    estate::calls,
    measures::Measure,
    read::{self, count, each, text},
    revisions,
    rights::{self, Review},
    snapshot::reference,
};

view! {
    /// A Deployment, StatefulSet or DaemonSet; a pod that has no controller is its own workload.
    pub(super) struct WorkloadView {
        /// `Deployment`, `StatefulSet`, `DaemonSet`; `Pod`: nothing brings it back.
        kind: String,
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Replicas that it is to have; of a DaemonSet, nodes that it is to be on.
        desired: i64,
        /// Replicas that there are, ready or not; of a DaemonSet, nodes that it is on as wanted.
        replicas: i64,
        /// Replicas that are ready.
        ready: i64,
        /// Replicas that have been ready for long enough.
        available: i64,
        /// Replicas of the newest template.
        updated: i64,
        /// Of a DaemonSet: nodes that it runs on and should not.
        misscheduled: i64,
        /// Its rollout is paused.
        paused: bool,
        /// Of a StatefulSet: pods with a lower ordinal are not updated; 0: all are.
        partition: i64,
        /// Of a StatefulSet: its newest revision is not on all pods.
        updating: bool,
        /// The controller has not seen the newest specification.
        lagging: bool,
        /// Conditions of its status by type, each with `status`, `reason` and `message`.
        conditions: BTreeMap<String, BTreeMap<&'static str, String>>,
        /// Why no pods can be created; empty where they can.
        blocked: String,
        /// Its newest rollout.
        release: ReleaseView,
        /// `helm`, `argo`, `flux` or nothing.
        managed_by: &'static str,
        /// Name of its Helm release.
        helm_release: String,
        /// What delivers it, where that was asked.
        delivery: DeliveryView,
        /// Manager that wrote it last.
        changed_by: String,
        /// Minutes since then.
        changed_minutes: f64,
        /// The ServiceAccount of its pods.
        service_account: String,
        /// Of a StatefulSet: the Service that it names and that does not exist; empty: it exists, or none is named.
        missing_service: String,
        /// Labels that its pods' nodes must have.
        node_selector: BTreeMap<String, String>,
        /// Events about it, newest first.
        events: Vec<EventView>,
        /// What the event says that took away a pod of it for one of higher priority; empty: none was.
        preempted: String,
        /// What its logs complain about.
        said: Vec<Said>,
        /// What tools of your own said about it, while alerts lead to it.
        answers: Vec<Answer>,
        /// Rights that its logs say were refused to its account and that the API server, asked again, refuses: `list pods in ci`.
        rights_refused: Vec<String>,
        /// Those that the API server, asked again, grants by now.
        rights_granted: Vec<String>,
        /// Names of the workloads behind the Services in its environment.
        calls: Vec<String>,
        /// Of those, the ones that have pods which are not ready.
        calls_unwell: Vec<String>,
        /// Requests per second; -1: not measured.
        requests: f64,
        /// Three hours before; -1: not measured.
        requests_before: f64,
        /// Share of requests that fail; -1: not measured.
        failed: f64,
        /// Three hours before; -1: not measured.
        failed_before: f64,
        /// Seconds within which 99 % of the requests are answered; -1: not measured.
        p99: f64,
        /// Three hours before; -1: not measured.
        p99_before: f64,
        /// Nodes of its pods that are not ready.
        unready_nodes: Vec<String>,
        /// Another object owns it: what is changed in it may be changed back.
        owned_by_operator: bool,
    }
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
    if workload.kind != ALONE && !WORKLOADS.contains(&workload.kind.as_str()) {
        return None;
    }
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let object = world.snapshot.named(&workload.kind, namespace, &workload.name)?;
    let view = view(world, owners, workload, object);
    let answers = answers::about(world, workload);
    let said: Vec<&Said> = world.said.iter().filter(|said| said.by.same_object(workload)).collect();
    let mut quotes = Vec::new();
    if view.release.number > 0 {
        quotes.push(releases::quote(workload, &view.release));
    }
    let numbers = [("failed", view.failed), ("p99", view.p99), ("requests", view.requests)];
    let measured = numbers.into_iter().filter(|(_, value)| *value >= 0.0);
    let pods = owners.pods(workload);
    let place = (namespace, workload.name.as_str());
    quotes.extend(reviews(world, workload).map(Review::quote));
    quotes.extend(
        measured
            .filter_map(|(name, _)| world.measures.of_workload(name, place, pods).next())
            .map(Measure::quote),
    );
    let excerpt = describe(&view);
    let events = quoted(workload, &view.events);
    Some(
        Variable::new("workload", &view, workload.clone(), excerpt)
            .quoting(quotes)
            .quoting(deliveries::quotes(world, workload))
            .quoting(events)
            .quoting(lines(&said))
            .quoting(answers::quotes(&answers)),
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
    let alone = workload.kind == ALONE;
    // A pod has in it what a template has.
    let template = if alone { object } else { &object["spec"]["template"] };
    let called = calls(&world.listings, template, workload);
    let unwell = |one: &&ObjectRef| {
        let namespace = one.namespace.as_deref().unwrap_or_default();
        snapshot.named(&one.kind, namespace, &one.name).is_some_and(|object| {
            let wanted = count(object, "/spec/replicas").unwrap_or(1);
            count(object, "/status/readyReplicas").unwrap_or(0) < wanted || wanted == 0
        })
    };
    let (changed_by, changed_minutes) = super::last_change(snapshot.at, object);
    let place = (namespace, workload.name.as_str());
    let sum = |name: &'static str| {
        let values: Vec<f64> = world.measures.of_workload(name, place, pods).map(|measure| measure.value).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>())
    };
    let greatest = |name: &'static str| {
        let values = world.measures.of_workload(name, place, pods).map(|measure| measure.value);
        values.max_by(f64::total_cmp)
    };
    let share = |failed: &'static str, requests: &'static str| {
        let all = sum(requests).filter(|all| *all > 0.0)?;
        Some(sum(failed).unwrap_or(0.0) / all)
    };
    let release = releases::of(world, workload, pods);
    WorkloadView {
        kind: workload.kind.clone(),
        name: workload.name.clone(),
        namespace: namespace.to_owned(),
        desired,
        ready: match alone {
            true => i64::from(pods.iter().any(|pod| releases::ready(pod))),
            false => number(if daemon { "/status/numberReady" } else { "/status/readyReplicas" }).unwrap_or(0),
        },
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
        replicas: number(if daemon {
            "/status/currentNumberScheduled"
        } else {
            "/status/replicas"
        })
        .unwrap_or(0),
        misscheduled: number("/status/numberMisscheduled").unwrap_or(0),
        partition: number("/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0),
        updating: text(object, "/status/currentRevision") != text(object, "/status/updateRevision"),
        missing_service: missing_service(world, namespace, object),
        preempted: preempted(world, namespace, &workload.name),
        paused: object.pointer("/spec/paused") == Some(&Value::Bool(true)),
        lagging: number("/status/observedGeneration") < number("/metadata/generation"),
        conditions: conditions(object),
        blocked: blocked(world, workload),
        delivery: deliveries::of(world, workload, release.began()),
        release,
        managed_by: managed_by(object),
        helm_release: own("/metadata/annotations/meta.helm.sh~1release-name"),
        changed_by,
        changed_minutes,
        service_account: text(template, "/spec/serviceAccountName").to_owned(),
        node_selector: read::texts(template, "/spec/nodeSelector"),
        events: events(snapshot, &workload.kind, namespace, &workload.name),
        said: world.said.iter().filter(|said| said.by.same_object(workload)).cloned().collect(),
        answers: answers::about(world, workload)
            .into_iter()
            .map(|said| said.answer.clone())
            .collect(),
        rights_refused: reviews(world, workload)
            .filter(|one| !one.allowed)
            .map(|one| one.right.words())
            .collect(),
        rights_granted: reviews(world, workload)
            .filter(|one| one.allowed)
            .map(|one| one.right.words())
            .collect(),
        calls_unwell: called.iter().filter(unwell).map(|one| one.name.clone()).collect(),
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

/// What the API server says of the rights of a workload's account.
fn reviews<'w>(world: &'w World, workload: &ObjectRef) -> impl Iterator<Item = &'w Review> {
    let own = rights::account(world, workload);
    world
        .reviews
        .iter()
        .filter(move |review| own.as_ref() == Some(&review.right.account))
}

/// The governing Service of a StatefulSet, where it does not exist.
fn missing_service(world: &World, namespace: &str, object: &Value) -> String {
    let service = text(object, "/spec/serviceName");
    let known = service.is_empty() || !world.snapshot.listed("Service") || world.snapshot.named("Service", namespace, service).is_some();
    if known { String::new() } else { service.to_owned() }
}

/// Why a pod of it had to go: the pod is gone, and only its name says whose it was.
fn preempted(world: &World, namespace: &str, workload: &str) -> String {
    let own = |event: &&Value| {
        let pod = text(event, "/involvedObject/name").strip_prefix(workload);
        text(event, "/reason") == "Preempted" && pod.is_some_and(|rest| rest.starts_with('-'))
    };
    let mut events = world.snapshot.within("Event", namespace);
    events
        .find(own)
        .map_or_else(String::new, |event| text(event, "/message").to_owned())
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
    newest.sort_by_key(|set| std::cmp::Reverse(revisions::number(set)));
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
    if view.misscheduled > 0 {
        text.push_str(&format!("; {} run where they should not", view.misscheduled));
    }
    if !view.missing_service.is_empty() {
        text.push_str(&format!("; its Service {} does not exist", view.missing_service));
    }
    if view.updating && view.partition > 0 {
        text.push_str(&format!("; pods below ordinal {} are held back", view.partition));
    }
    if !view.preempted.is_empty() {
        text.push_str(&format!("; Preempted: {}", view.preempted));
    }
    if !view.blocked.is_empty() {
        text.push_str(&format!("; FailedCreate: {}", view.blocked));
    }
    text
}
