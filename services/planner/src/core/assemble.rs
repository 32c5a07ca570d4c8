//! Prepared steps become a plan: graded, decided by policy, gated, timed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use paramedic_domain::{
    change::Change,
    diagnosis::Category,
    id::{GateId, IncidentId, PlanId, StepId},
    object::ObjectRef,
    plan::{Gate, Plan, Recommendation, Refusal, Rollback, Step, gate_digest},
    policy::{Decision, Mode},
    risk::{self, Risk, RiskLevel},
    verification::Criterion,
};
use paramedic_policy::{About, Asked, Policy, Question, Verdict};

use super::{
    catalogue::Catalogue,
    deadline::deadline,
    experience::{self, Experience},
    gates::{self, Ask},
    outline::{Outline, Prepared},
    rules::Rules,
};

/// What a plan is made for.
#[derive(Debug, Clone)]
pub struct Brief {
    /// Id of the plan to be.
    pub plan: PlanId,
    /// 1 for the incident's first plan.
    pub attempt: u32,
    /// The incident as policy sees it.
    pub about: About,
    /// What decides on the steps.
    pub policy: Arc<Policy>,
    /// Mode of the cluster.
    pub mode: Mode,
    /// The recommendations, as given.
    pub recommendations: Vec<Recommendation>,
    /// How success will be measured.
    pub criteria: Vec<Criterion>,
    /// After a failure.
    pub rollback: Rollback,
    /// What the operator allows.
    pub rules: Rules,
    /// The incident behind it; `None` in a preview.
    pub cause: Option<Cause>,
    /// The present.
    pub now: Timestamp,
}

/// The incident that a plan is made for.
#[derive(Debug, Clone)]
pub struct Cause {
    /// Its id.
    pub incident: IncidentId,
    /// What is wrong.
    pub category: Category,
    /// What is at fault.
    pub target: ObjectRef,
    /// A person chose these steps: the past is shown to them and does not forbid them.
    pub by_person: bool,
}

/// What a plan is built from.
pub struct Parts<'a> {
    /// Order and merges.
    pub outline: &'a Outline,
    /// Exact changes.
    pub prepared: &'a BTreeMap<StepId, Prepared>,
    /// Names of actions.
    pub catalogue: &'a Catalogue,
    /// What was measured before.
    pub experience: &'a Experience,
}

