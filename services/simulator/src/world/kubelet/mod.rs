//! The kubelets of all nodes: they run the containers of bound pods and report what became of them.
//!
//! - [`environment`] and [`completion`]: what a container sees when it starts, and when its work is done
//! - [`run`]: the life of one container, pure
//! - [`status`]: the pod status that follows from it
//! - [`record`]: what the ledger keeps of a pod
//! - [`step`]: one step of one container, with its events and records
//! - [`probe`]: readiness that depends on others
//! - [`resize`]: other resources for a running pod
//! - [`seed`]: pods that existed before the simulation

mod completion;
pub(crate) mod environment;
mod probe;
pub(crate) mod record;
mod resize;
pub(crate) mod run;
pub(crate) mod seed;
mod status;
mod step;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::RwLock,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use self::step::since;
use self::{
    run::{Cell, Last, Next, Restart, State},
    step::{Step, note},
};
use super::{
    chance::Chance,
    control::pods,
    events::tell,
    ledger::{ContainerRecord, End, Ledger},
    locked::{read, write},
    obj,
};
use crate::{
    scenario::Scenario,
    store::{Gvr, Store},
};

/// What the kubelets work with.
pub(crate) struct Context<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) store: &'a Store,
    pub(crate) ledger: &'a RwLock<Ledger>,
    /// The scenario's beginning.
    pub(crate) origin: Timestamp,
}

impl Context<'_> {
    /// True while the kubelet of a node is silent.
    pub(crate) fn silent(&self, node: &str, now: Timestamp) -> bool {
        let mut failures = self.scenario.node_failures.iter().filter(|failure| failure.node == node);
        failures.any(|failure| failure.holds(self.origin, now))
    }
}

/// All running pods.
#[derive(Debug, Default)]
pub(crate) struct Kubelets {
    runs: BTreeMap<String, PodRun>,
    /// Pods on nodes whose kubelet is silent, by uid.
    unreported: BTreeSet<String>,
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
    /// When a resize takes effect.
    pub(crate) resized: Option<Timestamp>,
    /// When a pod that is being deleted has stopped.
    pub(crate) stop: Option<Timestamp>,
}

impl Kubelets {
    /// Does everything due by `now`.
    pub(crate) fn step(&mut self, ctx: &Context<'_>, chance: &mut Chance, now: Timestamp) {
        let (all, _) = ctx.store.list_shared(&Gvr::pods(), None);
        let mut present = BTreeSet::new();
        for pod in &all {
            let node = obj::text(pod, "/spec/nodeName");
            if node.is_empty() {
                continue;
            }
            let uid = obj::uid(pod);
            present.insert(uid);
            if ctx.silent(node, now) {
                if !pods::ready(pod) {
                    set_ready(ctx, uid, now, false);
                }
                self.unreported.insert(uid.to_owned());
                continue;
            }
            if self.unreported.remove(uid) {
                // The kubelet is heard of again and tells how its pods are.
                self.report(ctx, uid, now);
            }
            if !self.runs.contains_key(uid) && !obj::deleting(pod) {
                self.admit(ctx, pod, now);
            }
            self.advance(ctx, chance, pod, now);
            self.resize(ctx, pod, now);
            self.probe(ctx, pod, now);
        }
        let gone: Vec<String> = self.runs.keys().filter(|uid| !present.contains(uid.as_str())).cloned().collect();
        for uid in gone {
            self.forget(ctx, &uid, now);
        }
    }

