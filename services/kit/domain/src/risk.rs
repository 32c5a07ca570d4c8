//! Risk from the parsed change and its context, never from a name alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    change::{Call, Change, Deletion, ObjectPatch, Operation},
    object::ObjectRef,
};

/// Five levels; unknown counts as critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the words are the definition")]
pub enum RiskLevel {
    None,
    Low,
    Medium,
    High,
    Critical,
}

/// A level and the sentences that explain it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// The level.
    pub level: RiskLevel,
    /// Why, greatest reason first.
    pub reasons: Vec<String>,
}

/// What is known about the surroundings of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Desired replicas of the workload that is touched.
    pub replicas: Option<u32>,
    /// `environment` label of object or namespace is `production` (or unknown, which counts the same).
    pub production: bool,
    /// The patch touches a pod template: every pod is replaced.
    pub template_change: bool,
    /// Pods that a PodDisruptionBudget lets go right now; `None`: no budget.
    pub disruptions_allowed: Option<u32>,
    /// Name of the GitOps tool that owns the object and will fight a direct change.
    pub gitops_owner: Option<String>,
    /// What that tool deploys the object from, where the object says so: an Argo CD `Application`, a Flux `Kustomization` or
    /// `HelmRelease`, a Helm `Release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitops_source: Option<ObjectRef>,
    /// What the action itself knows against it, each with the level it deserves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub concerns: Vec<Concern>,
    /// Labels of the object, and those of its namespace that it does not have itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A reason against a change and the level of risk it deserves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concern {
    /// The level.
    pub level: RiskLevel,
    /// A sentence.
    pub text: String,
}

/// Grades a change. A dry run that was refused makes it critical: nobody knows what it would do.
#[must_use]
pub fn assess(change: &Change, context: &Context) -> Risk {
    let mut reasons: Vec<(RiskLevel, String)> = Vec::new();
    match change {
        Change::Read { .. } => reasons.push((RiskLevel::None, "only reads".into())),
        Change::Notify(_) => reasons.push((RiskLevel::None, "only tells people".into())),
        Change::Carried { by, .. } => reasons.push((
            RiskLevel::None,
            format!("its change is part of step {by}; this step only checks it"),
        )),
        Change::Exec(exec) => reasons.push((
            RiskLevel::Low,
            format!(
                "runs {:?} in a container of {} to copy data out",
                exec.argv.first().map_or("", String::as_str),
                exec.target
            ),
        )),
        Change::Patch(patch) => patched(patch, context, &mut reasons),
        Change::Delete(deletion) => deleted(deletion, &mut reasons),
        Change::Sequence { operations } => {
            for operation in operations {
                match operation {
                    Operation::Patch(patch) => patched(patch, context, &mut reasons),
                    Operation::Delete(deletion) => deleted(deletion, &mut reasons),
                    Operation::Create(creation) => reasons.push((RiskLevel::Low, format!("creates {}", creation.target))),
                    Operation::Record(record) => reasons.push((
                        RiskLevel::Low,
                        format!("records revision {} of the Helm release as {}", record.revision, record.status),
                    )),
                    Operation::Evict(eviction) => reasons.push(match &eviction.owner {
                        Some(owner) => (RiskLevel::Medium, format!("evicts {}: {owner} replaces it", eviction.target)),
                        None => (
                            RiskLevel::Critical,
                            format!("evicts {}: nothing would bring it back", eviction.target),
                        ),
                    }),
                }
            }
            let disrupts = |operation: &Operation| {
                let ended = matches!(operation, Operation::Delete(deletion) if deletion.ended.is_some());
                operation.target().kind == "Pod" && !ended
            };
            if context.disruptions_allowed == Some(0) && operations.iter().any(disrupts) {
                reasons.push((RiskLevel::High, "a PodDisruptionBudget allows no disruption now".into()));
            }
        }
        Change::Call(call) => reasons.push(called(call)),
    }
    if let Some(message) = change.rejected() {
        reasons.push((RiskLevel::Critical, format!("the dry run was refused: {message}")));
    }
    if change.mutates() {
        let records = |operation: &Operation| matches!(operation, Operation::Record(_));
        // A release that is rolled back as Helm does it is what Helm has from then on.
        let by_helm = matches!(change, Change::Sequence { operations } if operations.iter().any(records));
        if let Some(owner) = context.gitops_owner.as_ref().filter(|owner| !(by_helm && *owner == "Helm")) {
            reasons.push((RiskLevel::High, format!("{owner} owns the object and will put the old state back")));
        }
        reasons.extend(context.concerns.iter().map(|concern| (concern.level, concern.text.clone())));
        if context.production {
            reasons.push((RiskLevel::Low, "in production".into()));
        }
    }
    reasons.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    Risk {
        level: reasons.first().map_or(RiskLevel::Critical, |(level, _)| *level),
        reasons: reasons.into_iter().map(|(_, text)| text).collect(),
    }
}

