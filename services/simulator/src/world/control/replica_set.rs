//! ReplicaSet: keeps the number of its pods.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{pods, sooner};
use crate::{
    store::{Gvr, Store},
    world::{
        chance::Chance,
        events::{Note, tell},
        obj,
    },
};

/// Time until a refused pod is tried again.
const RETRY: Duration = Duration::from_secs(15);

/// When sets whose pods were refused try again, by uid.
pub(crate) type Retries = BTreeMap<String, Timestamp>;

/// One look at every ReplicaSet; answers when it wants to look again.
pub(crate) fn step(store: &Store, chance: &mut Chance, retries: &mut Retries, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for set in store.awake(&Gvr::replica_sets()) {
        if !obj::deleting(&set) {
            next = sooner(next, sync(store, chance, retries, &set, now));
        }
    }
    next
}

fn sync(store: &Store, chance: &mut Chance, retries: &mut Retries, set: &Value, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(set);
    let (all, _) = store.list_shared(&Gvr::pods(), Some(ns));
    let mine = pods::owned(&all, obj::uid(set));
    let mut live: Vec<_> = mine.iter().filter(|pod| pods::active(pod)).cloned().collect();
    let wanted = obj::int(set, "/spec/replicas").unwrap_or(1);
    let have = i64::try_from(live.len()).unwrap_or(i64::MAX);
    let mut failure = None;
    let patient = retries.get(obj::uid(set)).is_some_and(|at| *at > now);
    for _ in have..if patient { have } else { wanted } {
        match pods::create(store, chance, (set, "apps/v1", "ReplicaSet"), &set["spec"]["template"], None) {
            Ok(pod) => note(
                store,
                set,
                false,
                "SuccessfulCreate",
                &format!("Created pod: {}", obj::name(&pod)),
                now,
            ),
            Err(message) => {
                note(store, set, true, "FailedCreate", &format!("Error creating: {message}"), now);
                retries.insert(obj::uid(set).to_owned(), obj::after(now, RETRY));
                failure = Some(message);
                break;
            }
        }
    }
    if have > wanted {
        live.sort_by_key(|pod| preference(pod));
        for pod in live.iter().take(usize::try_from(have - wanted).unwrap_or(0)) {
            obj::delete_pod(store, pod, now);
            note(
                store,
                set,
                false,
                "SuccessfulDelete",
                &format!("Deleted pod: {}", obj::name(pod)),
                now,
            );
        }
    }
    let due = retries.get(obj::uid(set)).copied().filter(|at| *at > now);
    sooner(report(store, set, failure.as_deref(), now), due)
}

/// Sorts pods that can best be spared to the front: unbound, pending, unready, then the youngest.
fn preference(pod: &Value) -> (bool, bool, bool, std::cmp::Reverse<String>) {
    (
        !obj::text(pod, "/spec/nodeName").is_empty(),
        obj::text(pod, "/status/phase") == "Running",
        pods::ready(pod),
        std::cmp::Reverse(obj::text(pod, "/metadata/creationTimestamp").to_owned()),
    )
}

fn report(store: &Store, set: &Value, failure: Option<&str>, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(set);
    let (all, _) = store.list_shared(&Gvr::pods(), Some(ns));
    let count = pods::count(
        &pods::owned(&all, obj::uid(set)),
        obj::int(set, "/spec/minReadySeconds").unwrap_or(0),
        now,
    );
    obj::change(store, &Gvr::replica_sets(), ns, obj::name(set), |set| {
        let mut status = json!({
            "replicas": count.active,
            "terminatingReplicas": count.terminating,
            "observedGeneration": set["metadata"]["generation"],
        });
        for (key, value) in [
            ("fullyLabeledReplicas", count.active),
            ("readyReplicas", count.ready),
            ("availableReplicas", count.available),
        ] {
            if value > 0 {
                status[key] = json!(value);
            }
        }
        let failed = obj::condition(set, "ReplicaFailure").cloned();
        let wanted = obj::int(set, "/spec/replicas").unwrap_or(1);
        let kept = match failure {
            Some(message) => Some(json!({
                "type": "ReplicaFailure", "status": "True",
                "lastTransitionTime": failed.map_or_else(|| json!(obj::rfc3339(now)), |f| f["lastTransitionTime"].clone()),
                "reason": "FailedCreate", "message": message,
            })),
            None => failed.filter(|_| count.active < wanted),
        };
        if let Some(condition) = kept {
            status["conditions"] = json!([condition]);
        }
        set["status"] = status;
    });
    count.next
}

fn note(store: &Store, set: &Value, warning: bool, reason: &str, message: &str, at: Timestamp) {
    let of = ("apps/v1", "ReplicaSet");
    let component = "replicaset-controller";
    tell(
        store,
        &Note {
            about: set,
            of,
            container: None,
            warning,
            reason,
            message,
            component,
            host: None,
            at,
        },
    );
}
