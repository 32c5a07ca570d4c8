//! What must hold before a scenario may start. Every complaint names the place in the file.

use serde_json::Value;

use super::{Scenario, Seed, behaviour::Workload};

/// A place in the file and what is wrong there.
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) problem: String,
}

type Check = Result<(), Problem>;

pub(super) fn check(scenario: &Scenario) -> Check {
    if scenario.scrape_interval.0.as_secs() == 0 {
        return problem("scrape_interval", "must be at least 1s");
    }
    for (i, seed) in scenario.objects.iter().enumerate() {
        check_seed(&format!("objects[{i}]"), seed)?;
    }
    for (i, past) in scenario.history.iter().enumerate() {
        if past.ago > scenario.warmup {
            return problem(format!("history[{i}].ago"), "is longer ago than the warm-up; raise `warmup`");
        }
        let found = scenario.objects.iter().any(|seed| {
            text(&seed.object, "/metadata/name") == Some(&past.name)
                && text(&seed.object, "/metadata/namespace") == past.namespace.as_deref()
        });
        if !found {
            return problem(format!("history[{i}].name"), "names no object of this scenario");
        }
        check_patch(&format!("history[{i}].json_patch"), &past.json_patch)?;
    }
    for (i, workload) in scenario.workloads.iter().enumerate() {
        check_workload(&format!("workloads[{i}]"), workload, scenario)?;
    }
    for (i, volume) in scenario.volumes.iter().enumerate() {
        if volume.used_mib < 0.0 || volume.fills_bytes_per_minute < 0.0 {
            return problem(format!("volumes[{i}]"), "must not hold negative amounts");
        }
    }
    for (i, failure) in scenario.node_failures.iter().enumerate() {
        let node = |seed: &Seed| text(&seed.object, "/kind") == Some("Node") && text(&seed.object, "/metadata/name") == Some(&failure.node);
        if !scenario.objects.iter().any(node) {
            return problem(format!("node_failures[{i}].node"), "names no Node of this scenario");
        }
    }
    for (i, rule) in scenario.rules.iter().enumerate() {
        if let Err(error) = promql_parser::parser::parse(&rule.expr) {
            return problem(format!("rules[{i}].expr"), format!("is not PromQL: {error}"));
        }
    }
    for (i, trace) in scenario.traces.iter().enumerate() {
        if trace.every.0.as_millis() == 0 {
            return problem(format!("traces[{i}].every"), "must be longer than 0s");
        }
    }
    Ok(())
}

fn check_seed(path: &str, seed: &Seed) -> Check {
    for pointer in ["/apiVersion", "/kind", "/metadata/name"] {
        if text(&seed.object, pointer).is_none_or(str::is_empty) {
            let field = pointer.replace('/', ".");
            return problem(format!("{path}.object{field}"), "is missing");
        }
    }
    let kind = text(&seed.object, "/kind").unwrap_or_default();
    if !seed.revisions.is_empty() && kind != "Deployment" {
        return problem(
            format!("{path}.revisions"),
            format!("only a Deployment has revisions, not a {kind}"),
        );
    }
    if !seed.pods.is_empty() && !matches!(kind, "Deployment" | "StatefulSet") {
        return problem(format!("{path}.pods"), format!("pods of a {kind} cannot be listed"));
    }
    for (i, revision) in seed.revisions.iter().enumerate() {
        check_patch(&format!("{path}.revisions[{i}].json_patch"), &revision.json_patch)?;
    }
    Ok(())
}

fn check_patch(path: &str, patch: &[Value]) -> Check {
    match serde_json::from_value::<json_patch::Patch>(Value::Array(patch.to_vec())) {
        Ok(_) => Ok(()),
        Err(error) => problem(path, format!("is not a JSON Patch: {error}")),
    }
}

