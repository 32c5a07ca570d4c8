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
    let statuses: Vec<Value> = run.cells.iter().map(|cell| container_status(cell, pod)).collect();
    let ready = run.stop.is_none() && !run.cells.is_empty() && run.cells.iter().all(Cell::is_ready);
    let phase = phase(run);
    let unready: Vec<&str> = run
        .cells
        .iter()
        .filter(|cell| !cell.is_ready())
        .map(|cell| cell.name.as_str())
        .collect();
    let why = (!ready).then(|| format!("containers with unready status: [{}]", unready.join(" ")));
    let mut status = json!({
        "observedGeneration": pod["metadata"]["generation"],
        "phase": phase,
        "conditions": [
            condition(pod, "PodReadyToStartContainers", true, None, run.started),
            condition(pod, "Initialized", true, None, run.started),
            condition(pod, "Ready", ready, why.as_deref(), now),
            condition(pod, "ContainersReady", ready, why.as_deref(), now),
            condition(pod, "PodScheduled", true, None, run.started),
        ],
        "hostIP": run.host_ip, "hostIPs": [{"ip": run.host_ip}],
        "podIP": run.ip, "podIPs": [{"ip": run.ip}],
        "startTime": obj::rfc3339(run.started),
        "containerStatuses": statuses,
        "qosClass": qos(pod),
    });
    if let Some(reason) = pod["status"].get("reason") {
        status["reason"] = reason.clone();
    }
    status
}

/// `Pending` until every container has run once, then `Running`.
pub(super) fn phase(run: &PodRun) -> &'static str {
    let begun = |cell: &Cell| cell.last.is_some() || matches!(cell.state, State::Running(_));
    if run.cells.iter().all(begun) { "Running" } else { "Pending" }
}

fn condition(pod: &Value, kind: &str, holds: bool, why: Option<&str>, at: Timestamp) -> Value {
    let status = if holds { "True" } else { "False" };
    let before = obj::condition(pod, kind).filter(|before| before["status"] == status);
    let since = before.map_or_else(|| json!(obj::rfc3339(at)), |before| before["lastTransitionTime"].clone());
    let mut condition = json!({
        "type": kind, "observedGeneration": pod["metadata"]["generation"],
        "status": status, "lastProbeTime": null, "lastTransitionTime": since,
    });
    if let Some(why) = why {
        condition["reason"] = json!("ContainersNotReady");
        condition["message"] = json!(why);
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
        "ready": cell.is_ready(),
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
    if let Some(resources) = spec.get("resources").filter(|resources| running && resources.is_object()) {
        if let Some(requests) = resources.get("requests") {
            status["allocatedResources"] = requests.clone();
        }
        status["resources"] = resources.clone();
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
        State::Running(_) | State::CrashLoop { .. } | State::NoImage { .. } => cell.last.as_ref().map(terminated),
        State::Creating { .. } => None,
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
    let containers = pod["spec"]["containers"].as_array();
    containers.into_iter().flatten().find(|c| c["name"] == name).unwrap_or(&Value::Null)
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
