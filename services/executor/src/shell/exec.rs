//! `backup_data`: the files of every running pod, as tar archives.

use paramedic_domain::{
    change::Exec,
    fault::{Effect, FailureKind},
};
use serde_json::Value;

use super::{
    failure::Halt,
    run::{Report, Run},
};

impl Run<'_> {
    pub(crate) async fn copy_out(&self, exec: &Exec) -> Result<Report, Halt> {
        self.permitted(&[]).await?;
        let looking = |trouble| Halt::looking(&trouble, Effect::None);
        let namespace = exec.target.namespace.clone().unwrap_or_default();
        let workload = self.worker.cluster.get(&exec.target).await.map_err(looking)?;
        let pods = self.worker.cluster.pods_of(&workload, &namespace).await.map_err(looking)?;
        let running: Vec<&str> = pods.iter().filter(|pod| runs(pod, &exec.container)).filter_map(name).collect();
        if running.is_empty() {
            return Err(Halt::failed(
                FailureKind::Transient,
                Effect::None,
                format!(
                    "no container {} of {} is running: nothing could be copied",
                    exec.container, exec.target
                ),
            ));
        }
        let mut artifacts = Vec::new();
        let mut problems = Vec::new();
        for pod in &running {
            match self.copy_one(&namespace, pod, exec).await {
                Ok((artifact, warning)) => {
                    artifacts.push(artifact);
                    problems.extend(warning.map(|warning| format!("{pod}: {warning}")));
                }
                Err(Halt::Failed(failure)) => problems.push(format!("{pod}: {}", failure.message)),
                Err(halt) => return Err(halt),
            }
        }
        if artifacts.is_empty() {
            return Err(Halt::failed(FailureKind::Permanent, Effect::None, problems.join("; ")));
        }
        let bytes: u64 = artifacts.iter().map(|artifact| artifact.bytes).sum();
        let mut summary = format!("copied {bytes} bytes from {} of {} pods", artifacts.len(), pods.len());
        if !problems.is_empty() {
            summary = format!("{summary}; {}", problems.join("; "));
        }
        Ok(Report { summary, artifacts })
    }

    async fn copy_one(&self, namespace: &str, pod: &str, exec: &Exec) -> Result<(paramedic_domain::event::Artifact, Option<String>), Halt> {
        let output = self
            .worker
            .cluster
            .exec(namespace, pod, &exec.container, &exec.argv, self.limit())
            .await
            .map_err(|trouble| Halt::looking(&trouble, Effect::None))?;
        let failed = output.error.map(|error| format!("{error} {}", output.stderr.trim()));
        if output.stdout.is_empty() {
            let why = failed.unwrap_or_else(|| "it wrote nothing".into());
            return Err(Halt::failed(FailureKind::Permanent, Effect::None, why));
        }
        let artifact = self.keep(&format!("{pod}.tar"), output.stdout).await?;
        // tar says "file changed as we read it" with a failure status: the archive is still good.
        let cut = output
            .truncated
            .then(|| format!("cut off after {} MiB", self.worker.config.artifact_megabytes));
        Ok((artifact, cut.or(failed)))
    }
}

pub(crate) fn name(pod: &Value) -> Option<&str> {
    pod.pointer("/metadata/name")?.as_str()
}

/// Whether a container of the pod can run a command now.
pub(crate) fn runs(pod: &Value, container: &str) -> bool {
    let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let deleted = pod.pointer("/metadata/deletionTimestamp").is_some();
    !deleted
        && statuses.into_iter().flatten().any(|status| {
            (container.is_empty() || status.get("name").and_then(Value::as_str) == Some(container))
                && status.pointer("/state/running").is_some()
        })
}
