//! One step in the life of one container, with the events and records that go with it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Context, PodRun, completion, environment,
    run::{Ending, Living, State},
    status,
};
use crate::{
    scenario::{behaviour::Workload, fault::Fault},
    world::{
        chance::Chance,
        events::{Note, tell},
        ledger::{End, Instance, Ledger, WorkloadKey},
        locked::{read, write},
        model::{self, Run},
        obj,
    },
};

/// How often a readiness probe that fails is told about.
const COMPLAINT_EVERY: Duration = Duration::from_secs(30);

/// One step in the life of one container.
pub(super) struct Step<'a, 'c> {
    pub(super) ctx: &'a Context<'a>,
    pub(super) chance: &'c mut Chance,
    pub(super) pod: &'a Value,
    pub(super) uid: &'a str,
    pub(super) at: Timestamp,
}

impl<'a> Step<'a, '_> {
    pub(super) fn start(&mut self, run: &mut PodRun, i: usize) {
        let name = run.cells[i].name.clone();
        let (faults, behaviour, image) = self.outlook(i);
        let missing = faults
            .iter()
            .find_map(|fault| fault.image_missing.as_ref())
            .map(|fault| fault.message.clone());
        let missing = missing.or_else(|| (!self.ctx.scenario.image_exists(&image)).then(|| "not found".to_owned()));
        if let Some(why) = missing {
            self.no_image(run, i, &image, &why);
            return;
        }
        if let Some(why) = environment::missing(self.ctx.store, self.pod, status::container_spec(self.pod, &name)) {
            self.tell(run, &name, true, "Failed", &format!("Error: {why}"));
            run.cells[i].no_config(self.at, why);
            self.waiting(i, Some("CreateContainerConfigError"));
            return;
        }
        let pulled = format!("Container image \"{image}\" already present on machine and can be accessed by the pod");
        self.tell(run, &name, false, "Pulled", &pulled);
        self.tell(run, &name, false, "Created", "Container created");
        self.tell(run, &name, false, "Started", "Container started");
        let living = self.begin_instance(i, &faults, behaviour);
        let id = self.chance.hex64();
        run.cells[i].start(living, id);
        self.waiting(i, None);
    }

    /// Enters the new run into the ledger and foresees its life.
    fn begin_instance(&mut self, i: usize, faults: &[&Fault], behaviour: Option<&Workload>) -> Living {
        let at = self.at;
        let mut ledger = write(self.ctx.ledger);
        let mut ends = None;
        if let Some(record) = ledger.pod_mut(self.uid) {
            // A restart sees what the ConfigMaps hold now.
            let spec = status::container_spec(self.pod, &record.containers[i].name);
            record.containers[i].env = environment::of(self.ctx.store, self.pod, spec);
            let workload = record.workload.clone();
            let since_origin = since(self.ctx.origin, at);
            let biting = model::biting(self.ctx.scenario, record, &record.containers[i], since_origin);
            let container = &mut record.containers[i];
            container.instances.push(Instance {
                started: at,
                faults: biting,
                end: None,
            });
            let instance = &container.instances[container.instances.len() - 1];
            ends = foresee(
                &Run {
                    scenario: self.ctx.scenario,
                    container,
                    instance,
                },
                faults,
                &workload,
            );
        }
        let probed = status::container_spec(self.pod, &self.cell_name(&ledger, i))
            .get("readinessProbe")
            .is_some();
        let never = faults.iter().any(|fault| fault.never_ready.is_some());
        let warm = behaviour.map_or(Duration::from_secs(3), |behaviour| behaviour.startup.0);
        Living {
            since: at,
            ready_at: (!never).then(|| if probed { obj::after(at, warm) } else { at }),
            ready: !probed && !never,
            ends,
            complain_at: never.then(|| obj::after(at, warm)),
        }
    }

    fn cell_name(&self, ledger: &Ledger, i: usize) -> String {
        ledger
            .pod(self.uid)
            .map_or_else(String::new, |record| record.containers[i].name.clone())
    }

    pub(super) fn ready(&mut self, run: &mut PodRun, i: usize) {
        if let State::Running(living) = &mut run.cells[i].state {
            living.ready = true;
        }
    }

    pub(super) fn end(&mut self, run: &mut PodRun, i: usize) {
        let State::Running(living) = &run.cells[i].state else { return };
        let Some(ending) = living.ends.clone() else { return };
        if let Some(why) = &ending.unhealthy {
            let name = run.cells[i].name.clone();
            self.tell(run, &name, true, "Unhealthy", &format!("Liveness probe failed: {why}"));
            let message = format!("Container {name} failed liveness probe, will be restarted");
            self.tell(run, &name, false, "Killing", &message);
        }
        run.cells[i].end(&ending);
        if let Some(record) = write(self.ctx.ledger).pod_mut(self.uid)
            && let Some(instance) = record.containers[i].instances.last_mut()
        {
            let Ending {
                at,
                exit_code,
                reason,
                log,
                unhealthy: _,
            } = ending;
            instance.end = Some(End {
                at,
                exit_code,
                reason,
                log,
            });
        }
        if let State::CrashLoop { delay, .. } = run.cells[i].state {
            let message = status::crash_loop_message(delay, &run.cells[i], self.pod);
            let message = message.replacen("back-off", "Back-off", 1);
            let name = run.cells[i].name.clone();
            self.tell(run, &name, true, "BackOff", &message);
            self.waiting(i, Some("CrashLoopBackOff"));
        }
    }

    pub(super) fn complain(&mut self, run: &mut PodRun, i: usize) {
        let (faults, ..) = self.outlook(i);
        let why = faults
            .iter()
            .find_map(|fault| fault.never_ready.as_ref())
            .map(|fault| fault.message.clone());
        let name = run.cells[i].name.clone();
        let message = format!("Readiness probe failed: {}", why.unwrap_or_default());
        self.tell(run, &name, true, "Unhealthy", &message);
        if let State::Running(living) = &mut run.cells[i].state {
            living.complain_at = Some(obj::after(self.at, COMPLAINT_EVERY));
        }
    }

    fn no_image(&mut self, run: &mut PodRun, i: usize, image: &str, why: &str) {
        let name = run.cells[i].name.clone();
        let message = format!("Failed to pull image \"{image}\": failed to resolve reference \"{image}\": {image}: {why}");
        self.tell(run, &name, false, "Pulling", &format!("Pulling image \"{image}\""));
        self.tell(run, &name, true, "Failed", &message);
        self.tell(run, &name, true, "Failed", "Error: ErrImagePull");
        run.cells[i].pull_failed(self.at, message);
        self.waiting(i, Some("ErrImagePull"));
    }

    pub(super) fn pull_back_off(&mut self, run: &mut PodRun, i: usize) {
        let (_, _, image) = self.outlook(i);
        let name = run.cells[i].name.clone();
        self.tell(run, &name, false, "BackOff", &format!("Back-off pulling image \"{image}\""));
        self.tell(run, &name, true, "Failed", "Error: ImagePullBackOff");
        run.cells[i].pull_back_off(self.at);
        self.waiting(i, Some("ImagePullBackOff"));
    }

    /// The faults that would bite a start now, the behaviour and the image.
    fn outlook(&self, i: usize) -> (Vec<&'a Fault>, Option<&'a Workload>, String) {
        let ledger = read(self.ctx.ledger);
        let Some(record) = ledger.pod(self.uid) else {
            return (Vec::new(), None, String::new());
        };
        let container = &record.containers[i];
        let behaviour = container.behaviour.map(|b| &self.ctx.scenario.workloads[b]);
        let biting = model::biting(self.ctx.scenario, record, container, since(self.ctx.origin, self.at));
        let faults = behaviour.map_or_else(Vec::new, |b| biting.iter().map(|&f| &b.faults[f]).collect());
        (faults, behaviour, container.image.clone())
    }

    fn waiting(&self, i: usize, reason: Option<&str>) {
        if let Some(record) = write(self.ctx.ledger).pod_mut(self.uid) {
            record.containers[i].waiting.push((self.at, reason.map(str::to_owned)));
        }
    }

    fn tell(&self, run: &PodRun, container: &str, warning: bool, reason: &str, message: &str) {
        tell(
            self.ctx.store,
            &note(self.pod, &run.node, container, warning, reason, message, self.at),
        );
    }
}

