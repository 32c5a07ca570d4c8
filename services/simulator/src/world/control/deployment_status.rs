//! `status` of a Deployment: counts and the conditions Available, Progressing and ReplicaFailure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    deployment::{deadline, sets_of},
    rollout::Limits,
};
use crate::{
    store::{Gvr, Store},
    world::obj,
};

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    replicas: i64,
    updated: i64,
    ready: i64,
    available: i64,
    terminating: i64,
}

/// Writes the status; answers when the progress deadline passes.
pub(super) fn report(store: &Store, seen: &Value, newest: Option<&str>, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(seen);
    let sets = sets_of(store, seen);
    let sum = |pointer: &str| sets.iter().map(|set| obj::int(set, pointer).unwrap_or(0)).sum::<i64>();
    let new_set = sets.iter().find(|set| Some(obj::uid(set)) == newest);
    let counts = Counts {
        replicas: sum("/status/replicas"),
        updated: new_set.and_then(|set| obj::int(set, "/status/replicas")).unwrap_or(0),
        ready: sum("/status/readyReplicas"),
        available: sum("/status/availableReplicas"),
        terminating: sum("/status/terminatingReplicas"),
    };
    let failure = sets.iter().find_map(|set| obj::condition(set, "ReplicaFailure")).cloned();
    let new_name = new_set.map(|set| obj::name(set).to_owned());
    let mut next = None;
    obj::change(store, &Gvr::deployments(), ns, obj::name(seen), |deployment| {
        let wanted = obj::int(deployment, "/spec/replicas").unwrap_or(1);
        let mut status = json!({
            "observedGeneration": seen["metadata"]["generation"],
            "terminatingReplicas": counts.terminating,
        });
        for (key, value) in [
            ("replicas", counts.replicas),
            ("updatedReplicas", counts.updated),
            ("readyReplicas", counts.ready),
            ("availableReplicas", counts.available),
            ("unavailableReplicas", (wanted.max(counts.replicas) - counts.available).max(0)),
        ] {
            if value > 0 {
                status[key] = json!(value);
            }
        }
        let progressing = progressing(deployment, counts, new_name.as_deref(), now);
        next = progressing.as_ref().and_then(|condition| due(deployment, condition, now));
        let mut conditions = vec![available(deployment, counts, now)];
        conditions.extend(progressing);
        if let Some(failure) = &failure {
            let mut failure = failure.clone();
            failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
            conditions.push(failure);
        }
        status["conditions"] = json!(conditions);
        deployment["status"] = status;
    });
    next
}

fn available(deployment: &Value, counts: Counts, now: Timestamp) -> Value {
    let limits = Limits::of(&deployment["spec"]);
    if counts.available >= limits.replicas - limits.unavailable {
        let message = "Deployment has minimum availability.";
        condition(deployment, "Available", "True", "MinimumReplicasAvailable", message, now, false)
    } else {
        let message = "Deployment does not have minimum availability.";
        condition(deployment, "Available", "False", "MinimumReplicasUnavailable", message, now, false)
    }
}

fn progressing(deployment: &Value, counts: Counts, new_set: Option<&str>, now: Timestamp) -> Option<Value> {
    deadline(deployment)?;
    let before = obj::condition(deployment, "Progressing");
    let was = |reason: &str| before.is_some_and(|condition| condition["reason"] == reason);
    let make = |status, reason, message: &str, moved| condition(deployment, "Progressing", status, reason, message, now, moved);
    if deployment["spec"]["paused"] == true {
        return Some(make("Unknown", "DeploymentPaused", "Deployment is paused", false));
    }
    let Some(new_set) = new_set else { return before.cloned() };
    let wanted = obj::int(deployment, "/spec/replicas").unwrap_or(1);
    let complete = counts.updated == wanted && counts.replicas == wanted && counts.available >= wanted;
    let message = |what: &str| format!("ReplicaSet \"{new_set}\" {what}");
    if complete {
        return Some(make(
            "True",
            "NewReplicaSetAvailable",
            &message("has successfully progressed."),
            false,
        ));
    }
    let old = |key: &str| obj::int(deployment, &format!("/status/{key}")).unwrap_or(0);
    let generation_seen = old("observedGeneration");
    let template_changed = before.is_none_or(|c| !c["message"].as_str().unwrap_or_default().contains(&format!("\"{new_set}\"")));
    let moved = counts.updated > old("updatedReplicas")
        || counts.replicas - counts.updated < old("replicas") - old("updatedReplicas")
        || counts.ready > old("readyReplicas")
        || counts.available > old("availableReplicas");
    // Scaling a finished rollout leaves the condition as it is.
    if was("NewReplicaSetAvailable") && !template_changed && counts.replicas == counts.updated && generation_seen > 0 {
        return before.cloned();
    }
    if moved || template_changed || was("DeploymentPaused") {
        return Some(make("True", "ReplicaSetUpdated", &message("is progressing."), true));
    }
    let stuck =
        before.is_some_and(|condition| condition["status"] == "True" && due(deployment, condition, now).is_some_and(|due| due <= now));
    if stuck {
        return Some(make(
            "False",
            "ProgressDeadlineExceeded",
            &message("has timed out progressing."),
            true,
        ));
    }
    before.cloned()
}

/// When a rollout that does not move runs out of time; `None` once that is told or it has finished.
fn due(deployment: &Value, condition: &Value, now: Timestamp) -> Option<Timestamp> {
    if condition["status"] != "True" || condition["reason"] == "NewReplicaSetAvailable" {
        return None;
    }
    let since = obj::time(condition, "/lastUpdateTime").unwrap_or(now);
    Some(obj::after(since, deadline(deployment)?))
}

fn condition(deployment: &Value, kind: &str, status: &str, reason: &str, message: &str, now: Timestamp, moved: bool) -> Value {
    let before = obj::condition(deployment, kind);
    let now = json!(obj::rfc3339(now));
    let same = before.filter(|c| c["status"] == status);
    let since = same.map_or_else(|| now.clone(), |c| c["lastTransitionTime"].clone());
    let unchanged = before.filter(|c| c["status"] == status && c["reason"] == reason && c["message"] == message);
    let updated = unchanged.filter(|_| !moved).map_or(now, |c| c["lastUpdateTime"].clone());
    json!({
        "type": kind, "status": status, "lastUpdateTime": updated, "lastTransitionTime": since,
        "reason": reason, "message": message,
    })
}
