//! What an incident needs from analysis now, seen from the folded state alone.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    alert::AlertStatus,
    diagnosis::Diagnosis,
    event::{Event, FailureCause, WorkflowOutcome},
    evidence::Evidence,
    fault::FailureKind,
    id::{PlanId, StepId},
    incident::{Incident, Status},
    verification::{Verdict, Verification},
    workflow::StepState,
};

use super::{
    settle::Settle,
    verify::{Done, closing},
};

/// What a new incident needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing: it is investigated already, or ended.
    Nothing,
    /// To wait for more alerts.
    Wait(Duration),
    /// An investigation.
    Start,
    /// An end: its alerts resolved while it settled.
    ResolvedByItself,
    /// An end: its alerts resolved after people had been told, and nothing of ours is in the cluster.
    ResolvedByPeople,
}

// Open => Analysing | Resolved
// Escalated => Resolved
/// What an incident needs before its first investigation, and when its alerts resolve while people have it.
#[must_use]
pub fn opening(incident: &Incident, now: Timestamp, settle: Settle) -> Opening {
    let resolved = !incident.alerts.is_empty() && incident.alerts.values().all(|alert| alert.status == AlertStatus::Resolved);
    // another attempt follows only what changed something
    if resolved && incident.status() == Status::Escalated && incident.attempt <= 1 && !changed(incident) {
        return Opening::ResolvedByPeople;
    }
    if incident.opened_at.is_none() || incident.end.is_some() || incident.attempt > 0 {
        return Opening::Nothing;
    }
    // Who asks for a change has said all there is to say.
    if incident.request.is_some() {
        return Opening::Start;
    }
    let left = settle.left(incident, now);
    if left > Duration::ZERO {
        return Opening::Wait(left);
    }
    if resolved { Opening::ResolvedByItself } else { Opening::Start }
}

/// The events of [`opening`].
#[must_use]
pub fn open(incident: &Incident, now: Timestamp, settle: Settle) -> Vec<Event> {
    match opening(incident, now, settle) {
        Opening::Nothing | Opening::Wait(_) => Vec::new(),
        Opening::Start => vec![Event::AnalysisStarted { attempt: 1 }],
        Opening::ResolvedByItself => vec![Event::IncidentResolved {
            reason: "every alert resolved by itself before the investigation began".into(),
        }],
        Opening::ResolvedByPeople => vec![Event::IncidentResolved {
            reason: "every alert resolved after people were told; Paramedic had changed nothing".into(),
        }],
    }
}

/// Whether the current attempt lacks its conclusion, or the escalation that follows an inconclusive one.
#[must_use]
pub fn investigating(incident: &Incident) -> bool {
    incident.end.is_none() && incident.attempt > 0 && incident.diagnosis.is_none() && incident.plan.is_none()
}

/// Whether to look again rather than to say that nothing was found: alerts joined since `looked_at` of them were looked at, and may tell.
#[must_use]
pub fn outgrown(incident: &Incident, looked_at: usize, conclusion: &Conclusion) -> bool {
    joined(incident, looked_at) && matches!(conclusion, Conclusion::Inconclusive { .. })
}

/// Whether alerts joined since `looked_at` of them were looked at: what is to be done may be about them, too.
#[must_use]
pub fn joined(incident: &Incident, looked_at: usize) -> bool {
    investigating(incident) && incident.inconclusive.is_none() && incident.alerts.len() > looked_at
}

/// What an investigation came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Conclusion {
    /// A cause.
    Found(Box<Diagnosis>),
    /// None.
    Inconclusive {
        /// What was looked at, and why it does not suffice.
        reasons: Vec<String>,
        /// What was seen.
        evidence: Vec<Evidence>,
    },
}

// Analysing => Planning | Escalated
/// The events of a conclusion of `attempt` that are missing.
#[must_use]
pub fn conclude(incident: &Incident, attempt: u32, conclusion: &Conclusion) -> Vec<Event> {
    if !investigating(incident) || incident.attempt != attempt {
        return Vec::new();
    }
    match (&incident.inconclusive, conclusion) {
        (Some(reasons), _) => vec![escalation(incident, reasons)],
        (None, Conclusion::Found(diagnosis)) => vec![Event::DiagnosisReached {
            attempt,
            diagnosis: diagnosis.clone(),
        }],
        (None, Conclusion::Inconclusive { reasons, evidence }) => vec![
            Event::AnalysisInconclusive {
                attempt,
                reasons: reasons.clone(),
                evidence: evidence.clone(),
            },
            escalation(incident, reasons),
        ],
    }
}