/// Builds the plan from steps that are all prepared.
///
/// # Errors
/// What policy denies or the API server refused, by step.
pub fn assemble(brief: &Brief, parts: &Parts<'_>, mut notes: Vec<String>) -> Result<Plan, Vec<Refusal>> {
    let Parts { outline, prepared, .. } = *parts;
    let mut steps = Vec::new();
    let mut asks = BTreeMap::new();
    let mut refusals = Vec::new();
    for id in outline.graph.order() {
        let recommendation = brief.recommendations.iter().find(|r| r.id == id);
        let (Some(recommendation), Some(prepared)) = (recommendation, prepared.get(&id)) else {
            refusals.push(refusal(&id, "the executor did not say what this step would change".into()));
            continue;
        };
        if let Some(message) = prepared.change.rejected() {
            // nobody need be asked about something that cannot work
            refusals.push(refusal(&id, message.to_owned()));
            continue;
        }
        let wishes = Wishes::of(brief, outline, recommendation);
        let risk = wishes.grade(prepared, risk::assess(&prepared.change, &prepared.context));
        if wishes.waived && prepared.mutates && risk.level >= RiskLevel::High {
            notes.push(format!(
                "{id} asks although the recommendation says that it need not: high risk always asks, whatever the confidence"
            ));
        }
        let Verdict { decision, rule } = decide(brief, &wishes, recommendation, prepared, &risk);
        let policy = match decision {
            Decision::Auto { reason } => reason,
            Decision::Ask { reason, terms } => {
                let reason_shown = reason.clone();
                asks.insert(id.clone(), Ask { reason, terms });
                reason_shown
            }
            Decision::Deny { reason } => {
                refusals.push(refusal(
                    &id,
                    format!(
                        "policy denies it: {reason} (rule {rule} of policy {})",
                        brief.policy.digest().short()
                    ),
                ));
                continue;
            }
        };
        steps.push(Step {
            depends_on: outline.graph.dependencies(&id),
            id,
            action: parts.catalogue.canonical(&recommendation.action).to_owned(),
            description: recommendation.description.clone(),
            rationale: recommendation.rationale.clone(),
            parameters: recommendation.parameters.clone(),
            change: prepared.change.clone(),
            risk,
            context: Some(prepared.context.clone()),
            policy,
            gate: None,
            timeout: prepared.timeout,
            lasts: prepared.lasts,
            estimate: parts
                .experience
                .estimate(parts.catalogue.canonical(&recommendation.action), prepared),
        });
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let gates = questions(brief, outline, &mut steps, &asks);
    notes.splice(0..0, outline.notes.iter().cloned());
    notes.extend(gate_notes(outline, &gates));
    Ok(finish(brief, outline, steps, gates, notes))
}

/// What the recommendations behind one request to the cluster say about asking and risk.
struct Wishes {
    approval: Option<bool>,
    waived: bool,
    risk: Option<RiskLevel>,
}

impl Wishes {
    /// Those of the step and of every step whose change rides in its patch.
    fn of(brief: &Brief, outline: &Outline, recommendation: &Recommendation) -> Self {
        let group = outline.groups.iter().find(|group| group.carrier == recommendation.id);
        let behind: Vec<&Recommendation> = brief
            .recommendations
            .iter()
            .filter(|r| r.id == recommendation.id || group.is_some_and(|group| group.carried.contains(&r.id)))
            .collect();
        let wished = behind.iter().any(|r| r.requires_approval == Some(true));
        Self {
            approval: if wished { Some(true) } else { recommendation.requires_approval },
            waived: behind.iter().any(|r| r.requires_approval == Some(false)),
            risk: behind.iter().filter_map(|r| r.risk).max(),
        }
    }

    /// Our own grade, raised where the recommendation itself says high or critical: a claim may make a plan more careful, never less.
    fn grade(&self, prepared: &Prepared, mut risk: Risk) -> Risk {
        if let Some(claimed) = self.risk
            && prepared.mutates
            && claimed >= RiskLevel::High
            && claimed > risk.level
        {
            risk.level = claimed;
            risk.reasons
                .insert(0, "the recommendation itself grades it higher than we would".into());
        }
        risk
    }
}

/// The policy's answer. What a carried step wishes is asked by its carrier, whose patch holds the change.
fn decide(brief: &Brief, wishes: &Wishes, recommendation: &Recommendation, prepared: &Prepared, risk: &Risk) -> Verdict {
    if let Change::Carried { by, .. } = &prepared.change {
        return Verdict {
            decision: Decision::Auto {
                reason: format!("its change is in the patch of {by} and is decided there"),
            },
            rule: "carried".into(),
        };
    }
    brief.policy.decide(&Question {
        about: &brief.about,
        step: Asked {
            id: &recommendation.id,
            action: &recommendation.action,
            parameters: &recommendation.parameters,
            requires_approval: wishes.approval == Some(true),
            read_only: prepared.read_only && prepared.change.read_only(),
            mutates: prepared.mutates || prepared.change.mutates(),
            change: &prepared.change,
            risk,
            context: &prepared.context,
        },
        mode: brief.mode,
        now: brief.now,
    })
}

fn questions(brief: &Brief, outline: &Outline, steps: &mut [Step], asks: &BTreeMap<StepId, Ask>) -> Vec<Gate> {
    let mut gates = Vec::new();
    for question in gates::place(&outline.graph, &outline.groups, asks) {
        let Some(first) = question.steps.first() else { continue };
        let id = GateId::derive(&[brief.plan.as_str(), first.as_str()]);
        for step in steps.iter_mut().filter(|step| question.steps.contains(&step.id)) {
            step.gate = Some(id.clone());
        }
        let held: Vec<&Step> = steps.iter().filter(|step| question.steps.contains(&step.id)).collect();
        gates.push(Gate {
            id,
            digest: gate_digest(&brief.plan, &held),
            risk: held.iter().map(|step| step.risk.level).max().unwrap_or(RiskLevel::Critical),
            steps: question.steps,
            reason: question.reasons.join("; "),
            terms: question.terms,
        });
    }
    gates
}

fn gate_notes(outline: &Outline, gates: &[Gate]) -> Vec<String> {
    let carriers = outline.groups.iter().filter_map(|group| {
        let gate = gates.iter().find(|gate| gate.steps.contains(&group.carrier))?;
        Some(format!(
            "{} asks before {}: that is the first change of the pod template, so it is what restarts the pods; a later gate \
             would protect nothing",
            gate.id, group.carrier
        ))
    });
    let shared = gates.iter().filter_map(|gate| {
        let joined: Vec<&str> = gate
            .steps
            .iter()
            .filter(|id| !outline.groups.iter().any(|group| group.carried.contains(id)))
            .skip(1)
            .map(StepId::as_str)
            .collect();
        (!joined.is_empty()).then(|| {
            format!(
                "{} also decides {}: it comes after a step of the same question and its exact change is already known, so it is asked once",
                gate.id,
                joined.join(", ")
            )
        })
    });
    carriers.chain(shared).collect()
}

fn finish(brief: &Brief, outline: &Outline, steps: Vec<Step>, gates: Vec<Gate>, notes: Vec<String>) -> Plan {
    let timeouts: BTreeMap<&StepId, Duration> = steps.iter().map(|step| (&step.id, step.timeout)).collect();
    let (critical_path, longest) = outline.graph.critical_path(|id| timeouts.get(id).copied().unwrap_or_default());
    let levels = outline.graph.levels();
    let estimates = steps.iter().map(|step| (step.id.clone(), step.estimate)).collect();
    let estimate = experience::whole(&outline.graph, &estimates);
    let deadline = Some(deadline(&outline.graph, &steps, &gates, &brief.rules));
    let changes = steps.iter().filter(|step| step.change.mutates()).count();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    Plan {
        id: brief.plan.clone(),
        attempt: brief.attempt,
        summary: format!(
            "{} in {}, {} of the cluster, {}",
            count(steps.len(), "step"),
            count(levels.len(), "level"),
            count(changes, "change"),
            if gates.is_empty() {
                "no approval needed".to_owned()
            } else {
                count(gates.len(), "approval")
            }
        ),
        steps,
        gates,
        levels,
        critical_path,
        longest,
        rollback: brief.rollback,
        criteria: brief.criteria.clone(),
        notes,
        deadline,
        estimate,
        options: Vec::new(),
        chosen: 0,
        policy: Some(brief.policy.digest()),
    }
}

fn refusal(id: &StepId, reason: String) -> Refusal {
    Refusal {
        step: Some(id.to_string()),
        reason,
    }
}
