//! What fires because of one cause.

use std::collections::{BTreeMap, BTreeSet};

use paramedic_correlation::topology::Entity;

use crate::{
    chance::Chance,
    labels::{Target, labels},
    rules::{self, AlertRule, Dialect},
    world::{Pod, Role, WorkloadKind, World},
};

/// Milliseconds since the storm's beginning.
pub(crate) type Millis = i64;

/// One second.
pub(crate) const SECOND: Millis = 1_000;
/// One minute.
pub(crate) const MINUTE: Millis = 60 * SECOND;
/// Scrapes and evaluations are this far apart, in seconds: how long a condition stays unseen.
const SCRAPE_SECONDS: f64 = 30.0;

/// Why something fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// For nothing that matters.
    Noise,
    /// For maintenance, by index.
    Window(usize),
    /// For an incident, by index.
    Incident(usize),
}

/// One alert from its start to its end, as Prometheus sees it.
#[derive(Debug, Clone)]
pub(crate) struct Firing {
    pub rule: &'static AlertRule,
    pub labels: BTreeMap<String, String>,
    /// The workload that it is about, if it is about one.
    pub subject: Option<usize>,
    pub starts_at: Millis,
    pub ends_at: Millis,
    pub cause: Cause,
}

/// Collects what fires.
#[derive(Debug)]
pub(crate) struct Plot<'a> {
    pub world: &'a World,
    pub chance: &'a mut Chance,
    pub cause: Cause,
    /// When it is mended.
    pub until: Millis,
    /// Without the alerts that name the fault; only what several faults have in common.
    pub masked: bool,
    pub firings: Vec<Firing>,
    pub affected: BTreeSet<Entity>,
    /// Pods that come into being meanwhile.
    pub new_pods: Vec<(usize, Pod)>,
}

impl<'a> Plot<'a> {
    /// Nothing yet.
    pub(crate) fn new(world: &'a World, chance: &'a mut Chance, cause: Cause, until: Millis) -> Self {
        Self {
            world,
            chance,
            cause,
            until,
            masked: false,
            firings: Vec::new(),
            affected: BTreeSet::new(),
            new_pods: Vec::new(),
        }
    }

    /// The condition holds from `at` to the end.
    pub(crate) fn alert(&mut self, rule: &'static AlertRule, target: Target<'_>, extra: &[(&str, &str)], at: Millis) {
        self.alert_until(rule, target, extra, at, self.until);
    }

    /// The condition holds for a while. It fires only if that is longer than the rule's `for`.
    pub(crate) fn alert_until(&mut self, rule: &'static AlertRule, target: Target<'_>, extra: &[(&str, &str)], at: Millis, until: Millis) {
        let starts_at = at + self.chance.millis(0.0, SCRAPE_SECONDS) + i64::from(rule.for_seconds) * SECOND;
        let ends_at = until + self.chance.millis(0.0, SCRAPE_SECONDS);
        if starts_at < ends_at {
            self.firings.push(Firing {
                rule,
                labels: labels(self.world, rule, target, extra),
                subject: target.workload(),
                starts_at,
                ends_at,
                cause: self.cause,
            });
        }
    }

    /// An alert that names the fault, unless the plot is masked.
    pub(crate) fn telling(&mut self, rule: &'static AlertRule, target: Target<'_>, extra: &[(&str, &str)], at: Millis) {
        if !self.masked {
            self.alert(rule, target, extra, at);
        }
    }

    /// Notes that a workload suffers.
    pub(crate) fn affects(&mut self, workload: usize) {
        self.affected.insert(self.world.entity(workload));
    }

    /// How the team of a workload names its alerts.
    pub(crate) fn dialect(&self, workload: usize) -> &'static Dialect {
        self.world.namespaces[self.world.workloads[workload].namespace].dialect
    }

    /// The role of a workload.
    pub(crate) fn role(&self, workload: usize) -> Role {
        self.world.workloads[workload].role
    }

    /// Names of the pods of a workload.
    pub(crate) fn pods(&self, workload: usize) -> Vec<&'a str> {
        let world: &'a World = self.world;
        world.workloads[workload].pods.iter().map(|pod| pod.name.as_str()).collect()
    }

    /// Requests fail.
    pub(crate) fn errors(&mut self, workload: usize, at: Millis) {
        self.requests(&self.dialect(workload).errors, workload, at);
    }

    /// Requests are slow.
    pub(crate) fn latency(&mut self, workload: usize, at: Millis) {
        self.requests(&self.dialect(workload).latency, workload, at);
    }

    /// Requests come in crowds.
    pub(crate) fn surge(&mut self, workload: usize, at: Millis) {
        self.requests(&self.dialect(workload).surge, workload, at);
    }

    /// Requests do not come.
    pub(crate) fn absent(&mut self, workload: usize, at: Millis) {
        self.requests(&self.dialect(workload).absent, workload, at);
    }

    fn requests(&mut self, rule: &'static AlertRule, workload: usize, at: Millis) {
        if self.role(workload).is_service() {
            self.affects(workload);
            self.alert(rule, Target::Requests(workload), &[], at);
        }
    }

    /// Containers end again and again.
    pub(crate) fn crash_loop(&mut self, workload: usize, pods: &[&str], at: Millis) {
        self.affects(workload);
        for pod in pods {
            let at = at + self.chance.millis(0.0, 60.0);
            self.alert(
                &rules::CRASH_LOOPING,
                Target::Container(workload, pod),
                &[("reason", "CrashLoopBackOff")],
                at,
            );
        }
    }

    /// Pods are not ready.
    pub(crate) fn not_ready(&mut self, workload: usize, pods: &[&str], at: Millis) {
        self.affects(workload);
        for pod in pods {
            self.alert(&rules::NOT_READY, Target::Pod(workload, pod), &[("job", "kube-state-metrics")], at);
        }
    }

    /// There are fewer replicas than there should be.
    pub(crate) fn mismatch(&mut self, workload: usize, at: Millis) {
        self.affects(workload);
        let rule = match self.world.workloads[workload].kind {
            WorkloadKind::Deployment => &rules::DEPLOYMENT_MISMATCH,
            WorkloadKind::StatefulSet => &rules::STATEFULSET_MISMATCH,
            WorkloadKind::DaemonSet => &rules::DAEMONSET_STUCK,
        };
        self.alert(rule, Target::Workload(workload), &[], at);
    }

    /// Pods have not the processor time that they want.
    pub(crate) fn throttled(&mut self, workload: usize, at: Millis) {
        for pod in self.pods(workload) {
            if self.chance.hit(0.6) {
                self.alert(&rules::CPU_THROTTLING, Target::Container(workload, pod), &[], at);
            }
        }
    }

    /// A pod of a store does not answer, as its exporter says.
    pub(crate) fn store_down(&mut self, workload: usize, pods: &[&str], at: Millis) {
        let rules: &[&'static AlertRule] = match self.role(workload) {
            Role::Postgres => &[&rules::POSTGRES_DOWN],
            Role::Redis => &[&rules::REDIS_DOWN],
            Role::Kafka => &[&rules::KAFKA_OFFLINE, &rules::KAFKA_UNDER_REPLICATED],
            Role::Edge
            | Role::Mid
            | Role::Data
            | Role::Settings
            | Role::Dns
            | Role::Prometheus
            | Role::StateMetrics
            | Role::NodeExporter => &[],
        };
        for pod in pods {
            for rule in rules {
                self.telling(rule, Target::Scraped(workload, pod), &[], at);
            }
        }
    }
}
