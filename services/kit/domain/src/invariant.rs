//! The numbered invariants, one predicate each over a log. Property tests, fault tests and production counters share them.

use crate::{
    approval::GateState,
    envelope::Recorded,
    event::{Direction, Event, WorkflowOutcome},
    incident::{Incident, Status},
    plan::gate_digest,
    verification::Verdict,
    workflow::StepState,
};

/// A broken invariant and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{id}: {detail} (sequence {seq})")]
pub struct Violation {
    /// `INV-..`.
    pub id: &'static str,
    /// Sequence of the event that broke it.
    pub seq: u64,
    /// What happened.
    pub detail: String,
}

/// Folds a log and checks every invariant that a log alone can show, before each event is applied.
#[must_use]
pub fn check_log(log: &[Recorded]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(first) = log.first() else { return violations };
    let mut incident = Incident::new(first.envelope.cluster.clone(), first.envelope.incident.clone());
    for recorded in log {
        check_event(&incident, recorded, &mut violations);
        if let Err(error) = incident.apply(recorded) {
            violations.push(Violation {
                id: "INV-03",
                seq: recorded.envelope.seq,
                detail: error.to_string(),
            });
            return violations;
        }
    }
    violations
}

/// The invariants that appending `next` to `before` would break.
#[must_use]
pub fn check_next(before: &Incident, next: &Recorded) -> Vec<Violation> {
    let mut violations = Vec::new();
    check_event(before, next, &mut violations);
    violations
}

fn check_event(before: &Incident, recorded: &Recorded, violations: &mut Vec<Violation>) {
    let seq = recorded.envelope.seq;
    let mut broken = |id, detail| violations.push(Violation { id, seq, detail });
    match &recorded.envelope.event {
        Event::StepStarted {
            step,
            direction: Direction::Forward,
            ..
        } => {
            if let Some(detail) = unapproved(before, step) {
                broken("INV-04", detail);
            }
            if let Some(detail) = started_too_early(before, step) {
                broken("INV-06", detail);
            }
            if let Some(state) = before.step_state(step).filter(|state| over(state)) {
                broken("INV-05", format!("step {step} started again although it is {state:?}"));
            }
        }
        Event::StepSucceeded { step, .. } => {
            if matches!(before.step_state(step), Some(StepState::Succeeded)) {
                broken("INV-05", format!("step {step} succeeded twice"));
            }
        }
        Event::StepUndone { step, .. } => {
            if let Some(detail) = undone_out_of_order(before, step) {
                broken("INV-08", detail);
            }
        }
        Event::WorkflowFinished { outcome, .. } => {
            if let Some(detail) = effects_left(before, *outcome) {
                broken("INV-08", detail);
            }
            if before.run.as_ref().is_some_and(crate::workflow::Run::busy) {
                broken("INV-11", "the workflow ended while a step was busy".into());
            }
        }
        Event::ApprovalGranted { decision, .. } if decided(before, &decision.gate) => {
            broken("INV-10", format!("{} was granted after it was decided", decision.gate));
        }
        Event::ApprovalDenied { decision, .. } if decided(before, &decision.gate) => {
            broken("INV-10", format!("{} was denied after it was decided", decision.gate));
        }
        Event::IncidentResolved { .. } if before.run.is_some() && !over_to_people(before) && !verified_with_newer_evidence(before) => {
            broken(
                "INV-12",
                "resolved after a change without a PASSED verification newer than it".into(),
            );
        }
        _ => {}
    }
}

/// INV-04: a step whose gate is not open, or whose change is not the one that was approved.
fn unapproved(before: &Incident, step: &crate::id::StepId) -> Option<String> {
    let plan = before.plan.as_ref()?;
    let step = plan.step(step)?;
    let named = step.gate.as_ref()?;
    let Some(gate) = plan.gate(named) else {
        return Some(format!("step {} waits for {named}, which its plan does not have", step.id));
    };
    if !gate.steps.contains(&step.id) {
        return Some(format!(
            "step {} waits for {named}, which does not list it: nobody was asked",
            step.id
        ));
    }
    let held: Vec<_> = gate.steps.iter().filter_map(|id| plan.step(id)).collect();
    if gate_digest(&plan.id, &held) != gate.digest {
        return Some(format!("step {} runs changes that are not the digest of {}", step.id, gate.id));
    }
    match before.gates.get(&gate.id) {
        Some(GateState::Granted { approvals, .. }) if approvals.len() >= gate.terms.quorum as usize => None,
        state => Some(format!("step {} started with {} in state {state:?}", step.id, gate.id)),
    }
}

/// INV-06: a dependency that is neither succeeded nor skipped.
fn started_too_early(before: &Incident, step: &crate::id::StepId) -> Option<String> {
    let (plan, run) = (before.plan.as_ref()?, before.run.as_ref()?);
    let missing = plan.step(step)?.depends_on.iter().find(|dependency| !run.satisfied(dependency))?;
    Some(format!("step {step} started before {missing} succeeded"))
}

/// INV-05: a step that no worker may begin (again).
fn over(state: &StepState) -> bool {
    match state {
        StepState::Succeeded | StepState::Skipped | StepState::Undoing { .. } | StepState::Undone | StepState::UndoFailed { .. } => true,
        StepState::Waiting | StepState::Running { .. } | StepState::Failed { .. } => false,
    }
}

/// INV-08: the undo of an effect that is not the latest one left.
fn undone_out_of_order(before: &Incident, step: &crate::id::StepId) -> Option<String> {
    let latest = before.run.as_ref()?.effects.last()?;
    (latest != step).then(|| format!("step {step} was undone before the later {latest}"))
}

/// INV-08: an end that claims more than the effects show.
fn effects_left(before: &Incident, outcome: WorkflowOutcome) -> Option<String> {
    let run = before.run.as_ref()?;
    let left = &run.effects;
    match outcome {
        WorkflowOutcome::Succeeded => run
            .steps
            .iter()
            .find(|(id, _)| !run.satisfied(id))
            .map(|(id, _)| format!("succeeded without step {id}")),
        WorkflowOutcome::RolledBack | WorkflowOutcome::Cancelled => {
            (!left.is_empty()).then(|| format!("ended as rolled back with effects left: {left:?}"))
        }
        WorkflowOutcome::Failed => left.is_empty().then(|| "ended failed with effects kept, but none is left".into()),
        WorkflowOutcome::Stuck => left.is_empty().then(|| "ended stuck with no effect left".into()),
    }
}

fn decided(before: &Incident, gate: &crate::id::GateId) -> bool {
    matches!(
        before.gates.get(gate),
        Some(GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. })
    )
}

/// People have it, and no change of ours is in the cluster: no remediation is called successful when it ends. (Another attempt follows
/// only what changed something.)
fn over_to_people(before: &Incident) -> bool {
    before.status() == Status::Escalated && before.attempt <= 1 && before.run.as_ref().is_none_or(|run| run.effects.is_empty())
}

/// INV-12.
fn verified_with_newer_evidence(before: &Incident) -> bool {
    let Some(verification) = &before.verification else { return false };
    let last_change = before
        .run
        .as_ref()
        .and_then(|run| run.effects.iter().filter_map(|id| run.steps.get(id)?.finished).max());
    verification.verdict == Verdict::Passed
        && !verification.measurements.is_empty()
        && verification
            .measurements
            .iter()
            .filter(|m| m.criterion.decisive)
            .all(|m| last_change.is_none_or(|change| m.evidence.observed_at >= change))
}
