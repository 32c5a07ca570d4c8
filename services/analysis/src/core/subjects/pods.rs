//! Containers and pods.

use paramedic_domain::object::ObjectRef;
use serde_json::Value;

use super::{EventView, Quote, Subject, Variable, World, events, lines, minutes, owners::Owners, quoted, view::view, workloads};
use crate::core::{
    quantity,
    read::{each, text, time},
    snapshot::{Snapshot, reference},
};

view! {
    /// One container of a pod, init containers included.
    pub(super) struct ContainerView {
        /// Its name.
        name: String,
        /// Its image.
        image: String,
        /// It is an init container.
        init: bool,
        /// It is ready.
        ready: bool,
        /// It runs.
        running: bool,
        /// How often it was restarted.
        restarts: i64,
        /// Why it waits; empty texts where it does not.
        waiting: Reason,
        /// How its last run ended; empty where none has.
        ended: Ended,
        /// The kernel killed it for its memory: reason `OOMKilled` and exit code 137.
        oom_killed: bool,
        /// Numbers of the ports that it declares.
        ports: Vec<i64>,
        /// Its liveness probe.
        liveness: ProbeView,
        /// Its readiness probe.
        readiness: ProbeView,
        /// Its startup probe.
        startup: ProbeView,
        /// Bytes; 0: no limit.
        memory_limit: f64,
        /// Cores; 0: no limit.
        cpu_limit: f64,
        /// It asks for CPU.
        requests_cpu: bool,
        /// It asks for memory.
        requests_memory: bool,
        /// Share of CFS periods in which it was throttled; -1: not measured.
        throttled: f64,
        /// Working set as a share of the limit; -1: not measured.
        memory_share: f64,
    }
}

view! {
    /// Why something waits.
    pub(super) struct Reason {
        /// One word: `ImagePullBackOff`.
        pub(super) reason: String,
        /// A sentence.
        pub(super) message: String,
    }
}

view! {
    /// How a run ended.
    struct Ended {
        /// One word: `Error`, `OOMKilled`, `Completed`.
        reason: String,
        /// What the container or the kubelet left as its last words.
        message: String,
        /// Exit code; 0 where no run has ended.
        exit_code: i64,
        /// Minutes since then.
        minutes_ago: f64,
    }
}

view! {
    /// A probe.
    struct ProbeView {
        /// `http`, `tcp`, `grpc`, `exec`; empty: there is none.
        kind: &'static str,
        /// Number of the port that it asks.
        port: i64,
        /// Path that it asks.
        path: String,
        /// The container declares ports, and this is none of them.
        undeclared: bool,
        /// How often it may fail.
        failure_threshold: i64,
        /// Seconds before it is first asked.
        initial_delay: i64,
    }
}

view! {
    /// A pod.
    pub(super) struct PodView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// `Pending`, `Running`, `Failed`, ...
        phase: String,
        /// Why it is in that phase: `Evicted`.
        reason: String,
        /// The same as a sentence.
        message: String,
        /// Its node; empty: none yet.
        node: String,
        /// It is ready.
        ready: bool,
        /// The scheduler found a node.
        scheduled: bool,
        /// Why the scheduler finds no node; empty where it found one.
        unschedulable: String,
        /// A scheduling gate holds it.
        gated: bool,
        /// Minutes since it was deleted and is still there; 0: it was not.
        terminating_minutes: f64,
        /// Minutes since it was made.
        age_minutes: f64,
        /// Names of the claims that it mounts.
        claims: Vec<String>,
        /// Its ServiceAccount.
        service_account: String,
        /// Restarts of all its containers.
        restarts: i64,
        /// Events about it, newest first.
        events: Vec<EventView>,
    }
}

pub(super) fn subjects(world: &World, owners: &Owners<'_>, all: &mut Vec<Subject>) {
    for object in world.snapshot.of("Pod") {
        let pod = reference("Pod", object);
        let namespace = text(object, "/metadata/namespace");
        let owner = owners.of_pod(namespace, &pod.name);
        let workload = owner.and_then(|owner| workloads::variable(world, owners, owner));
        let seen = variable(world, object, &pod, owner);
        let mut variables = vec![seen];
        variables.extend(workload);
        for (pointer, status, init) in [
            ("/spec/initContainers", "/status/initContainerStatuses", true),
            ("/spec/containers", "/status/containerStatuses", false),
        ] {
            for spec in each(object, pointer) {
                let state = each(object, status).find(|state| text(state, "/name") == text(spec, "/name"));
                let view = container(world, object, spec, state, init);
                let excerpt = describe(&pod, &view);
                let mut variables = variables.clone();
                variables.push(Variable::new("container", &view, pod.clone(), excerpt).quoting(usage(world, object, &view)));
                all.push(Subject {
                    of: "container",
                    object: pod.clone(),
                    variables,
                });
            }
        }
        all.push(Subject {
            of: "pod",
            object: pod,
            variables,
        });
    }
}

