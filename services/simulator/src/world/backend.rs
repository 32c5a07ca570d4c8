//! The world as the API server sees it: logs, commands and current use.

use jiff::Timestamp;

use super::{World, exec, kubelet, ledger::PodRecord, locked::read, logs::Source, model::Run, obj, rps};
use crate::{
    api::{
        backend::{ExecResult, Kubelets, LogLine, LogQuery},
        metrics::{Usage, UsageSource},
    },
    store::Status,
};

impl Kubelets for World {
    fn logs(&self, query: &LogQuery<'_>) -> Option<Vec<LogLine>> {
        let now = self.clock().now();
        let ledger = read(self.ledger());
        let pod = ledger.by_name(query.namespace, query.pod)?;
        let container = pod.containers.iter().find(|container| container.name == query.container)?;
        let instance = if query.previous {
            container
                .instances
                .iter()
                .rev()
                .skip_while(|run| run.end.is_none())
                .find(|run| run.end.is_some())?
        } else {
            container.instances.last()?
        };
        let source = Source {
            world: self,
            ledger: &ledger,
            pod,
            container,
            instance,
        };
        let mut lines = match (query.since, query.tail) {
            (Some(since), _) => source.lines(since, now),
            (None, Some(tail)) => source.tail(tail, now),
            (None, None) => source.lines(Timestamp::MIN, now),
        };
        if let Some(tail) = query.tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        Some(lines)
    }

    fn exec(&self, namespace: &str, pod: &str, container: &str, argv: &[String], _stdin: &[u8]) -> Result<ExecResult, Status> {
        let now = self.clock().now();
        let ledger = read(self.ledger());
        let not_running = || {
            Status::internal(format!(
                "container {container} of pod {namespace}/{pod} is not running; try again when it has started"
            ))
        };
        let record = ledger
            .by_name(namespace, pod)
            .filter(|record| record.deleted.is_none())
            .ok_or_else(not_running)?;
        if self.silent(&record.node, now) {
            let address = kubelet::record::node_address(self.store(), &record.node);
            let why = format!("error dialing backend: dial tcp {address}:10250: connect: no route to host");
            return Err(Status::internal(why));
        }
        let found = record.containers.iter().find(|c| c.name == container).ok_or_else(not_running)?;
        let instance = found.instance_at(now).ok_or_else(not_running)?;
        let source = Source {
            world: self,
            ledger: &ledger,
            pod: record,
            container: found,
            instance,
        };
        Ok(exec::run(&source, argv, now))
    }
}

impl UsageSource for World {
    fn pod_usage(&self, namespace: &str, pod: &str) -> Option<Vec<Usage>> {
        let now = self.clock().now();
        let ledger = read(self.ledger());
        let measured = |pod: &&PodRecord| pod.deleted.is_none() && !self.silent(&pod.node, now);
        let pod = ledger.by_name(namespace, pod).filter(measured)?;
        let all: Vec<Usage> = pod
            .containers
            .iter()
            .filter_map(|container| {
                let run = Run {
                    scenario: self.scenario(),
                    container,
                    instance: container.instance_at(now)?,
                };
                let rps = rps(&ledger, pod, &run, now);
                let memory_bytes = run.working_set(obj::secs(now), rps) as u64;
                Some(Usage {
                    name: container.name.clone(),
                    cpu_cores: run.cpu(rps),
                    memory_bytes,
                })
            })
            .collect();
        (!all.is_empty()).then_some(all)
    }

    fn node_usage(&self, node: &str) -> Option<Usage> {
        if self.silent(node, self.clock().now()) {
            return None;
        }
        let names: Vec<(String, String)> = {
            let ledger = read(self.ledger());
            let here = ledger.pods.iter().filter(|pod| pod.node == node && pod.deleted.is_none());
            here.map(|pod| (pod.namespace.clone(), pod.name.clone())).collect()
        };
        // The system's own share.
        let mut total = Usage {
            name: String::new(),
            cpu_cores: 0.12,
            memory_bytes: 900 << 20,
        };
        for (namespace, name) in names {
            for usage in self.pod_usage(&namespace, &name).unwrap_or_default() {
                total.cpu_cores += usage.cpu_cores;
                total.memory_bytes += usage.memory_bytes;
            }
        }
        self.store().get_shared(&crate::store::Gvr::nodes(), None, node).map(|_| total)
    }
}
