//! An incident as it stood right after one of its events: what a message about that event may speak of.
//!
//! A message composed twice, by another replica or after a crash, says the same, whatever happened since.

use paramedic_domain::{
    change::Change,
    envelope::{Envelope, Recorded},
    event::Event,
    incident::{FoldError, Incident},
};

/// The log up to and including one event.
#[derive(Debug, Clone)]
pub struct Story<'a> {
    /// The incident after the event.
    pub incident: Incident,
    /// The log up to it.
    pub log: &'a [Recorded],
    /// Whether the event fitted the state it met; one that did not is nobody's business.
    pub fits: bool,
}

impl<'a> Story<'a> {
    /// The story up to sequence `seq`; `None` when the log does not reach it.
    ///
    /// # Errors
    /// When the log is damaged.
    pub fn at(log: &'a [Recorded], seq: u64) -> Result<Option<Self>, FoldError> {
        let Some(end) = log.iter().position(|recorded| recorded.envelope.seq == seq) else {
            return Ok(None);
        };
        let log = &log[..=end];
        let Some(mut incident) = empty(log) else { return Ok(None) };
        let mut fits = true;
        for recorded in log {
            fits = apply(&mut incident, recorded)?;
        }
        Ok(Some(Self { incident, log, fits }))
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &'a Envelope {
        &self.log.last().expect("a story has at least one event").envelope
    }

    /// Whether people are told about the event.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.fits && worth_telling(&self.incident, &self.event().event)
    }
}

/// The events that people are told about, in order, in one pass over the log.
///
/// # Errors
/// When the log is damaged.
pub fn told(log: &[Recorded]) -> Result<Vec<&Envelope>, FoldError> {
    let Some(mut incident) = empty(log) else { return Ok(Vec::new()) };
    let mut told = Vec::new();
    for recorded in log {
        if apply(&mut incident, recorded)? && worth_telling(&incident, &recorded.envelope.event) {
            told.push(&recorded.envelope);
        }
    }
    Ok(told)
}

fn empty(log: &[Recorded]) -> Option<Incident> {
    let first = &log.first()?.envelope;
    Some(Incident::new(first.cluster.clone(), first.incident.clone()))
}

/// Whether the event fitted.
fn apply(incident: &mut Incident, recorded: &Recorded) -> Result<bool, FoldError> {
    let misfits = incident.misfits;
    incident.apply(recorded)?;
    Ok(incident.misfits == misfits)
}

/// The kinds of events that people may be told about: the consumers' filter, so that each is told when it happens.
pub const KINDS: [&str; 29] = [
    "incident_opened",
    "incident_merged",
    "storm_declared",
    "diagnosis_reached",
    "analysis_inconclusive",
    "plan_proposed",
    "plan_refused",
    "plan_revised",
    "approval_requested",
    "approval_escalated",
    "approval_reminded",
    "approval_acknowledged",
    "approval_granted",
    "approval_denied",
    "approval_expired",
    "step_succeeded",
    "step_expiry_failed",
    "workflow_paused",
    "workflow_resumed",
    "workflow_cancelled",
    "rollback_asked",
    "rollback_decided",
    "workflow_finished",
    "verification_passed",
    "verification_failed",
    "verification_inconclusive",
    "incident_resolved",
    "incident_escalated",
    "incident_cancelled",
];

fn worth_telling(incident: &Incident, event: &Event) -> bool {
    if !KINDS.contains(&event.kind()) {
        return false;
    }
    match event {
        // a plan with gates is told by the question it asks
        Event::PlanProposed { plan } => plan.gates.is_empty(),
        // only steps whose work is to tell people
        Event::StepSucceeded { step, .. } => incident
            .plan
            .as_ref()
            .and_then(|plan| plan.step(step))
            .is_some_and(|step| matches!(step.change, Change::Notify(_))),
        _ => true,
    }
}
