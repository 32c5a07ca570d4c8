//! Comparing answers by their keys.

use std::collections::BTreeSet;

use serde_json::Value;

/// Counters that the real server leaves out at zero and that depend on the moment of the request.
const MOMENTARY: &[&str] = &[
    "unavailableReplicas",
    "readyReplicas",
    "availableReplicas",
    "updatedReplicas",
    "fullyLabeledReplicas",
    "terminatingReplicas",
    "conditions",
];

/// Parts that differ by design: recorded values under free keys, and machinery the simulator does not have.
const LEFT_OUT: &[&str] = &[
    // A test of their own.
    "managedFields",
    // Copied from the node's labels by an admission plugin.
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    // The service account's volume: there are no service accounts.
    "spec/volumes",
    "volumeMounts",
    // Ours is filled in when the kubelet first reports the pod.
    "object/status/qosClass",
    // Set by the node lifecycle controller a moment after the cordon.
    "spec/taints",
    // Only there when the list was cut; two clusters have different numbers of events.
    "remainingItemCount",
    "continue",
];

/// What differs between the recorded answer and ours, in words.
pub(crate) fn differences(step: &str, golden: &Value, ours: &Value) -> Vec<String> {
    if golden["kind"] == "Status" || ours["kind"] == "Status" {
        return if golden == ours {
            Vec::new()
        } else {
            vec![format!("\n  want {golden}\n  have {ours}")]
        };
    }
    match step {
        "pod log" => return Vec::new(),
        "discovery /api/v1" | "discovery /apis/apps/v1" | "discovery /apis/policy/v1" | "discovery /apis/autoscaling/v2" => {
            return resources(golden, ours);
        }
        "watch pods from list" => return events(golden, ours),
        _ => {}
    }
    let momentary = golden["kind"] == "Deployment" || golden["kind"] == "ReplicaSetList";
    let (mut want, mut have) = (keys(golden), keys(ours));
    let left_out = |path: &String| {
        let parts: Vec<&str> = path.split("/").map(|part| part.trim_start_matches("[]")).collect();
        path.split('/').count() > 0
            && (LEFT_OUT.iter().any(|out| path.contains(out)) || (momentary && MOMENTARY.iter().any(|out| parts.contains(out))))
    };
    want.retain(|path| !left_out(path));
    have.retain(|path| !left_out(path));
    if step == "discovery /openapi/v3" {
        // Ours has everything the cut list has, under other hashes.
        return want.difference(&have).map(|path| format!("missing {path}")).collect();
    }
    if step.starts_with("events") {
        // Which optional fields events carry depends on who reports what.
        let base = [
            "reason",
            "type",
            "metadata/name",
            "metadata/namespace",
            "metadata/uid",
            "metadata/resourceVersion",
        ];
        let missing = base.iter().filter(|key| !have.contains(&format!("items/[]/{key}")));
        let alien = have
            .iter()
            .filter(|path| path.starts_with("items/[]/") && !EVENT.iter().any(|known| path.contains(known)));
        return missing
            .map(|key| format!("missing {key}"))
            .chain(alien.map(|path| format!("unknown {path}")))
            .collect();
    }
    let missing = want.difference(&have).map(|path| format!("missing {path}"));
    let extra = have.difference(&want).map(|path| format!("extra {path}"));
    let mut out: Vec<String> = missing.chain(extra).collect();
    if golden.is_string() && golden != ours {
        out.push(format!("want {golden}, have {ours}"));
    }
    if golden["kind"] != ours["kind"] || golden["apiVersion"] != ours["apiVersion"] {
        out.push(format!(
            "want {} {}, have {} {}",
            golden["apiVersion"], golden["kind"], ours["apiVersion"], ours["kind"]
        ));
    }
    out
}

/// Everything an event of either group may carry.
const EVENT: &[&str] = &[
    "metadata",
    "kind",
    "apiVersion",
    "items/[]/involvedObject",
    "items/[]/regarding",
    "items/[]/reason",
    "items/[]/message",
    "items/[]/note",
    "items/[]/source",
    "items/[]/deprecated",
    "items/[]/firstTimestamp",
    "items/[]/lastTimestamp",
    "items/[]/count",
    "items/[]/type",
    "items/[]/eventTime",
    "items/[]/action",
    "items/[]/reporting",
    "items/[]/series",
];

/// Every key path of a value; list items share `[]`.
pub(crate) fn keys(value: &Value) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    collect(value, "", &mut out);
    out
}

fn collect(value: &Value, at: &str, out: &mut BTreeSet<String>) {
    let mut visit = |key: &str, child: &Value| {
        let path = if at.is_empty() { key.to_owned() } else { format!("{at}/{key}") };
        collect(child, &path, out);
        out.insert(path);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, child)| visit(key, child)),
        Value::Array(items) => items.iter().for_each(|item| visit("[]", item)),
        _ => {}
    }
}

/// Every resource both serve must be described alike.
fn resources(golden: &Value, ours: &Value) -> Vec<String> {
    let list = |value: &Value| value["resources"].as_array().cloned().unwrap_or_default();
    let mut out = Vec::new();
    for mut entry in list(ours) {
        let Some(mut wanted) = list(golden).into_iter().find(|other| other["name"] == entry["name"]) else {
            continue;
        };
        for side in [&mut entry, &mut wanted] {
            if let Some(hash) = side.get_mut("storageVersionHash") {
                *hash = Value::Null;
            }
        }
        if entry != wanted {
            out.push(format!("\n  want {wanted}\n  have {entry}"));
        }
    }
    for wanted in list(golden)
        .iter()
        .filter(|r| !r["name"].as_str().unwrap_or_default().contains('/'))
    {
        if !list(ours).iter().any(|r| r["name"] == wanted["name"]) {
            out.push(format!("missing {}", wanted["name"]));
        }
    }
    out
}

/// The same kinds of events, the last one a bookmark; a new pod begins alike.
fn events(golden: &Value, ours: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (want, have) = (list(golden), list(ours));
    let kinds = |events: &[Value]| -> BTreeSet<String> { events.iter().map(|e| e["type"].to_string()).collect() };
    let mut out = Vec::new();
    if kinds(&want) != kinds(&have) {
        out.push(format!("want events {:?}, have {:?}", kinds(&want), kinds(&have)));
    }
    let last = |events: &[Value]| events.last().map(keys);
    if last(&want) != last(&have) {
        out.push(format!("the bookmark differs: {:?}", have.last()));
    }
    let added = |events: &[Value]| -> BTreeSet<String> {
        let first = events.iter().find(|e| e["type"] == "ADDED").map(keys).unwrap_or_default();
        first
            .into_iter()
            .filter(|path| !LEFT_OUT.iter().any(|part| path.contains(part)))
            .collect()
    };
    out.extend(added(&want).difference(&added(&have)).map(|path| format!("a new pod lacks {path}")));
    out
}