fn variable(world: &World, object: &Value, pod: &ObjectRef, owner: Option<&ObjectRef>) -> Variable {
    let snapshot = &world.snapshot;
    let view = view(snapshot, object);
    let conditions: Vec<String> = each(object, "/status/conditions")
        .filter(|condition| text(condition, "/status") != "True" && !text(condition, "/message").is_empty())
        .map(|condition| {
            format!(
                "{}={}: {}",
                text(condition, "/type"),
                text(condition, "/status"),
                text(condition, "/message")
            )
        })
        .collect();
    let excerpt = format!(
        "pod {} is {}{}{}, {}{}{}",
        view.name,
        view.phase,
        if view.reason.is_empty() { "" } else { " " },
        view.reason,
        if view.ready { "ready" } else { "not ready" },
        if view.node.is_empty() {
            String::new()
        } else {
            format!(", on node {}", view.node)
        },
        if conditions.is_empty() {
            String::new()
        } else {
            format!("; {}", conditions.join("; "))
        },
    );
    let said: Vec<_> = world.said.iter().filter(|said| Some(&said.by) == owner).collect();
    let quotes = quoted(pod, &view.events);
    Variable::new("pod", &view, pod.clone(), excerpt)
        .quoting(quotes)
        .quoting(lines(&said))
}

fn view(snapshot: &Snapshot, object: &Value) -> PodView {
    let own = |pointer: &str| text(object, pointer).to_owned();
    let condition = |name: &str| each(object, "/status/conditions").find(|condition| text(condition, "/type") == name);
    let unscheduled = condition("PodScheduled").filter(|condition| text(condition, "/status") == "False");
    let (namespace, name) = (own("/metadata/namespace"), own("/metadata/name"));
    let claims = each(object, "/spec/volumes").map(|volume| text(volume, "/persistentVolumeClaim/claimName"));
    let since = |pointer: &str| time(object, pointer).map_or(0.0, |then| minutes(snapshot.at, then));
    PodView {
        phase: own("/status/phase"),
        reason: own("/status/reason"),
        message: own("/status/message"),
        node: own("/spec/nodeName"),
        ready: condition("Ready").is_some_and(|condition| text(condition, "/status") == "True"),
        scheduled: unscheduled.is_none(),
        unschedulable: unscheduled.map_or_else(String::new, |condition| text(condition, "/message").to_owned()),
        gated: unscheduled.is_some_and(|condition| text(condition, "/reason") == "SchedulingGated"),
        terminating_minutes: since("/metadata/deletionTimestamp").max(0.0),
        age_minutes: since("/metadata/creationTimestamp"),
        claims: claims.filter(|claim| !claim.is_empty()).map(ToOwned::to_owned).collect(),
        service_account: own("/spec/serviceAccountName"),
        restarts: each(object, "/status/containerStatuses")
            .filter_map(|status| status["restartCount"].as_i64())
            .sum(),
        events: events(snapshot, "Pod", &namespace, &name),
        namespace,
        name,
    }
}