    /// When something is due next.
    pub(crate) fn next(&self, ctx: &Context<'_>, now: Timestamp) -> Option<Timestamp> {
        let due = |run: &PodRun| match run.stop {
            Some(stop) => Some(stop),
            None => {
                let cells = run.cells.iter().filter_map(|cell| cell.next().map(|(at, _)| at));
                let probes = run.cells.iter().filter_map(probe::due);
                cells.chain(run.resized).chain(probes).min()
            }
        };
        let heard = self.runs.values().filter(|run| !ctx.silent(&run.node, now));
        heard.filter_map(due).min()
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
        let staged = record.containers.iter().any(|container| container.init);
        let cells = record.containers.iter_mut().map(|container| {
            let spec = status::container_spec(pod, &container.name);
            let restart = if container.init {
                Restart::of_init(pod, spec)
            } else {
                Restart::of(pod)
            };
            let mut cell = Cell::creating(&container.name, obj::after(now, pull(ctx, container)))
                .role(container.init, restart)
                .given(spec);
            let reason = if staged { "PodInitializing" } else { "ContainerCreating" };
            container.waiting.push((now, Some(reason.to_owned())));
            if staged {
                cell.state = State::Held;
            }
            cell
        });
        let run = PodRun {
            namespace: record.namespace.clone(),
            name: record.name.clone(),
            node: record.node.clone(),
            host_ip: record::node_address(ctx.store, &record.node),
            ip,
            started: now,
            cells: cells.collect(),
            resized: None,
            stop: None,
        };
        write(ctx.ledger).insert(record);
        let mut run = run;
        release(ctx, obj::uid(pod), &mut run, now);
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
            release(ctx, uid, run, at);
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
        let over = matches!(status::phase(run), "Succeeded" | "Failed");
        run.stop = Some(if over { now } else { obj::after(now, shutdown.min(grace)) });
        for cell in &run.cells {
            if matches!(cell.state, State::Running(_)) {
                let message = format!("Stopping container {}", cell.name);
                tell(ctx.store, &note(pod, &run.node, &cell.name, false, "Killing", &message, now));
            }
        }
        set_ready(ctx, obj::uid(pod), now, false);
        self.report(ctx, obj::uid(pod), now);
    }

    /// stopping => gone, once nobody holds the pod back.
    fn finish(&mut self, ctx: &Context<'_>, pod: &Value, at: Timestamp) {
        let held = pod["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        if held {
            self.terminate(obj::uid(pod), at);
            self.report(ctx, obj::uid(pod), at);
        }
        self.forget(ctx, obj::uid(pod), at);
        if held {
            // The pod goes with its last finalizer.
            obj::change(ctx.store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), |pod| {
                pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
            });
        } else {
            obj::remove(ctx.store, &Gvr::pods(), pod);
        }
    }

    /// Every process has followed SIGTERM.
    fn terminate(&mut self, uid: &str, at: Timestamp) {
        for cell in self.runs.get_mut(uid).into_iter().flat_map(|run| &mut run.cells) {
            if let State::Running(living) = &cell.state {
                cell.last = Some(Last {
                    started: living.since,
                    ended: at,
                    exit_code: 143,
                    reason: "Error",
                    id: cell.id.clone(),
                });
            }
            if !cell.init {
                cell.last.get_or_insert_with(|| Last {
                    started: at,
                    ended: at,
                    exit_code: 137,
                    reason: "ContainerStatusUnknown",
                    id: String::new(),
                });
                cell.state = State::Done;
            }
        }
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
        let ready = status::ready(run);
        if let Some(record) = write(ctx.ledger).pod_mut(uid)
            && record.phase.last().is_none_or(|(_, was)| *was != phase)
        {
            record.phase.push((at, phase));
        }
        set_ready(ctx, uid, at, ready);
    }
}

/// Time the pull of a container's image takes.
fn pull(ctx: &Context<'_>, container: &ContainerRecord) -> Duration {
    let described = container.behaviour.map(|i| ctx.scenario.workloads[i].pull.0);
    described.unwrap_or(Duration::from_secs(1))
}

/// Lets the next containers begin once the init containers before them have passed.
fn release(ctx: &Context<'_>, uid: &str, run: &mut PodRun, at: Timestamp) {
    if !run.cells.iter().any(|cell| cell.state == State::Held) {
        return;
    }
    let mut ledger = write(ctx.ledger);
    let Some(record) = ledger.pod_mut(uid) else { return };
    let begin = |cell: &mut Cell, container: &mut ContainerRecord| {
        let until = obj::after(at, pull(ctx, container));
        cell.state = State::Creating { until };
    };
    for (cell, container) in run.cells.iter_mut().zip(&mut record.containers).filter(|(cell, _)| cell.init) {
        if cell.state == State::Held {
            begin(cell, container);
        }
        if !cell.passed() {
            return;
        }
    }
    for (cell, container) in run.cells.iter_mut().zip(&mut record.containers) {
        if cell.state == State::Held {
            begin(cell, container);
        }
    }
}

fn set_ready(ctx: &Context<'_>, uid: &str, at: Timestamp, ready: bool) {
    let mut ledger = write(ctx.ledger);
    let traffic = ledger
        .pod(uid)
        .and_then(|pod| pod.containers.iter().find_map(|container| container.behaviour));
    let traffic = traffic.and_then(|i| ctx.scenario.workloads[i].traffic.as_ref());
    ledger.set_ready(uid, at, ready, traffic);
}
