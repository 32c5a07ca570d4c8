//! Requests that change objects: look, ask, send once, watch. Each finds its own effect again, so a sequence of them can be
//! begun anew from its first one, and undone from its last.

mod create;
mod delete;
mod evict;
mod listed;
mod patch;
mod record;
mod revert;

pub(crate) use patch::drifted;
pub(crate) use record::{new_secret, status_patch};

use paramedic_bus::lease::Lease;
use paramedic_domain::{
    change::Operation,
    fault::{Effect, FailureKind},
    object::ObjectRef,
};

use super::{
    failure::{Failure, Halt},
    kubernetes::Trouble,
    run::{Report, Run},
};

/// Where the object with a UID stands towards its deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    There,
    /// Somebody has asked for its deletion, perhaps an attempt that died: to ask again would change nothing.
    Going,
    Gone,
}

impl Run<'_> {
    /// Performs every operation, in order.
    pub(crate) async fn perform(&self, operations: &[Operation]) -> Result<Report, Halt> {
        let leases = self.leases(&self.step.change.lease_targets()).await?;
        let mut said = Vec::with_capacity(operations.len());
        for operation in operations {
            said.push(match operation {
                Operation::Patch(patch) => self.apply(patch, &leases).await?,
                Operation::Create(creation) => self.create(creation, &leases).await?,
                Operation::Delete(deletion) => self.delete(deletion, &leases).await?,
                Operation::Evict(eviction) => self.evict(eviction, &leases).await?,
                Operation::Record(record) => self.record(record, &leases).await?,
            });
            self.settle();
            if operations.len() > 1 {
                self.progress(&format!("{} of {}: {}", said.len(), operations.len(), said[said.len() - 1]))
                    .await?;
            }
        }
        Ok(Report::of(said.join("; ")))
    }

    /// Undoes every operation, the last one first. One that cannot be undone does not keep the others from it: each is named in
    /// the end.
    pub(crate) async fn revert(&self, operations: &[Operation]) -> Result<Report, Halt> {
        let leases = self.leases(&self.step.change.lease_targets()).await?;
        self.know(Effect::Unknown);
        let mut said = Vec::with_capacity(operations.len());
        let mut failures: Vec<Failure> = Vec::new();
        for operation in operations.iter().rev() {
            match self.revert_one(operation, &leases).await {
                Ok(summary) => said.push(summary),
                Err(Halt::Failed(failure)) => failures.push(failure),
                Err(halt @ (Halt::Abandoned(_) | Halt::Bus(_))) => return Err(halt),
            }
        }
        match together(failures, &said) {
            Some(failure) => Err(Halt::Failed(failure)),
            None => Ok(Report::of(said.join("; "))),
        }
    }

    /// Waits until the object with that UID is gone. An API server that does not answer for a while is no reason to fail: the
    /// deletion was accepted.
    async fn gone(&self, target: &ObjectRef) -> Result<(), Halt> {
        loop {
            match self.stays(target).await {
                Ok(Stays::Gone) => return Ok(()),
                Ok(Stays::There | Stays::Going) => {}
                Err(Halt::Failed(failure)) if failure.kind == FailureKind::Transient => {
                    tracing::warn!(%target, message = failure.message, "cannot look at it");
                }
                Err(halt) => return Err(halt),
            }
            self.pause().await;
        }
    }

    /// Whether nobody had a hand in the step before this attempt: what is done already, somebody else did.
    pub(crate) fn is_first(&self) -> bool {
        let state = self.incident.run.as_ref().and_then(|run| run.steps.get(&self.step.id));
        state.is_some_and(|state| state.attempts <= 1 && state.workers.len() <= 1)
    }

    async fn stays(&self, target: &ObjectRef) -> Result<Stays, Halt> {
        match self.worker.cluster.get(target).await {
            Ok(object) if uid(&object) != target.uid.as_deref() => Ok(Stays::Gone),
            Ok(object) if object.pointer("/metadata/deletionTimestamp").is_some() => Ok(Stays::Going),
            Ok(_) => Ok(Stays::There),
            Err(Trouble::Missing(_)) => Ok(Stays::Gone),
            Err(trouble) => Err(Halt::looking(&trouble, self.effect())),
        }
    }

    /// What a refused request means when the object it was about may have been changed meanwhile.
    pub(crate) fn sending(&self, trouble: &Trouble) -> Halt {
        match trouble {
            Trouble::Transient { sent, .. } => {
                self.know(if *sent { Effect::Unknown } else { Effect::None });
                Halt::failed(FailureKind::Transient, self.effect(), trouble.to_string())
            }
            Trouble::Missing(_) | Trouble::Unfit { .. } | Trouble::Forbidden { .. } => {
                self.know(Effect::None);
                Halt::failed(FailureKind::Permanent, self.effect(), trouble.to_string())
            }
        }
    }

    /// The last question before a request, asked with every lease in hand.
    async fn permitted_with(&self, leases: &[Lease]) -> Result<(), Halt> {
        super::crash::point(&self.step.id, super::crash::Moment::BeforeApply);
        self.permitted(leases).await
    }
}

/// Several failures to undo as one: tried again as long as one of them may pass.
fn together(failures: Vec<Failure>, said: &[String]) -> Option<Failure> {
    let passes = |failure: &&Failure| matches!(failure.kind, FailureKind::Transient | FailureKind::LeaseLost);
    let kind = failures.iter().find(passes).or(failures.first())?.kind;
    let mut messages: Vec<String> = failures.into_iter().map(|failure| failure.message).collect();
    if !said.is_empty() {
        messages.push(format!("the others are undone: {}", said.join("; ")));
    }
    Some(Failure {
        kind,
        effect: Effect::Unknown,
        message: messages.join("; "),
    })
}

fn uid(object: &serde_json::Value) -> Option<&str> {
    object.pointer("/metadata/uid").and_then(serde_json::Value::as_str)
}
