//! Job: runs pods until enough of them have succeeded, or too many have failed.
//!
//! Every pod carries a finalizer until it has been counted, so that none is lost when it is deleted early.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    job_status::{Outcome, Tally},
    pods, sooner,
};
use crate::{
    store::{Gvr, Store},
    world::{
        chance::Chance,
        events::{About, tell_about},
        obj,
    },
};

/// Keeps a pod until its end was counted.
const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// First delay before a failed pod is replaced (the controller's default).
const FIRST_DELAY: Duration = Duration::from_secs(10);
/// Longest such delay.
const LONGEST_DELAY: Duration = Duration::from_secs(600);

pub(super) const JOB: About = About {
    api_version: "batch/v1",
    kind: "Job",
    component: "job-controller",
};

/// One look at every Job; answers when it wants to look again.
pub(crate) fn step(store: &Store, chance: &mut Chance, now: Timestamp) -> Option<Timestamp> {
    let mut next = None;
    for job in store.awake(&Gvr::jobs()) {
        if !obj::deleting(&job) {
            next = sooner(next, sync(store, chance, &job, now));
        }
    }
    let stray = |pod: &&Arc<Value>| tracked(pod) && keeper(store, pod).is_none();
    for pod in store.awake(&Gvr::pods()).iter().filter(stray) {
        untrack(store, pod);
    }
    next
}

/// How a Job ended and when; `None` while it has not.
pub(crate) fn finished(job: &Value) -> Option<(&'static str, Timestamp)> {
    ["Complete", "Failed"].into_iter().find_map(|kind| {
        let condition = obj::condition(job, kind).filter(|condition| condition["status"] == "True")?;
        Some((kind, obj::time(condition, "/lastTransitionTime").unwrap_or(Timestamp::UNIX_EPOCH)))
    })
}

fn tracked(pod: &Value) -> bool {
    pod["metadata"]["finalizers"]
        .as_array()
        .is_some_and(|all| all.iter().any(|finalizer| finalizer == TRACKING))
}

/// The Job that still counts a pod.
fn keeper(store: &Store, pod: &Value) -> Option<Arc<Value>> {
    let (kind, name, uid) = obj::controller(pod)?;
    let job = (kind == "Job").then(|| store.get_shared(&Gvr::jobs(), Some(obj::namespace(pod)), name))?;
    job.filter(|job| obj::uid(job) == uid && !obj::deleting(job))
}

fn untrack(store: &Store, pod: &Value) {
    obj::change(store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), |pod| {
        let meta = &mut pod["metadata"];
        if let Some(all) = meta["finalizers"].as_array_mut() {
            all.retain(|finalizer| finalizer != TRACKING);
        }
        if meta["finalizers"].as_array().is_some_and(Vec::is_empty)
            && let Some(meta) = meta.as_object_mut()
        {
            meta.remove("finalizers");
        }
    });
}

fn sync(store: &Store, chance: &mut Chance, job: &Value, now: Timestamp) -> Option<Timestamp> {
    if let Some((_, since)) = finished(job) {
        return expire(store, job, since, now);
    }
    let ns = obj::namespace(job);
    let mine = || pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(job));
    let mut tally = Tally::of(job, now);
    let ended: Vec<_> = mine().into_iter().filter(|pod| tracked(pod) && tally.count(pod)).collect();
    let suspended = job["spec"]["suspend"] == true;
    tally.suspend(store, job, suspended, now);
    let all = mine();
    let active: Vec<_> = all.iter().filter(|pod| pods::active(pod)).collect();
    let outcome = tally.outcome(job, &active, now);
    let mut next = tally.deadline(job).filter(|at| !suspended && *at > now);
    match outcome {
        Some(_) => stop(store, job, &active, now),
        None if suspended => stop(store, job, &active, now),
        None => {
            let delay = delayed_until(&all).filter(|until| *until > now);
            match delay {
                Some(until) => next = sooner(next, Some(until)),
                None => create(store, chance, job, tally.wanted(job) - count(&active), now),
            }
            let surplus = usize::try_from(count(&active) - tally.wanted(job)).unwrap_or(0);
            stop(store, job, &active[..surplus.min(active.len())], now);
        }
    }
    let all = mine();
    if let Some(outcome) = outcome {
        // The end is told when the last pod has stopped.
        let busy = all
            .iter()
            .any(|pod| obj::deleting(pod) && !matches!(obj::text(pod, "/status/phase"), "Failed" | "Succeeded"));
        tally.conclude(store, job, outcome, busy, now);
    }
    tally.write(store, job, &all);
    for pod in &ended {
        untrack(store, pod);
    }
    next
}

