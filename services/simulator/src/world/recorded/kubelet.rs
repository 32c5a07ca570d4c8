//! The life of pods that are awake: they are bound, they fare as those that were recorded, and they go.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{binding, outlook::Outlooks, status};
use crate::{
    store::{Gvr, Store},
    world::{
        chance::Chance,
        control::{pods, sooner},
        events::{About, tell_about},
        obj,
    },
};

/// Time from the binding of a pod until its containers run or fail.
const STARTING: Duration = Duration::from_secs(4);
/// Time from a change for the better until a container that failed runs.
const RECOVERING: Duration = Duration::from_secs(5);
/// Time the work of a Job's pod takes.
const WORKING: Duration = Duration::from_secs(10);
/// Time a pod takes to stop.
const STOPPING: Duration = Duration::from_secs(2);

const POD: About = About {
    api_version: "v1",
    kind: "Pod",
    component: "kubelet",
};

/// Where a pod is.
#[derive(Clone, Debug, PartialEq)]
enum Stage {
    /// As it was recorded.
    Recorded,
    Starting {
        until: Timestamp,
    },
    /// It shares the lot of a recorded pod.
    Sick,
    Well,
    Working {
        until: Timestamp,
    },
    Stopping {
        until: Timestamp,
    },
}

/// All pods that are awake, by uid.
#[derive(Debug, Default)]
pub(super) struct Kubelet {
    stages: BTreeMap<String, Stage>,
    addresses: u32,
}

impl Kubelet {
    /// Does everything due by `now`; answers when the next thing is due.
    pub(super) fn step(&mut self, store: &Store, outlooks: &Outlooks, chance: &mut Chance, now: Timestamp) -> Option<Timestamp> {
        let awake = store.awake(&Gvr::pods());
        self.stages.retain(|uid, _| awake.iter().any(|pod| obj::uid(pod) == uid));
        let mut next = None;
        for pod in awake {
            let before = self.stages.get(obj::uid(&pod)).cloned();
            let stage = self.advance(store, outlooks, chance, &pod, before, now);
            let due = match &stage {
                Some(Stage::Starting { until } | Stage::Working { until } | Stage::Stopping { until }) => Some(*until),
                _ => None,
            };
            next = sooner(next, due);
            match stage {
                Some(stage) => self.stages.insert(obj::uid(&pod).to_owned(), stage),
                None => self.stages.remove(obj::uid(&pod)),
            };
        }
        next
    }

    /// Nothing happens on a node that is not heard of. Elsewhere: None => Recorded | Starting; Starting => Sick | Well | Working; Sick | Recorded => Starting; Working => Well; any => Stopping
    fn advance(
        &mut self,
        store: &Store,
        outlooks: &Outlooks,
        chance: &mut Chance,
        pod: &Arc<Value>,
        before: Option<Stage>,
        now: Timestamp,
    ) -> Option<Stage> {
        if silent(store, pod) {
            return before;
        }
        let fate = outlooks.fate(store, pod);
        if obj::deleting(pod) {
            return stop(store, pod, before, now);
        }
        match before {
            None if pod["status"]["containerStatuses"].is_array() || !pods::active(pod) => Some(Stage::Recorded),
            None => {
                if obj::text(pod, "/spec/nodeName").is_empty() && !binding::bind(store, pod, fate.as_ref(), now) {
                    return Some(Stage::Sick);
                }
                status::creating(store, pod, now);
                Some(Stage::Starting {
                    until: obj::after(now, STARTING),
                })
            }
            Some(Stage::Starting { until }) if until <= now => Some(self.start(store, chance, pod, fate.as_ref(), now)),
            Some(Stage::Recorded) if outlooks.fixed && fate.is_none() && pods::active(pod) && !pods::ready(pod) => recover(store, pod, now),
            Some(Stage::Sick) if fate.is_none() => recover(store, pod, now),
            Some(Stage::Working { until }) if until <= now => {
                status::succeeded(store, pod, now);
                Some(Stage::Well)
            }
            stage => stage,
        }
    }

    fn start(&mut self, store: &Store, chance: &mut Chance, pod: &Value, fate: Option<&Arc<Value>>, now: Timestamp) -> Stage {
        if let Some(sample) = fate {
            status::like(store, pod, sample, now);
            let why = status::complaint(sample);
            if let Some((reason, message)) = why {
                tell_about(store, &POD, pod, true, reason, message, now);
            }
            return Stage::Sick;
        }
        self.addresses += 1;
        let ip = format!("10.244.{}.{}", 200 + self.addresses / 250 % 50, self.addresses % 250 + 2);
        tell_about(store, &POD, pod, false, "Started", "Container started", now);
        status::running(store, chance, pod, &ip, now);
        let works = obj::controller(pod).is_some_and(|(kind, ..)| kind == "Job");
        if works {
            Stage::Working {
                until: obj::after(now, WORKING),
            }
        } else {
            Stage::Well
        }
    }
}

/// Whether the node of a pod has not been heard of: nothing starts and nothing stops there.
fn silent(store: &Store, pod: &Value) -> bool {
    let node = store.get_shared(&Gvr::nodes(), None, obj::text(pod, "/spec/nodeName"));
    let ready = node.as_ref().and_then(|node| obj::condition(node, "Ready"));
    ready.is_some_and(|ready| ready["status"] == "Unknown")
}

/// What was in the way is gone: the pod is bound if it was not, and starts again.
fn recover(store: &Store, pod: &Value, now: Timestamp) -> Option<Stage> {
    if obj::text(pod, "/spec/nodeName").is_empty() {
        binding::bind(store, pod, None, now);
    }
    Some(Stage::Starting {
        until: obj::after(now, RECOVERING),
    })
}

/// any => Stopping => gone, once nobody holds the pod back
fn stop(store: &Store, pod: &Value, before: Option<Stage>, now: Timestamp) -> Option<Stage> {
    match before {
        Some(Stage::Stopping { until }) if until <= now => {
            let held = pod["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
            if held {
                // The pod goes with its last finalizer.
                obj::change(store, &Gvr::pods(), obj::namespace(pod), obj::name(pod), |pod| {
                    pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
                    pod["status"]["phase"] = json!("Failed");
                });
                return Some(Stage::Stopping { until: Timestamp::MAX });
            }
            obj::remove(store, &Gvr::pods(), pod);
            None
        }
        Some(Stage::Stopping { until }) => Some(Stage::Stopping { until }),
        _ => {
            status::unready(store, pod, now);
            Some(Stage::Stopping {
                until: obj::after(now, STOPPING),
            })
        }
    }
}
