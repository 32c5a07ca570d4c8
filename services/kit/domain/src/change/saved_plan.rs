//! A saved plan of a Terraform or OpenTofu module: applied as it is, or not at all.

use serde::{Deserialize, Serialize};

use super::operation::{DryRun, FieldChange};
use crate::digest::Digest;

/// What `terraform plan -out` wrote for one module, as people approve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// Name of the configured module.
    pub module: String,
    /// Its workspace.
    pub workspace: String,
    /// What the plan was made from and against; `None`: there is no plan, and `dry_run` says why.
    pub bound: Option<Bound>,
    /// What it does to each resource, in the plan's order; those that stay as they are are left out.
    pub changes: Vec<ResourceChange>,
    /// Whether the module could be planned, and whether that plan may be applied.
    pub dry_run: DryRun,
}

/// What a saved plan holds for: if any of it is another one, the plan is not applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Digest of the plan file.
    pub file: Digest,
    /// Digest of the module's files.
    pub sources: Digest,
    /// Identity of the state; empty: there is no state yet.
    pub lineage: String,
    /// Serial number of the state; it grows with each write.
    pub serial: u64,
}

/// What a plan does to one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// Its address in the module.
    pub address: String,
    /// What is done.
    pub effect: ResourceEffect,
    /// Attributes that change. What the plan marks as sensitive is not shown.
    pub attributes: Vec<FieldChange>,
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceEffect {
    /// It is new.
    Create,
    /// It changes in place.
    Update,
    /// It is destroyed and created again.
    Replace,
    /// It is destroyed.
    Destroy,
}

impl ResourceEffect {
    /// Whether something that exists is lost.
    #[must_use]
    pub fn destroys(self) -> bool {
        match self {
            Self::Replace | Self::Destroy => true,
            Self::Create | Self::Update => false,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Destroy => "destroy",
        }
    }
}

impl SavedPlan {
    /// How many resources it does that to.
    #[must_use]
    pub fn count(&self, effect: ResourceEffect) -> usize {
        self.changes.iter().filter(|change| change.effect == effect).count()
    }

    /// How many of each, in words.
    #[must_use]
    pub fn summary(&self) -> String {
        use ResourceEffect::{Create, Destroy, Replace, Update};
        let counts: Vec<String> = [Create, Update, Replace, Destroy]
            .into_iter()
            .filter(|effect| self.count(*effect) > 0)
            .map(|effect| format!("{} to {}", self.count(effect), effect.word()))
            .collect();
        match counts.is_empty() {
            true => "nothing to change".into(),
            false => counts.join(", "),
        }
    }
}
