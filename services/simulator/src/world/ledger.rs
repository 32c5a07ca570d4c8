//! What every container did and when: the one history from which metrics, logs and traces are computed.
//!
//! Records outlive their pods, so that queries about the past still find them.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::obj::secs;
use crate::scenario::behaviour::Traffic;

/// The workload a pod belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkloadKey {
    pub(crate) namespace: String,
    /// `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `CronJob` or empty for a bare pod.
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// One pod, alive or gone.
#[derive(Clone, Debug)]
pub(crate) struct PodRecord {
    pub(crate) uid: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) ip: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Direct owner: kind and name.
    pub(crate) owner: (String, String),
    pub(crate) workload: WorkloadKey,
    pub(crate) created: Timestamp,
    /// Created before the scenario's beginning.
    pub(crate) first: bool,
    pub(crate) deleted: Option<Timestamp>,
    pub(crate) containers: Vec<ContainerRecord>,
    /// Changes of readiness.
    pub(crate) ready: Vec<(Timestamp, bool)>,
    /// Changes of the phase.
    pub(crate) phase: Vec<(Timestamp, &'static str)>,
}

/// One container of a pod over all its restarts.
#[derive(Clone, Debug)]
pub(crate) struct ContainerRecord {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    /// Requests and limits in base units by resource name.
    pub(crate) requests: BTreeMap<String, f64>,
    pub(crate) limits: BTreeMap<String, f64>,
    /// Runs to its end before the others start.
    pub(crate) init: bool,
    /// Index of its behaviour in the scenario.
    pub(crate) behaviour: Option<usize>,
    pub(crate) instances: Vec<Instance>,
    /// Changes of the waiting reason.
    pub(crate) waiting: Vec<(Timestamp, Option<String>)>,
}

/// One run of a container.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) started: Timestamp,
    /// Indexes of the faults that bite in it.
    pub(crate) faults: Vec<usize>,
    pub(crate) end: Option<End>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) at: Timestamp,
    pub(crate) exit_code: i32,
    pub(crate) reason: &'static str,
    /// Last words in its log.
    pub(crate) log: Vec<String>,
}

/// How many pods of a workload shared its traffic, since when.
#[derive(Clone, Debug)]
pub(crate) struct ShareStep {
    pub(crate) from: f64,
    pub(crate) ready: u32,
    /// Requests every pod that was ready all the time has served by `from`.
    pub(crate) served: f64,
}

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) pods: Vec<PodRecord>,
    index: HashMap<String, usize>,
    shares: HashMap<WorkloadKey, Vec<ShareStep>>,
}

impl Ledger {
    pub(crate) fn insert(&mut self, pod: PodRecord) {
        self.index.insert(pod.uid.clone(), self.pods.len());
        self.pods.push(pod);
    }

    pub(crate) fn pod(&self, uid: &str) -> Option<&PodRecord> {
        self.index.get(uid).map(|&i| &self.pods[i])
    }

    pub(crate) fn pod_mut(&mut self, uid: &str) -> Option<&mut PodRecord> {
        self.index.get(uid).map(|&i| &mut self.pods[i])
    }

    /// The newest pod of that name.
    pub(crate) fn by_name(&self, namespace: &str, name: &str) -> Option<&PodRecord> {
        self.pods.iter().rev().find(|pod| pod.namespace == namespace && pod.name == name)
    }

    /// Notes a change of readiness of a pod and the traffic share that follows from it.
    pub(crate) fn set_ready(&mut self, uid: &str, at: Timestamp, ready: bool, traffic: Option<&Traffic>) {
        let Some(pod) = self.pod_mut(uid) else { return };
        if pod.ready.last().is_some_and(|(_, was)| *was == ready) {
            return;
        }
        pod.ready.push((at, ready));
        let key = pod.workload.clone();
        if let Some(traffic) = traffic {
            let count = self.pods.iter().filter(|p| p.workload == key && p.is_ready()).count();
            self.push_share(key, secs(at), u32::try_from(count).unwrap_or(u32::MAX), traffic);
        }
    }

    fn push_share(&mut self, key: WorkloadKey, from: f64, ready: u32, traffic: &Traffic) {
        let steps = self.shares.entry(key).or_default();
        let served = steps.last().map_or(0.0, |last| served_since(last, traffic, from));
        steps.push(ShareStep { from, ready, served });
    }

    /// Requests per second that one ready pod of the workload serves at `t`.
    pub(crate) fn rps_per_pod(&self, key: &WorkloadKey, traffic: &Traffic, t: f64) -> f64 {
        match self.share_at(key, t) {
            Some(step) if step.ready > 0 => traffic.rps_at(t) / f64::from(step.ready),
            _ => 0.0,
        }
    }

