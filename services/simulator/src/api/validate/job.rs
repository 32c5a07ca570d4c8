//! Jobs and CronJobs.

use serde_json::{Value, json};

use super::{non_negative, pod};
use crate::{store::Cause, world::control::cron::Schedule};

/// Checks a Job's spec found at `at`.
pub(super) fn spec(at: &str, spec: &Value, causes: &mut Vec<Cause>) {
    for key in [
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ] {
        non_negative(&format!("{at}.{key}"), &spec[key], causes);
    }
    let template = &spec["template"]["spec"];
    pod::spec(&format!("{at}.template.spec"), template, causes);
    let policy = template["restartPolicy"].as_str().unwrap_or_default();
    let field = format!("{at}.template.spec.restartPolicy");
    match policy {
        "OnFailure" | "Never" => {}
        "Always" | "" => causes.push(Cause::required(field, "valid values: \"OnFailure\", \"Never\"")),
        _ => causes.push(Cause::unsupported(field, &json!(policy), &["OnFailure", "Never"])),
    }
}

/// Checks a CronJob's spec.
pub(super) fn cron(object: &Value, causes: &mut Vec<Cause>) {
    let schedule = object["schedule"].as_str().unwrap_or_default();
    if schedule.is_empty() {
        causes.push(Cause::required("spec.schedule", ""));
    } else if let Err(why) = Schedule::parse(schedule, None) {
        causes.push(Cause::invalid("spec.schedule", &json!(schedule), &why));
    }
    if let Some(zone) = object["timeZone"].as_str()
        && let Err(why) = Schedule::parse("@daily", Some(zone))
    {
        causes.push(Cause::invalid("spec.timeZone", &json!(zone), &why));
    }
    let policy = &object["concurrencyPolicy"];
    let known = ["Allow", "Forbid", "Replace"];
    if !known.iter().any(|name| policy == *name) {
        causes.push(Cause::unsupported("spec.concurrencyPolicy", policy, &known));
    }
    spec("spec.jobTemplate.spec", &object["jobTemplate"]["spec"], causes);
}
