//! How an estate is drawn.

use super::{Namespace, Node, Pod, Role, Workload, WorkloadKind, World};
use crate::{
    chance::Chance,
    fingerprint::number,
    names::{Names, SAFE},
    rules::DIALECTS,
};

/// Share of services that take requests from outside, and of those behind them.
const EDGE: f64 = 0.15;
const MID: f64 = 0.5;
/// Every how manieth service asks the shared config service.
const SETTINGS_EVERY: usize = 3;
/// Pods that share a node, on average: what clusters of medium machines show.
const PODS_PER_NODE: usize = 12;

struct Builder<'a> {
    chance: &'a mut Chance,
    names: Names,
    world: World,
}

/// Draws an estate of `services` services and what they share.
pub(crate) fn build(services: usize, chance: &mut Chance) -> World {
    let mut builder = Builder {
        chance,
        names: Names::default(),
        world: World {
            namespaces: Vec::new(),
            zones: Vec::new(),
            nodes: Vec::new(),
            workloads: Vec::new(),
            calls: Vec::new(),
            exporter_labels: false,
        },
    };
    builder.world.exporter_labels = builder.chance.hit(0.5);
    builder.namespaces(services);
    builder.services(services);
    builder.shared(services);
    builder.call_graph(services);
    builder.place();
    builder.world
}

