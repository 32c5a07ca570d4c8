//! What happened when.

use jiff::Timestamp;
use paramedic_domain::{
    envelope::Recorded,
    event::{Direction, Event},
};

use super::words;

/// The events that tell the story: time and sentence.
#[must_use]
pub fn lines(log: &[Recorded]) -> Vec<(Timestamp, String)> {
    log.iter()
        .filter_map(|recorded| sentence(&recorded.envelope.event).map(|sentence| (recorded.envelope.time, sentence)))
        .collect()
}

fn sentence(event: &Event) -> Option<String> {
    Some(match event {
        Event::IncidentOpened {
            request: Some(request), ..
        } => format!("{} asked: {}", request.by, request.what),
        Event::IncidentOpened { alerts, .. } => format!("opened by {}", words::count(alerts.len(), "alert")),
        Event::AlertsCorrelated { alerts, reason, .. } => format!("{} joined: {reason}", words::count(alerts.len(), "alert")),
        Event::AlertsResolved { fingerprints, .. } => format!("{} resolved", words::count(fingerprints.len(), "alert")),
        Event::StormDeclared { alerts, reason } => format!("alert storm ({alerts} alerts): {reason}"),
        Event::IncidentTriaged {
            severity,
            priority,
            environment,
            team,
            ..
        } => words::triage(*severity, *priority, environment, team),
        Event::AlertsSuppressed {
            fingerprints, by, until, ..
        } => {
            let until = until.map(|until| format!(" until {}", words::time(until))).unwrap_or_default();
            format!("{} kept quiet{until} by {by}", words::count(fingerprints.len(), "alert"))
        }
        Event::RootsRanked { ranking, .. } => format!("the alerts point to {}", ranking.candidates.first()?.entity),
        Event::AlertsDetached {
            fingerprints,
            into,
            reason,
            ..
        } => {
            let what = words::count(fingerprints.len(), "alert");
            into.as_ref().map_or_else(
                || format!("{what} taken out: {reason}"),
                |into| format!("{what} moved to {into}: {reason}"),
            )
        }
        Event::IncidentMerged { into, reason } => format!("continues as {into}: {reason}"),
        Event::AnalysisStarted { attempt } => format!("analysis {attempt} began"),
        Event::DiagnosisReached { diagnosis, .. } => format!(
            "diagnosis: {} in {} ({})",
            words::category(diagnosis.category),
            diagnosis.target,
            words::percent(diagnosis.confidence)
        ),
        Event::AnalysisInconclusive { .. } => "analysis found no cause it trusts".into(),
        Event::PlanProposed { plan } => format!("plan {}: {}", plan.attempt, plan.summary),
        Event::PlanRefused { .. } => "no plan was possible".into(),
        Event::ApprovalRequested { gate, .. } => format!("{gate} asked for approval"),
        Event::ApprovalGranted { decision, .. } => format!("approved by {} {}", decision.by, words::channel(decision.channel)),
        Event::ApprovalDenied { decision, .. } => format!("denied by {} {}", decision.by, words::channel(decision.channel)),
        Event::ApprovalExpired { gate, .. } => format!("{gate} expired"),
        Event::ApprovalEscalated { gate, to, .. } => format!("{to} was asked about {gate} too"),
        Event::ApprovalReminded { gate, .. } => format!("people were reminded of {gate}"),
        Event::ApprovalAcknowledged { gate, by, .. } => format!("{by} looks at {gate}"),
        Event::ApprovalRefused { by, gate, reason, .. } => format!("the answer of {by} to {gate} did not count: {reason}"),
        Event::StepStarted {
            step,
            direction: Direction::Undo,
            ..
        } => format!("undo of {step} began"),
        Event::StepSucceeded { step, summary, .. } if summary.is_empty() => format!("{step} succeeded"),
        Event::StepSucceeded { step, summary, .. } => format!("{step} succeeded: {summary}"),
        Event::StepFailed {
            step,
            direction: Direction::Forward,
            attempt,
            message,
            ..
        } => format!("{step} failed (attempt {attempt}): {message}"),
        Event::StepFailed {
            step,
            direction: Direction::Undo,
            message,
            ..
        } => format!("UNDO of {step} failed: {message}"),
        Event::StepSkipped { step, by, reason, .. } => format!("{step} skipped by {by}: {reason}"),
        Event::StepUndone { step, summary, .. } => format!("{step} undone: {summary}"),
        Event::PlanRevised { by, reason, .. } => format!("{by} asked for another plan: {reason}"),
        Event::ExpirySet { step, due, .. } => format!("what {step} did stays until {due}"),
        Event::StepExpired { step, summary, .. } => format!("what {step} did was put back in time: {summary}"),
        Event::StepExpiryFailed { step, message, .. } => format!("what {step} did could NOT be put back: {message}"),
        Event::WorkflowPaused { by, reason, .. } => format!("paused by {by}: {reason}"),
        Event::WorkflowResumed { by, .. } => format!("resumed by {by}"),
        Event::WorkflowCancelled { by, reason, .. } => format!("workflow stopped by {by}: {reason}"),
        Event::RollbackAsked { reason, .. } => format!("asked whether changes are undone: {reason}"),
        Event::RollbackDecided {
            undo: true, by, reason, ..
        } => format!("{by} decided to undo the changes: {reason}"),
        Event::RollbackDecided {
            undo: false, by, reason, ..
        } => format!("{by} decided to keep the changes: {reason}"),
        Event::WorkflowFinished { outcome, cause, .. } => match cause {
            Some(cause) => format!("workflow {}: {}", words::outcome_word(*outcome), words::cause(cause)),
            None => format!("workflow {}", words::outcome_word(*outcome)),
        },
        Event::VerificationPassed { verification, .. }
        | Event::VerificationFailed { verification, .. }
        | Event::VerificationInconclusive { verification, .. } => {
            format!("verification {}: {}", words::verdict(verification.verdict), verification.summary)
        }
        Event::IncidentResolved { reason } => format!("resolved: {reason}"),
        Event::IncidentEscalated { reason } => format!("escalated: {reason}"),
        Event::IncidentCancelled { by, reason } => format!("cancelled by {by}: {reason}"),
        Event::StepProgressed { .. }
        | Event::StepStarted {
            direction: Direction::Forward,
            ..
        }
        | Event::NotificationSent { .. }
        | Event::NotificationFailed { .. } => return None,
    })
}
