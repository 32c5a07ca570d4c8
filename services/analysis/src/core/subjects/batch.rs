//! Jobs and CronJobs.

use serde_json::Value;

use super::{
    EventView, Said, Subject, Variable, World, events, last_change, lines, minutes, owners::Owners, pods::Reason, quoted, view::view,
};
use crate::core::{
    read::{controller, each, text, time},
    snapshot::{age, reference},
};

view! {
    /// A Job.
    pub(super) struct JobView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// Reason of the condition `Failed`; empty while it has not.
        failed: String,
        /// The same as a sentence.
        message: String,
        /// It is suspended.
        suspended: bool,
        /// Pods of it that run.
        active: i64,
        /// Pods of it that ended well.
        succeeded: i64,
        /// Pods of it that failed.
        failures: i64,
        /// Minutes since it was made.
        age_minutes: f64,
        /// The CronJob that started it.
        cron_job: String,
        /// What its logs complain about.
        said: Vec<Said>,
        /// Exit code of its last pod that failed; 0: none did.
        exit_code: i64,
        /// Why a container of it waits; empty texts where none does.
        waiting: Reason,
        /// Why the scheduler finds no node for a pod of it; empty where it found one.
        unschedulable: String,
    }
}

view! {
    /// A CronJob.
    pub(super) struct CronJobView {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// It is suspended.
        suspended: bool,
        /// When it runs.
        schedule: String,
        /// The schedule has five fields of cron, or is one of its words.
        schedule_valid: bool,
        /// Seconds within which a missed start is made up for; negative: it can never start; 0: not given.
        starting_deadline: i64,
        /// Jobs of it that run.
        active: i64,
        /// Minutes since it last started a Job; -1: never.
        started_minutes: f64,
        /// Manager that wrote it last.
        changed_by: String,
        /// Minutes since then.
        changed_minutes: f64,
        /// Events about it, newest first.
        events: Vec<EventView>,
    }
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
            waiting: waiting(owners.pods(&job)),
            unschedulable: unschedulable(owners.pods(&job)),
            exit_code: codes.filter(|code| *code != 0).last().unwrap_or(0),
        };
        let excerpt = format!(
            "Job {}/{}: {}{} active, {} succeeded, {} failed{}{}{}",
            view.namespace,
            view.name,
            if view.suspended { "suspended, " } else { "" },
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
            },
            if view.waiting.reason.is_empty() {
                String::new()
            } else {
                format!("; a container waits: {} {}", view.waiting.reason, view.waiting.message)
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
        let schedule = text(object, "/spec/schedule");
        let (namespace, name) = (text(object, "/metadata/namespace"), text(object, "/metadata/name"));
        let (changed_by, changed_minutes) = last_change(world.snapshot.at, object);
        let view = CronJobView {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            suspended: object.pointer("/spec/suspend") == Some(&Value::Bool(true)),
            schedule: schedule.to_owned(),
            schedule_valid: is_schedule(schedule),
            starting_deadline: object.pointer("/spec/startingDeadlineSeconds").and_then(Value::as_i64).unwrap_or(0),
            started_minutes: time(object, "/status/lastScheduleTime").map_or(-1.0, |then| minutes(world.snapshot.at, then)),
            changed_by,
            changed_minutes,
            events: events(&world.snapshot, "CronJob", namespace, name),
            active: each(object, "/status/active").count() as i64,
        };
        let excerpt = format!(
            "CronJob {}/{} {:?}, suspended: {}, last started {:.0} min ago (-1: never), starting deadline {} s",
            view.namespace, view.name, view.schedule, view.suspended, view.started_minutes, view.starting_deadline
        );
        let cron = reference("CronJob", object);
        all.push(Subject {
            of: "cron_job",
            variables: vec![Variable::new("cron_job", &view, cron.clone(), excerpt).quoting(quoted(&cron, &view.events))],
            object: cron,
        });
    }
}

/// The first container that waits for something that it will not get by itself.
fn waiting(pods: &[&Value]) -> Reason {
    let statuses = pods
        .iter()
        .flat_map(|pod| each(pod, "/status/initContainerStatuses").chain(each(pod, "/status/containerStatuses")));
    let mut reasons = statuses.filter_map(|status| status.pointer("/state/waiting"));
    let found = reasons.find(|waiting| !["", "ContainerCreating", "PodInitializing"].contains(&text(waiting, "/reason")));
    found.map_or_else(Reason::default, |waiting| Reason {
        reason: text(waiting, "/reason").to_owned(),
        message: text(waiting, "/message").to_owned(),
    })
}

fn unschedulable(pods: &[&Value]) -> String {
    let mut conditions = pods.iter().flat_map(|pod| each(pod, "/status/conditions"));
    let found = conditions.find(|c| text(c, "/type") == "PodScheduled" && text(c, "/status") == "False");
    found.map_or_else(String::new, |condition| text(condition, "/message").to_owned())
}

/// Five fields of cron, or one of its words; ranges are the API server's to check.
fn is_schedule(schedule: &str) -> bool {
    const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    let allowed = |field: &str| field.chars().all(|c| c.is_ascii_alphanumeric() || "*/,-?#".contains(c));
    let schedule = match schedule.split_once(' ') {
        Some((zone, rest)) if zone.starts_with("TZ=") || zone.starts_with("CRON_TZ=") => rest,
        _ => schedule,
    };
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    WORDS.contains(&schedule) || schedule.starts_with("@every ") || (fields.len() == 5 && fields.into_iter().all(allowed))
}
