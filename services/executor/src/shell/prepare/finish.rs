//! The API server's answers to dry runs complete the changes.

use jiff::Timestamp;
use paramedic_catalogue::{
    Refused,
    helm::{Release, Rewrite},
    patch::{Built, marker, undo_marker},
    prepare::{Pending, PendingRequest},
};
use paramedic_domain::{
    change::{Call, Change, Creation, Deletion, DryRun, Eviction, ObjectPatch, Operation, ReleaseRecord},
    id::{PlanId, StepId},
    object::ObjectRef,
    risk::{Concern, Context},
};
use paramedic_runtime::Kit;
use serde_json::Value;

use super::{Cluster, Trouble, fetch::Fetched};
use crate::shell::{
    calls::Outside,
    kubernetes::{Answer, Evicted},
    operations::{new_secret, status_patch},
};

/// What is needed to complete one step.
pub(super) struct Finishing<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) fetched: &'a mut Fetched,
    pub(super) outside: &'a Outside,
    pub(super) kit: &'a Kit,
    pub(super) plan: &'a PlanId,
    pub(super) step: &'a StepId,
}

impl Finishing<'_> {
    /// The complete change and its surroundings.
    pub(super) async fn finish(
        &mut self,
        pending: Result<Pending, Refused>,
        concerns: Vec<Concern>,
    ) -> Result<(Result<Change, Refused>, Option<Context>), Trouble> {
        let (change, template) = match pending {
            Err(refused) => return Ok((Err(refused), None)),
            Ok(Pending::Ready(Change::Call(Call::Request(mut request)))) => {
                self.outside.try_out(&mut request, &marker(self.plan, self.step)).await;
                (Change::Call(Call::Request(request)), false)
            }
            Ok(Pending::Ready(Change::Call(Call::Apply(mut plan)))) => {
                self.outside.plan(&mut plan, self.kit).await;
                (Change::Call(Call::Apply(plan)), false)
            }
            Ok(Pending::Ready(change)) => (change, false),
            Ok(Pending::One(request)) => {
                let template = request.template();
                let change = match self.request(request).await? {
                    Operation::Patch(patch) => Change::Patch(patch),
                    Operation::Delete(deletion) => Change::Delete(deletion),
                    operation @ (Operation::Create(_) | Operation::Evict(_) | Operation::Record(_)) => Change::Sequence {
                        operations: vec![operation],
                    },
                };
                (change, template)
            }
            Ok(Pending::Several(requests)) => {
                let template = requests.iter().any(Templated::template);
                let mut operations = Vec::with_capacity(requests.len());
                for request in requests {
                    operations.push(self.request(request).await?);
                }
                (Change::Sequence { operations }, template)
            }
        };
        let mut context = match surrounded(&change) {
            Some(target) => self.fetched.context(self.cluster, &target, template).await?,
            None => None,
        };
        if !concerns.is_empty() {
            context.get_or_insert_default().concerns = concerns;
        }
        Ok((Ok(change), context))
    }

    async fn request(&self, request: PendingRequest) -> Result<Operation, Trouble> {
        Ok(match request {
            PendingRequest::Patch { edit, built, prior, wait } => {
                let subresource = edit.subresource.as_deref();
                let (dry_run, after) = patched(self.cluster, &edit.target, subresource, &built, &prior).await?;
                let undo = match &edit.irreversible {
                    Some(_) => json_patch::Patch(Vec::new()),
                    None => built.undo(after.as_ref().unwrap_or(&built.after), &undo_marker(self.plan, self.step)),
                };
                Operation::Patch(ObjectPatch {
                    target: edit.target,
                    subresource: edit.subresource,
                    owner: edit.owner,
                    patch: built.patch.clone(),
                    undo,
                    irreversible: edit.irreversible,
                    diff: built.diff.clone(),
                    dry_run,
                    wait,
                })
            }
            PendingRequest::Create {
                target,
                object,
                wait,
                irreversible,
            } => Operation::Create(Creation {
                dry_run: judge(self.cluster.create(&target, &object, true).await)?.0,
                target,
                object,
                wait,
                irreversible,
            }),
            PendingRequest::Delete {
                target,
                owner,
                restore,
                ended,
            } => Operation::Delete(Deletion {
                dry_run: judge(self.cluster.delete(&target, true).await)?.0,
                target,
                owner,
                restore,
                ended,
            }),
            PendingRequest::Record { from, into } => Operation::Record(self.record(&from, into).await?),
            PendingRequest::Evict { target, owner } => Operation::Evict(Eviction {
                dry_run: match self.cluster.evict(&target, true).await {
                    Ok(Evicted::Accepted(answer)) => judge(Ok(answer))?.0,
                    Ok(Evicted::Budget(message)) => DryRun::Accepted {
                        warnings: vec![format!("it will wait: {message}")],
                    },
                    Err(trouble) => judge(Err(trouble))?.0,
                },
                target,
                owner,
            }),
        })
    }
}

