//! The kubelets of all nodes: they run the containers of bound pods and report what became of them.
//!
//! - [`run`]: the life of one container, pure
//! - [`status`]: the pod status that follows from it
//! - [`record`]: what the ledger keeps of a pod
//! - [`seed`]: pods that existed before the simulation

pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod seed;
mod status;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::RwLock,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;

use self::run::{Cell, Ending, Living, Next, State};
use super::{
    chance::Chance,
    events::{Note, tell},
    ledger::{End, Instance, Ledger},
    locked::{read, write},
    model::{self, Run},
    obj,
};
use crate::{
    scenario::{Scenario, behaviour::Workload, fault::Fault},
    store::{Gvr, Store},
};

/// How often a readiness probe that fails is told about.
const COMPLAINT_EVERY: Duration = Duration::from_secs(30);

/// What the kubelets work with.
pub(crate) struct Context<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) store: &'a Store,
    pub(crate) ledger: &'a RwLock<Ledger>,
    /// The scenario's beginning.
    pub(crate) origin: Timestamp,
}

/// All running pods.
#[derive(Debug, Default)]
pub(crate) struct Kubelets {
    runs: BTreeMap<String, PodRun>,
    addresses: u32,
}

/// A pod on a node.
#[derive(Debug)]
pub(crate) struct PodRun {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) host_ip: String,
    pub(crate) ip: String,
    pub(crate) started: Timestamp,
    pub(crate) cells: Vec<Cell>,
    /// When a pod that is being deleted has stopped.
    pub(crate) stop: Option<Timestamp>,
}

impl Kubelets {
    /// Does everything due by `now`.
    pub(crate) fn step(&mut self, ctx: &Context<'_>, chance: &mut Chance, now: Timestamp) {
        let (pods, _) = ctx.store.list_shared(&Gvr::pods(), None);
        let mut present = BTreeSet::new();
        for pod in &pods {
            if obj::text(pod, "/spec/nodeName").is_empty() {
                continue;
            }
            let uid = obj::uid(pod);
            present.insert(uid);
            if !self.runs.contains_key(uid) && !obj::deleting(pod) {
                self.admit(ctx, pod, now);
            }
            self.advance(ctx, chance, pod, now);
        }
        let gone: Vec<String> = self.runs.keys().filter(|uid| !present.contains(uid.as_str())).cloned().collect();
        for uid in gone {
            self.forget(ctx, &uid, now);
        }
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let due = |run: &PodRun| match run.stop {
            Some(stop) => Some(stop),
            None => run.cells.iter().filter_map(|cell| cell.next().map(|(at, _)| at)).min(),
        };
        self.runs.values().filter_map(due).min()
    }

    fn address(&mut self) -> String {
        self.addresses += 1;
        format!("10.244.{}.{}", self.addresses / 250 % 250, self.addresses % 250 + 2)
    }

    /// A pod was bound to a node: pull its images, create its containers.
    fn admit(&mut self, ctx: &Context<'_>, pod: &Value, now: Timestamp) {
        let ip = self.address();
        let mut record = record::of(ctx, pod, &ip);
        record.phase.push((now, "Pending"));
        let cells = record.containers.iter_mut().map(|container| {
            container.waiting.push((now, Some("ContainerCreating".to_owned())));
            let pull = container
                .behaviour
                .map_or(Duration::from_secs(1), |i| ctx.scenario.workloads[i].pull.0);
            Cell::creating(&container.name, obj::after(now, pull))
        });
        let run = PodRun {
            namespace: record.namespace.clone(),
            name: record.name.clone(),
            node: record.node.clone(),
            host_ip: record::node_address(ctx.store, &record.node),
            ip,
            started: now,
            cells: cells.collect(),
            stop: None,
        };
        write(ctx.ledger).insert(record);
        self.runs.insert(obj::uid(pod).to_owned(), run);
        self.report(ctx, obj::uid(pod), now);
    }

    fn advance(&mut self, ctx: &Context<'_>, chance: &mut Chance, pod: &Value, now: Timestamp) {
        let uid = obj::uid(pod);
        if obj::deleting(pod) {
            self.begin_stop(ctx, pod, now);
        }
        while let Some(run) = self.runs.get_mut(uid) {
            if let Some(stop) = run.stop {
                if stop <= now {
                    self.finish(ctx, pod, stop);
                }
                return;
            }
            let due = run.cells.iter().enumerate().filter_map(|(i, cell)| Some((cell.next()?, i)));
            let Some(((at, next), i)) = due.min_by_key(|((at, _), _)| *at).filter(|((at, _), _)| *at <= now) else {
                return;
            };
            let mut step = Step { ctx, chance, pod, uid, at };
            match next {
                Next::Start => step.start(run, i),
                Next::Ready => step.ready(run, i),
                Next::End => step.end(run, i),
                Next::Complain => step.complain(run, i),
                Next::PullBackOff => step.pull_back_off(run, i),
            }
            self.report(ctx, uid, at);
        }
    }

