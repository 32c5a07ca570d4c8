//! DaemonSet: one pod on every node that takes it, replaced a few nodes at a time.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{pods, revisions, rollout::resolve, scheduler, sooner, taints};
use crate::{
    store::{Gvr, Store},
    world::{
        chance::Chance,
        events::{About, tell_about},
        obj,
    },
};

const SET: About = About {
    api_version: "apps/v1",
    kind: "DaemonSet",
    component: "daemonset-controller",
};

/// Taints that pods of every DaemonSet tolerate: key and effect.
const TOLERATED: &[(&str, &str)] = &[
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// One look at every DaemonSet; answers when it wants to look again.
pub(crate) fn step(store: &Store, chance: &mut Chance, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for set in store.awake(&Gvr::daemon_sets()) {
        if !obj::deleting(&set) {
            next = sooner(next, sync(store, chance, &set, now));
        }
    }
    next
}

/// The template of the set's pod on one node.
pub(crate) fn pod_template(set: &Value, node: &str, hash: &str) -> Value {
    let mut template = set["spec"]["template"].clone();
    template["metadata"]["labels"][revisions::REVISION_LABEL] = json!(hash);
    template["metadata"]["labels"]["pod-template-generation"] = json!(obj::int(set, "/metadata/generation").unwrap_or(1).to_string());
    let spec = &mut template["spec"];
    let here = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
    let required = &mut spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    match required["nodeSelectorTerms"].as_array_mut() {
        Some(terms) => terms.iter_mut().for_each(|term| term["matchFields"] = here["matchFields"].clone()),
        None => *required = json!({"nodeSelectorTerms": [here]}),
    }
    tolerate(spec);
    template
}

/// Adds what every pod of a DaemonSet tolerates, unless it is there.
pub(crate) fn tolerate(spec: &mut Value) {
    if !spec["tolerations"].is_array() {
        spec["tolerations"] = json!([]);
    }
    if let Some(all) = spec["tolerations"].as_array_mut() {
        for (key, effect) in TOLERATED {
            if !all.iter().any(|known| known["key"] == *key && known["effect"] == *effect) {
                all.push(json!({"key": key, "operator": "Exists", "effect": effect}));
            }
        }
    }
}

/// True when the set wants a pod on the node.
pub(crate) fn runs_on(set: &Value, node: &Value) -> bool {
    belongs(set, node).0
}

/// True when the set wants a pod on the node, and whether one that is there may stay.
fn belongs(set: &Value, node: &Value) -> (bool, bool) {
    let pod = json!({"spec": pod_template(set, obj::name(node), "")["spec"]});
    let selector = &pod["spec"]["nodeSelector"];
    let chosen = selector.as_object().is_none_or(serde_json::Map::is_empty) || obj::selects_plainly(selector, node);
    let fits = chosen && scheduler::affinity_fits(&pod, node);
    let all = node["spec"]["taints"].as_array().map_or(&[][..], Vec::as_slice);
    let refused = |effects: &[&str]| {
        let hard = all.iter().filter(|taint| effects.iter().any(|effect| taint["effect"] == *effect));
        hard.into_iter().any(|taint| !taints::tolerates(&pod, taint))
    };
    (fits && !refused(&["NoSchedule", "NoExecute"]), fits && !refused(&["NoExecute"]))
}

fn sync(store: &Store, chance: &mut Chance, set: &Value, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(set);
    let hash = revisions::hash(store, set);
    revisions::keep(store, set, "DaemonSet", &hash);
    let nodes = store.list_shared(&Gvr::nodes(), None).0;
    let wanted: Vec<_> = nodes.iter().map(|node| (node, belongs(set, node))).collect();
    let mine = pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(set));
    let by_node = placed(&mine);
    for (node, (runs, stays)) in &wanted {
        let here = by_node.get(obj::name(node)).map_or(&[][..], Vec::as_slice);
        if here.is_empty() && *runs {
            create(store, chance, set, obj::name(node), &hash, now);
        }
        for (i, pod) in here.iter().enumerate().filter(|(_, pod)| !obj::deleting(pod)) {
            let failed = obj::text(pod, "/status/phase") == "Failed";
            if failed {
                let message = format!(
                    "Found failed daemon pod {ns}/{} on node {}, will try to kill it",
                    obj::name(pod),
                    obj::name(node)
                );
                tell_about(store, &SET, set, true, "FailedDaemonPod", &message, now);
            }
            if failed || i > 0 || !(*runs || *stays) {
                remove(store, set, pod, now);
            }
        }
    }
    let mine = pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(set));
    let desired = i64::try_from(wanted.iter().filter(|(_, (runs, _))| *runs).count()).unwrap_or(0);
    roll(store, set, &mine, desired, &hash, now);
    report(store, set, &wanted, &hash, now)
}

