//! A recorded cluster that goes on: what was recorded stands still until somebody touches it.
//!
//! - `boot`: the objects as they were, `histories`: which revisions they stand for
//! - `wake`: who looks after an object again, once it was touched
//! - `outlook`: how the pods of a template fare; `kubelet`: they fare so, with `binding` and `status`
//! - `course`: what the requests so far have made of the world, pure; `turn`: it becomes that
//! - `sight`: its telemetry; `backend`: what is asked of its kubelets

mod backend;
mod binding;
mod boot;
mod course;
mod histories;
mod kubelet;
mod outlook;
mod sight;
mod status;
#[cfg(test)]
mod tests;
mod turn;
mod wake;

use std::sync::{Arc, Mutex, RwLock};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::{
    course::{Course, Turn},
    kubelet::Kubelet,
    outlook::Outlooks,
    sight::Sights,
    wake::Waker,
};
use super::{
    chance::Chance,
    control::{self, autoscaler, replica_set, sooner},
    locked::{lock, write},
    obj,
};
use crate::{
    audit::Entry,
    clock::SimClock,
    recording::{Begin, Recording},
    store::Store,
};

/// Passes of all controllers in a row after which the world gives up to settle until the next event.
const PASSES: usize = 200;

/// A recorded cluster. Share it in an [`Arc`].
pub(crate) struct RecordedWorld {
    recording: Recording,
    clock: SimClock,
    store: Store,
    sights: RwLock<Sights>,
    machinery: Mutex<Machinery>,
    /// Bumped when the world turns, so that it settles.
    turned: watch::Sender<()>,
}

/// What controllers remember besides the store.
struct Machinery {
    course: Course,
    waker: Waker,
    outlooks: Outlooks,
    kubelet: Kubelet,
    /// Version of the store up to which everything was looked at.
    settled: u64,
    due: Option<Timestamp>,
    chance: Chance,
    retries: replica_set::Retries,
    wishes: autoscaler::Wishes,
    exposed: control::taints::Exposed,
    desired: control::gitops::drift::Desired,
    noticed: control::gitops::argo::Noticed,
    autoscale: Timestamp,
}

impl RecordedWorld {
    /// Fills an empty store with the recorded objects. `clock` stands at the beginning.
    pub(crate) fn boot(recording: Recording, begin: Begin, clock: SimClock, store: Store) -> anyhow::Result<Arc<Self>> {
        boot::fill(&store, &recording.first.objects, begin.now)?;
        let machinery = Machinery {
            course: Course::new(begin.fixed_by, begin.harmless, recording.wrong.is_some()),
            waker: Waker::default(),
            outlooks: Outlooks::of(&store, begin.unready),
            kubelet: Kubelet::default(),
            settled: store.resource_version(),
            due: None,
            chance: Chance::new(0),
            retries: replica_set::Retries::new(),
            wishes: autoscaler::Wishes::new(),
            exposed: control::taints::Exposed::new(),
            desired: control::gitops::drift::Desired::new(),
            noticed: control::gitops::argo::Noticed::new(),
            autoscale: begin.now,
        };
        Ok(Arc::new(Self {
            sights: RwLock::new(Sights::of(&recording.first)),
            recording,
            clock,
            store,
            machinery: Mutex::new(machinery),
            turned: watch::Sender::new(()),
        }))
    }