fn patched(patch: &ObjectPatch, context: &Context, reasons: &mut Vec<(RiskLevel, String)>) {
    if context.template_change {
        let replicas = context.replicas.map_or_else(|| "all".to_owned(), |n| n.to_string());
        reasons.push((
            RiskLevel::Medium,
            format!("changes the pod template of {}: {replicas} pods are replaced", patch.target),
        ));
        if context.replicas == Some(1) {
            reasons.push((RiskLevel::High, "a single replica: the restart is an interruption".into()));
        }
        if context.disruptions_allowed == Some(0) {
            reasons.push((RiskLevel::High, "its PodDisruptionBudget allows no disruption now".into()));
        }
    } else {
        reasons.push((RiskLevel::Low, format!("changes {} without replacing pods", patch.target)));
    }
    if let Some(why) = &patch.irreversible {
        reasons.push((RiskLevel::Medium, format!("cannot be undone: {why}")));
    }
}

fn deleted(deletion: &Deletion, reasons: &mut Vec<(RiskLevel, String)>) {
    if let Some(why) = &deletion.ended {
        reasons.push((RiskLevel::Low, format!("deletes {}: {why}", deletion.target)));
        return;
    }
    reasons.push(match (&deletion.owner, &deletion.restore) {
        (Some(_), _) => (
            RiskLevel::Medium,
            format!("deletes {}: its controller replaces it", deletion.target),
        ),
        (None, Some(_)) => (
            RiskLevel::High,
            format!("deletes {}: it is kept in the plan and can be created again", deletion.target),
        ),
        (None, None) => (
            RiskLevel::Critical,
            format!("deletes {}: nothing would bring it back", deletion.target),
        ),
    });
}

fn called(call: &Call) -> (RiskLevel, String) {
    match call {
        Call::Silence(silence) => (
            RiskLevel::Low,
            format!(
                "silences {} set(s) of labels for at most {} s",
                silence.matchers.len(),
                silence.lasts.as_secs()
            ),
        ),
        Call::Ticket(ticket) => (RiskLevel::None, format!("files a ticket in {} {}", ticket.tracker, ticket.project)),
        Call::Commit(commit) => (
            RiskLevel::Low,
            format!(
                "pushes branch {} of {} for review; {} stays as it is",
                commit.branch, commit.repository, commit.base
            ),
        ),
        // What it does is known to its operator alone, who registers a risk with it; that comes in as a concern.
        Call::Request(request) => match &request.irreversible {
            Some(why) => (RiskLevel::High, format!("calls {}, which cannot be undone: {why}", request.action)),
            None => (RiskLevel::Low, format!("calls {}", request.action)),
        },
        Call::Apply(plan) => {
            let destroys = plan.changes.iter().any(|change| change.effect.destroys());
            let level = if destroys { RiskLevel::Critical } else { RiskLevel::High };
            (
                level,
                format!("applies a plan of module {}, which nothing undoes: {}", plan.module, plan.summary()),
            )
        }
    }
}
