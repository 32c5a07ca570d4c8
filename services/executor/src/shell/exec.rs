//! `backup_data`: the files of every running pod, as tar archives.

use paramedic_catalogue::redact::redact;
use paramedic_domain::{
    change::Exec,
    fault::{Effect, FailureKind},
};
use serde_json::Value;

use super::{
    failure::Halt,
    kubernetes::Output,
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
        let cut = output
            .truncated
            .then(|| format!("the archive has more than {} MiB", self.worker.config.artifact_megabytes));
        let warning = match cut.map_or_else(|| judged(&output), Err) {
            Ok(warning) => warning,
            Err(why) => return Err(Halt::failed(FailureKind::Permanent, Effect::None, why)),
        };
        let artifact = self.keep(&format!("{pod}.tar"), output.stdout).await?;
        Ok((artifact, warning))
    }
}

/// Whether what `tar` wrote is a backup, with what it warned of; or why not. It writes an archive of nothing when a path is
/// missing, and says so only by its exit status.
fn judged(output: &Output) -> Result<Option<String>, String> {
    // A file that grew meanwhile is in the archive as it was read; GNU tar ends with 1 for that, but busybox's for anything.
    let harmless = |line: &str| line.ends_with("file changed as we read it") || line.contains("Removing leading");
    let warns = output.code == Some(1) && output.stderr.lines().all(harmless);
    let said = output.error.as_ref().map(|error| format!("{error} {}", excerpt(&output.stderr)));
    if let Some(why) = said.as_ref().filter(|_| !warns) {
        return Err(why.trim_end().to_owned());
    }
    // An archive ends with blocks of zeros; one that begins with them has no entry.
    let empty = output.stdout.iter().take(512).all(|byte| *byte == 0);
    if empty {
        return Err("the archive has no entry".into());
    }
    Ok(said)
}

/// The beginning of what a command said in its own words, without secrets.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 300;
    let clean = redact(text.trim());
    if clean.chars().count() <= LONGEST {
        return clean;
    }
    clean.chars().take(LONGEST).chain(['…']).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn output(code: i32, stdout: &[u8], stderr: &str) -> Output {
        Output {
            stdout: stdout.to_vec().into(),
            truncated: false,
            stderr: stderr.to_owned(),
            error: (code != 0).then(|| format!("exit status {code}")),
            code: (code != 0).then_some(code),
        }
    }

    #[test]
    fn an_archive_counts_when_tar_made_it_whole_or_only_saw_a_file_grow() {
        let archive = [b"var/log/a".as_slice(), &[0; 1024]].concat();
        assert_eq!(judged(&output(0, &archive, "")), Ok(None));
        let grew = judged(&output(
            1,
            &archive,
            "tar: Removing leading `/'\ntar: var/log/a: file changed as we read it\n",
        ));
        assert!(grew.unwrap().unwrap().contains("file changed"));
        let missing = "tar: var/lib: Cannot stat: No such file or directory\n";
        for code in [1, 2] {
            assert!(judged(&output(code, &archive, missing)).unwrap_err().contains("No such file"));
        }
        assert_eq!(judged(&output(0, &[0; 10_240], "")), Err("the archive has no entry".into()));
        assert_eq!(judged(&output(0, &[], "")), Err("the archive has no entry".into()));
    }

    #[test]
    fn what_a_container_says_is_cut_and_holds_no_secret() {
        assert_eq!(
            excerpt("cannot log in: password=hunter2-hunter2\n"),
            "cannot log in: password=[redacted]"
        );
        assert_eq!(excerpt(&"x".repeat(1000)).chars().count(), 301);
    }
}
