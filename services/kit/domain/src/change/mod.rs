//! A change is data: exact, typed, digestible, with its inverse.

mod call;
mod explain;
mod operation;
mod saved_plan;

use serde::{Deserialize, Serialize};

pub use call::{Call, Commit, Exchange, FileChange, Matchers, Request, Silence, Ticket};
pub use explain::Explanation;
pub use operation::{Creation, Deletion, DryRun, Eviction, FieldChange, ObjectPatch, Operation, ReleaseRecord, Wait};
pub use saved_plan::{Bound, ResourceChange, ResourceEffect, SavedPlan};

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
    /// Deletion of one object under a UID precondition.
    Delete(Deletion),
    /// Several requests to the API server, one after the other; undone in reverse.
    Sequence {
        /// In the order they are sent.
        operations: Vec<Operation>,
    },
    /// A request to a system outside of the cluster.
    Call(Call),
    /// A message to people.
    Notify(Notice),
    /// Part of another step's patch: this step only confirms that its part arrived.
    Carried {
        /// The step whose patch holds it.
        by: StepId,
        /// What is confirmed.
        expect: Confirm,
        /// Its part alone, when that must not stay as long as the rest: what undoes it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part: Option<Box<ObjectPatch>>,
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

/// What a carried step looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirm {
    /// Every pod of the workload is of the new revision and ready.
    RolledOut,
    /// The template holds the values this step asked for.
    InTemplate,
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
    /// Whether it leaves an effect that a rollback has to put back.
    #[must_use]
    pub fn mutates(&self) -> bool {
        match self {
            Self::Patch(_) | Self::Delete(_) | Self::Sequence { .. } => true,
            Self::Call(call) => match call {
                Call::Silence(_) | Call::Commit(_) | Call::Request(_) | Call::Apply(_) => true,
                // A ticket tells people, like a notice: it stays whatever becomes of the workflow.
                Call::Ticket(_) => false,
            },
            Self::Read { .. } | Self::Exec(_) | Self::Notify(_) | Self::Carried { .. } => false,
        }
    }

    /// Whether it tells people something, and does nothing else.
    #[must_use]
    pub fn tells(&self) -> bool {
        match self {
            Self::Notify(_) | Self::Call(Call::Ticket(_)) => true,
            Self::Call(Call::Silence(_) | Call::Commit(_) | Call::Request(_) | Call::Apply(_)) => false,
            Self::Patch(_) | Self::Delete(_) | Self::Sequence { .. } | Self::Read { .. } | Self::Exec(_) | Self::Carried { .. } => false,
        }
    }

    /// Whether it may run in `observe` mode. An exec runs code in a container, so it may not.
    #[must_use]
    pub fn read_only(&self) -> bool {
        match self {
            Self::Read { .. } | Self::Notify(_) | Self::Carried { .. } => true,
            Self::Patch(_) | Self::Delete(_) | Self::Sequence { .. } | Self::Exec(_) | Self::Call(_) => false,
        }
    }

    /// The requests to the API server that it is made of, in their order.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        match self {
            Self::Patch(patch) => vec![Operation::Patch(patch.clone())],
            Self::Delete(deletion) => vec![Operation::Delete(deletion.clone())],
            Self::Sequence { operations } => operations.clone(),
            Self::Read { .. } | Self::Exec(_) | Self::Call(_) | Self::Notify(_) | Self::Carried { .. } => Vec::new(),
        }
    }

    /// The objects whose leases must be held: everything it touches, and the workloads above.
    #[must_use]
    pub fn lease_targets(&self) -> Vec<&ObjectRef> {
        let mut targets: Vec<&ObjectRef> = match self {
            Self::Patch(patch) => patch.owner.iter().chain([&patch.target]).collect(),
            Self::Delete(deletion) => deletion.owner.iter().chain([&deletion.target]).collect(),
            Self::Sequence { operations } => operations
                .iter()
                .flat_map(|operation| operation.owner().into_iter().chain([operation.target()]))
                .collect(),
            Self::Read { .. } | Self::Exec(_) | Self::Call(_) | Self::Notify(_) | Self::Carried { .. } => Vec::new(),
        };
        // One order everywhere, so that two workflows cannot each hold half of what both need.
        targets.sort();
        targets.dedup_by(|one, other| one.same_object(other));
        targets
    }

    /// What a dry run refused, if one did.
    #[must_use]
    pub fn rejected(&self) -> Option<&str> {
        let answers: Vec<&DryRun> = match self {
            Self::Patch(patch) => vec![&patch.dry_run],
            Self::Delete(deletion) => vec![&deletion.dry_run],
            Self::Sequence { operations } => operations.iter().map(Operation::dry_run).collect(),
            Self::Call(Call::Request(request)) => vec![&request.dry_run],
            Self::Call(Call::Apply(plan)) => vec![&plan.dry_run],
            Self::Call(_) | Self::Read { .. } | Self::Exec(_) | Self::Notify(_) | Self::Carried { .. } => Vec::new(),
        };
        answers.into_iter().find_map(|answer| match answer {
            DryRun::Rejected { message } => Some(message.as_str()),
            DryRun::Accepted { .. } | DryRun::Unavailable { .. } => None,
        })
    }
}
