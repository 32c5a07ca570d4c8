//! CronJob: creates a Job whenever its schedule says so, and keeps a few finished ones.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{cron::Schedule, job, pods, sooner};
use crate::{
    api::defaults,
    store::{Gvr, Store},
    world::{
        chance::Chance,
        events::{About, tell_about},
        obj,
    },
};

const CRON_JOB: About = About {
    api_version: "batch/v1",
    kind: "CronJob",
    component: "cronjob-controller",
};

/// One look at every CronJob; answers when it wants to look again.
pub(crate) fn step(store: &Store, chance: &mut Chance, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for cron in store.awake(&Gvr::cron_jobs()) {
        if !obj::deleting(&cron) {
            next = sooner(next, sync(store, chance, &cron, now));
        }
    }
    next
}

/// The last time the schedule of a CronJob came before `now`: what a CronJob that is older than the simulation has run.
pub(crate) fn last_run(cron: &Value, now: Timestamp) -> Option<Timestamp> {
    let created = obj::time(cron, "/metadata/creationTimestamp")?;
    schedule(cron).ok()?.latest(created, now)
}

fn schedule(cron: &Value) -> Result<Schedule, String> {
    Schedule::parse(obj::text(cron, "/spec/schedule"), cron["spec"]["timeZone"].as_str())
}

fn sync(store: &Store, chance: &mut Chance, cron: &Value, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(cron);
    let jobs = pods::owned(&store.list_shared(&Gvr::jobs(), Some(ns)).0, obj::uid(cron));
    notice(store, cron, &jobs, now);
    forget_old(store, cron, &jobs, now);
    if cron["spec"]["suspend"] == true {
        return None;
    }
    let schedule = match schedule(cron) {
        Ok(schedule) => schedule,
        Err(why) => {
            let message = format!("unparseable schedule: \"{}\" : {why}", obj::text(cron, "/spec/schedule"));
            tell_about(store, &CRON_JOB, cron, true, "UnparseableSchedule", &message, now);
            return None;
        }
    };
    let last = obj::time(cron, "/status/lastScheduleTime");
    let mut earliest = last.or_else(|| obj::time(cron, "/metadata/creationTimestamp")).unwrap_or(now);
    let patience = obj::int(cron, "/spec/startingDeadlineSeconds").map(|s| Duration::from_secs(s.max(0).unsigned_abs()));
    if let Some(patience) = patience {
        earliest = earliest.max(obj::before(now, patience));
    }
    if let Some(at) = schedule.latest(earliest, now) {
        run(store, chance, cron, at, now);
    }
    schedule.next(now)
}

/// The Job of one scheduled time, unless an earlier one is in the way.
fn run(store: &Store, chance: &mut Chance, cron: &Value, at: Timestamp, now: Timestamp) {
    let ns = obj::namespace(cron);
    let name = format!("{}-{}", obj::name(cron), at.as_second() / 60);
    if store.get_shared(&Gvr::jobs(), Some(ns), &name).is_some() {
        remember(store, cron, at);
        return;
    }
    let jobs = pods::owned(&store.list_shared(&Gvr::jobs(), Some(ns)).0, obj::uid(cron));
    let active: Vec<&Arc<Value>> = jobs.iter().filter(|job| job::finished(job).is_none()).collect();
    if !active.is_empty() {
        match obj::text(cron, "/spec/concurrencyPolicy") {
            "Forbid" => {
                let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
                tell_about(store, &CRON_JOB, cron, false, "JobAlreadyActive", message, now);
                return;
            }
            "Replace" => active.iter().for_each(|job| discard(store, cron, job, now)),
            _ => {}
        }
    }
    let template = &cron["spec"]["jobTemplate"];
    let mut metadata = json!({"name": name, "namespace": ns, "uid": chance.uid()});
    for key in ["labels", "annotations"] {
        if let Some(map) = template["metadata"].get(key) {
            metadata[key] = map.clone();
        }
    }
    metadata["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"] = json!(obj::rfc3339(at));
    metadata["ownerReferences"] = json!([obj::owner_reference(cron, "batch/v1", "CronJob")]);
    let mut object = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"], "status": {}});
    defaults::job(&mut object);
    match store.create(&Gvr::jobs(), object) {
        Ok(_) => tell_about(
            store,
            &CRON_JOB,
            cron,
            false,
            "SuccessfulCreate",
            &format!("Created job {name}"),
            now,
        ),
        Err(status) => tell_about(
            store,
            &CRON_JOB,
            cron,
            true,
            "FailedCreate",
            &format!("Error creating job: {}", status.message),
            now,
        ),
    }
    remember(store, cron, at);
}