    /// Lives until cancelled.
    pub(crate) async fn run(self: Arc<Self>, cancel: CancellationToken) {
        let mut changed = self.store.changed();
        let mut turned = self.turned.subscribe();
        loop {
            changed.mark_unchanged();
            turned.mark_unchanged();
            let next = self.settle();
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
                outcome = turned.changed() => if outcome.is_err() { return },
            }
        }
    }

    /// Does everything due now, until nothing moves any more; answers when the next thing is due.
    pub(crate) fn settle(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut guard = lock(&self.machinery);
        let machinery = &mut *guard;
        for _ in 0..PASSES {
            let before = self.store.resource_version();
            machinery.waker.look(&self.store, machinery.settled);
            machinery.settled = before;
            machinery.due = self.pass(machinery, now);
            if self.store.resource_version() == before {
                break;
            }
        }
        machinery.due
    }

    /// One look of everybody at what is theirs.
    fn pass(&self, machinery: &mut Machinery, now: Timestamp) -> Option<Timestamp> {
        let store = &self.store;
        control::garbage::step(store, now);
        let mut next = control::deployment::step(store, &mut machinery.chance, now);
        next = sooner(next, replica_set::step(store, &mut machinery.chance, &mut machinery.retries, now));
        next = sooner(next, control::stateful_set::step(store, &mut machinery.chance, now));
        next = sooner(next, control::daemon_set::step(store, &mut machinery.chance, now));
        next = sooner(next, control::cron_job::step(store, &mut machinery.chance, now));
        next = sooner(next, control::job::step(store, &mut machinery.chance, now));
        let (desired, noticed) = (&mut machinery.desired, &mut machinery.noticed);
        next = sooner(next, control::gitops::argo::step(store, &[], desired, noticed, now));
        next = sooner(next, control::gitops::flux::step(store, desired, now));
        next = sooner(next, control::snapshots::step(store, now));
        control::custom::step(store, now);
        control::node_health::mark(store, now);
        next = sooner(next, control::taints::step(store, &mut machinery.exposed, now));
        next = sooner(next, control::volumes::step(store, now));
        next = sooner(next, self.autoscale(machinery, now));
        next = sooner(next, machinery.kubelet.step(store, &machinery.outlooks, &mut machinery.chance, now));
        control::endpoints::step(store);
        control::disruption::step(store, now);
        control::quota::step(store);
        next
    }

    /// Autoscalers look at fixed intervals, once one of them is awake.
    fn autoscale(&self, machinery: &mut Machinery, now: Timestamp) -> Option<Timestamp> {
        if self.store.awake(&crate::store::Gvr::horizontal_pod_autoscalers()).is_empty() {
            return None;
        }
        if machinery.autoscale <= now {
            let usage = |pod: &serde_json::Value, resource: &str| self.pod_use(pod, resource);
            autoscaler::step(&self.store, &mut machinery.wishes, &usage, now);
            machinery.autoscale = obj::after(now, autoscaler::EVERY);
        }
        Some(machinery.autoscale)
    }

    /// Notes a request that was answered: it may turn the world.
    pub(crate) fn answered(&self, request: &Entry) {
        let mut guard = lock(&self.machinery);
        let machinery = &mut *guard;
        let before = machinery.course.turned();
        let Some(turned) = machinery.course.after(request) else { return };
        // What clients did until now is theirs; what follows is the world's own doing.
        let now = self.clock.now();
        machinery.waker.look(&self.store, machinery.settled);
        let (first, fixed) = (&self.recording.first, &self.recording.fixed);
        let wrong = self.recording.wrong.as_ref();
        match (turned, wrong) {
            (Turn::Wrong, None) => return,
            (Turn::Wrong, Some(wrong)) => {
                turn::turn(&self.store, &wrong.objects, &first.objects, &mut machinery.waker, now);
                machinery.outlooks.worse(&self.store, wrong);
                write(&self.sights).turn(wrong, now);
            }
            (Turn::Fixed, wrong) => {
                if let Some(wrong) = wrong.filter(|_| before == Some(Turn::Wrong)) {
                    let undone = turn::undone(&first.objects, &wrong.objects);
                    turn::turn(&self.store, &undone, &wrong.objects, &mut machinery.waker, now);
                    write(&self.sights).undo(wrong, now);
                }
                turn::turn(&self.store, &fixed.objects, &first.objects, &mut machinery.waker, now);
                machinery.outlooks.fix(&self.store, fixed);
                write(&self.sights).turn(fixed, now);
            }
        }
        // Who is awake looks at the new world at once.
        drop(guard);
        self.turned.send_replace(());
    }
}
