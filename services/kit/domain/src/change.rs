//! A change is data: exact, typed, digestible, with its inverse.

use json_patch::Patch;
use serde::{Deserialize, Serialize};

use crate::{id::StepId, object::ObjectRef};

/// The annotation that a patch leaves on its object, so that a redelivered step finds its own effect.
pub const STEP_ANNOTATION: &str = "paramedic.dev/step";

/// What a step does to the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Change {
    /// Reads only.
    Read {
        /// What is read, for people.
        what: String,
        /// Objects it looks at.
        targets: Vec<ObjectRef>,
    },
    /// Runs a fixed command inside containers to copy data out; nothing in the cluster's objects changes.
    Exec(Exec),
    /// An RFC 6902 patch of one object.
    Patch(ObjectPatch),
    /// Deletion of one object under a UID precondition (its controller replaces it).
    Delete(Deletion),
    /// A message or ticket to people.
    Notify(Notice),
    /// Part of another step's patch: this step only confirms that its part arrived.
    Carried {
        /// The step whose patch holds it.
        by: StepId,
        /// What is confirmed.
        expect: Confirm,
    },
}

/// A command in containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// Workload whose pods run it.
    pub target: ObjectRef,
    /// Container name; empty: the first.
    pub container: String,
    /// Argument vector; never a shell line.
    pub argv: Vec<String>,
}

/// A patch of one object, complete before anybody is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectPatch {
    /// The object, with UID.
    pub target: ObjectRef,
    /// Operations, `test`s of UID and old values first.
    pub patch: Patch,
    /// Operations that put the old values back if nobody changed them since.
    pub undo: Patch,
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
}

/// When an accepted patch counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// At once.
    Accepted,
    /// When the controller has rolled out the new generation completely.
    Rollout,
}

/// What a carried step looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// Every pod of the workload is of the new revision and ready.
    RolledOut,
    /// The template holds the values this step asked for.
    InTemplate,
}

/// Deletion of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// The object, with UID.
    pub target: ObjectRef,
    /// The workload that must be whole again afterwards.
    pub owner: Option<ObjectRef>,
    /// What the API server said to a dry run.
    pub dry_run: DryRun,
}

/// Something for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// Steps whose artifacts go with it.
    pub attachments: Vec<StepId>,
}

impl Change {
    /// Whether a request that changes the cluster's objects leaves the process.
    #[must_use]
    pub fn mutates(&self) -> bool {
        match self {
            Self::Patch(_) | Self::Delete(_) => true,
            Self::Read { .. } | Self::Exec(_) | Self::Notify(_) | Self::Carried { .. } => false,
        }
    }

    /// Whether it may run in `observe` mode. An exec runs code in a container, so it may not.
    #[must_use]
    pub fn read_only(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Notify(_) | Self::Carried { .. } => true,
            Self::Patch(_) | Self::Delete(_) | Self::Exec(_) => false,
        }
    }

    /// The object a lease must be held for.
    #[must_use]
    pub fn lease_target(&self) -> Option<&ObjectRef> {
        match self {
            Self::Patch(patch) => Some(&patch.target),
            Self::Delete(deletion) => Some(deletion.owner.as_ref().unwrap_or(&deletion.target)),
            Self::Read { .. } | Self::Exec(_) | Self::Notify(_) | Self::Carried { .. } => None,
        }
    }
}
