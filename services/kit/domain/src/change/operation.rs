//! Requests to the Kubernetes API: one object each, exact, dry-run, with what puts it back.

use jiff::Timestamp;
use json_patch::Patch;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{digest::Digest, object::ObjectRef};

/// One request that changes one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "operation")]
pub enum Operation {
    /// An RFC 6902 patch.
    Patch(ObjectPatch),
    /// A new object.
    Create(Creation),
    /// A deletion under a UID precondition.
    Delete(Deletion),
    /// An eviction under a UID precondition: the API server asks the PodDisruptionBudgets.
    Evict(Eviction),
    /// A record of a Helm release.
    Record(ReleaseRecord),
}

/// A patch of one object, complete before anybody is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectPatch {
    /// The object, with UID.
    pub target: ObjectRef,
    /// The subresource that is patched (`resize`, `scale`, `status`); `None`: the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The workload above the target, whose lease is needed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ObjectRef>,
    /// Operations, `test`s of UID and old values first.
    pub patch: Patch,
    /// Operations that put the old values back if nobody changed them since; empty when nothing can.
    pub undo: Patch,
    /// Why there is no undo, when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
    /// What a person compares.
    pub diff: Vec<FieldChange>,
    /// What the API server said to a dry run.
    pub dry_run: DryRun,
    /// What counts as done after the API server accepted it.
    pub wait: Wait,
}

/// One old -> new pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Path in the object, for people: `spec.template.spec.containers[app].resources.limits.memory`.
    pub path: String,
    /// Old value; `None`: was absent.
    pub from: Option<String>,
    /// New value; `None`: is removed.
    pub to: Option<String>,
}

/// The server's answer to a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum DryRun {
    /// Accepted, perhaps with warnings.
    Accepted {
        /// `Warning` headers.
        warnings: Vec<String>,
    },
    /// Refused.
    Rejected {
        /// The server's message.
        message: String,
    },
    /// The system has no dry run, or this change cannot be tried before an earlier step has run.
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// When an accepted request counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// At once.
    Accepted,
    /// When the controller has rolled out the new generation completely.
    Rollout,
    /// When the Job has completed; a failed Job fails the step.
    JobComplete,
    /// When the volume has its new size (`status.capacity`), the file system included.
    Resized,
    /// When the containers run with the new resources, without a restart of the pod.
    PodResized,
    /// When the Argo CD operation has succeeded.
    Synced,
    /// When the Flux object reports the requested reconciliation as ready.
    Reconciled,
    /// When the VolumeSnapshot says that it can be used; its error fails the step.
    SnapshotReady,
}

/// A new object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Creation {
    /// Its reference; without UID, since it does not exist yet.
    pub target: ObjectRef,
    /// The complete object, the step's mark included.
    pub object: Value,
    /// What the API server said to a dry run.
    pub dry_run: DryRun,
    /// What counts as done.
    pub wait: Wait,
    /// Why it is not deleted again on undo, when it is not: the record of a Job that ran is no effect to put back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
}

/// Deletion of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    /// The object, with UID.
    pub target: ObjectRef,
    /// The workload that must be whole again afterwards.
    pub owner: Option<ObjectRef>,
    /// What the API server said to a dry run.
    pub dry_run: DryRun,
    /// The object as it was, without what the server assigns: undo creates it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Value>,
    /// Why nothing that runs is lost, when that is so: the object's work had ended when the plan was made, and cannot begin again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Eviction of one pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eviction {
    /// The pod, with UID.
    pub target: ObjectRef,
    /// The workload that replaces it.
    pub owner: Option<ObjectRef>,
    /// What the API server said to a dry run. A budget that allows no disruption now is no refusal: the step waits for it.
    pub dry_run: DryRun,
}

/// A record of a Helm release, which is a Secret. Its content holds the values of the release, so it is in no plan and no log: it
/// is made of a record that the cluster has, at the moment it is written, and both are known by their digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// The Secret that is written; with UID if it exists.
    pub target: ObjectRef,
    /// The Secret whose content it is made of, with UID; the target itself where only its status changes.
    pub from: ObjectRef,
    /// SHA-256 of that content, decoded.
    pub from_digest: Digest,
    /// Number of the revision that it records.
    pub revision: u64,
    /// Status that it gets: `deployed`, `superseded`.
    pub status: String,
    /// Status that undo gives back; `None`: it is a new record, which undo deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// What a new record says of itself.
    pub description: String,
    /// When a new record says it was deployed.
    pub at: Timestamp,
    /// SHA-256 of the content that it gets, decoded.
    pub digest: Digest,
    /// What the API server said to a dry run.
    pub dry_run: DryRun,
}

impl Operation {
    /// The object it changes.
    #[must_use]
    pub fn target(&self) -> &ObjectRef {
        match self {
            Self::Patch(patch) => &patch.target,
            Self::Create(creation) => &creation.target,
            Self::Delete(deletion) => &deletion.target,
            Self::Evict(eviction) => &eviction.target,
            Self::Record(record) => &record.target,
        }
    }

    /// The workload above that object.
    #[must_use]
    pub fn owner(&self) -> Option<&ObjectRef> {
        match self {
            Self::Patch(patch) => patch.owner.as_ref(),
            Self::Create(_) => None,
            Self::Delete(deletion) => deletion.owner.as_ref(),
            Self::Evict(eviction) => eviction.owner.as_ref(),
            Self::Record(_) => None,
        }
    }

    /// What the API server said to its dry run.
    #[must_use]
    pub fn dry_run(&self) -> &DryRun {
        match self {
            Self::Patch(patch) => &patch.dry_run,
            Self::Create(creation) => &creation.dry_run,
            Self::Delete(deletion) => &deletion.dry_run,
            Self::Evict(eviction) => &eviction.dry_run,
            Self::Record(record) => &record.dry_run,
        }
    }

    /// What it does, in three words for people.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Patch(_) => "patches",
            Self::Create(_) => "creates",
            Self::Delete(_) => "deletes",
            Self::Evict(_) => "evicts",
            Self::Record(_) => "records",
        }
    }
}
