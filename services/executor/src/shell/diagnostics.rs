//! `collect_diagnostics`: pods, events, logs, previous logs, usage, figures and, where their owner configured them, dumps.

mod figures;

use paramedic_domain::{
    event::Artifact,
    fault::{Effect, FailureKind},
    object::ObjectRef,
    policy::Mode,
};
use serde_json::{Value, json};

use super::{
    exec::{excerpt, name, runs},
    failure::Halt,
    kubernetes::{Trouble, selector},
    run::{Report, Run},
};
use paramedic_catalogue::{
    actions::{Diagnostics, Wanted, heap_dump_command, main_container, thread_dump_command},
    redact::redact,
    references::items,
};

struct Collection {
    artifacts: Vec<Artifact>,
    /// What could not be had, and why.
    missing: Vec<String>,
}

impl Run<'_> {
    pub(crate) async fn diagnose(&self, targets: &[ObjectRef]) -> Result<Report, Halt> {
        let params = Diagnostics::from_params(&self.step.parameters)
            .map_err(|refused| Halt::failed(FailureKind::Permanent, Effect::None, refused.reason))?;
        let mut collection = Collection {
            artifacts: Vec::new(),
            missing: Vec::new(),
        };
        for target in targets {
            self.collect(target, &params, &mut collection).await?;
        }
        let bytes: u64 = collection.artifacts.iter().map(|artifact| artifact.bytes).sum();
        let mut summary = format!("kept {} files, {bytes} bytes", collection.artifacts.len());
        if !collection.missing.is_empty() {
            summary = format!("{summary}; not there: {}", collection.missing.join("; "));
        }
        Ok(Report {
            summary,
            artifacts: collection.artifacts,
        })
    }

    async fn collect(&self, target: &ObjectRef, params: &Diagnostics, into: &mut Collection) -> Result<(), Halt> {
        let looking = |trouble: Trouble| Halt::looking(&trouble, Effect::None);
        let cluster = &self.worker.cluster;
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let workload = cluster.get(target).await.map_err(looking)?;
        let pods = cluster.pods_of(&workload, namespace).await.map_err(looking)?;
        self.keep_json("workload.json", &workload, into).await?;
        self.keep_json("pods.json", &json!(pods), into).await?;
        self.events(target, &pods, namespace, into).await?;
        self.usage(&workload, namespace, into).await?;
        for pod in &pods {
            self.logs(pod, namespace, params.log_lines, into).await?;
        }
        self.snapshot(target, &params.metrics, into).await?;
        let dumps = [
            (Wanted::HeapDump, "heap dump", "heap", heap_dump_command(&workload)),
            (Wanted::ThreadDump, "thread dump", "threads", thread_dump_command(&workload)),
        ];
        for (kind, what, end, command) in dumps {
            let asked = params.wanted.is_none_or(|wanted| wanted == kind || wanted == Wanted::All);
            match command {
                Some(argv) if asked => {
                    self.dump(
                        &pods,
                        namespace,
                        &Dump {
                            what,
                            end,
                            argv: &argv,
                            workload: &workload,
                            target,
                        },
                        into,
                    )
                    .await?
                }
                None if params.wanted == Some(kind) => into.missing.push(format!(
                    "{what} (no command is configured in the annotation paramedic.dev/{}-command)",
                    what.replace(' ', "-")
                )),
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    async fn keep_json(&self, name: &str, value: &Value, into: &mut Collection) -> Result<(), Halt> {
        let text = serde_json::to_string_pretty(&masked(value)).unwrap_or_default();
        let artifact = self.keep(name, redact(&text)).await?;
        into.artifacts.push(artifact);
        Ok(())
    }

    async fn events(&self, target: &ObjectRef, pods: &[Value], namespace: &str, into: &mut Collection) -> Result<(), Halt> {
        match self.worker.cluster.list("v1", "Event", Some(namespace), &[]).await {
            Ok(events) => {
                let about = |event: &&Value| {
                    let object = event.pointer("/involvedObject/name").and_then(Value::as_str).unwrap_or_default();
                    object == target.name
                        || object.starts_with(&format!("{}-", target.name))
                        || pods.iter().any(|pod| name(pod) == Some(object))
                };
                let ours: Vec<&Value> = events.iter().filter(about).collect();
                self.keep_json("events.json", &json!(ours), into).await
            }
            Err(trouble) => absent(into, "events", &trouble),
        }
    }

    async fn usage(&self, workload: &Value, namespace: &str, into: &mut Collection) -> Result<(), Halt> {
        // Without a selector, for a single pod, it would be the usage of the whole namespace.
        let Some(selector) = workload.pointer("/spec/selector").and_then(selector) else {
            return Ok(());
        };
        let listed = self
            .worker
            .cluster
            .list(
                "metrics.k8s.io/v1beta1",
                "PodMetrics",
                Some(namespace),
                &[("labelSelector", &selector)],
            )
            .await;
        match listed {
            Ok(usage) => self.keep_json("usage.json", &json!(usage), into).await,
            Err(trouble) => absent(into, "usage", &trouble),
        }
    }

    async fn logs(&self, pod: &Value, namespace: &str, lines: u32, into: &mut Collection) -> Result<(), Halt> {
        let Some(pod_name) = name(pod) else { return Ok(()) };
        let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
        for status in statuses.into_iter().flatten() {
            let Some(container) = status.get("name").and_then(Value::as_str) else {
                continue;
            };
            let restarted = status.get("restartCount").and_then(Value::as_u64).unwrap_or(0) > 0;
            for previous in [false, true].into_iter().take(if restarted { 2 } else { 1 }) {
                let suffix = if previous { "previous.log" } else { "log" };
                match self.worker.cluster.log(namespace, pod_name, container, previous, lines).await {
                    Ok(text) => {
                        let artifact = self.keep(&format!("{pod_name}.{container}.{suffix}"), redact(&text)).await?;
                        into.artifacts.push(artifact);
                    }
                    Err(trouble) => absent(into, &format!("{suffix} of {pod_name}"), &trouble)?,
                }
            }
        }
        Ok(())
    }

    /// The dump of the pod that has run longest without a restart would show least; the one with most restarts shows most.
    async fn dump(&self, pods: &[Value], namespace: &str, dump: &Dump<'_>, into: &mut Collection) -> Result<(), Halt> {
        let what = dump.what;
        // A command in a container is more than looking.
        if self.worker.rules().mode == Mode::Observe {
            into.missing.push(format!("{what} (observe mode: nothing runs in containers)"));
            return Ok(());
        }
        self.permitted(&[]).await?;
        let container = match main_container(dump.workload, dump.target) {
            Ok(container) => container,
            Err(refused) => {
                into.missing.push(format!("{what} ({refused})"));
                return Ok(());
            }
        };
        let restarts = |pod: &&Value| {
            let statuses = items(pod, "/status/containerStatuses");
            let own = statuses.filter(|status| status.get("name").and_then(Value::as_str) == Some(container.as_str()));
            own.filter_map(|status| status.get("restartCount")?.as_u64()).max()
        };
        let Some(pod) = pods.iter().filter(|pod| runs(pod, &container)).max_by_key(restarts) else {
            into.missing.push(format!("{what} (no container is running)"));
            return Ok(());
        };
        let pod_name = name(pod).unwrap_or_default();
        match self
            .worker
            .cluster
            .exec(namespace, pod_name, &container, dump.argv, self.limit())
            .await
        {
            Ok(output) if !output.stdout.is_empty() => {
                if output.truncated {
                    into.missing.push(format!(
                        "the end of the {what} (cut off after {} MiB)",
                        self.worker.config.artifact_megabytes
                    ));
                }
                let artifact = self.keep(&format!("{pod_name}.{}", dump.end), output.stdout).await?;
                into.artifacts.push(artifact);
                Ok(())
            }
            Ok(output) => {
                let why = output.error.unwrap_or_else(|| "it wrote nothing".into());
                into.missing.push(format!("{what} ({why} {})", excerpt(&output.stderr)));
                Ok(())
            }
            Err(trouble) => absent(into, what, &trouble),
        }
    }
}

/// A dump to be taken.
struct Dump<'a> {
    /// For people.
    what: &'a str,
    /// How its file's name ends.
    end: &'a str,
    argv: &'a [String],
    workload: &'a Value,
    target: &'a ObjectRef,
}

/// Something that could not be had is named; an API server that does not answer fails the attempt, so that it is tried again.
fn absent(into: &mut Collection, what: &str, trouble: &Trouble) -> Result<(), Halt> {
    match trouble {
        Trouble::Transient { .. } => Err(Halt::looking(trouble, Effect::None)),
        Trouble::Missing(_) | Trouble::Unfit { .. } | Trouble::Forbidden { .. } => {
            into.missing.push(format!("{what} ({trouble})"));
            Ok(())
        }
    }
}

/// The value with every literal value of an environment variable masked: what is in one is often a secret, and no
/// pattern recognises all of them.
fn masked(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| match (key.as_str(), value) {
                ("env", Value::Array(variables)) => (key.clone(), variables.iter().map(masked_variable).collect()),
                _ => (key.clone(), masked(value)),
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn masked_variable(variable: &Value) -> Value {
    let mut variable = variable.clone();
    if let Some(value) = variable.get_mut("value") {
        *value = "[redacted]".into();
    }
    variable
}
