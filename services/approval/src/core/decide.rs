//! One person's answer to one question: counted once, or refused with a reason.

use jiff::Timestamp;
use paramedic_domain::{
    approval::{Answer, Channel, Decision, GateState},
    digest::Digest,
    envelope::Recorded,
    event::Event,
    id::GateId,
    incident::Incident,
    people::Role,
};
use paramedic_people::Standing;

use super::{question::open_question, refusal::Refusal};

/// Longest reason, in characters: a paragraph.
pub const MAX_REASON: usize = 2_000;

/// What a person says about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Which question.
    pub gate: GateId,
    /// The digest the person saw.
    pub digest: Digest,
    /// Yes or no.
    pub answer: Answer,
    /// Where it was said.
    pub channel: Channel,
    /// The person's words; may be empty.
    pub reason: String,
}

/// The decision that a vote makes, as it goes into the log.
///
/// A denial needs no reason, and a responder's suffices: stopping must never be harder than going on. For the same cause a person who
/// approved may still deny while the gate waits for others.
///
/// # Errors
/// Why the vote does not count.
// Waiting => Waiting (quorum not reached) | Granted | Denied
pub fn decide(incident: &Incident, vote: &Vote, who: &Standing, now: Timestamp) -> Result<Event, Refusal> {
    let question = open_question(incident, &vote.gate, now)?;
    let characters = vote.reason.chars().count();
    if characters > MAX_REASON {
        return Err(Refusal::ReasonTooLong {
            characters,
            max: MAX_REASON,
        });
    }
    if vote.digest != question.gate.digest {
        return Err(Refusal::WrongDigest {
            gate: vote.gate.clone(),
            shown: vote.digest,
            current: question.gate.digest,
        });
    }
    let (role, capacity) = match vote.answer {
        Answer::Deny => (Role::Responder, question.stopping(who)?),
        Answer::Approve => (Role::Approver, question.approving(who, now)?),
    };
    let decision = Decision {
        gate: vote.gate.clone(),
        digest: vote.digest,
        by: who.id.clone(),
        channel: vote.channel,
        reason: vote.reason.trim().to_owned(),
        right: capacity.right(role, &question.place),
        behalf_of: capacity.behalf_of().unwrap_or_default().to_owned(),
        policy: question.plan.policy,
    };
    let plan = question.plan.id.clone();
    Ok(match vote.answer {
        Answer::Approve => Event::ApprovalGranted { plan, decision },
        Answer::Deny => Event::ApprovalDenied { plan, decision },
    })
}

/// Somebody says that they look at a question: reminders and escalations wait for them. `None`: they said so a moment ago.
///
/// # Errors
/// Why that does not count.
pub fn acknowledge(incident: &Incident, gate: &GateId, channel: Channel, who: &Standing, now: Timestamp) -> Result<Option<Event>, Refusal> {
    let question = open_question(incident, gate, now)?;
    question.stopping(who)?;
    if question.looks(who, now) {
        return Ok(None);
    }
    Ok(Some(Event::ApprovalAcknowledged {
        plan: question.plan.id.clone(),
        gate: gate.clone(),
        by: who.id.clone(),
        channel,
    }))
}

/// Somebody does it by hand instead: the workflow ends, what it changed is undone, and the incident is theirs.
///
/// # Errors
/// Why that does not count.
pub fn take_over(incident: &Incident, gate: &GateId, reason: &str, who: &Standing, now: Timestamp) -> Result<Event, Refusal> {
    let question = open_question(incident, gate, now)?;
    question.stopping(who)?;
    let characters = reason.chars().count();
    if characters > MAX_REASON {
        return Err(Refusal::ReasonTooLong {
            characters,
            max: MAX_REASON,
        });
    }
    let why = if reason.trim().is_empty() {
        String::new()
    } else {
        format!(": {}", reason.trim())
    };
    Ok(Event::WorkflowCancelled {
        plan: question.plan.id.clone(),
        by: who.id.clone(),
        reason: format!("taken over by hand{why}"),
    })
}

/// Whether the log already holds exactly this decision: how a caller recognises its own append whose acknowledgement was lost.
#[must_use]
pub fn recorded(incident: &Incident, event: &Event) -> bool {
    match event {
        Event::ApprovalGranted { decision, .. } => match incident.gates.get(&decision.gate) {
            Some(GateState::Waiting { approvals, .. } | GateState::Granted { approvals, .. }) => approvals.contains(decision),
            Some(GateState::Planned | GateState::Denied { .. } | GateState::Expired { .. }) | None => false,
        },
        Event::ApprovalDenied { decision, .. } => {
            matches!(incident.gates.get(&decision.gate), Some(GateState::Denied { decision: stored, .. }) if stored == decision)
        }
        _ => false,
    }
}

/// Tells an unknown gate from the gate of a plan that was replaced; the folded incident only knows the current plan.
#[must_use]
pub fn explain(refusal: Refusal, log: &[Recorded]) -> Refusal {
    let gate = match &refusal {
        Refusal::UnknownGate { gate, .. } => gate.clone(),
        Refusal::NoPlan { .. }
        | Refusal::OlderPlan { .. }
        | Refusal::Over { .. }
        | Refusal::NotAsked { .. }
        | Refusal::WrongDigest { .. }
        | Refusal::AlreadyDecided { .. }
        | Refusal::Expired { .. }
        | Refusal::OwnRequest { .. }
        | Refusal::AlreadyCounted { .. }
        | Refusal::NoRole { .. }
        | Refusal::NotAmong { .. }
        | Refusal::ReasonTooLong { .. } => return refusal,
    };
    log.iter()
        .find_map(|recorded| match &recorded.envelope.event {
            Event::PlanProposed { plan } if plan.gate(&gate).is_some() => Some(Refusal::OlderPlan {
                gate: gate.clone(),
                plan: plan.id.clone(),
            }),
            _ => None,
        })
        .unwrap_or(refusal)
}

#[cfg(test)]
mod tests;
