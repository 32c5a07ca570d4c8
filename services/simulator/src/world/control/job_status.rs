//! What a Job has achieved so far: counts, conditions, and whether that is the end.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{job::JOB, pods};
use crate::{
    store::{Gvr, Store},
    world::{events::tell_about, obj},
};

/// How a Job ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Complete,
    TooManyFailures,
    TooLate,
}

impl Outcome {
    /// Reason and message of its conditions.
    pub(super) fn why(self) -> (&'static str, &'static str) {
        match self {
            Self::Complete => ("CompletionsReached", "Reached expected number of succeeded pods"),
            Self::TooManyFailures => ("BackoffLimitExceeded", "Job has reached the specified backoff limit"),
            Self::TooLate => ("DeadlineExceeded", "Job was active longer than specified deadline"),
        }
    }

    /// The condition that announces it, and the one that makes it final.
    fn conditions(self) -> (&'static str, &'static str) {
        match self {
            Self::Complete => ("SuccessCriteriaMet", "Complete"),
            Self::TooManyFailures | Self::TooLate => ("FailureTarget", "Failed"),
        }
    }
}

/// The status of a Job while it is worked out.
pub(super) struct Tally {
    succeeded: i64,
    failed: i64,
    start: Option<Timestamp>,
    completion: Option<Timestamp>,
    conditions: Vec<Value>,
}

impl Tally {
    /// What the status says so far; an unsuspended Job starts at the first look.
    pub(super) fn of(job: &Value, now: Timestamp) -> Self {
        let status = &job["status"];
        let started = obj::time(status, "/startTime");
        Self {
            succeeded: obj::int(status, "/succeeded").unwrap_or(0),
            failed: obj::int(status, "/failed").unwrap_or(0),
            start: started.or_else(|| (job["spec"]["suspend"] != true).then_some(now)),
            completion: obj::time(status, "/completionTime"),
            conditions: status["conditions"].as_array().cloned().unwrap_or_default(),
        }
    }

    /// Counts a pod that has ended (or is about to); false when it has not.
    pub(super) fn count(&mut self, pod: &Value) -> bool {
        match obj::text(pod, "/status/phase") {
            "Succeeded" => self.succeeded += 1,
            "Failed" => self.failed += 1,
            _ if obj::deleting(pod) => self.failed += 1,
            _ => return false,
        }
        true
    }

    /// Suspended => resumed and back, with the time starting anew.
    pub(super) fn suspend(&mut self, store: &Store, job: &Value, suspended: bool, now: Timestamp) {
        let was = self.conditions.iter().any(|c| c["type"] == "Suspended" && c["status"] == "True");
        if suspended && !was {
            self.set("Suspended", "True", ("JobSuspended", "Job suspended"), now);
            tell_about(store, &JOB, job, false, "Suspended", "Job suspended", now);
        } else if was && !suspended {
            self.set("Suspended", "False", ("JobResumed", "Job resumed"), now);
            self.start = Some(now);
            tell_about(store, &JOB, job, false, "Resumed", "Job resumed", now);
        }
    }

    /// When the Job runs out of time.
    pub(super) fn deadline(&self, job: &Value) -> Option<Timestamp> {
        let seconds = obj::int(job, "/spec/activeDeadlineSeconds")?;
        Some(obj::after(self.start?, Duration::from_secs(seconds.max(0).unsigned_abs())))
    }

    /// Whether that is the end. An end that was announced stays.
    pub(super) fn outcome(&self, job: &Value, active: &[&Arc<Value>], now: Timestamp) -> Option<Outcome> {
        let announced = self
            .conditions
            .iter()
            .find(|c| matches!(c["type"].as_str(), Some("FailureTarget" | "SuccessCriteriaMet")));
        if let Some(condition) = announced {
            let all = [Outcome::Complete, Outcome::TooManyFailures, Outcome::TooLate];
            return all.into_iter().find(|outcome| condition["reason"] == outcome.why().0);
        }
        let limit = obj::int(job, "/spec/backoffLimit").unwrap_or(6);
        if self.failed > limit || restarts_exceed(job, active, limit) {
            return Some(Outcome::TooManyFailures);
        }
        if job["spec"]["suspend"] != true && self.deadline(job).is_some_and(|at| at <= now) {
            return Some(Outcome::TooLate);
        }
        let complete = match obj::int(job, "/spec/completions") {
            Some(wanted) => self.succeeded >= wanted,
            None => self.succeeded > 0 && active.is_empty(),
        };
        complete.then_some(Outcome::Complete)
    }

