//! StatefulSet: numbered pods, created in order, replaced from the highest number down.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    pods,
    revisions::{self, REVISION_LABEL},
    sooner,
};
use crate::{
    store::{Gvr, Store},
    world::{
        chance::Chance,
        events::{Note, tell},
        obj,
    },
};

/// One look at every StatefulSet; answers when it wants to look again.
pub(crate) fn step(store: &Store, chance: &mut Chance, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for set in store.awake(&Gvr::stateful_sets()) {
        if !obj::deleting(&set) {
            next = sooner(next, sync(store, chance, &set, now));
        }
    }
    next
}

/// Name of the revision of the set's present template.
pub(crate) fn revision(store: &Store, set: &Value) -> String {
    format!("{}-{}", obj::name(set), revisions::hash(store, set))
}

/// The template of one pod of the set, in its present revision.
pub(crate) fn pod_template(set: &Value, ordinal: i64, revision: &str) -> Value {
    numbered(set, set["spec"]["template"].clone(), ordinal, revision)
}

/// Pods below the partition stay with the revision that was current before.
fn template_for(store: &Store, set: &Value, ordinal: i64, newest: &str) -> Value {
    let current = obj::text(set, "/status/currentRevision");
    let below = ordinal < obj::int(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    if below
        && !current.is_empty()
        && let Some(template) = revisions::template(store, set, current)
    {
        return numbered(set, template, ordinal, current);
    }
    pod_template(set, ordinal, newest)
}

fn numbered(set: &Value, mut template: Value, ordinal: i64, revision: &str) -> Value {
    let name = format!("{}-{ordinal}", obj::name(set));
    template["metadata"]["labels"][REVISION_LABEL] = json!(revision);
    template["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(name);
    template["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = json!(ordinal.to_string());
    template["spec"]["hostname"] = json!(name);
    template["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    for claim in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        if !template["spec"]["volumes"].is_array() {
            template["spec"]["volumes"] = json!([]);
        }
        if let Some(volumes) = template["spec"]["volumes"].as_array_mut() {
            volumes.retain(|volume| volume["name"] != obj::name(claim));
            let source = json!({"claimName": claim_name(set, claim, ordinal)});
            volumes.push(json!({"name": obj::name(claim), "persistentVolumeClaim": source}));
        }
    }
    template
}

fn claim_name(set: &Value, claim: &Value, ordinal: i64) -> String {
    format!("{}-{}-{ordinal}", obj::name(claim), obj::name(set))
}

/// Makes the claims of one pod. They outlive it.
fn ensure_claims(store: &Store, set: &Value, ordinal: i64, now: Timestamp) {
    let ns = obj::namespace(set);
    for template in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let name = claim_name(set, template, ordinal);
        if store.get_shared(&Gvr::persistent_volume_claims(), Some(ns), &name).is_some() {
            continue;
        }
        let labels = set["spec"]["selector"]["matchLabels"].clone();
        let mut spec = template["spec"].clone();
        spec["volumeMode"] = json!("Filesystem");
        let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": ns, "labels": labels}, "spec": spec, "status": {"phase": "Pending"}});
        if store.create(&Gvr::persistent_volume_claims(), claim).is_ok() {
            let message = format!("create Claim {name} Pod {0}-{ordinal} in StatefulSet {0} success", obj::name(set));
            note(store, set, false, "SuccessfulCreate", &message, now);
        }
    }
}

fn sync(store: &Store, chance: &mut Chance, set: &Value, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(set);
    let mine = pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(set));
    let wanted = obj::int(set, "/spec/replicas").unwrap_or(1);
    let ordered = set["spec"]["podManagementPolicy"] != "Parallel";
    let revision = revision(store, set);
    revisions::keep(store, set, "StatefulSet", &revisions::hash(store, set));
    move_pods(store, chance, set, &mine, wanted, ordered, &revision, now);
    report(store, set, &revision, now)
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename the arguments")]
fn move_pods(
    store: &Store,
    chance: &mut Chance,
    set: &Value,
    mine: &[Arc<Value>],
    wanted: i64,
    ordered: bool,
    revision: &str,
    now: Timestamp,
) {
    let find = |ordinal: i64| mine.iter().find(|pod| ordinal_of(pod) == Some(ordinal));
    for ordinal in 0..wanted {
        ensure_claims(store, set, ordinal, now);
        match find(ordinal) {
            Some(pod) if matches!(obj::text(pod, "/status/phase"), "Failed" | "Succeeded") && !obj::deleting(pod) => {
                let message = format!(
                    "StatefulSet {}/{} is recreating failed Pod {}",
                    obj::namespace(set),
                    obj::name(set),
                    obj::name(pod)
                );
                note(store, set, true, "RecreatingFailedPod", &message, now);
                remove(store, set, pod, now);
                if ordered {
                    return;
                }
            }
            None => {
                let name = format!("{}-{ordinal}", obj::name(set));
                let template = template_for(store, set, ordinal, revision);
                match pods::create(store, chance, (set, "apps/v1", "StatefulSet"), &template, Some(&name)) {
                    Ok(_) => {
                        let message = format!("create Pod {name} in StatefulSet {} successful", obj::name(set));
                        note(store, set, false, "SuccessfulCreate", &message, now);
                    }
                    Err(why) => tracing::debug!(name, why, "pod of stateful set was refused"),
                }
                if ordered {
                    return;
                }
            }
            // Wait for this one before looking at the next.
            Some(pod) if ordered && (obj::deleting(pod) || !pods::ready(pod)) => {
                // A broken pod of an old revision is replaced at once, or a rollback could never cure it.
                replace_broken(store, set, pod, revision, now);
                return;
            }
            Some(_) => {}
        }
    }
    let mut surplus: Vec<_> = mine.iter().filter(|pod| ordinal_of(pod).is_some_and(|o| o >= wanted)).collect();
    surplus.sort_by_key(|pod| std::cmp::Reverse(ordinal_of(pod)));
    for pod in surplus {
        remove(store, set, pod, now);
        if ordered {
            return;
        }
    }
    roll(store, set, mine, wanted, revision, now);
}

fn roll(store: &Store, set: &Value, mine: &[Arc<Value>], wanted: i64, revision: &str, now: Timestamp) {
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return;
    }
    let partition = obj::int(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    for ordinal in (partition..wanted).rev() {
        let Some(pod) = mine.iter().find(|pod| ordinal_of(pod) == Some(ordinal)) else {
            return;
        };
        if obj::labels(pod).get(REVISION_LABEL) != Some(&revision) {
            remove(store, set, pod, now);
            return;
        }
        if obj::deleting(pod) || !pods::ready(pod) {
            return;
        }
    }
}

fn replace_broken(store: &Store, set: &Value, pod: &Value, revision: &str, now: Timestamp) {
    let partition = obj::int(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    let on_delete = set["spec"]["updateStrategy"]["type"] == "OnDelete";
    let old = obj::labels(pod).get(REVISION_LABEL) != Some(&revision);
    if old && !on_delete && ordinal_of(pod).is_some_and(|ordinal| ordinal >= partition) {
        remove(store, set, pod, now);
    }
}

fn remove(store: &Store, set: &Value, pod: &Value, now: Timestamp) {
    if obj::deleting(pod) {
        return;
    }
    obj::delete_pod(store, pod, now);
    let message = format!("delete Pod {} in StatefulSet {} successful", obj::name(pod), obj::name(set));
    note(store, set, false, "SuccessfulDelete", &message, now);
}

fn ordinal_of(pod: &Value) -> Option<i64> {
    obj::name(pod).rsplit_once('-')?.1.parse().ok()
}

fn report(store: &Store, set: &Value, revision: &str, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(set);
    let mine = pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(set));
    let count = pods::count(&mine, obj::int(set, "/spec/minReadySeconds").unwrap_or(0), now);
    let updated = mine
        .iter()
        .filter(|pod| obj::labels(pod).get(REVISION_LABEL) == Some(&revision))
        .count();
    obj::change(store, &Gvr::stateful_sets(), ns, obj::name(set), |set| {
        let wanted = obj::int(set, "/spec/replicas").unwrap_or(1);
        let before = obj::text(set, "/status/currentRevision").to_owned();
        let updated = i64::try_from(updated).unwrap_or(0);
        let rolled = updated == wanted && count.ready >= wanted && count.active == wanted;
        let current = if rolled || before.is_empty() { revision } else { &before };
        let status = json!({
            "observedGeneration": set["metadata"]["generation"],
            "replicas": count.active + count.terminating,
            "readyReplicas": count.ready,
            "availableReplicas": count.available,
            "currentReplicas": if current == revision { updated } else { count.active - updated },
            "updatedReplicas": updated,
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        });
        set["status"] = status;
    });
    count.next
}

fn note(store: &Store, set: &Value, warning: bool, reason: &str, message: &str, at: Timestamp) {
    let of = ("apps/v1", "StatefulSet");
    let component = "statefulset-controller";
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
