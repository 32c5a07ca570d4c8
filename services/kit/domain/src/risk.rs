//! Risk from the parsed change and its context, never from a name alone.

use serde::{Deserialize, Serialize};

use crate::change::Change;

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
        Change::Patch(patch) => {
            if let crate::change::DryRun::Rejected { message } = &patch.dry_run {
                reasons.push((RiskLevel::Critical, format!("the API server refused the dry run: {message}")));
            }
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
        }
        Change::Delete(deletion) => {
            let level = if deletion.owner.is_some() {
                RiskLevel::Medium
            } else {
                RiskLevel::Critical
            };
            let what = if deletion.owner.is_some() {
                "its controller replaces it"
            } else {
                "nothing would bring it back"
            };
            reasons.push((level, format!("deletes {}: {what}", deletion.target)));
            if let crate::change::DryRun::Rejected { message } = &deletion.dry_run {
                reasons.push((RiskLevel::Critical, format!("the API server refused the dry run: {message}")));
            }
        }
    }
    if change.mutates() {
        if let Some(owner) = &context.gitops_owner {
            reasons.push((RiskLevel::High, format!("{owner} owns the object and will put the old state back")));
        }
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