    /// Running => stopping: no more traffic, SIGTERM.
    fn begin_stop(&mut self, ctx: &Context<'_>, pod: &Value, now: Timestamp) {
        let Some(run) = self.runs.get_mut(obj::uid(pod)).filter(|run| run.stop.is_none()) else {
            return;
        };
        let grace = obj::int(pod, "/metadata/deletionGracePeriodSeconds").unwrap_or(30).max(0);
        let grace = Duration::from_secs(grace.unsigned_abs());
        let shutdown = {
            let ledger = read(ctx.ledger);
            let behaviours = ledger.pod(obj::uid(pod)).into_iter().flat_map(|record| &record.containers);
            let longest = behaviours
                .filter_map(|c| c.behaviour)
                .map(|i| ctx.scenario.workloads[i].shutdown.0)
                .max();
            longest.unwrap_or(Duration::from_secs(2))
        };
        run.stop = Some(obj::after(now, shutdown.min(grace)));
        for cell in &run.cells {
            if matches!(cell.state, State::Running(_)) {
                let message = format!("Stopping container {}", cell.name);
                tell(ctx.store, &note(pod, &run.node, &cell.name, false, "Killing", &message, now));
            }
        }
        set_ready(ctx, obj::uid(pod), now, false);
        self.report(ctx, obj::uid(pod), now);
    }

    /// stopping => gone.
    fn finish(&mut self, ctx: &Context<'_>, pod: &Value, at: Timestamp) {
        self.forget(ctx, obj::uid(pod), at);
        obj::remove(ctx.store, &Gvr::pods(), pod);
    }

    /// Ends the records of a pod that is gone.
    fn forget(&mut self, ctx: &Context<'_>, uid: &str, at: Timestamp) {
        self.runs.remove(uid);
        set_ready(ctx, uid, at, false);
        if let Some(record) = write(ctx.ledger).pod_mut(uid) {
            record.deleted.get_or_insert(at);
            for instance in record.containers.iter_mut().filter_map(|c| c.instances.last_mut()) {
                instance.end.get_or_insert(End {
                    at,
                    exit_code: 0,
                    reason: "Completed",
                    log: Vec::new(),
                });
            }
        }
    }

    /// Writes the pod's status and notes phase and readiness in the ledger.
    fn report(&mut self, ctx: &Context<'_>, uid: &str, at: Timestamp) {
        let Some(run) = self.runs.get(uid) else { return };
        obj::change(ctx.store, &Gvr::pods(), &run.namespace, &run.name, |pod| {
            if obj::uid(pod) == uid {
                pod["status"] = status::of(run, pod, at);
            }
        });
        let phase = status::phase(run);
        let ready = run.stop.is_none() && run.cells.iter().all(Cell::is_ready);
        if let Some(record) = write(ctx.ledger).pod_mut(uid)
            && record.phase.last().is_none_or(|(_, was)| *was != phase)
        {
            record.phase.push((at, phase));
        }
        set_ready(ctx, uid, at, ready);
    }
}

/// One step in the life of one container.
struct Step<'a, 'c> {
    ctx: &'a Context<'a>,
    chance: &'c mut Chance,
    pod: &'a Value,
    uid: &'a str,
    at: Timestamp,
}

impl<'a> Step<'a, '_> {
    fn start(&mut self, run: &mut PodRun, i: usize) {
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

    fn ready(&mut self, run: &mut PodRun, i: usize) {
        if let State::Running(living) = &mut run.cells[i].state {
            living.ready = true;
        }
    }

    fn end(&mut self, run: &mut PodRun, i: usize) {
        let State::Running(living) = &run.cells[i].state else { return };
        let Some(ending) = living.ends.clone() else { return };
        run.cells[i].fail(&ending);
        if let Some(record) = write(self.ctx.ledger).pod_mut(self.uid)
            && let Some(instance) = record.containers[i].instances.last_mut()
        {
            let Ending {
                at,
                exit_code,
                reason,
                log,
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

    fn complain(&mut self, run: &mut PodRun, i: usize) {
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

    fn pull_back_off(&mut self, run: &mut PodRun, i: usize) {
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

/// How a run will end by itself: the earliest of an OOM kill and a crash.
pub(crate) fn foresee(run: &Run<'_>, faults: &[&Fault]) -> Option<Ending> {
    let oom = run.oom_at().map(|at| Ending {
        at,
        exit_code: 137,
        reason: "OOMKilled",
        log: Vec::new(),
    });
    let crash = faults.iter().filter_map(|fault| fault.crash_on_start.as_ref()).map(|crash| Ending {
        at: obj::after(run.instance.started, crash.after.0),
        exit_code: crash.exit_code,
        reason: if crash.exit_code == 0 { "Completed" } else { "Error" },
        log: crash.log.clone(),
    });
    oom.into_iter().chain(crash).min_by_key(|ending| ending.at)
}

fn set_ready(ctx: &Context<'_>, uid: &str, at: Timestamp, ready: bool) {
    let mut ledger = write(ctx.ledger);
    let traffic = ledger
        .pod(uid)
        .and_then(|pod| pod.containers.iter().find_map(|container| container.behaviour));
    let traffic = traffic.and_then(|i| ctx.scenario.workloads[i].traffic.as_ref());
    ledger.set_ready(uid, at, ready, traffic);
}

/// Time since the scenario's beginning; zero for anything earlier.
pub(crate) fn since(origin: Timestamp, at: Timestamp) -> Duration {
    if at <= origin {
        Duration::ZERO
    } else {
        at.duration_since(origin).unsigned_abs()
    }
}

fn note<'a>(
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
