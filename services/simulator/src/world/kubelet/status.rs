//! `status` of a pod, from the state of its containers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    PodRun,
    run::{Cell, State},
};
use crate::world::{model::hash, obj};

/// What the kubelet reports for a pod. `pod` is the object as it stands, for spec and earlier transition times.
pub(super) fn of(run: &PodRun, pod: &Value, now: Timestamp) -> Value {
    let statuses = |init: bool| -> Vec<Value> {
        let cells = run.cells.iter().filter(|cell| cell.init == init);
        cells.map(|cell| container_status(cell, pod)).collect()
    };
    let ready = ready(run);
    let phase = phase(run);
    let names = |list: Vec<&Cell>| list.iter().map(|cell| cell.name.as_str()).collect::<Vec<_>>().join(" ");
    let unready = names(run.cells.iter().filter(|cell| !cell.init && !cell.is_ready()).collect());
    let waiting = names(run.cells.iter().filter(|cell| cell.init && !cell.passed()).collect());
    let why = |reason: &'static str, message: String| Some((reason, message));
    let not_ready = match phase {
        _ if ready => None,
        "Succeeded" => why("PodCompleted", String::new()),
        "Failed" => why("PodFailed", String::new()),
        _ => why("ContainersNotReady", format!("containers with unready status: [{unready}]")),
    };
    let initialized = match phase {
        "Succeeded" => why("PodCompleted", String::new()),
        _ if waiting.is_empty() => None,
        _ => why(
            "ContainersNotInitialized",
            format!("containers with incomplete status: [{waiting}]"),
        ),
    };
    let sandbox = !matches!(phase, "Succeeded" | "Failed");
    let mut status = json!({
        "observedGeneration": pod["metadata"]["generation"],
        "phase": phase,
        "conditions": [
            condition(pod, "PodReadyToStartContainers", sandbox, None, if sandbox { run.started } else { now }),
            condition(pod, "Initialized", waiting.is_empty(), initialized, if waiting.is_empty() { now } else { run.started }),
            condition(pod, "Ready", ready, not_ready.clone(), now),
            condition(pod, "ContainersReady", ready, not_ready, now),
            condition(pod, "PodScheduled", true, None, run.started),
        ],
        "hostIP": run.host_ip, "hostIPs": [{"ip": run.host_ip}],
        "podIP": run.ip, "podIPs": [{"ip": run.ip}],
        "startTime": obj::rfc3339(run.started),
        "containerStatuses": statuses(false),
        "qosClass": qos(pod),
    });
    let inits = statuses(true);
    if !inits.is_empty() {
        status["initContainerStatuses"] = json!(inits);
    }
    for key in ["reason", "message"] {
        if let Some(kept) = pod["status"].get(key) {
            status[key] = kept.clone();
        }
    }
    // Conditions that others wrote, such as DisruptionTarget, stay.
    let own = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ];
    let others = pod["status"]["conditions"].as_array().into_iter().flatten();
    let others: Vec<Value> = others.filter(|c| !own.iter().any(|kind| c["type"] == *kind)).cloned().collect();
    if let Some(list) = status["conditions"].as_array_mut() {
        list.extend(others);
    }
    status
}

/// True when the pod may get requests.
pub(super) fn ready(run: &PodRun) -> bool {
    run.stop.is_none() && !run.cells.is_empty() && run.cells.iter().filter(|cell| !cell.init).all(Cell::is_ready)
}

/// `Pending` until every container has run once, then `Running` until all have ended for good.
pub(super) fn phase(run: &PodRun) -> &'static str {
    let done = |cell: &Cell| cell.state == State::Done;
    let own = || run.cells.iter().filter(|cell| !cell.init);
    if run.cells.iter().any(|cell| cell.init && done(cell) && !cell.succeeded()) {
        return "Failed";
    }
    if !run.cells.is_empty() && own().all(done) {
        return if own().all(Cell::succeeded) { "Succeeded" } else { "Failed" };
    }
    let begun = |cell: &Cell| cell.last.is_some() || matches!(cell.state, State::Running(_));
    if own().all(begun) { "Running" } else { "Pending" }
}

fn condition(pod: &Value, kind: &str, holds: bool, why: Option<(&str, String)>, at: Timestamp) -> Value {
    let status = if holds { "True" } else { "False" };
    let before = obj::condition(pod, kind).filter(|before| before["status"] == status);
    let since = before.map_or_else(|| json!(obj::rfc3339(at)), |before| before["lastTransitionTime"].clone());
    let mut condition = json!({
        "type": kind, "observedGeneration": pod["metadata"]["generation"],
        "status": status, "lastProbeTime": null, "lastTransitionTime": since,
    });
    if let Some((reason, message)) = why {
        condition["reason"] = json!(reason);
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
    }
    condition
}

