//! What is written into the status of pods that are awake.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    api::defaults,
    store::{Gvr, Store},
    world::{chance::Chance, obj},
};

fn write(store: &Store, pod: &Value, edit: impl Fn(&mut Value)) {
    obj::change(store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), edit);
}

fn condition(pod: &Value, kind: &str, holds: bool, why: Option<&str>, now: Timestamp) -> Value {
    let status = if holds { "True" } else { "False" };
    let before = obj::condition(pod, kind).filter(|before| before["status"] == status);
    let since = before.map_or_else(|| json!(obj::rfc3339(now)), |before| before["lastTransitionTime"].clone());
    let mut condition = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
    if let Some(why) = why {
        condition["reason"] = json!(why);
    }
    condition
}

fn conditions(pod: &Value, ready: bool, why: Option<&str>, now: Timestamp) -> Value {
    json!([
        condition(pod, "PodReadyToStartContainers", true, None, now),
        condition(pod, "Initialized", true, None, now),
        condition(pod, "Ready", ready, why, now),
        condition(pod, "ContainersReady", ready, why, now),
        condition(pod, "PodScheduled", true, None, now),
    ])
}

/// One status for every container of a list.
fn each(pod: &Value, list: &str, mut make: impl FnMut(&Value) -> Value) -> Vec<Value> {
    let containers = pod["spec"][list].as_array().into_iter().flatten();
    containers
        .map(|container| {
            let mut status = make(container);
            status["name"] = container["name"].clone();
            status["image"] = container["image"].clone();
            status
        })
        .collect()
}

/// Its images are being pulled.
pub(super) fn creating(store: &Store, pod: &Value, now: Timestamp) {
    write(store, pod, |pod| {
        let why = Some("ContainersNotReady");
        let statuses = each(pod, "containers", |_| {
            json!({"state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": {}, "ready": false, "started": false, "restartCount": 0,
                "imageID": ""})
        });
        let conditions = conditions(pod, false, why, now);
        pod["status"] = json!({
            "phase": "Pending", "conditions": conditions, "startTime": obj::rfc3339(now), "containerStatuses": statuses,
            "qosClass": defaults::qos(pod), "observedGeneration": pod["metadata"]["generation"],
        });
    });
}

/// Its containers run and are ready.
pub(super) fn running(store: &Store, chance: &mut Chance, pod: &Value, ip: &str, now: Timestamp) {
    let at = obj::rfc3339(now);
    let done = |chance: &mut Chance| {
        let id = format!("containerd://{}", chance.hex64());
        json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at, "containerID": id}})
    };
    let ran = |name: &Value| {
        let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        statuses
            .into_iter()
            .find(|status| status["name"] == *name)
            .cloned()
            .unwrap_or_default()
    };
    let own = each(pod, "containers", |container| {
        let before = ran(&container["name"]);
        let id = chance.hex64();
        json!({
            "state": {"running": {"startedAt": at}}, "lastState": before.get("lastState").cloned().unwrap_or_else(|| json!({})),
            "ready": true, "started": true, "restartCount": obj::int(&before, "/restartCount").unwrap_or(0),
            "containerID": format!("containerd://{id}"), "imageID": format!("sha256:{id}"),
        })
    });
    let inits = each(
        pod,
        "initContainers",
        |_| json!({"state": done(chance), "lastState": {}, "ready": true, "started": false, "restartCount": 0, "imageID": ""}),
    );
    write(store, pod, |pod| {
        let kept = obj::text(pod, "/status/podIP").to_owned();
        let ip = if kept.is_empty() { ip } else { &kept };
        let conditions = conditions(pod, true, None, now);
        let started = pod["status"].get("startTime").cloned().unwrap_or_else(|| json!(at));
        pod["status"] = json!({
            "phase": "Running", "conditions": conditions, "startTime": started, "podIP": ip, "podIPs": [{"ip": ip}],
            "containerStatuses": own, "qosClass": defaults::qos(pod), "observedGeneration": pod["metadata"]["generation"],
        });
        if !inits.is_empty() {
            pod["status"]["initContainerStatuses"] = json!(inits);
        }
    });
}

/// Its work is done.
pub(super) fn succeeded(store: &Store, pod: &Value, now: Timestamp) {
    let at = obj::rfc3339(now);
    write(store, pod, |pod| {
        pod["status"]["phase"] = json!("Succeeded");
        pod["status"]["conditions"] = conditions(pod, false, Some("PodCompleted"), now);
        for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
            let started = status["state"]["running"]["startedAt"].clone();
            status["ready"] = json!(false);
            status["started"] = json!(false);
            status["state"] = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": started, "finishedAt": at}});
        }
    });
}

/// It gets no more requests.
pub(super) fn unready(store: &Store, pod: &Value, now: Timestamp) {
    write(store, pod, |pod| {
        for kind in ["Ready", "ContainersReady"] {
            let changed = condition(pod, kind, false, Some("ContainersNotReady"), now);
            let all = pod.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
            for one in all.into_iter().flatten().filter(|one| one["type"] == kind) {
                *one = changed.clone();
            }
        }
    });
}

/// It fares like a recorded pod: the same status, as if what happened to that one had happened to it just now.
pub(super) fn like(store: &Store, pod: &Value, sample: &Value, now: Timestamp) {
    let mut status = sample["status"].clone();
    let newest = newest_time(&status);
    let shift = newest.map_or(SignedDuration::ZERO, |newest| now.duration_since(newest));
    let names = [(obj::name(sample), obj::name(pod)), (obj::uid(sample), obj::uid(pod))];
    rewrite(&mut status, &|text| {
        if let Ok(at) = text.parse::<Timestamp>() {
            return at.checked_add(shift).map_or_else(|_| text.to_owned(), obj::rfc3339);
        }
        names
            .iter()
            .filter(|(from, _)| !from.is_empty())
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    });
    write(store, pod, |pod| {
        pod["status"] = status.clone();
        for key in ["containerStatuses", "initContainerStatuses"] {
            let containers = pod["status"].get_mut(key).and_then(Value::as_array_mut);
            for container in containers.into_iter().flatten() {
                let crashed = container["lastState"]["terminated"].is_object() || container["state"]["terminated"].is_object();
                container["restartCount"] = json!(u8::from(crashed));
            }
        }
        pod["status"]["observedGeneration"] = pod["metadata"]["generation"].clone();
    });
}

/// Why the containers of a pod do not run, as an event would say it.
pub(super) fn complaint(pod: &Value) -> Option<(&str, &str)> {
    let lists = ["initContainerStatuses", "containerStatuses"].map(|key| pod["status"][key].as_array());
    let waiting = lists.into_iter().flatten().flatten().map(|status| &status["state"]["waiting"]);
    let waiting = waiting.into_iter().find(|waiting| waiting["reason"].is_string())?;
    let reason = match obj::text(waiting, "/reason") {
        "CrashLoopBackOff" | "ImagePullBackOff" => "BackOff",
        _ => "Failed",
    };
    Some((reason, obj::text(waiting, "/message")))
}

fn newest_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Array(all) => all.iter().filter_map(newest_time).max(),
        Value::Object(map) => map.values().filter_map(newest_time).max(),
        _ => None,
    }
}

fn rewrite(value: &mut Value, with: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = with(text),
        Value::Array(all) => all.iter_mut().for_each(|one| rewrite(one, with)),
        Value::Object(map) => map.values_mut().for_each(|one| rewrite(one, with)),
        _ => {}
    }
}
