//! The log streams of the simulated containers, as a usual collector labels them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use promql_parser::label::Matchers;

use super::loki::{Labels, Logs, fits};
use crate::{
    api::backend::LogLine,
    world::{
        World,
        ledger::{ContainerRecord, Ledger, PodRecord},
        locked::read,
        logs::Source,
    },
};

impl Logs for World {
    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn lines(&self, wanted: &Matchers, from: Timestamp, to: Timestamp) -> Vec<(Labels, Vec<LogLine>)> {
        let ledger = read(self.ledger());
        let mut out = Vec::new();
        each(&ledger, wanted, |pod, container, labels| {
            let mut lines = Vec::new();
            for instance in &container.instances {
                if instance.started <= to && instance.end.as_ref().is_none_or(|over| over.at >= from) {
                    lines.extend(
                        Source {
                            world: self,
                            ledger: &ledger,
                            pod,
                            container,
                            instance,
                        }
                        .lines(from, to),
                    );
                }
            }
            out.push((labels, lines));
        });
        out
    }

    fn labels(&self, wanted: &Matchers) -> BTreeSet<Labels> {
        let mut all = BTreeSet::new();
        each(&read(self.ledger()), wanted, |_, _, labels| {
            all.insert(labels);
        });
        all
    }
}

fn each(ledger: &Ledger, wanted: &Matchers, mut look: impl FnMut(&PodRecord, &ContainerRecord, Labels)) {
    for pod in &ledger.pods {
        for container in pod.containers.iter().filter(|container| container.behaviour.is_some()) {
            let labels = labels_of(pod, container);
            if fits(wanted, &labels) {
                look(pod, container, labels);
            }
        }
    }
}

/// The labels that a usual collector gives a container's stream.
fn labels_of(pod: &PodRecord, container: &ContainerRecord) -> Labels {
    let app = pod
        .labels
        .get("app")
        .or_else(|| pod.labels.get("k8s-app"))
        .unwrap_or(&pod.workload.name);
    let pairs = [
        ("app", app.as_str()),
        ("container", &container.name),
        ("job", &format!("{}/{app}", pod.namespace)),
        ("namespace", &pod.namespace),
        ("node_name", &pod.node),
        ("pod", &pod.name),
        ("service_name", app),
        ("stream", "stderr"),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}
