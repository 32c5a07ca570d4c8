//! From an event to the message about it.

mod approval;
mod control;
mod diagnosis;
mod ending;
mod opened;
mod plan;
mod progress;
mod verification;

use paramedic_domain::{change::Change, event::Event, incident::Incident};

use super::{
    message::{Block, Message, Tone},
    story::Story,
    words,
};

/// What a composer contributes; the rest is the same for every message.
struct Draft {
    title: String,
    tone: Tone,
    blocks: Vec<Block>,
}

impl Draft {
    fn new(tone: Tone, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            tone,
            blocks: Vec::new(),
        }
    }

    fn with(mut self, block: impl Into<Option<Block>>) -> Self {
        self.blocks.extend(block.into());
        self
    }

    fn with_all(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.blocks.extend(blocks);
        self
    }
}

/// The message about the story's event; `None` when people are not told about it.
#[must_use]
pub fn message(story: &Story<'_>) -> Option<Message> {
    if !story.tells() {
        return None;
    }
    let envelope = story.event();
    let incident = &story.incident;
    let (draft, attachments) = match &envelope.event {
        Event::StepSucceeded {
            step, summary, artifacts, ..
        } => progress::notice(incident, step, summary, artifacts)?,
        event => (draft(story, event)?, Vec::new()),
    };
    let message = Message {
        cluster: incident.cluster.clone(),
        incident: incident.id.clone(),
        seq: envelope.seq,
        kind: envelope.event.kind(),
        subject: format!("[paramedic {}] {}", incident.id, words::cut(&incident.title, 120)),
        title: draft.title,
        tone: draft.tone,
        blocks: draft.blocks,
        attachments,
        settles: approval::settled(incident, &envelope.event),
    };
    Some(message.cleaned())
}

fn draft(story: &Story<'_>, event: &Event) -> Option<Draft> {
    let incident = &story.incident;
    match event {
        Event::IncidentOpened { alerts, .. } => Some(opened::opened(incident, alerts)),
        Event::IncidentMerged { into, reason } => {
            Some(Draft::new(Tone::Info, format!("Continues as {into}")).with(super::message::paragraph(reason)))
        }
        Event::StormDeclared { alerts, reason } => {
            Some(Draft::new(Tone::Bad, format!("Alert storm: {alerts} alerts")).with(super::message::paragraph(reason)))
        }
        Event::DiagnosisReached { diagnosis, attempt } => Some(diagnosis::reached(diagnosis, *attempt)),
        Event::AnalysisInconclusive { reasons, evidence, .. } => Some(diagnosis::inconclusive(reasons, evidence)),
        Event::PlanProposed { plan } => Some(plan::proposed(plan)),
        Event::PlanRefused { refusals, .. } => Some(plan::refused(refusals)),
        Event::ApprovalRequested { gate, expires_at, .. } => approval::asked(incident, gate, *expires_at, story.event().time),
        Event::ApprovalGranted { decision, .. } => Some(approval::granted(incident, decision)),
        Event::ApprovalDenied { decision, .. } => Some(approval::denied(decision)),
        Event::ApprovalExpired { gate, .. } => Some(approval::expired(incident, gate)),
        Event::ApprovalEscalated { gate, to, .. } => approval::escalated(incident, gate, to, story.event().time),
        Event::ApprovalReminded { gate, .. } => approval::reminded(incident, gate, story.event().time),
        Event::ApprovalAcknowledged { gate, by, .. } => Some(approval::acknowledged(gate, by)),
        Event::PlanRevised { by, reason, .. } => Some(control::revised(by, reason)),
        Event::StepExpiryFailed { step, message, .. } => Some(control::expiry_failed(step, message)),
        Event::WorkflowPaused { by, reason, .. } => Some(control::paused(by, reason)),
        Event::WorkflowResumed { by, .. } => Some(control::resumed(by)),
        Event::WorkflowCancelled { by, reason, .. } => Some(control::cancelled(by, reason)),
        Event::RollbackAsked { reason, expires_at, .. } => Some(control::rollback_asked(incident, reason, *expires_at)),
        Event::RollbackDecided { undo, by, reason, .. } => Some(control::rollback_decided(*undo, by, reason)),
        Event::WorkflowFinished { outcome, cause, .. } => progress::finished(incident, *outcome, cause.as_ref()),
        Event::VerificationPassed { verification, .. }
        | Event::VerificationFailed { verification, .. }
        | Event::VerificationInconclusive { verification, .. } => Some(verification::measured(verification)),
        Event::IncidentResolved { reason } => Some(ending::ended(story, Tone::Good, "Resolved", reason)),
        Event::IncidentEscalated { reason } => Some(ending::ended(story, Tone::Action, "A person must take over", reason)),
        Event::IncidentCancelled { by, reason } => Some(ending::ended(story, Tone::Info, &format!("Cancelled by {by}"), reason)),
        // told by `progress::notice`, or not told at all: see `story::worth_telling`
        Event::StepSucceeded { .. }
        | Event::AlertsCorrelated { .. }
        | Event::AlertsResolved { .. }
        | Event::IncidentTriaged { .. }
        | Event::AlertsSuppressed { .. }
        | Event::RootsRanked { .. }
        | Event::AlertsDetached { .. }
        | Event::AnalysisStarted { .. }
        | Event::ApprovalRefused { .. }
        | Event::ExpirySet { .. }
        | Event::StepStarted { .. }
        | Event::StepFailed { .. }
        | Event::StepSkipped { .. }
        | Event::StepUndone { .. }
        | Event::StepProgressed { .. }
        | Event::StepExpired { .. }
        | Event::NotificationSent { .. }
        | Event::NotificationFailed { .. } => None,
    }
}

/// Whether any step of the current plan changes the cluster.
fn changes_anything(incident: &Incident) -> bool {
    incident
        .plan
        .as_ref()
        .is_some_and(|plan| plan.steps.iter().any(|step| Change::mutates(&step.change)))
}