fn container_status(cell: &Cell, pod: &Value) -> Value {
    let spec = container_spec(pod, &cell.name);
    let image = obj::text(spec, "/image");
    let running = matches!(cell.state, State::Running(_));
    let mut status = json!({
        "name": cell.name,
        "state": state(cell, pod),
        "lastState": {},
        "ready": if cell.init { cell.passed() } else { cell.is_ready() },
        "restartCount": cell.restarts,
        "image": image,
        "imageID": "",
        "started": running,
    });
    if let Some(last) = last_state(cell) {
        status["lastState"] = json!({"terminated": last});
    }
    if !cell.id.is_empty() {
        status["containerID"] = json!(format!("containerd://{}", cell.id));
        let digest = format!("{:016x}", hash(image, 1)).repeat(4);
        let name = crate::scenario::fault::split_image(image).0;
        status["imageID"] = json!(format!("{name}@sha256:{digest}"));
    }
    if running && cell.actual.is_object() {
        if let Some(requests) = cell.allocated.get("requests") {
            status["allocatedResources"] = requests.clone();
        }
        status["resources"] = cell.actual.clone();
    }
    status
}

fn state(cell: &Cell, pod: &Value) -> Value {
    let waiting = |reason: &str, message: Option<String>| {
        let mut waiting = json!({"reason": reason});
        if let Some(message) = message {
            waiting["message"] = json!(message);
        }
        json!({"waiting": waiting})
    };
    match &cell.state {
        State::Held => waiting("PodInitializing", None),
        State::Done => json!({"terminated": cell.last.as_ref().map(terminated)}),
        State::NoConfig { message, .. } => waiting("CreateContainerConfigError", Some(message.clone())),
        // Between the end of one run and the start of the next the end is the present state.
        State::Creating { .. } => match &cell.last {
            Some(last) => json!({"terminated": terminated(last)}),
            None => waiting("ContainerCreating", None),
        },
        State::NoImage {
            message, waiting: false, ..
        } => waiting("ErrImagePull", Some(message.clone())),
        State::NoImage { waiting: true, .. } => {
            let image = obj::text(container_spec(pod, &cell.name), "/image");
            waiting("ImagePullBackOff", Some(format!("Back-off pulling image \"{image}\"")))
        }
        State::Running(living) => json!({"running": {"startedAt": obj::rfc3339(living.since)}}),
        State::CrashLoop { delay, .. } => waiting("CrashLoopBackOff", Some(crash_loop_message(*delay, cell, pod))),
    }
}

/// `lastState` is the run before the one that `state` shows.
fn last_state(cell: &Cell) -> Option<Value> {
    match cell.state {
        State::Running(_) | State::CrashLoop { .. } | State::NoImage { .. } | State::NoConfig { .. } => cell.last.as_ref().map(terminated),
        State::Creating { .. } | State::Held | State::Done => None,
    }
}

fn terminated(last: &super::run::Last) -> Value {
    json!({
        "exitCode": last.exit_code, "reason": last.reason,
        "startedAt": obj::rfc3339(last.started), "finishedAt": obj::rfc3339(last.ended),
        "containerID": format!("containerd://{}", last.id),
    })
}

pub(super) fn crash_loop_message(delay: std::time::Duration, cell: &Cell, pod: &Value) -> String {
    let delay = match delay.as_secs() {
        300 => "5m0s".to_owned(),
        seconds if seconds >= 60 => format!("{}m{}s", seconds / 60, seconds % 60),
        seconds => format!("{seconds}s"),
    };
    format!(
        "back-off {delay} restarting failed container={} pod={}_{}({})",
        cell.name,
        obj::name(pod),
        obj::namespace(pod),
        obj::uid(pod)
    )
}

/// The spec of a container by name; null when there is none.
pub(super) fn container_spec<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let lists = ["containers", "initContainers"];
    let mut containers = lists.iter().filter_map(|key| pod["spec"][*key].as_array()).flatten();
    containers.find(|c| c["name"] == name).unwrap_or(&Value::Null)
}

fn qos(pod: &Value) -> &'static str {
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let set = |c: &Value, part: &str| c["resources"][part].as_object().is_some_and(|m| !m.is_empty());
    if !containers.iter().any(|c| set(c, "requests") || set(c, "limits")) {
        return "BestEffort";
    }
    let guaranteed = containers.iter().all(|c| {
        let limits = &c["resources"]["limits"];
        let requests = &c["resources"]["requests"];
        ["cpu", "memory"]
            .iter()
            .all(|r| limits.get(r).is_some() && (requests.get(r).is_none() || requests.get(r) == limits.get(r)))
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}
