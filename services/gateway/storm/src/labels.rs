//! The labels that an alert of a rule about an object really carries: what its expression leaves, never who owns the object.

use std::collections::BTreeMap;

use crate::{
    fingerprint::number,
    rules::{AlertRule, Source, Style},
    world::{Role, World},
};

/// What an alert is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// A pod of a workload, by name: it may be gone, or newer than what is known.
    Pod(usize, &'a str),
    /// The container in it.
    Container(usize, &'a str),
    /// The Deployment, StatefulSet or DaemonSet.
    Workload(usize),
    /// Its autoscaler.
    Autoscaler(usize),
    /// Its disruption budget.
    Budget(usize),
    /// The requests of a service, as its team labels them.
    Requests(usize),
    /// What is scraped through its Service.
    Scraped(usize, &'a str),
    /// A scrape job as a whole.
    Job(usize),
    /// Its address as a probe from outside sees it.
    Address(usize),
    /// Its certificate.
    Certificate(usize),
    /// Its consumer group on a broker.
    ConsumerGroup(usize, usize),
    /// A claim of a StatefulSet.
    Claim(usize, &'a str),
    /// A node.
    Node(usize),
    /// A namespace.
    Namespace(usize),
    /// A finished Job.
    FinishedJob(usize, &'a str),
    /// The cluster.
    Cluster,
}

impl Target<'_> {
    /// The workload behind it.
    pub(crate) fn workload(self) -> Option<usize> {
        match self {
            Self::Pod(workload, _)
            | Self::Container(workload, _)
            | Self::Workload(workload)
            | Self::Autoscaler(workload)
            | Self::Budget(workload)
            | Self::Requests(workload)
            | Self::Scraped(workload, _)
            | Self::Job(workload)
            | Self::Address(workload)
            | Self::Certificate(workload)
            | Self::ConsumerGroup(workload, _)
            | Self::Claim(workload, _) => Some(workload),
            Self::Node(_) | Self::Namespace(_) | Self::FinishedJob(..) | Self::Cluster => None,
        }
    }
}

/// Labels of an alert; `extra` are those that only this rule has.
pub(crate) fn labels(world: &World, rule: &AlertRule, target: Target<'_>, extra: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut labels = Labels(BTreeMap::new());
    labels.set("alertname", rule.name).set("severity", rule.severity);
    about(world, rule, target, &mut labels);
    for (name, value) in extra {
        labels.set(name, value);
    }
    exporter(world, rule, target, &mut labels);
    if world.exporter_labels {
        labels.set("prometheus", "monitoring/k8s");
    }
    labels.0
}

/// The object in a few words, for people.
pub(crate) fn words(labels: &BTreeMap<String, String>) -> String {
    const SPOKEN: [&str; 13] = [
        "pod",
        "deployment",
        "statefulset",
        "daemonset",
        "horizontalpodautoscaler",
        "poddisruptionbudget",
        "consumergroup",
        "node",
        "service",
        "app",
        "service_name",
        "job",
        "instance",
    ];
    let name = SPOKEN
        .iter()
        .find_map(|name| labels.get(*name))
        .map_or("the cluster", String::as_str);
    labels
        .get("namespace")
        .map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

struct Labels(BTreeMap<String, String>);

impl Labels {
    fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Target labels of a scrape never win over those of the series (`honorLabels`).
    fn unless_there(&mut self, name: &str, value: &str) -> &mut Self {
        self.0.entry(name.to_owned()).or_insert_with(|| value.to_owned());
        self
    }
}

fn about(world: &World, rule: &AlertRule, target: Target<'_>, labels: &mut Labels) {
    let name = |workload: usize| world.workloads[workload].name.as_str();
    match target {
        Target::Pod(workload, pod) => {
            labels.set("namespace", world.namespace(workload)).set("pod", pod);
        }
        Target::Container(workload, pod) => {
            labels
                .set("namespace", world.namespace(workload))
                .set("pod", pod)
                .set("container", name(workload));
            if rule.source == Source::State {
                let (high, low) = (number(pod), number(&format!("{pod} uid")));
                labels.set(
                    "uid",
                    &format!(
                        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
                        high >> 32,
                        high >> 16 & 0xffff,
                        high & 0xfff,
                        low >> 52,
                        low & 0xffff_ffff_ffff
                    ),
                );
            }
        }
        Target::Workload(workload) => {
            labels
                .set("namespace", world.namespace(workload))
                .set(world.workloads[workload].kind.label(), name(workload));
        }
        Target::Autoscaler(workload) => {
            labels
                .set("namespace", world.namespace(workload))
                .set("horizontalpodautoscaler", name(workload));
        }
        Target::Budget(workload) => {
            labels
                .set("namespace", world.namespace(workload))
                .set("poddisruptionbudget", name(workload));
        }
        Target::Requests(workload) => {
            let dialect = world.namespaces[world.workloads[workload].namespace].dialect;
            let (namespace_label, label) = match dialect.style {
                Style::Service => ("namespace", "service"),
                Style::Job => ("namespace", "job"),
                Style::App => ("namespace", "app"),
                Style::Span => ("service_namespace", "service_name"),
            };
            labels.set(namespace_label, world.namespace(workload)).set(label, name(workload));
        }
        Target::Scraped(workload, pod) => {
            let port = match world.workloads[workload].role {
                Role::Postgres => 9187,
                Role::Redis => 9121,
                Role::Kafka => 9308,
                Role::Dns => 9153,
                Role::Prometheus => 9090,
                _ => 8080,
            };
            labels
                .set("namespace", world.namespace(workload))
                .set("job", name(workload))
                .set("service", name(workload));
            labels
                .set("pod", pod)
                .set("instance", &format!("{}:{port}", address(pod)))
                .set("endpoint", "metrics");
        }
        Target::Job(workload) => {
            labels
                .set("namespace", world.namespace(workload))
                .set("job", name(workload))
                .set("service", name(workload));
        }
        Target::Address(workload) => {
            labels.set("job", "blackbox").set(
                "instance",
                &format!("https://{}.{}.svc:443", name(workload), world.namespace(workload)),
            );
        }
        Target::Certificate(workload) => {
            let certificate = world.workloads[workload].certificate.as_deref().unwrap_or(name(workload));
            labels.set("exported_namespace", world.namespace(workload)).set("name", certificate);
            labels
                .set("condition", "False")
                .set("job", "cert-manager")
                .set("namespace", "cert-manager");
        }
        Target::ConsumerGroup(consumer, broker) => {
            labels
                .set("namespace", world.namespace(broker))
                .set("job", name(broker))
                .set("consumergroup", name(consumer));
            labels.set("topic", &format!("{}.events", name(consumer)));
        }
        Target::Claim(workload, claim) => {
            labels
                .set("namespace", world.namespace(workload))
                .set("persistentvolumeclaim", claim);
        }
        Target::Node(node) => {
            let node = &world.nodes[node];
            match rule.source {
                Source::NodeExporter => labels.set("instance", &node.name),
                Source::State | Source::Aggregated | Source::Kubelet | Source::Scraped | Source::Team | Source::Bare => {
                    labels.set("node", &node.name)
                }
            };
        }
        Target::Namespace(namespace) => {
            labels.set("namespace", &world.namespaces[namespace].name);
        }
        Target::FinishedJob(namespace, job) => {
            labels.set("namespace", &world.namespaces[namespace].name).set("job_name", job);
        }
        Target::Cluster => {}
    }
}

/// What the scrape leaves of the exporter itself: a trap for whoever takes every `pod` for the object.
fn exporter(world: &World, rule: &AlertRule, target: Target<'_>, labels: &mut Labels) {
    let pod_of = |role: Role| {
        world
            .of_role(&[role])
            .first()
            .and_then(|workload| world.workloads[*workload].pods.first())
    };
    match rule.source {
        Source::State => {
            labels.unless_there("job", "kube-state-metrics");
            if let Some(pod) = pod_of(Role::StateMetrics).filter(|_| world.exporter_labels) {
                labels
                    .unless_there("instance", &format!("{}:8080", address(&pod.name)))
                    .unless_there("endpoint", "http");
                labels
                    .unless_there("service", "kube-state-metrics")
                    .unless_there("container", "kube-state-metrics");
                labels.unless_there("pod", &pod.name).unless_there("namespace", "monitoring");
            }
        }
        Source::NodeExporter => {
            labels.unless_there("job", "node-exporter");
            let Target::Node(node) = target else { return };
            let exporters = world.of_role(&[Role::NodeExporter]);
            let pods = exporters.iter().flat_map(|workload| &world.workloads[*workload].pods);
            if let Some(pod) = pods.into_iter().find(|pod| pod.node == node).filter(|_| world.exporter_labels) {
                labels
                    .unless_there("pod", &pod.name)
                    .unless_there("namespace", "monitoring")
                    .unless_there("container", "node-exporter");
                labels.unless_there("service", "node-exporter").unless_there("endpoint", "https");
            }
        }
        Source::Kubelet => {
            labels.unless_there("job", "kubelet").unless_there("metrics_path", "/metrics");
            if let Target::Node(node) = target {
                labels.unless_there("instance", &format!("{}:10250", world.nodes[node].address));
                labels.unless_there("namespace", "kube-system").unless_there("service", "kubelet");
            }
        }
        Source::Aggregated | Source::Scraped | Source::Team | Source::Bare => {}
    }
}

fn address(pod: &str) -> String {
    let [_, a, b, c, ..] = number(pod).to_le_bytes();
    format!("10.{a}.{b}.{c}")
}
