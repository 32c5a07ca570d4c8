//! What holds for every workflow here: limits, and the checks that a plan must still pass when its steps run.

use std::time::Duration;

use jiff::SignedDuration;
use paramedic_domain::{
    approval::GateState,
    incident::Incident,
    plan::{Plan, Step, gate_digest},
    policy::{self, Decision, Mode, Question},
};

/// Limits and mode that apply to a workflow.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How much the operator lets run in this cluster.
    pub mode: Mode,
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
pub fn clearance(incident: &Incident, plan: &Plan, step: &Step, mode: Mode) -> Clearance {
    match gate_clearance(incident, plan, step) {
        Clearance::Clear => policy_clearance(incident, step, mode),
        other => other,
    }
}

/// Whether the plan was proposed under a policy that still lets the step run. Whether the target is production is not in
/// the plan, so only what holds everywhere is asked again: the strictest rules were applied when the gates were set.
fn policy_clearance(incident: &Incident, step: &Step, mode: Mode) -> Clearance {
    let question = Question {
        mode,
        risk: step.risk.level,
        read_only: step.change.read_only(),
        mutates: step.change.mutates(),
        confidence: incident.diagnosis.as_ref().map_or(0.0, |diagnosis| diagnosis.confidence),
        requires_approval: None,
        production: false,
    };
    match policy::decide(&question) {
        Decision::Auto { .. } => Clearance::Clear,
        Decision::Ask { .. } if step.gate.is_some() => Clearance::Clear,
        Decision::Ask { reason, .. } => Clearance::Forbidden(format!("step {} has no gate, but {reason}", step.id)),
        Decision::Deny { reason } => Clearance::Forbidden(format!("step {}: {reason}", step.id)),
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
            if approvals.len() < gate.quorum as usize {
                return Clearance::Forbidden(format!("{id} has {} of {} approvals", approvals.len(), gate.quorum));
            }
            Clearance::Clear
        }
        Some(GateState::Planned | GateState::Waiting { .. }) => Clearance::Undecided,
        Some(GateState::Denied { .. }) => Clearance::Forbidden(format!("{id} was denied")),
        Some(GateState::Expired { .. }) => Clearance::Forbidden(format!("{id} expired")),
        None => Clearance::Forbidden(format!("{id} has no state")),
    }
}