fn escalation(incident: &Incident, reasons: &[String]) -> Event {
    let what = match incident.request {
        Some(_) => "the request cannot be carried out",
        None => "no cause was found that can be trusted",
    };
    Event::IncidentEscalated {
        reason: format!("{what}: {}", reasons.join("; ")),
    }
}

/// What follows from the end of a workflow or the refusal of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Nothing, or somebody else's turn.
    Nothing,
    /// Measurements, once the window has passed.
    Verify {
        /// The plan that ran.
        plan: PlanId,
        /// When its first change was done: restarts since then count against it.
        since: Timestamp,
        /// When its last change was done, and when it ended.
        done: Done,
    },
    /// The verdict is stored; what follows from it is missing.
    Close,
    /// A person.
    Escalate(String),
}

/// What an incident needs after its workflow ended or no plan was made.
#[must_use]
pub fn next(incident: &Incident) -> Next {
    if incident.end.is_some() {
        return Next::Nothing;
    }
    if let Some(refusals) = &incident.refusals {
        let reasons: Vec<String> = refusals
            .iter()
            .map(|refusal| {
                refusal
                    .step
                    .as_ref()
                    .map_or_else(|| refusal.reason.clone(), |step| format!("{step}: {}", refusal.reason))
            })
            .collect();
        return Next::Escalate(format!("no plan could be made: {}", reasons.join("; ")));
    }
    let (Some(plan), Some(run)) = (&incident.plan, &incident.run) else {
        return Next::Nothing;
    };
    let (Some((outcome, cause)), Some(ended_at)) = (&run.ended, run.ended_at) else {
        return Next::Nothing;
    };
    let changes = || run.effects.iter().filter_map(|id| run.steps.get(id)?.finished);
    match outcome {
        WorkflowOutcome::Succeeded if incident.verification.is_some() => Next::Close,
        WorkflowOutcome::Succeeded => Next::Verify {
            plan: plan.id.clone(),
            since: changes().min().unwrap_or(ended_at),
            done: Done {
                changed_at: changes().max(),
                ended_at,
            },
        },
        // the planner makes the plan that a person asked for; a closed incident needs nothing (asked above)
        WorkflowOutcome::Cancelled if incident.revision.is_some() => Next::Nothing,
        WorkflowOutcome::Cancelled => Next::Escalate(why(incident, cause.as_ref())),
        WorkflowOutcome::Failed => Next::Escalate(format!("its changes stay: {}", why(incident, cause.as_ref()))),
        WorkflowOutcome::Stuck => Next::Escalate(format!("an effect could not be undone: {}", why(incident, cause.as_ref()))),
        WorkflowOutcome::RolledBack => match cause {
            // the planner makes a new plan, or refuses to, which comes here as a refusal
            Some(FailureCause::StepFailed {
                kind: FailureKind::Drift, ..
            }) => Next::Nothing,
            Some(FailureCause::Cancelled | FailureCause::Superseded) => Next::Nothing,
            Some(FailureCause::StepFailed { .. } | FailureCause::Denied { .. } | FailureCause::Expired { .. } | FailureCause::Deadline)
            | None => Next::Escalate(why(incident, cause.as_ref())),
        },
    }
}

fn why(incident: &Incident, cause: Option<&FailureCause>) -> String {
    match cause {
        Some(FailureCause::StepFailed { step, .. }) => format!("step {step} failed: {}", message(incident, step)),
        Some(FailureCause::Denied { gate }) => format!("a person denied {gate}: nothing behind it was changed"),
        Some(FailureCause::Expired { gate }) => format!("nobody answered {gate} in time: nothing behind it was changed"),
        Some(FailureCause::Cancelled) => "a person cancelled it".into(),
        Some(FailureCause::Deadline) => "it took longer than its plan allows".into(),
        Some(FailureCause::Superseded) => "a person asked for another plan".into(),
        None => "the workflow ended without a reason".into(),
    }
}

