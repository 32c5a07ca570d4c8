//! Files that steps keep, under names that a second attempt overwrites.

use bytes::Bytes;
use paramedic_domain::{digest::Digest, event::Artifact};

use super::{failure::Halt, run::Run};

impl Run<'_> {
    /// Stores a file as `<incident>/<plan>/<step>/<name>`.
    pub(crate) async fn keep(&self, name: &str, content: impl Into<Bytes>) -> Result<Artifact, Halt> {
        let content: Bytes = content.into();
        let name = format!("{}/{}/{}/{name}", self.event.incident, self.attempt.plan, self.step.id);
        let artifact = Artifact {
            bytes: content.len() as u64,
            digest: Digest::of(&content),
            name,
        };
        self.worker.blobs.put(&artifact.name, content).await?;
        Ok(artifact)
    }

    /// Largest file that one step keeps, in bytes.
    pub(crate) fn limit(&self) -> usize {
        self.worker.config.artifact_megabytes << 20
    }
}
