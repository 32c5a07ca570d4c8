//! Defaults of Jobs, and the labels by which a Job knows its pods.

use serde_json::{Value, json};

use super::{or, pod, section};

pub(super) fn fill(spec: &mut Value) {
    // A Job that names neither runs one pod; one that names only `parallelism` is a work queue without a number to reach.
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        or(spec, "completions", json!(1));
    }
    or(spec, "parallelism", json!(1));
    or(spec, "backoffLimit", json!(6));
    or(spec, "completionMode", json!("NonIndexed"));
    or(spec, "suspend", json!(false));
    or(spec, "podReplacementPolicy", json!("TerminatingOrFailed"));
    pod::template(&mut spec["template"]);
}

/// Fills a new Job that has its uid: defaults, selector, and the labels of its template (and its own, if it has none).
pub fn with_selector(job: &mut Value) {
    fill(section(job, "spec"));
    let (name, uid) = (job["metadata"]["name"].clone(), job["metadata"]["uid"].clone());
    if job["spec"]["manualSelector"] != true && job["spec"]["selector"].is_null() {
        let labels = section(&mut job["spec"]["template"]["metadata"], "labels");
        for prefix in ["", "batch.kubernetes.io/"] {
            or(labels, &format!("{prefix}job-name"), name.clone());
            or(labels, &format!("{prefix}controller-uid"), uid.clone());
        }
        job["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    }
    if job["metadata"]["labels"].as_object().is_none_or(serde_json::Map::is_empty) {
        job["metadata"]["labels"] = job["spec"]["template"]["metadata"]["labels"].clone();
    }
}
