//! Jobs and CronJobs.

use serde::Serialize;
use serde_json::Value;

use super::{Said, Subject, Variable, World, events, lines, owners::Owners, quoted};
use crate::core::{
    read::{controller, each, text},
    snapshot::{age, reference},
};

/// `job`.
#[derive(Debug, Clone, Default, Serialize)]
struct JobView {
    name: String,
    namespace: String,
    /// Reason of the condition `Failed`; empty while it has not.
    failed: String,
    message: String,
    suspended: bool,
    active: i64,
    succeeded: i64,
    failures: i64,
    age_minutes: f64,
    cron_job: String,
    said: Vec<Said>,
    /// Exit code of its last pod that failed; 0: none did.
    exit_code: i64,
}

/// `cron_job`.
#[derive(Debug, Clone, Default, Serialize)]
struct CronJobView {
    name: String,
    namespace: String,
    suspended: bool,
    schedule: String,
    active: i64,
}

pub(super) fn subjects(world: &World, owners: &Owners<'_>, all: &mut Vec<Subject>) {
    for object in world.snapshot.of("Job") {
        let job = reference("Job", object);
        let said: Vec<&Said> = world.said.iter().filter(|said| said.by.same_object(&job)).collect();
        let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
        let failed = each(object, "/status/conditions").find(|c| text(c, "/type") == "Failed" && text(c, "/status") == "True");
        let codes = owners.pods(&job).iter().flat_map(|pod| each(pod, "/status/containerStatuses"));
        let codes = codes.filter_map(|status| status.pointer("/state/terminated/exitCode")?.as_i64());
        let view = JobView {
            name: job.name.clone(),
            namespace: text(object, "/metadata/namespace").to_owned(),
            failed: failed.map_or_else(String::new, |condition| text(condition, "/reason").to_owned()),
            message: failed.map_or_else(String::new, |condition| text(condition, "/message").to_owned()),
            suspended: object.pointer("/spec/suspend") == Some(&Value::Bool(true)),
            active: number("/status/active"),
            succeeded: number("/status/succeeded"),
            failures: number("/status/failed"),
            age_minutes: age(world.snapshot.at, object, "/metadata/creationTimestamp").unwrap_or(0.0) / 60.0,
            cron_job: controller(object)
                .filter(|(kind, _)| kind == "CronJob")
                .map(|(_, name)| name)
                .unwrap_or_default(),
            said: said.iter().map(|said| (*said).clone()).collect(),
            exit_code: codes.filter(|code| *code != 0).last().unwrap_or(0),
        };
        let excerpt = format!(
            "Job {}/{}: {} active, {} succeeded, {} failed{}{}",
            view.namespace,
            view.name,
            view.active,
            view.succeeded,
            view.failures,
            if view.failed.is_empty() {
                String::new()
            } else {
                format!("; Failed ({}): {}", view.failed, view.message)
            },
            if view.exit_code == 0 {
                String::new()
            } else {
                format!("; its last pod ended with exit code {}", view.exit_code)
            }
        );
        let quotes = quoted(&job, &events(&world.snapshot, "Job", &view.namespace, &view.name));
        all.push(Subject {
            of: "job",
            variables: vec![
                Variable::new("job", &view, job.clone(), excerpt)
                    .quoting(quotes)
                    .quoting(lines(&said)),
            ],
            object: job,
        });
    }
    for object in world.snapshot.of("CronJob") {
        let view = CronJobView {
            name: text(object, "/metadata/name").to_owned(),
            namespace: text(object, "/metadata/namespace").to_owned(),
            suspended: object.pointer("/spec/suspend") == Some(&Value::Bool(true)),
            schedule: text(object, "/spec/schedule").to_owned(),
            active: each(object, "/status/active").count() as i64,
        };
        let excerpt = format!(
            "CronJob {}/{} {:?}, suspended: {}",
            view.namespace, view.name, view.schedule, view.suspended
        );
        let cron = reference("CronJob", object);
        all.push(Subject {
            of: "cron_job",
            variables: vec![Variable::new("cron_job", &view, cron.clone(), excerpt)],
            object: cron,
        });
    }
}
