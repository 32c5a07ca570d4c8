//! Recommendations in, a workflow plan out: typed steps in a DAG, with gates and exact changes.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    change::Change,
    digest::Digest,
    id::{GateId, PlanId, StepId},
    risk::{Context, Risk, RiskLevel},
    terms::Terms,
    verification::Criterion,
};

/// One recommended action, from any engine; the JSON form is `camelCase`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// Unique within the set.
    pub id: StepId,
    /// Name of an action in the executor's catalogue.
    pub action: String,
    /// What it does, for people.
    #[serde(default)]
    pub description: String,
    /// 0 to 1.
    #[serde(default = "one")]
    pub confidence: f64,
    /// Arguments; checked against the action's JSON Schema.
    #[serde(default)]
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// Ids that must succeed first.
    #[serde(default)]
    pub dependencies: Vec<StepId>,
    /// Why.
    #[serde(default)]
    pub rationale: String,
    /// The engine's own opinion of the risk; shown, never trusted.
    #[serde(default)]
    pub risk: Option<RiskLevel>,
    /// The engine's wish; `true` is honoured.
    #[serde(default)]
    pub requires_approval: Option<bool>,
}

fn one() -> f64 {
    1.0
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The recommendation's id.
    pub id: StepId,
    /// Action name.
    pub action: String,
    /// What it does, for people.
    pub description: String,
    /// Why.
    pub rationale: String,
    /// Arguments as checked.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// Steps that must succeed first.
    pub depends_on: Vec<StepId>,
    /// The exact change.
    pub change: Change,
    /// Graded by us.
    pub risk: Risk,
    /// What is known of the surroundings of its change; `None`: it was planned before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// Why it runs by itself, or why it asks.
    pub policy: String,
    /// The gate it waits for.
    pub gate: Option<GateId>,
    /// Longest time one attempt may take.
    pub timeout: Duration,
    /// How long its effect may stay; `None`: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Lasts>,
    /// How long it usually takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
}

/// When an effect that must not stay is put back, whatever becomes of the workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "until")]
pub enum Lasts {
    /// When the workflow has ended.
    Workflow,
    /// When the incident's verification has passed, or the incident has ended.
    Verified,
    /// This long after the step succeeded.
    For {
        /// How long.
        duration: Duration,
    },
}

/// How long something takes, by experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Median.
    pub typical: Duration,
    /// Runs it was measured on; 0: the catalogue's guess.
    pub samples: u32,
}

/// A question to people about one or more steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Id.
    pub id: GateId,
    /// The steps it holds.
    pub steps: Vec<StepId>,
    /// Digest of the exact changes of those steps: what is approved.
    pub digest: Digest,
    /// Greatest risk among its steps.
    pub risk: RiskLevel,
    /// Why it asks.
    pub reason: String,
    /// How people are asked.
    #[serde(flatten)]
    pub terms: Terms,
}

/// What happens after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollback {
    /// Effects are undone in reverse order.
    Automatic,
    /// A person says whether effects are undone or stay; nobody's word in time means that they stay.
    Ask,
    /// Effects stay; a person is told.
    None,
}

/// A complete plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Id.
    pub id: PlanId,
    /// 1 for the first plan of the incident.
    pub attempt: u32,
    /// One sentence.
    pub summary: String,
    /// Steps in an order that respects the dependencies.
    pub steps: Vec<Step>,
    /// Questions.
    pub gates: Vec<Gate>,
    /// Ids of steps that can run at the same time, level by level.
    pub levels: Vec<Vec<StepId>>,
    /// The longest chain.
    pub critical_path: Vec<StepId>,
    /// Upper bound of the running time without waiting for people: timeouts along the critical path.
    pub longest: Duration,
    /// After a failure.
    pub rollback: Rollback,
    /// How success will be measured.
    pub criteria: Vec<Criterion>,
    /// Digest of the policy that decided on its steps; `None`: it was made before policies had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// What the planner wants people to know: merged rollouts, owners, doubts.
    pub notes: Vec<String>,
    /// How long the workflow may take from its proposal to its last forward step, the waiting for people included;
    /// undoing may take longer. `None`: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// Usual running time along the critical path, without waiting for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Every way out that was considered, best first; this plan is the one at [`Plan::chosen`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PlanOption>,
    /// Index into `options`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chosen: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What an option does about the problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approach {
    /// Removes the cause.
    Fix,
    /// Removes the cause another way.
    Alternative,
    /// Eases the symptom; the cause stays.
    Mitigation,
}

/// One way out of an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanOption {
    /// What it does about the problem.
    pub approach: Approach,
    /// Headline.
    pub title: String,
    /// What it costs and what it does not solve, in one line.
    pub tradeoff: String,
    /// Its steps, as recommended.
    pub recommendations: Vec<Recommendation>,
    /// Why it cannot be planned as things stand; empty when it can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// What happens after a failure of it; `None`: what the planner is configured to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
}

/// Parameters that a person wants other than recommended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEdit {
    /// Which step.
    pub step: StepId,
    /// Every parameter of the step as it shall be.
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

/// One reason why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The recommendation it is about, if one.
    pub step: Option<String>,
    /// A sentence with the offending name or path in it.
    pub reason: String,
}

impl Plan {
    /// The step of that id.
    #[must_use]
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == *id)
    }

    /// The gate of that id.
    #[must_use]
    pub fn gate(&self, id: &GateId) -> Option<&Gate> {
        self.gates.iter().find(|gate| gate.id == *id)
    }
}

/// What an approval of these steps binds to: ids, actions and exact changes, nothing that is only for people.
#[must_use]
pub fn gate_digest(plan: &PlanId, steps: &[&Step]) -> Digest {
    let bound: BTreeMap<&str, (&str, &Change)> = steps
        .iter()
        .map(|step| (step.id.as_str(), (step.action.as_str(), &step.change)))
        .collect();
    Digest::of_json(&(plan, bound))
}