/// The pods of the set by the node they run on or are meant for.
fn placed(mine: &[Arc<Value>]) -> BTreeMap<String, Vec<Arc<Value>>> {
    let mut out: BTreeMap<String, Vec<Arc<Value>>> = BTreeMap::new();
    for pod in mine {
        let terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";
        let node = match obj::text(pod, "/spec/nodeName") {
            "" => obj::text(pod, terms),
            node => node,
        };
        out.entry(node.to_owned()).or_default().push(pod.clone());
    }
    out
}

fn create(store: &Store, chance: &mut Chance, set: &Value, node: &str, hash: &str, now: Timestamp) {
    let template = pod_template(set, node, hash);
    match pods::create(store, chance, (set, "apps/v1", "DaemonSet"), &template, None) {
        Ok(pod) => tell_about(
            store,
            &SET,
            set,
            false,
            "SuccessfulCreate",
            &format!("Created pod: {}", obj::name(&pod)),
            now,
        ),
        Err(why) => tell_about(store, &SET, set, true, "FailedCreate", &format!("Error creating: {why}"), now),
    }
}

fn remove(store: &Store, set: &Value, pod: &Value, now: Timestamp) {
    obj::delete_pod(store, pod, now);
    tell_about(
        store,
        &SET,
        set,
        false,
        "SuccessfulDelete",
        &format!("Deleted pod: {}", obj::name(pod)),
        now,
    );
}

fn delay(set: &Value) -> i64 {
    obj::int(set, "/spec/minReadySeconds").unwrap_or(0)
}

fn available(pod: &Value, set: &Value, now: Timestamp) -> bool {
    pods::active(pod) && pods::available_from(pod, delay(set)).is_some_and(|from| from <= now)
}

/// Replaces pods of older revisions while no more than `maxUnavailable` nodes are without an available one.
fn roll(store: &Store, set: &Value, mine: &[Arc<Value>], desired: i64, hash: &str, now: Timestamp) {
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return;
    }
    let most = resolve(&set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"], desired, true).max(1);
    let up = mine.iter().filter(|pod| available(pod, set, now)).count();
    let mut room = most - (desired - i64::try_from(up).unwrap_or(0)).max(0);
    let old = mine
        .iter()
        .filter(|pod| obj::labels(pod).get(revisions::REVISION_LABEL) != Some(&hash));
    let (healthy, broken): (Vec<_>, Vec<_>) = old.filter(|pod| pods::active(pod)).partition(|pod| available(pod, set, now));
    // A pod that serves nobody can go at once.
    for pod in broken {
        remove(store, set, pod, now);
    }
    for pod in healthy {
        if room <= 0 {
            return;
        }
        remove(store, set, pod, now);
        room -= 1;
    }
}

fn report(store: &Store, set: &Value, wanted: &[(&Arc<Value>, (bool, bool))], hash: &str, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(set);
    let mine = pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(set));
    let by_node = placed(&mine);
    let mut counts = BTreeMap::from(["desired", "current", "misscheduled", "ready", "available", "updated"].map(|key| (key, 0_i64)));
    let mut add = |key| *counts.entry(key).or_default() += 1;
    let mut next = None;
    for (node, (runs, _)) in wanted {
        let here = by_node
            .get(obj::name(node))
            .and_then(|pods| pods.iter().find(|pod| pods::active(pod)));
        match (runs, here) {
            (true, Some(pod)) => {
                add("desired");
                add("current");
                if obj::labels(pod).get(revisions::REVISION_LABEL) == Some(&hash) {
                    add("updated");
                }
                if let Some(from) = pods::available_from(pod, delay(set)) {
                    add("ready");
                    if from <= now {
                        add("available");
                    } else {
                        next = sooner(next, Some(from));
                    }
                }
            }
            (true, None) => add("desired"),
            (false, Some(_)) => add("misscheduled"),
            (false, None) => {}
        }
    }
    obj::change(store, &Gvr::daemon_sets(), ns, obj::name(set), |set| {
        let mut status = json!({
            "observedGeneration": set["metadata"]["generation"],
            "desiredNumberScheduled": counts["desired"], "currentNumberScheduled": counts["current"],
            "numberMisscheduled": counts["misscheduled"], "numberReady": counts["ready"],
        });
        for (key, value) in [
            ("updatedNumberScheduled", counts["updated"]),
            ("numberAvailable", counts["available"]),
            ("numberUnavailable", counts["desired"] - counts["available"]),
        ] {
            if value > 0 {
                status[key] = json!(value);
            }
        }
        set["status"] = status;
    });
    next
}