impl Builder<'_> {
    fn namespaces(&mut self, services: usize) {
        let region = self.names.word(self.chance);
        self.world.zones = ["a", "b", "c"].map(|letter| format!("{region}-1{letter}")).into();
        // An estate has two ways to name alerts, never all of them.
        let first = self.chance.below(DIALECTS.len());
        let second = (first + self.chance.count(1, DIALECTS.len() - 1)) % DIALECTS.len();
        for index in 0..(services / 10).max(2) {
            let name = self.names.word(self.chance);
            let dialect = &DIALECTS[if index % 2 == 0 { first } else { second }];
            self.world.namespaces.push(Namespace { name, dialect });
        }
        let platform = self.names.word(self.chance);
        for name in [format!("{platform}-platform"), "kube-system".into(), "monitoring".into()] {
            self.world.namespaces.push(Namespace {
                name,
                dialect: &DIALECTS[first],
            });
        }
    }

    fn add(&mut self, name: String, namespace: usize, kind: WorkloadKind, role: Role, pods: usize) {
        let edge = role == Role::Edge;
        let certificate = (edge || (role.is_service() && self.chance.hit(0.3))).then(|| format!("{name}-tls"));
        let hash = self.chance.letters(SAFE, 9);
        let pod_name = |index: usize, chance: &mut Chance| match kind {
            WorkloadKind::Deployment => format!("{name}-{hash}-{}", chance.letters(SAFE, 5)),
            WorkloadKind::StatefulSet => format!("{name}-{index}"),
            WorkloadKind::DaemonSet => format!("{name}-{}", chance.letters(SAFE, 5)),
        };
        let pods = (0..pods)
            .map(|index| Pod {
                name: pod_name(index, self.chance),
                node: 0,
            })
            .collect();
        self.world.workloads.push(Workload {
            config: format!("{name}-config"),
            scaled: role.is_service() && (edge || self.chance.hit(0.4)),
            certificate,
            pods,
            name,
            namespace,
            kind,
            role,
        });
    }

    fn services(&mut self, services: usize) {
        let teams = self.world.namespaces.len() - 3;
        for index in 0..services {
            let share = (index as f64 + 0.5) / services as f64;
            let role = match share {
                share if share < EDGE => Role::Edge,
                share if share < EDGE + MID => Role::Mid,
                _ => Role::Data,
            };
            let name = self.names.service(self.chance);
            let namespace = self.chance.below(teams);
            let pods = self.chance.count(2, 6);
            self.add(name, namespace, WorkloadKind::Deployment, role, pods);
        }
    }

    fn shared(&mut self, services: usize) {
        let teams = self.world.namespaces.len() - 3;
        let (platform, system, monitoring) = (teams, teams + 1, teams + 2);
        let stores = [
            (Role::Postgres, 1 + services / 40, ["postgres", "pg", "db"], 2, 3),
            (Role::Redis, 1 + services / 60, ["redis", "cache", "valkey"], 3, 6),
            (Role::Kafka, 1, ["kafka", "broker", "events"], 3, 5),
        ];
        for (role, count, suffixes, low, high) in stores {
            for _ in 0..count {
                let suffix = suffixes[self.chance.below(suffixes.len())];
                let name = format!("{}-{suffix}", self.names.word(self.chance));
                let pods = self.chance.count(low, high);
                self.add(name, platform, WorkloadKind::StatefulSet, role, pods);
            }
        }
        let settings = self.names.service(self.chance);
        self.add(settings, platform, WorkloadKind::Deployment, Role::Settings, 2);
        self.add("coredns".into(), system, WorkloadKind::Deployment, Role::Dns, 2);
        self.add("prometheus-k8s".into(), monitoring, WorkloadKind::StatefulSet, Role::Prometheus, 2);
        self.add(
            "kube-state-metrics".into(),
            monitoring,
            WorkloadKind::Deployment,
            Role::StateMetrics,
            1,
        );
        self.add("node-exporter".into(), monitoring, WorkloadKind::DaemonSet, Role::NodeExporter, 0);
    }

    /// Requests go from edge to mid to data to the stores, never in a circle. The more callers a service has, the more it gets.
    fn call_graph(&mut self, services: usize) {
        let mut fan_in = vec![1.0; self.world.workloads.len()];
        for caller in 0..services {
            let (targets, low, high) = match self.world.workloads[caller].role {
                Role::Edge => (self.after(caller, services, &[Role::Mid]), 1, 4),
                Role::Mid => (self.after(caller, services, &[Role::Mid, Role::Data]), 0, 3),
                _ => (self.after(caller, services, &[Role::Data]), 0, 1),
            };
            for _ in 0..self.chance.count(low, high) {
                self.attach(caller, &targets, &mut fan_in);
            }
            let stores: [(Role, f64); 3] = match self.world.workloads[caller].role {
                Role::Edge => [(Role::Postgres, 0.0), (Role::Redis, 0.3), (Role::Kafka, 0.05)],
                Role::Mid => [(Role::Postgres, 0.15), (Role::Redis, 0.25), (Role::Kafka, 0.2)],
                _ => [(Role::Postgres, 0.8), (Role::Redis, 0.35), (Role::Kafka, 0.25)],
            };
            for (role, probability) in stores {
                if self.chance.hit(probability) {
                    let targets = self.world.of_role(&[role]);
                    self.attach(caller, &targets, &mut fan_in);
                }
            }
        }
        for reader in (0..services).step_by(SETTINGS_EVERY) {
            self.attach(reader, &self.world.of_role(&[Role::Settings]), &mut fan_in);
        }
        // What nobody calls would be in no story.
        for callee in 0..services {
            let higher: &[Role] = match self.world.workloads[callee].role {
                Role::Mid => &[Role::Edge, Role::Mid],
                Role::Data => &[Role::Mid, Role::Data],
                _ => continue,
            };
            if self.world.callers(callee).is_empty() {
                let callers: Vec<usize> = self.world.of_role(higher).into_iter().filter(|caller| *caller < callee).collect();
                if let Some(caller) = self.chance.pick(&callers) {
                    self.world.calls.push((*caller, callee));
                }
            }
        }
        self.world.calls.sort_unstable();
    }

    fn after(&self, caller: usize, services: usize, roles: &[Role]) -> Vec<usize> {
        (caller + 1..services)
            .filter(|callee| roles.contains(&self.world.workloads[*callee].role))
            .collect()
    }

    fn attach(&mut self, caller: usize, targets: &[usize], fan_in: &mut [f64]) {
        let free: Vec<usize> = targets
            .iter()
            .copied()
            .filter(|target| !self.world.calls.contains(&(caller, *target)))
            .collect();
        if free.is_empty() {
            return;
        }
        let weights: Vec<f64> = free.iter().map(|target| fan_in[*target]).collect();
        let callee = free[self.chance.weighted(&weights)];
        fan_in[callee] += 1.0;
        self.world.calls.push((caller, callee));
    }

    /// Nodes for all, pods of one workload in turn over the zones.
    fn place(&mut self) {
        let pods: usize = self.world.workloads.iter().map(|workload| workload.pods.len()).sum();
        let per_zone = pods.div_ceil(PODS_PER_NODE * 3).max(1);
        let pool = self.names.word(self.chance);
        for index in 0..per_zone * 3 {
            let name = format!("{pool}-{}", self.chance.letters("0123456789abcdef", 6));
            let [_, a, b, c, ..] = number(&name).to_le_bytes();
            self.world.nodes.push(Node {
                address: format!("10.{a}.{b}.{c}"),
                name,
                zone: index % 3,
            });
        }
        for workload in 0..self.world.workloads.len() {
            if self.world.workloads[workload].role == Role::NodeExporter {
                for node in 0..self.world.nodes.len() {
                    let name = format!("node-exporter-{}", self.chance.letters(SAFE, 5));
                    self.world.workloads[workload].pods.push(Pod { name, node });
                }
                continue;
            }
            let start = self.chance.below(3);
            for pod in 0..self.world.workloads[workload].pods.len() {
                let node = self.chance.below(per_zone) * 3 + (start + pod) % 3;
                self.world.workloads[workload].pods[pod].node = node;
            }
        }
    }
}