    /// Pods that should be running now.
    pub(super) fn wanted(&self, job: &Value) -> i64 {
        let parallelism = obj::int(job, "/spec/parallelism").unwrap_or(1);
        match obj::int(job, "/spec/completions") {
            Some(completions) => (completions - self.succeeded).clamp(0, parallelism),
            // A work queue: nothing new once one worker has found the queue empty.
            None if self.succeeded > 0 => 0,
            None => parallelism,
        }
    }

    /// Announces the end; makes it final unless pods are still stopping.
    pub(super) fn conclude(&mut self, store: &Store, job: &Value, outcome: Outcome, busy: bool, now: Timestamp) {
        let (announcement, end) = outcome.conditions();
        self.set(announcement, "True", outcome.why(), now);
        if busy {
            return;
        }
        self.set(end, "True", outcome.why(), now);
        if outcome == Outcome::Complete {
            self.completion = Some(now);
        }
        outcome.tell(store, job, now);
    }

    fn set(&mut self, kind: &str, status: &str, why: (&str, &str), now: Timestamp) {
        let at = obj::rfc3339(now);
        let condition = json!({
            "type": kind, "status": status, "lastProbeTime": at, "lastTransitionTime": at, "reason": why.0, "message": why.1,
        });
        match self.conditions.iter_mut().find(|c| c["type"] == kind) {
            Some(same) if same["status"] == status => {}
            Some(other) => *other = condition,
            None => self.conditions.push(condition),
        }
    }

    /// Writes the status.
    pub(super) fn write(&self, store: &Store, job: &Value, all: &[Arc<Value>]) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let active: Vec<_> = all.iter().filter(|pod| pods::active(pod)).collect();
        let stopping = |pod: &&Arc<Value>| obj::deleting(pod) && !matches!(obj::text(pod, "/status/phase"), "Failed" | "Succeeded");
        let mut status = Map::new();
        let counts = [
            ("active", number(active.len())),
            ("succeeded", self.succeeded),
            ("failed", self.failed),
        ];
        status.extend(
            counts
                .into_iter()
                .filter(|(_, n)| *n > 0)
                .map(|(key, n)| (key.to_owned(), json!(n))),
        );
        let ready = active.iter().filter(|pod| pods::ready(pod)).count();
        status.insert("ready".to_owned(), json!(ready));
        status.insert("terminating".to_owned(), json!(all.iter().filter(stopping).count()));
        status.insert("uncountedTerminatedPods".to_owned(), json!({}));
        for (key, at) in [("startTime", self.start), ("completionTime", self.completion)] {
            if let Some(at) = at {
                status.insert(key.to_owned(), json!(obj::rfc3339(at)));
            }
        }
        if !self.conditions.is_empty() {
            status.insert("conditions".to_owned(), json!(self.conditions));
        }
        obj::change(store, &Gvr::jobs(), obj::namespace(job), obj::name(job), |job| {
            job["status"] = Value::Object(status.clone());
        });
    }
}

/// With `OnFailure` a pod stays and its restarts count.
fn restarts_exceed(job: &Value, active: &[&Arc<Value>], limit: i64) -> bool {
    if job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure" {
        return false;
    }
    let lists = ["containerStatuses", "initContainerStatuses"];
    let statuses = active
        .iter()
        .flat_map(|pod| lists.iter().filter_map(|key| pod["status"][*key].as_array()).flatten());
    let restarts: i64 = statuses.filter_map(|status| obj::int(status, "/restartCount")).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}