impl Finishing<'_> {
    /// The record without its content, which only the API server is shown.
    async fn record(&self, from: &Release, into: Rewrite) -> Result<ReleaseRecord, Trouble> {
        let written = from.rewritten(&into);
        let answer = match &into.new {
            Some(new) => {
                let secret = new_secret(&written, new.at, &marker(self.plan, self.step));
                self.cluster.create(&into.target, &secret, true).await
            }
            None => {
                let patch = status_patch(&written, None);
                self.cluster.patch(&into.target, None, &patch, true).await
            }
        };
        let (description, at) = into
            .new
            .clone()
            .map_or((String::new(), Timestamp::UNIX_EPOCH), |new| (new.description, new.at));
        Ok(ReleaseRecord {
            from: from.secret.clone(),
            from_digest: from.digest(),
            revision: into.revision,
            was: into.new.is_none().then(|| from.status().to_owned()),
            description,
            at,
            digest: written.digest(),
            dry_run: judge(answer)?.0,
            target: into.target,
            status: into.status,
        })
    }
}

/// Whether pods of a workload are replaced.
trait Templated {
    fn template(&self) -> bool;
}

impl Templated for PendingRequest {
    fn template(&self) -> bool {
        match self {
            Self::Patch { edit, .. } => edit.template,
            Self::Create { .. } | Self::Delete { .. } | Self::Evict { .. } | Self::Record { .. } => false,
        }
    }
}

/// The server's answer to all that comes before and then this, as one patch: its `test`s run in order.
async fn patched(
    cluster: &Cluster,
    target: &ObjectRef,
    subresource: Option<&str>,
    built: &Built,
    prior: &[json_patch::Patch],
) -> Result<(DryRun, Option<Value>), Trouble> {
    let operations = prior
        .iter()
        .flat_map(|patch| patch.0.iter())
        .chain(built.patch.0.iter())
        .cloned()
        .collect();
    judge(cluster.patch(target, subresource, &json_patch::Patch(operations), true).await)
}

fn judge(answer: Result<Answer, Trouble>) -> Result<(DryRun, Option<Value>), Trouble> {
    match answer {
        Ok(answer) => Ok((DryRun::Accepted { warnings: answer.warnings }, Some(answer.body))),
        Err(trouble @ Trouble::Transient { .. }) => Err(trouble),
        Err(trouble) => Ok((
            DryRun::Rejected {
                message: trouble.to_string(),
            },
            None,
        )),
    }
}

/// The object whose surroundings decide the risk: the workload if there is one.
fn surrounded(change: &Change) -> Option<ObjectRef> {
    match change {
        Change::Read { targets, .. } => targets.first().cloned(),
        Change::Exec(exec) => Some(exec.target.clone()),
        Change::Patch(_) | Change::Delete(_) | Change::Sequence { .. } => {
            let operations = change.operations();
            let owned = operations.iter().find_map(|operation| operation.owner());
            let exists = operations.iter().find(|operation| !matches!(operation, Operation::Create(_)));
            owned.or_else(|| exists.map(Operation::target)).cloned()
        }
        Change::Call(_) | Change::Notify(_) | Change::Carried { .. } => None,
    }
}