fn check_workload(path: &str, workload: &Workload, scenario: &Scenario) -> Check {
    let object = scenario.objects.iter().find(|seed| {
        text(&seed.object, "/metadata/name") == Some(&workload.name)
            && text(&seed.object, "/metadata/namespace") == Some(&workload.namespace)
            && template(&seed.object).is_some()
    });
    if object.is_none() && workload.exits.is_some() {
        // A Job that somebody may create later.
        return Ok(());
    }
    let Some(seed) = object else {
        return problem(
            format!("{path}.name"),
            format!("{}/{} is no workload among the objects", workload.namespace, workload.name),
        );
    };
    if let Some(container) = &workload.container {
        let spec = template(&seed.object).and_then(|template| template.get("spec"));
        let list = |key: &str| spec.and_then(|spec| spec[key].as_array()).into_iter().flatten();
        let mut all = list("containers").chain(list("initContainers"));
        let found = all.any(|c| c["name"] == container.as_str());
        if !found {
            return problem(
                format!("{path}.container"),
                format!("the pod template has no container {container:?}"),
            );
        }
    }
    share(&format!("{path}.error_rate"), workload.error_rate)?;
    for (i, fault) in workload.faults.iter().enumerate() {
        let path = format!("{path}.faults[{i}]");
        if let Some(rate) = fault.error_rate {
            share(&format!("{path}.error_rate"), rate)?;
        }
        let bound = fault.began.is_some() || !fault.during.is_empty();
        let lasting = fault.memory_leak.is_some()
            || fault.crash_on_start.is_some()
            || fault.never_ready.is_some()
            || fault.liveness_fails.is_some()
            || fault.image_missing.is_some()
            || fault.cpu_millicores.is_some()
            || fault.memory_base_mib.is_some()
            || fault.memory_peaks.is_some();
        if bound && lasting {
            return problem(
                &path,
                "a fault with `began` or `during` can only change latency, error_rate and logs",
            );
        }
        known(&format!("{path}.during"), &fault.during, scenario)?;
        if let Some(leak) = &fault.memory_leak
            && leak.rate_mib_per_hour <= 0.0
        {
            return problem(format!("{path}.memory_leak.rate_mib_per_hour"), "must be greater than 0");
        }
        if let Some(peaks) = &fault.memory_peaks
            && (peaks.lasts.0.is_zero() || peaks.lasts >= peaks.every || peaks.mib <= 0.0)
        {
            return problem(format!("{path}.memory_peaks"), "needs mib > 0 and 0s < lasts < every");
        }
        if let Some(latency) = &fault.latency
            && (latency.p50_ms <= 0.0 || latency.p99_ms < latency.p50_ms)
        {
            return problem(format!("{path}.latency"), "needs 0 < p50_ms <= p99_ms");
        }
    }
    for (i, metric) in workload.metrics.iter().enumerate() {
        let during = metric.during.as_ref().map_or(&[][..], |during| &during.workloads);
        known(&format!("{path}.metrics[{i}].during.workloads"), during, scenario)?;
    }
    for (i, log) in workload.logs.periodic.iter().enumerate() {
        if log.every.0.as_millis() < 100 {
            return problem(format!("{path}.logs.periodic[{i}].every"), "must be at least 100ms");
        }
    }
    for (i, file) in workload.files.iter().enumerate() {
        if !file.path.starts_with('/') {
            return problem(format!("{path}.files[{i}].path"), "must be absolute");
        }
    }
    Ok(())
}

/// Every name is that of a described workload.
fn known(path: &str, workloads: &[String], scenario: &Scenario) -> Check {
    for (i, workload) in workloads.iter().enumerate() {
        let found = workload
            .split_once('/')
            .is_some_and(|(namespace, name)| scenario.behaviour(namespace, name).is_some());
        if !found {
            return problem(
                format!("{path}[{i}]"),
                format!("{workload:?} is not the namespace/name of one of `workloads`"),
            );
        }
    }
    Ok(())
}

/// The pod template of a workload.
fn template(object: &Value) -> Option<&Value> {
    ["/spec/template", "/spec/jobTemplate/spec/template"]
        .iter()
        .find_map(|pointer| object.pointer(pointer))
}

fn share(path: &str, value: f64) -> Check {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        problem(path, "must lie between 0 and 1")
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn problem<T>(path: impl Into<String>, problem: impl Into<String>) -> Result<T, Problem> {
    Err(Problem {
        path: path.into(),
        problem: problem.into(),
    })
}