fn container(world: &World, pod: &Value, spec: &Value, state: Option<&Value>, init: bool) -> ContainerView {
    let nothing = Value::Null;
    let state = state.unwrap_or(&nothing);
    let own = |value: &Value, pointer: &str| text(value, pointer).to_owned();
    let terminated = ["/lastState/terminated", "/state/terminated"]
        .iter()
        .find_map(|pointer| state.pointer(pointer));
    let ended = terminated.filter(|ended| ended.is_object()).map(|ended| Ended {
        reason: own(ended, "/reason"),
        message: own(ended, "/message"),
        exit_code: ended["exitCode"].as_i64().unwrap_or_default(),
        minutes_ago: time(ended, "/finishedAt").map_or(0.0, |then| minutes(world.snapshot.at, then)),
    });
    let ended = ended.unwrap_or_default();
    let ports: Vec<i64> = each(spec, "/ports").filter_map(|port| port["containerPort"].as_i64()).collect();
    let amount = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str).and_then(quantity::parse);
    let cpu = spec.pointer("/resources/limits/cpu").and_then(cores);
    let place = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"), text(spec, "/name"));
    ContainerView {
        name: own(spec, "/name"),
        image: own(spec, "/image"),
        init,
        ready: state["ready"] == Value::Bool(true),
        running: state.pointer("/state/running").is_some(),
        restarts: state["restartCount"].as_i64().unwrap_or_default(),
        waiting: Reason {
            reason: own(state, "/state/waiting/reason"),
            message: own(state, "/state/waiting/message"),
        },
        oom_killed: ended.reason == "OOMKilled" && ended.exit_code == 137,
        liveness: probe(spec, "/livenessProbe", &ports),
        readiness: probe(spec, "/readinessProbe", &ports),
        startup: probe(spec, "/startupProbe", &ports),
        memory_limit: amount("/resources/limits/memory").unwrap_or_default(),
        cpu_limit: cpu.unwrap_or_default(),
        requests_cpu: spec
            .pointer("/resources/requests/cpu")
            .or(spec.pointer("/resources/limits/cpu"))
            .is_some(),
        requests_memory: spec
            .pointer("/resources/requests/memory")
            .or(spec.pointer("/resources/limits/memory"))
            .is_some(),
        throttled: world
            .measures
            .of_container("throttled", place)
            .map_or(-1.0, |measure| measure.value),
        memory_share: world
            .measures
            .of_container("memory_share", place)
            .map_or(-1.0, |measure| measure.value),
        ended,
        ports,
    }
}

/// Cores of a quantity: `250m`, `2`.
fn cores(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| quantity::parse(value.as_str()?))
}

fn probe(spec: &Value, pointer: &str, ports: &[i64]) -> ProbeView {
    let Some(probe) = spec.pointer(pointer) else {
        return ProbeView::default();
    };
    let (kind, place) = [("http", "/httpGet"), ("tcp", "/tcpSocket"), ("grpc", "/grpc")]
        .into_iter()
        .find_map(|(kind, at)| Some((kind, probe.pointer(at)?)))
        .unwrap_or(("exec", &Value::Null));
    let named = |name: &str| {
        let mut declared = each(spec, "/ports");
        declared
            .find(|port| text(port, "/name") == name)
            .and_then(|port| port["containerPort"].as_i64())
    };
    let port = place["port"].as_i64().or_else(|| named(place["port"].as_str()?));
    ProbeView {
        kind,
        port: port.unwrap_or_default(),
        path: text(place, "/path").to_owned(),
        undeclared: kind != "exec" && !ports.is_empty() && !port.is_some_and(|port| ports.contains(&port)),
        failure_threshold: probe["failureThreshold"].as_i64().unwrap_or(3),
        initial_delay: probe["initialDelaySeconds"].as_i64().unwrap_or_default(),
    }
}

fn describe(pod: &ObjectRef, view: &ContainerView) -> String {
    let mut parts = vec![format!("container {} of pod {}: {} restarts", view.name, pod.name, view.restarts)];
    if !view.waiting.reason.is_empty() {
        parts.push(format!("waiting: {} {}", view.waiting.reason, view.waiting.message));
    }
    if !view.ended.reason.is_empty() {
        let message = if view.ended.message.is_empty() {
            String::new()
        } else {
            format!(" ({})", view.ended.message)
        };
        parts.push(format!(
            "last run ended with reason {} and exit code {}{message}",
            view.ended.reason, view.ended.exit_code
        ));
    }
    for (name, probe) in [
        ("liveness", &view.liveness),
        ("readiness", &view.readiness),
        ("startup", &view.startup),
    ] {
        if !probe.kind.is_empty() && probe.undeclared {
            parts.push(format!("{name} probe asks port {}, it declares {:?}", probe.port, view.ports));
        }
    }
    parts.join("; ")
}

/// What was measured of it, as evidence.
fn usage(world: &World, pod: &Value, view: &ContainerView) -> Vec<Quote> {
    let place = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"), view.name.as_str());
    let throttled = world
        .measures
        .of_container("throttled", place)
        .filter(|measure| measure.value > 0.1);
    let share = world
        .measures
        .of_container("memory_share", place)
        .filter(|measure| measure.value > 0.8);
    throttled
        .into_iter()
        .chain(share)
        .map(crate::core::measures::Measure::quote)
        .collect()
}