    /// Requests a pod that was always ready has served by `t`.
    pub(crate) fn served_by(&self, key: &WorkloadKey, traffic: &Traffic, t: f64) -> f64 {
        self.share_at(key, t).map_or(0.0, |step| served_since(step, traffic, t))
    }

    fn share_at(&self, key: &WorkloadKey, t: f64) -> Option<&ShareStep> {
        let steps = self.shares.get(key)?;
        let next = steps.partition_point(|step| step.from <= t);
        next.checked_sub(1).map(|i| &steps[i])
    }

    /// Replaces the share history of every workload by one computed from the pods' readiness, in time order.
    /// Needed once, after pods with a past were entered one after the other.
    pub(crate) fn rebuild_shares(&mut self, traffic: impl Fn(&WorkloadKey) -> Option<Traffic>) {
        self.shares.clear();
        let mut changes: Vec<(Timestamp, WorkloadKey, i64)> = Vec::new();
        for pod in &self.pods {
            let mut was = false;
            for (at, ready) in &pod.ready {
                if *ready != was {
                    changes.push((*at, pod.workload.clone(), if *ready { 1 } else { -1 }));
                }
                was = *ready;
            }
        }
        changes.sort();
        let mut counts: HashMap<WorkloadKey, i64> = HashMap::new();
        for (at, key, by) in changes {
            let count = counts.entry(key.clone()).or_default();
            *count += by;
            let ready = u32::try_from(*count).unwrap_or(0);
            if let Some(traffic) = traffic(&key) {
                self.push_share(key, secs(at), ready, &traffic);
            }
        }
    }
}

impl PodRecord {
    /// Ready now.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.last().is_some_and(|(_, ready)| *ready)
    }

    /// Ready at `t`.
    pub(crate) fn ready_at(&self, t: Timestamp) -> bool {
        let next = self.ready.partition_point(|(at, _)| *at <= t);
        next > 0 && self.ready[next - 1].1
    }

    /// Existed at `t`.
    pub(crate) fn exists_at(&self, t: Timestamp) -> bool {
        self.created <= t && self.deleted.is_none_or(|gone| t < gone)
    }
}

impl ContainerRecord {
    /// The run that was going on at `t`.
    pub(crate) fn instance_at(&self, t: Timestamp) -> Option<&Instance> {
        let next = self.instances.partition_point(|run| run.started <= t);
        let run = &self.instances[next.checked_sub(1)?];
        run.end.as_ref().is_none_or(|end| t < end.at).then_some(run)
    }

    /// Restarts by `t`: runs started, less the first.
    pub(crate) fn restarts_at(&self, t: Timestamp) -> usize {
        self.instances.partition_point(|run| run.started <= t).saturating_sub(1)
    }

    /// The newest end by `t`.
    pub(crate) fn last_end_at(&self, t: Timestamp) -> Option<&End> {
        self.instances
            .iter()
            .rev()
            .filter_map(|run| run.end.as_ref())
            .find(|end| end.at <= t)
    }
}

fn served_since(step: &ShareStep, traffic: &Traffic, t: f64) -> f64 {
    if step.ready == 0 {
        return step.served;
    }
    step.served + traffic.requests_between(step.from, t) / f64::from(step.ready)
}

impl Traffic {
    /// Requests per second offered to the workload at `t` (seconds since 1970).
    pub(crate) fn rps_at(&self, t: f64) -> f64 {
        let factor = self
            .surge
            .as_ref()
            .filter(|surge| surge.from <= t)
            .map_or(1.0, |surge| surge.factor);
        factor * self.rps * (1.0 + self.diurnal * (DAY_ANGLE * (t - self.peak_hour_utc * 3600.0)).cos())
    }

    /// Requests offered between two times.
    pub(crate) fn requests_between(&self, from: f64, to: f64) -> f64 {
        let swing = |t: f64| (DAY_ANGLE * (t - self.peak_hour_utc * 3600.0)).sin() / DAY_ANGLE;
        let usual = |from: f64| self.rps * ((to - from) + self.diurnal * (swing(to) - swing(from)));
        let more = self.surge.as_ref().filter(|surge| surge.from < to);
        usual(from) + more.map_or(0.0, |surge| (surge.factor - 1.0) * usual(from.max(surge.from)))
    }
}

/// Radians per second of a daily wave.
const DAY_ANGLE: f64 = std::f64::consts::TAU / 86_400.0;
