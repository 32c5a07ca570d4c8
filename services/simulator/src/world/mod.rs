//! The simulated world: controllers, scheduler and kubelets over the store, driven by events and simulated time.
//!
//! [`World::boot`] fills the store from a scenario and lives through its warm-up; [`World::run`] goes on from there.
//! Nothing happens between two due times, so a fast clock costs no more than the events it brings.
//!
//! - `control`: the controllers; `kubelet`: the containers
//! - `bootstrap`: the state at the start
//! - `ledger` and `model`: what containers did and what they use, for telemetry
//! - `network`: who reaches whom
//! - `logs`, `files`, `backend`: what is asked of kubelets from outside
//! - `recorded`: clusters that were recorded instead

mod backend;
mod bootstrap;
pub(crate) mod chance;
pub(crate) mod control;
pub(crate) mod events;
mod exec;
mod files;
pub(crate) mod kubelet;
pub(crate) mod ledger;
pub(crate) mod locked;
pub(crate) mod logs;
pub(crate) mod model;
mod network;
pub(crate) mod obj;
pub(crate) mod onset;
pub(crate) mod quantity;
pub(crate) mod recorded;
mod tar;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use self::{
    chance::Chance,
    control::{autoscaler, replica_set, sooner},
    kubelet::{Context, Kubelets},
    ledger::Ledger,
    locked::{lock, read, write},
    model::Run,
};
use crate::{
    clock::SimClock,
    scenario::Scenario,
    store::{Gvr, Store},
    telemetry::state::StateSeries,
};

/// Passes of all controllers in a row after which the world gives up to settle until the next event.
const PASSES: usize = 200;
/// Time between two looks for events that are too old.
const PRUNE_EVERY: Duration = Duration::from_secs(300);

/// A simulated cluster. Share it in an [`Arc`].
pub struct World {
    scenario: Arc<Scenario>,
    clock: SimClock,
    store: Store,
    origin: Timestamp,
    ledger: RwLock<Ledger>,
    series: RwLock<StateSeries>,
    machinery: Mutex<Machinery>,
    /// Pending and firing alerts, as the query API shows them.
    alerts: RwLock<Vec<Value>>,
}

/// What controllers remember besides the store.
struct Machinery {
    /// Version of the store up to which everything was looked at.
    settled: u64,
    /// When a controller or kubelet has something to do next.
    due: Option<Timestamp>,
    chance: Chance,
    kubelets: Kubelets,
    retries: replica_set::Retries,
    wishes: autoscaler::Wishes,
    exposed: control::taints::Exposed,
    desired: control::gitops::drift::Desired,
    noticed: control::gitops::argo::Noticed,
    heartbeat: Timestamp,
    autoscale: Timestamp,
    prune: Timestamp,
}

impl World {
    /// Fills an empty store with the scenario's objects and lives through its warm-up.
    ///
    /// `clock` is manual and stands `scenario.warmup()` before the scenario's beginning; afterwards it shows the beginning
    /// and can be resumed.
    pub fn boot(scenario: &Scenario, clock: SimClock, store: Store) -> anyhow::Result<Arc<Self>> {
        let start = clock.now();
        let origin = obj::after(start, scenario.warmup());
        let mut scenario = scenario.clone();
        let traffic = scenario.workloads.iter_mut().filter_map(|workload| workload.traffic.as_mut());
        for surge in traffic.filter_map(|traffic| traffic.surge.as_mut()) {
            surge.from = obj::secs(obj::before(origin, surge.ago.0));
        }
        let seed = scenario.seed;
        let world = Self {
            scenario: Arc::new(scenario),
            origin,
            clock,
            store,
            ledger: RwLock::default(),
            series: RwLock::default(),
            alerts: RwLock::default(),
            machinery: Mutex::new(Machinery {
                settled: 0,
                due: None,
                chance: Chance::new(seed),
                kubelets: Kubelets::default(),
                retries: replica_set::Retries::new(),
                wishes: autoscaler::Wishes::new(),
                exposed: control::taints::Exposed::new(),
                desired: control::gitops::drift::Desired::new(),
                noticed: control::gitops::argo::Noticed::new(),
                heartbeat: start,
                autoscale: start,
                prune: obj::after(start, PRUNE_EVERY),
            }),
        };
        world.bootstrap()?;
        Ok(Arc::new(world))
    }

