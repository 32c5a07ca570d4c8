//! A recorded world as the API server sees it: logs, commands and current use.

use serde_json::Value;

use super::{RecordedWorld, sight::written};
use crate::{
    api::{
        backend::{ExecResult, Kubelets, LogLine, LogQuery},
        metrics::{Usage, UsageSource},
    },
    recording::logs::Line,
    store::{Gvr, Status},
    world::{
        exec::{self, Inside},
        files::{self, Entry},
        kubelet::environment,
        locked::read,
        obj, quantity,
    },
};

impl Kubelets for RecordedWorld {
    fn logs(&self, query: &LogQuery<'_>) -> Option<Vec<LogLine>> {
        let now = self.clock.now();
        let sights = read(&self.sights);
        let of_it = |line: &&Line| {
            let label = |key: &str| line.stream.get(key).map(String::as_str);
            label("namespace") == Some(query.namespace)
                && label("pod") == Some(query.pod)
                && label("container").is_none_or(|container| container == query.container)
                && (label("previous") == Some("true")) == query.previous
        };
        let mut lines: Vec<LogLine> = sights
            .lines
            .iter()
            .filter(of_it)
            .filter(|line| line.ts <= now)
            .map(written)
            .collect();
        if query.previous && lines.is_empty() {
            return None;
        }
        lines.retain(|line| query.since.is_none_or(|since| line.at > since));
        if let Some(tail) = query.tail {
            lines.drain(..lines.len().saturating_sub(tail));
        }
        Some(lines)
    }

    fn exec(&self, namespace: &str, pod: &str, container: &str, argv: &[String], _stdin: &[u8]) -> Result<ExecResult, Status> {
        let not_running = || {
            Status::internal(format!(
                "container {container} of pod {namespace}/{pod} is not running; try again when it has started"
            ))
        };
        let object = self.store.get_shared(&Gvr::pods(), Some(namespace), pod).ok_or_else(not_running)?;
        let statuses = object["status"]["containerStatuses"].as_array().into_iter().flatten();
        let mut running = statuses.filter(|status| status["state"]["running"].is_object());
        if !running.any(|status| status["name"] == container) {
            return Err(not_running());
        }
        Ok(exec::run_inside(&self.inside(&object, container), argv))
    }
}

impl RecordedWorld {
    /// A recorded container from the inside: its environment, and its log in a file of every volume that it mounts.
    fn inside(&self, pod: &Value, container: &str) -> Inside {
        let spec = pod["spec"]["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|spec| spec["name"] == container);
        let spec = spec.unwrap_or(&Value::Null);
        let words = |part: &str| {
            spec[part]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
        };
        let query = LogQuery {
            namespace: obj::namespace(pod),
            pod: obj::name(pod),
            container,
            previous: false,
            since: None,
            tail: None,
        };
        let log: String = self.logs(&query).into_iter().flatten().map(|line| line.text + "\n").collect();
        let args: Vec<String> = words("command").chain(words("args")).collect();
        let usage = self
            .pod_usage(obj::namespace(pod), obj::name(pod))
            .into_iter()
            .flatten()
            .find(|usage| usage.name == container);
        let used = usage.map_or(0.0, |usage| usage.memory_bytes as f64);
        let mut files = files::of_kernel(obj::name(pod), &args, used, quantity::of(&spec["resources"]["limits"]["memory"]));
        let mounts = spec["volumeMounts"].as_array().into_iter().flatten();
        files.extend(mounts.map(|mount| Entry {
            path: format!("{}/app.log", obj::text(mount, "/mountPath").trim_end_matches('/')),
            content: log.clone().into_bytes(),
        }));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Inside {
            hostname: obj::name(pod).to_owned(),
            env: environment::of(&self.store, pod, spec),
            files,
            now: self.clock.now(),
        }
    }
}

impl UsageSource for RecordedWorld {
    fn pod_usage(&self, namespace: &str, pod: &str) -> Option<Vec<Usage>> {
        let object = self.store.get_shared(&Gvr::pods(), Some(namespace), pod)?;
        let only = obj::text(&object, "/spec/containers/0/name");
        let all: Vec<Usage> = read(&self.sights)
            .usage(namespace, pod, obj::secs(self.clock.now()))
            .into_iter()
            // The pod's own and the pause container's cgroups count what the others count.
            .filter(|(container, _)| container != "POD")
            .map(|(container, (memory, cpu))| Usage {
                name: if container.is_empty() { only.to_owned() } else { container },
                cpu_cores: cpu,
                memory_bytes: memory as u64,
            })
            .collect();
        (!all.is_empty()).then_some(all)
    }

    fn node_usage(&self, _node: &str) -> Option<Usage> {
        None
    }
}

impl RecordedWorld {
    /// What a pod (by uid) uses of a resource now, for autoscalers.
    pub(super) fn pod_use(&self, pod: &Value, resource: &str) -> Option<f64> {
        let all = self.pod_usage(obj::namespace(pod), obj::name(pod))?;
        let one = |usage: &Usage| {
            if resource == "cpu" {
                usage.cpu_cores
            } else {
                usage.memory_bytes as f64
            }
        };
        Some(all.iter().map(one).sum())
    }
}
