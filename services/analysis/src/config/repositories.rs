//! Entries of `[[analysis.repositories]]`: what Argo CD and Flux apply, to read its log.

use std::path::PathBuf;

use paramedic_runtime::{config::Invalid, git::plain_url};
use serde::Deserialize;

/// A repository of manifests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its address, as deliveries name it; `https`, `ssh` or `file`.
    pub url: String,
    /// File with a token that may read it; empty: none is sent.
    #[serde(default)]
    pub token_file: PathBuf,
    /// User of the token: GitLab expects `oauth2`, GitHub `x-access-token`.
    #[serde(default = "git")]
    pub user: String,
}

fn git() -> String {
    "git".into()
}

pub(super) fn validate(all: &[Repository]) -> Result<(), Invalid> {
    for (index, repository) in all.iter().enumerate() {
        plain_url(&format!("analysis.repositories[{index}].url"), &repository.url)?;
    }
    Ok(())
}