    /// Lives until cancelled.
    pub async fn run(self: Arc<Self>, cancel: CancellationToken) {
        let mut changed = self.store.changed();
        loop {
            let next = self.settle();
            // A write that came in while settling is not slept over.
            changed.mark_unchanged();
            if self.restless() && !cancel.is_cancelled() {
                tokio::task::yield_now().await;
                continue;
            }
            let sleep = async {
                match next {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                () = sleep => {}
                outcome = changed.changed() => if outcome.is_err() { return },
            }
        }
    }

    /// True when something was written that nobody has looked at yet.
    fn restless(&self) -> bool {
        let mut seen = lock(&self.machinery).settled;
        self.touched(&mut seen)
    }

    /// Does everything due now, until nothing moves any more; answers when the next thing is due.
    pub fn settle(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut machinery = lock(&self.machinery);
        let touched = self.touched(&mut machinery.settled);
        let due = machinery.due.is_some_and(|due| due <= now);
        // Leases and autoscaler statuses move nothing else, so most of the time this is all there is to do.
        let scaled = self.routine(&mut machinery, now);
        if touched || due || scaled {
            for _ in 0..PASSES {
                let before = self.store.resource_version();
                machinery.due = self.pass(&mut machinery, now);
                // What others write meanwhile has a higher version and is looked at in the next pass.
                machinery.settled = before;
                if self.store.resource_version() == before {
                    break;
                }
            }
            write(&self.series).record(&self.store, now, self.scenario.retention.0);
        }
        let routine = machinery.heartbeat.min(machinery.autoscale).min(machinery.prune);
        sooner(machinery.due, Some(routine))
    }

    /// True when something changed after version `seen` that a controller may care about; moves `seen` forward.
    fn touched(&self, seen: &mut u64) -> bool {
        let Ok(mut changes) = self.store.watch(*seen) else { return true };
        let idle = [Gvr::leases(), Gvr::events(), Gvr::horizontal_pod_autoscalers()];
        loop {
            match changes.try_next() {
                Ok(None) => return false,
                Ok(Some(change)) => {
                    let same_spec = change
                        .previous
                        .as_ref()
                        .is_some_and(|before| before["spec"] == change.object["spec"]);
                    let quiet = change.gvr != Gvr::horizontal_pod_autoscalers() || same_spec;
                    if !(idle.contains(&change.gvr) && quiet) {
                        return true;
                    }
                    *seen = change.rv;
                }
                // Fell too far behind: look at everything.
                Err(_) => return true,
            }
        }
    }

    fn pass(&self, machinery: &mut Machinery, now: Timestamp) -> Option<Timestamp> {
        let store = &self.store;
        control::garbage::step(store, now);
        let mut next = control::deployment::step(store, &mut machinery.chance, now);
        next = sooner(next, replica_set::step(store, &mut machinery.chance, &mut machinery.retries, now));
        next = sooner(next, control::stateful_set::step(store, &mut machinery.chance, now));
        control::custom::step(store, now);
        next = sooner(
            next,
            control::gitops::argo::step(store, &self.scenario.git, &mut machinery.desired, &mut machinery.noticed, now),
        );
        next = sooner(next, control::gitops::flux::step(store, &mut machinery.desired, now));
        next = sooner(next, control::snapshots::step(store, now));
        next = sooner(next, control::daemon_set::step(store, &mut machinery.chance, now));
        next = sooner(next, control::cron_job::step(store, &mut machinery.chance, now));
        next = sooner(next, control::job::step(store, &mut machinery.chance, now));
        next = sooner(next, control::node_health::step(store, &|node| self.silent(node, now), now));
        control::node_health::mark(store, now);
        next = sooner(next, control::taints::step(store, &mut machinery.exposed, now));
        next = sooner(next, control::volumes::step(store, now));
        control::scheduler::step(store, now);
        let context = self.context();
        machinery.kubelets.step(&context, &mut machinery.chance, now);
        next = sooner(next, machinery.kubelets.next(&context, now));
        next = sooner(next, self.next_silence(now));
        control::endpoints::step(store);
        control::disruption::step(store, now);
        control::quota::step(store);
        next
    }

    /// What happens at fixed intervals; true when something was scaled.
    fn routine(&self, machinery: &mut Machinery, now: Timestamp) -> bool {
        let mut scaled = false;
        if machinery.heartbeat <= now {
            control::nodes::heartbeat(&self.store, &|node| self.silent(node, now), now);
            machinery.heartbeat = obj::after(now, control::nodes::LEASE_EVERY);
        }
        if machinery.autoscale <= now {
            let usage = |pod: &Value, resource: &str| self.pod_use(obj::uid(pod), resource, now);
            scaled = autoscaler::step(&self.store, &mut machinery.wishes, &usage, now);
            machinery.autoscale = obj::after(now, autoscaler::EVERY);
        }
        if machinery.prune <= now {
            events::prune(&self.store, now);
            machinery.prune = obj::after(now, PRUNE_EVERY);
        }
        scaled
    }

    /// True while the kubelet of a node is silent.
    fn silent(&self, node: &str, now: Timestamp) -> bool {
        self.context().silent(node, now)
    }

    /// When the next kubelet falls silent or is heard of again.
    fn next_silence(&self, now: Timestamp) -> Option<Timestamp> {
        let failures = self.scenario.node_failures.iter();
        let times = failures.flat_map(|failure| {
            let begins = failure.begins(self.origin);
            [Some(begins), failure.lasts.map(|lasts| obj::after(begins, lasts.0))]
        });
        times.flatten().filter(|at| *at > now).min()
    }

    /// Current use of one pod, in base units of the resource.
    fn pod_use(&self, uid: &str, resource: &str, now: Timestamp) -> Option<f64> {
        let ledger = read(&self.ledger);
        let pod = ledger.pod(uid)?;
        let uses = pod.containers.iter().filter_map(|container| {
            let run = Run {
                scenario: &self.scenario,
                container,
                instance: container.instance_at(now)?,
            };
            let rps = rps(&ledger, pod, &run, now);
            Some(if resource == "cpu" {
                run.cpu(rps)
            } else {
                run.working_set(obj::secs(now), rps)
            })
        });
        let all: Vec<f64> = uses.collect();
        (!all.is_empty()).then(|| all.iter().sum())
    }

    fn context(&self) -> Context<'_> {
        Context {
            scenario: &self.scenario,
            store: &self.store,
            ledger: &self.ledger,
            origin: self.origin,
        }
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The clock.
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The scenario's beginning.
    pub fn origin(&self) -> Timestamp {
        self.origin
    }

    pub(crate) fn set_alerts(&self, alerts: Vec<Value>) {
        *write(&self.alerts) = alerts;
    }

    pub(crate) fn alerts(&self) -> Vec<Value> {
        read(&self.alerts).clone()
    }

    pub(crate) fn ledger(&self) -> &RwLock<Ledger> {
        &self.ledger
    }

    pub(crate) fn series(&self) -> &RwLock<StateSeries> {
        &self.series
    }
}

/// Requests per second this container serves at `now`.
pub(crate) fn rps(ledger: &Ledger, pod: &ledger::PodRecord, run: &Run<'_>, now: Timestamp) -> f64 {
    let traffic = run.behaviour().and_then(|behaviour| behaviour.traffic.as_ref());
    match traffic {
        Some(traffic) if pod.ready_at(now) => ledger.rps_per_pod(&pod.workload, traffic, obj::secs(now)),
        _ => 0.0,
    }
}
