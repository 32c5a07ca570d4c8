//! What holds for every workflow here: limits, and the checks that a plan must still pass when its steps run.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use paramedic_domain::{
    approval::GateState,
    change::Change,
    incident::Incident,
    plan::{Plan, Step, gate_digest},
    policy::{Decision, Mode},
};
use paramedic_policy::{About, Asked, Policy, Question};

/// Limits and mode that apply to a workflow.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How much the operator lets run in this cluster.
    pub mode: Mode,
    /// What decides on steps.
    pub policy: Arc<Policy>,
    /// Steps of one workflow that may be with the workers at the same time.
    pub parallel_steps: usize,
    /// Forward attempts of one step, the first included.
    pub attempts: u32,
    /// Attempts to undo one step, the first included: more than forward, because the alternative is a person at night.
    pub undo_attempts: u32,
    /// Pause before the second attempt; doubled for each further one.
    pub retry_delay: Duration,
    /// How long people are asked what becomes of a failed workflow's effects.
    pub rollback_question: Duration,
}

impl Rules {
    /// How long people are asked what becomes of a failed workflow's effects.
    #[must_use]
    pub fn question(&self) -> SignedDuration {
        SignedDuration::try_from(self.rollback_question).unwrap_or(SignedDuration::MAX)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            mode: Mode::Standard,
            policy: Arc::new(Policy::shipped()),
            parallel_steps: 4,
            attempts: 3,
            undo_attempts: 5,
            retry_delay: Duration::from_secs(5),
            rollback_question: Duration::from_secs(30 * 60),
        }
    }
}

/// Why a step must not run, or that it has to wait for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clearance {
    /// Policy, gate and digest let it run.
    Clear,
    /// Its gate is not decided yet.
    Undecided,
    /// It must never run as it stands in this plan.
    Forbidden(String),
}

/// Checks policy, gate and digest of one step again: the plan is data that somebody else wrote.
#[must_use]
pub fn clearance(incident: &Incident, plan: &Plan, step: &Step, rules: &Rules, now: Timestamp) -> Clearance {
    match gate_clearance(incident, plan, step) {
        Clearance::Clear => policy_clearance(incident, plan, step, rules, now),
        other => other,
    }
}

/// Whether policy as it stands now still lets the step run: it may have become stricter since the plan was made, and a freeze may have begun.
fn policy_clearance(incident: &Incident, plan: &Plan, step: &Step, rules: &Rules, now: Timestamp) -> Clearance {
    if let Change::Carried { .. } = step.change {
        return Clearance::Clear;
    }
    let about = About::of(incident, plan.attempt);
    let verdict = rules.policy.decide(&Question {
        about: &about,
        step: Asked::of(step),
        mode: rules.mode,
        now,
    });
    match (verdict.decision, &step.gate) {
        (Decision::Auto { .. }, _) => Clearance::Clear,
        (Decision::Ask { terms, reason }, Some(gate)) => match plan.gate(gate).and_then(|gate| gate.terms.falls_short_of(&terms)) {
            Some(less) => Clearance::Forbidden(format!("step {}: {reason}; policy has changed since {gate} asked: {less}", step.id)),
            None => Clearance::Clear,
        },
        (Decision::Ask { reason, .. }, None) => Clearance::Forbidden(format!("step {} has no gate, but {reason}", step.id)),
        (Decision::Deny { reason }, _) => Clearance::Forbidden(format!("step {}: {reason}", step.id)),
    }
}

fn gate_clearance(incident: &Incident, plan: &Plan, step: &Step) -> Clearance {
    let Some(id) = &step.gate else { return Clearance::Clear };
    let Some(gate) = plan.gate(id) else {
        return Clearance::Forbidden(format!("step {} waits for {id}, which is not in the plan", step.id));
    };
    if !gate.steps.contains(&step.id) {
        return Clearance::Forbidden(format!("{id} does not list step {}: nobody was asked about it", step.id));
    }
    match incident.gates.get(id) {
        Some(GateState::Granted { approvals, .. }) => {
            let held: Vec<&Step> = gate.steps.iter().filter_map(|id| plan.step(id)).collect();
            if gate_digest(&plan.id, &held) != gate.digest {
                return Clearance::Forbidden(format!("the changes behind {id} are not the ones that were approved"));
            }
            if approvals.len() < gate.terms.quorum as usize {
                return Clearance::Forbidden(format!("{id} has {} of {} approvals", approvals.len(), gate.terms.quorum));
            }
            Clearance::Clear
        }
        Some(GateState::Planned | GateState::Waiting { .. }) => Clearance::Undecided,
        Some(GateState::Denied { .. }) => Clearance::Forbidden(format!("{id} was denied")),
        Some(GateState::Expired { .. }) => Clearance::Forbidden(format!("{id} expired")),
        None => Clearance::Forbidden(format!("{id} has no state")),
    }
}