fn remember(store: &Store, cron: &Value, at: Timestamp) {
    obj::change(store, &Gvr::cron_jobs(), obj::namespace(cron), obj::name(cron), |cron| {
        cron["status"]["lastScheduleTime"] = json!(obj::rfc3339(at));
    });
}

/// Writes which Jobs are running and when one last succeeded, and tells of the ones that ended.
fn notice(store: &Store, cron: &Value, jobs: &[Arc<Value>], now: Timestamp) {
    let known = cron["status"]["active"].as_array().map_or(&[][..], Vec::as_slice);
    for reference in known {
        let Some(job) = jobs.iter().find(|job| reference["uid"] == obj::uid(job)) else {
            let message = format!("Active job went missing: {}", obj::text(reference, "/name"));
            tell_about(store, &CRON_JOB, cron, false, "MissingJob", &message, now);
            continue;
        };
        if let Some((condition, _)) = job::finished(job) {
            let message = format!("Saw completed job: {}, condition: {condition}", obj::name(job));
            tell_about(store, &CRON_JOB, cron, false, "SawCompletedJob", &message, now);
        }
    }
    let running = jobs.iter().filter(|job| job::finished(job).is_none());
    let active: Vec<Value> = running
        .map(|job| {
            json!({"apiVersion": "batch/v1", "kind": "Job", "name": obj::name(job), "namespace": obj::namespace(job),
                "uid": obj::uid(job), "resourceVersion": job["metadata"]["resourceVersion"]})
        })
        .collect();
    let same = |known: &[Value]| known.len() == active.len() && known.iter().zip(&active).all(|(a, b)| a["uid"] == b["uid"]);
    let succeeded = jobs.iter().filter_map(|job| obj::time(job, "/status/completionTime")).max();
    let newer = succeeded.is_some_and(|at| obj::time(cron, "/status/lastSuccessfulTime").is_none_or(|known| known < at));
    if same(known) && !newer {
        return;
    }
    obj::change(store, &Gvr::cron_jobs(), obj::namespace(cron), obj::name(cron), |cron| {
        if !cron["status"].is_object() {
            cron["status"] = json!({});
        }
        cron["status"]["active"] = json!(active);
        if let (true, Some(status)) = (active.is_empty(), cron["status"].as_object_mut()) {
            status.remove("active");
        }
        if let Some(at) = succeeded.filter(|_| newer) {
            cron["status"]["lastSuccessfulTime"] = json!(obj::rfc3339(at));
        }
    });
}

/// Finished Jobs beyond the history limits go, the oldest first.
fn forget_old(store: &Store, cron: &Value, jobs: &[Arc<Value>], now: Timestamp) {
    for (condition, key, usual) in [
        ("Complete", "/spec/successfulJobsHistoryLimit", 3),
        ("Failed", "/spec/failedJobsHistoryLimit", 1),
    ] {
        let limit = usize::try_from(obj::int(cron, key).unwrap_or(usual)).unwrap_or(0);
        let ended = |job: &&Arc<Value>| !obj::deleting(job) && job::finished(job).is_some_and(|(how, _)| how == condition);
        let mut ended: Vec<_> = jobs.iter().filter(ended).collect();
        ended.sort_by_key(|job| obj::text(job, "/metadata/creationTimestamp").to_owned());
        let surplus = ended.len().saturating_sub(limit);
        ended.into_iter().take(surplus).for_each(|job| discard(store, cron, job, now));
    }
}

fn discard(store: &Store, cron: &Value, job: &Value, now: Timestamp) {
    obj::remove(store, &Gvr::jobs(), job);
    let message = format!("Deleted job {}", obj::name(job));
    tell_about(store, &CRON_JOB, cron, false, "SuccessfulDelete", &message, now);
}