fn count(pods: &[&Arc<Value>]) -> i64 {
    i64::try_from(pods.len()).unwrap_or(i64::MAX)
}

/// Deletes pods that are no longer wanted; they count neither as failed nor as succeeded.
fn stop(store: &Store, job: &Value, active: &[&Arc<Value>], now: Timestamp) {
    for pod in active {
        untrack(store, pod);
        obj::delete_pod(store, pod, now);
        tell_about(
            store,
            &JOB,
            job,
            false,
            "SuccessfulDelete",
            &format!("Deleted pod: {}", obj::name(pod)),
            now,
        );
    }
}

fn create(store: &Store, chance: &mut Chance, job: &Value, missing: i64, now: Timestamp) {
    let mut template = job["spec"]["template"].clone();
    template["metadata"]["finalizers"] = json!([TRACKING]);
    for _ in 0..missing.max(0) {
        match pods::create(store, chance, (job, "batch/v1", "Job"), &template, None) {
            Ok(pod) => tell_about(
                store,
                &JOB,
                job,
                false,
                "SuccessfulCreate",
                &format!("Created pod: {}", obj::name(&pod)),
                now,
            ),
            Err(why) => {
                tell_about(store, &JOB, job, true, "FailedCreate", &format!("Error creating: {why}"), now);
                return;
            }
        }
    }
}

/// After failures in a row the next pod waits, twice as long each time.
fn delayed_until(all: &[Arc<Value>]) -> Option<Timestamp> {
    let ended = |phase: &str| -> Vec<Timestamp> {
        let pods = all.iter().filter(|pod| obj::text(pod, "/status/phase") == phase);
        pods.map(|pod| end_of(pod)).collect()
    };
    let success = ended("Succeeded").into_iter().max();
    let failures: Vec<Timestamp> = ended("Failed").into_iter().filter(|at| success.is_none_or(|s| *at > s)).collect();
    let last = failures.iter().copied().max()?;
    let doublings = u32::try_from(failures.len() - 1).unwrap_or(u32::MAX).min(10);
    Some(obj::after(last, (FIRST_DELAY * 2_u32.pow(doublings)).min(LONGEST_DELAY)))
}

/// When the last container of a pod ended.
fn end_of(pod: &Value) -> Timestamp {
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let ends = statuses.filter_map(|status| obj::time(status, "/state/terminated/finishedAt"));
    ends.max()
        .or_else(|| obj::time(pod, "/metadata/deletionTimestamp"))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A finished Job goes after its time to live.
fn expire(store: &Store, job: &Value, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let ns = obj::namespace(job);
    for pod in pods::owned(&store.list_shared(&Gvr::pods(), Some(ns)).0, obj::uid(job)) {
        if tracked(&pod) {
            untrack(store, &pod);
        }
    }
    let seconds = obj::int(job, "/spec/ttlSecondsAfterFinished")?;
    let until = obj::after(since, Duration::from_secs(seconds.max(0).unsigned_abs()));
    if until > now {
        return Some(until);
    }
    obj::remove(store, &Gvr::jobs(), job);
    None
}

impl Outcome {
    /// Tells people, once.
    pub(super) fn tell(self, store: &Store, job: &Value, now: Timestamp) {
        let warning = self != Self::Complete;
        let (reason, message) = if warning { self.why() } else { ("Completed", "Job completed") };
        tell_about(store, &JOB, job, warning, reason, message, now);
    }
}
