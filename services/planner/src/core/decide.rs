//! What an incident needs from the planner now.

use paramedic_domain::{
    event::{Event, FailureCause, WorkflowOutcome},
    fault::FailureKind,
    id::PlanId,
    incident::Incident,
    plan::{Plan, Refusal},
};

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: there is no diagnosis, a plan exists, or the incident ended.
    Nothing,
    /// A plan with this number.
    Plan {
        /// [`Plan::attempt`].
        attempt: u32,
    },
    /// A person: the world changed under every plan so far.
    GiveUp {
        /// Number of the refusal, counted as a plan.
        attempt: u32,
    },
}

/// What is missing, seen from the folded state alone.
#[must_use]
pub fn need(incident: &Incident, max_plans: u32) -> Need {
    if incident.end.is_some() || incident.diagnosis.is_none() || incident.refusals.is_some() {
        return Need::Nothing;
    }
    let attempt = incident.plans + 1;
    match occasion(incident) {
        None => Need::Nothing,
        // a person's word is not counted against the planner's own tries
        Some(Occasion::Asked) => Need::Plan { attempt },
        Some(Occasion::First | Occasion::Drift) if incident.plans >= max_plans => Need::GiveUp { attempt },
        Some(Occasion::First | Occasion::Drift) => Need::Plan { attempt },
    }
}

/// Why there should be a plan.
enum Occasion {
    /// There is none.
    First,
    /// The objects are no longer as they were approved, and nothing of the plan is left.
    Drift,
    /// A person asked for another one, and the one before has ended.
    Asked,
}

fn occasion(incident: &Incident) -> Option<Occasion> {
    let Some(run) = &incident.run else {
        return Some(Occasion::First);
    };
    let (outcome, cause) = run.ended.as_ref()?;
    match (outcome, cause.as_ref()?) {
        (WorkflowOutcome::RolledBack, FailureCause::StepFailed { kind, .. }) => (*kind == FailureKind::Drift).then_some(Occasion::Drift),
        // an effect that could not be put back is a person's business before anything new begins
        (WorkflowOutcome::RolledBack | WorkflowOutcome::Cancelled | WorkflowOutcome::Failed, FailureCause::Superseded) => {
            incident.revision.as_ref().map(|_| Occasion::Asked)
        }
        (
            WorkflowOutcome::Succeeded
            | WorkflowOutcome::RolledBack
            | WorkflowOutcome::Failed
            | WorkflowOutcome::Stuck
            | WorkflowOutcome::Cancelled,
            FailureCause::StepFailed { .. }
            | FailureCause::Denied { .. }
            | FailureCause::Expired { .. }
            | FailureCause::Cancelled
            | FailureCause::Deadline
            | FailureCause::Superseded,
        ) => None,
    }
}

/// The id of the incident's plan with that number: replicas that plan at the same time arrive at the same one.
#[must_use]
pub fn plan_id(incident: &Incident, attempt: u32) -> PlanId {
    PlanId::derive(&[incident.cluster.as_str(), incident.id.as_str(), &attempt.to_string()])
}

/// The event that answers a need, if the incident still has it and the same diagnosis.
#[must_use]
pub fn answer(incident: &Incident, max_plans: u32, analysis: u32, outcome: &Result<Plan, Vec<Refusal>>) -> Vec<Event> {
    let attempt = match need(incident, max_plans) {
        Need::Nothing => return Vec::new(),
        Need::GiveUp { attempt } => return vec![gave_up(attempt, incident.plans)],
        Need::Plan { attempt } => attempt,
    };
    if incident.attempt != analysis {
        return Vec::new();
    }
    match outcome {
        Ok(plan) if plan.attempt == attempt => vec![Event::PlanProposed {
            plan: Box::new(plan.clone()),
        }],
        // made for a number that somebody else has used meanwhile: the redelivered event makes another
        Ok(_) => Vec::new(),
        Err(refusals) => vec![Event::PlanRefused {
            attempt,
            refusals: refusals.clone(),
        }],
    }
}

fn gave_up(attempt: u32, plans: u32) -> Event {
    Event::PlanRefused {
        attempt,
        refusals: vec![Refusal {
            step: None,
            reason: format!(
                "{plans} plans were made and the cluster was changed by somebody else under the last one: a person must find out who"
            ),
        }],
    }
}