/// How a run will end by itself: the earliest of an OOM kill, a crash, a kill for bad health and the end of its work.
pub(crate) fn foresee(run: &Run<'_>, faults: &[&Fault], workload: &WorkloadKey) -> Option<Ending> {
    let started = run.instance.started;
    let oom = run.oom_at().map(|at| Ending {
        at,
        exit_code: 137,
        reason: "OOMKilled",
        log: Vec::new(),
        unhealthy: None,
    });
    let crashes = faults.iter().filter_map(|fault| fault.crash_on_start.as_ref());
    let crash = crashes
        .map(|crash| exit(started, crash.after.0, crash.exit_code, crash.log.clone()))
        .next();
    let kills = faults.iter().filter_map(|fault| fault.liveness_fails.as_ref());
    let kill = kills.map(|fault| Ending {
        at: obj::after(started, fault.after.0),
        exit_code: 137,
        reason: "Error",
        log: Vec::new(),
        unhealthy: Some(fault.message.clone()),
    });
    // What dies early does not get to the end of its work.
    let work = if crash.is_some() { None } else { completion::of(run, workload) };
    let work = work.map(|work| exit(started, work.after, work.exit_code, work.log));
    oom.into_iter().chain(crash).chain(kill).chain(work).min_by_key(|ending| ending.at)
}

fn exit(started: Timestamp, after: Duration, exit_code: i32, log: Vec<String>) -> Ending {
    Ending {
        at: obj::after(started, after),
        exit_code,
        reason: if exit_code == 0 { "Completed" } else { "Error" },
        log,
        unhealthy: None,
    }
}

/// Time since the scenario's beginning; zero for anything earlier.
pub(crate) fn since(origin: Timestamp, at: Timestamp) -> Duration {
    if at <= origin {
        Duration::ZERO
    } else {
        at.duration_since(origin).unsigned_abs()
    }
}

/// An event about one container.
pub(super) fn note<'a>(
    pod: &'a Value,
    node: &'a str,
    container: &'a str,
    warning: bool,
    reason: &'a str,
    message: &'a str,
    at: Timestamp,
) -> Note<'a> {
    let of = ("v1", "Pod");
    Note {
        about: pod,
        of,
        container: Some(container),
        warning,
        reason,
        message,
        component: "kubelet",
        host: Some(node),
        at,
    }
}