fn message(incident: &Incident, step: &StepId) -> String {
    let Some(run) = incident.run.as_ref().and_then(|run| run.steps.get(step)) else {
        return "nothing more is known".into();
    };
    let failure = run.failure.as_ref().map_or("it did not say why", |failure| &failure.message);
    match &run.state {
        StepState::UndoFailed { message, .. } => format!("{failure}; it could not be put back: {message}"),
        StepState::Undone if run.summary.is_empty() => format!("{failure}; its changes were put back"),
        StepState::Undone => format!("{failure}; {}", run.summary),
        StepState::Waiting
        | StepState::Running { .. }
        | StepState::Succeeded
        | StepState::Failed { .. }
        | StepState::Skipped
        | StepState::Undoing { .. } => failure.to_owned(),
    }
}

// Verifying => Resolved | Analysing | Escalated
/// The events that a verification of `plan` still needs: its record, and what follows from it.
#[must_use]
pub fn verified(incident: &Incident, plan: &PlanId, measured: Option<&Verification>, max_attempts: u32) -> Vec<Event> {
    if incident.plan.as_ref().is_none_or(|current| current.id != *plan) {
        return Vec::new();
    }
    let attempt = incident.attempt;
    match next(incident) {
        Next::Nothing | Next::Escalate(_) => Vec::new(),
        Next::Close => incident
            .verification
            .iter()
            .map(|stored| follow_up(incident, stored, max_attempts))
            .collect(),
        Next::Verify { .. } => measured
            .into_iter()
            .flat_map(|verification| [record(verification, attempt), follow_up(incident, verification, max_attempts)])
            .collect(),
    }
}

fn record(verification: &Verification, attempt: u32) -> Event {
    let verification = Box::new(verification.clone());
    match verification.verdict {
        Verdict::Passed => Event::VerificationPassed { attempt, verification },
        Verdict::Failed => Event::VerificationFailed { attempt, verification },
        Verdict::Inconclusive => Event::VerificationInconclusive { attempt, verification },
    }
}

fn follow_up(incident: &Incident, verification: &Verification, max_attempts: u32) -> Event {
    let attempt = incident.attempt;
    match verification.verdict {
        Verdict::Passed => Event::IncidentResolved {
            reason: closing(verification),
        },
        // looking again at what nobody has changed shows the same: it waits for people
        Verdict::Failed | Verdict::Inconclusive if !changed(incident) => Event::IncidentEscalated {
            reason: asked_of_people(incident, verification),
        },
        Verdict::Failed | Verdict::Inconclusive if attempt < max_attempts => Event::AnalysisStarted { attempt: attempt + 1 },
        Verdict::Failed | Verdict::Inconclusive => Event::IncidentEscalated {
            reason: format!("after {attempt} attempts: {}", closing(verification)),
        },
    }
}

/// Whether something of the current plan is in the cluster.
fn changed(incident: &Incident) -> bool {
    incident.run.as_ref().is_some_and(|run| !run.effects.is_empty())
}

/// What people must do after a plan that could do nothing itself.
fn asked_of_people(incident: &Incident, verification: &Verification) -> String {
    let found = incident.diagnosis.as_ref().map_or("", |diagnosis| diagnosis.summary.as_str());
    let told = incident.plan.iter().flat_map(|plan| &plan.steps);
    let told: Vec<&str> = told
        .filter(|step| step.change.tells())
        .map(|step| step.description.as_str())
        .collect();
    let told = match told.is_empty() {
        true => String::new(),
        false => format!(" ({})", told.join("; ")),
    };
    format!("people must act{told}: {found}; {}", verification.summary)
}

/// The escalation that an incident needs, if it needs one.
#[must_use]
pub fn escalate(incident: &Incident) -> Vec<Event> {
    match next(incident) {
        Next::Escalate(reason) => vec![Event::IncidentEscalated { reason }],
        Next::Nothing | Next::Verify { .. } | Next::Close => Vec::new(),
    }
}
