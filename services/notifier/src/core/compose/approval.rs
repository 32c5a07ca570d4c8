//! A question to people, and its answer.

use jiff::Timestamp;
use paramedic_domain::{
    approval::{Decision, GateState},
    event::Event,
    id::GateId,
    incident::Incident,
    people::any_of,
    plan::{Gate, Plan, Step},
    terms::ACKNOWLEDGED_FOR,
};

use super::{
    Draft,
    plan::{bounds, exact_change, picture},
};
use crate::core::{
    message::{Block, Settled, Tone, facts, list, paragraph},
    words,
};

pub(super) fn asked(incident: &Incident, gate: &GateId, expires_at: Timestamp, now: Timestamp) -> Option<Draft> {
    let plan = incident.plan.as_ref()?;
    let gate = plan.gate(gate)?;
    let held: Vec<&Step> = gate.steps.iter().filter_map(|id| plan.step(id)).collect();
    let diagnosis = incident.diagnosis.as_ref();
    let left = words::duration(words::between(now, expires_at));
    let draft = Draft::new(Tone::Action, format!("Approval needed: {}", plan.summary))
        .with(facts([
            ("Incident", format!("{} ({})", incident.title, incident.id)),
            ("Cluster", incident.cluster.to_string()),
            (
                "Diagnosis",
                diagnosis.map_or_else(String::new, |diagnosis| {
                    format!(
                        "{} in {}, {} sure: {}",
                        words::category(diagnosis.category),
                        diagnosis.target,
                        words::percent(diagnosis.confidence),
                        diagnosis.summary
                    )
                }),
            ),
            ("Why it asks", gate.reason.clone()),
            ("Risk", words::risk(gate.risk).to_owned()),
            ("Approvals", approvals(gate)),
            ("Open until", format!("{} ({left})", words::time(expires_at))),
            ("Digest", format!("{} ({})", gate.digest.short(), gate.digest)),
        ]))
        .with_all(held.iter().flat_map(|step| exact_change(plan, step)))
        .with(picture(plan))
        .with(meanwhile(plan, gate))
        .with(bounds(plan))
        .with(list("Notes", plan.notes.clone()));
    let command = |word: &str| format!("paramedic {word} {} --gate {} --digest {}", incident.id, gate.id, gate.digest);
    Some(draft.with(Block::Answer {
        gate: gate.id.clone(),
        digest: gate.digest,
        approve: command("approve"),
        deny: command("deny"),
        expires_at,
        links: None,
    }))
}

/// The question again, for people who were not asked before.
pub(super) fn escalated(incident: &Incident, gate: &GateId, to: &str, now: Timestamp) -> Option<Draft> {
    let mut draft = again(incident, gate, now)?;
    draft.title = format!("Nobody has decided yet, {to} is asked: {}", draft.title);
    Some(draft)
}

/// The question again.
pub(super) fn reminded(incident: &Incident, gate: &GateId, now: Timestamp) -> Option<Draft> {
    let mut draft = again(incident, gate, now)?;
    draft.title = format!("Still waiting: {}", draft.title);
    Some(draft)
}

fn again(incident: &Incident, gate: &GateId, now: Timestamp) -> Option<Draft> {
    match incident.gates.get(gate)? {
        GateState::Waiting { expires_at, .. } => asked(incident, gate, *expires_at, now),
        GateState::Planned | GateState::Granted { .. } | GateState::Denied { .. } | GateState::Expired { .. } => None,
    }
}

pub(super) fn acknowledged(gate: &GateId, by: &str) -> Draft {
    let minutes = ACKNOWLEDGED_FOR.as_secs() / 60;
    Draft::new(Tone::Info, format!("{by} looks at it")).with(facts([
        ("Gate", gate.to_string()),
        ("Next", format!("reminders and escalations wait {minutes} minutes for the decision")),
    ]))
}

fn approvals(gate: &Gate) -> String {
    let terms = &gate.terms;
    let mut words = Vec::new();
    if terms.quorum > 1 {
        words.push(format!("{} different people must approve; one denial is enough", terms.quorum));
    }
    words.extend(terms.from.iter().map(|group| format!("of {}", any_of(group))));
    if terms.four_eyes {
        words.push("not by who asked for the change or edited it".to_owned());
    }
    words.join("; ")
}

/// What runs while people think.
fn meanwhile(plan: &Plan, gate: &Gate) -> Option<Block> {
    let free: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.gate.is_none() && !waits_for(plan, step, gate))
        .map(|step| step.id.as_str())
        .collect();
    (!free.is_empty()).then(|| paragraph(format!("Does not wait for this answer: {}.", free.join(", "))))
}

fn waits_for(plan: &Plan, step: &Step, gate: &Gate) -> bool {
    gate.steps.contains(&step.id)
        || step
            .depends_on
            .iter()
            .filter_map(|id| plan.step(id))
            .any(|dependency| waits_for(plan, dependency, gate))
}

pub(super) fn granted(incident: &Incident, decision: &Decision) -> Draft {
    let quorum = incident
        .plan
        .as_ref()
        .and_then(|plan| plan.gate(&decision.gate))
        .map_or(1, |gate| gate.terms.quorum);
    let (title, next) = match incident.gates.get(&decision.gate) {
        Some(GateState::Waiting { approvals, .. }) => (
            format!("Approved by {} ({} of {quorum})", decision.by, approvals.len()),
            "it waits for other people's approvals",
        ),
        Some(GateState::Granted { .. } | GateState::Planned | GateState::Denied { .. } | GateState::Expired { .. }) | None => (
            format!("Approved by {}", decision.by),
            "exactly the approved change runs; if the object changed since, nothing is applied and a new plan is made",
        ),
    };
    Draft::new(Tone::Good, title).with(words_of(decision, next))
}

/// The question that an event is the end of.
pub(super) fn settled(incident: &Incident, event: &Event) -> Option<Settled> {
    let (gate, outcome) = match event {
        Event::ApprovalGranted { decision, .. } => (&decision.gate, format!("Approved by {}", decision.by)),
        Event::ApprovalDenied { decision, .. } => (&decision.gate, format!("Denied by {}", decision.by)),
        Event::ApprovalExpired { gate, .. } => (gate, "Nobody answered in time".to_owned()),
        _ => return None,
    };
    let waits = matches!(incident.gates.get(gate), Some(GateState::Waiting { .. }));
    (!waits).then(|| Settled {
        gate: gate.clone(),
        outcome,
    })
}

pub(super) fn denied(decision: &Decision) -> Draft {
    Draft::new(Tone::Bad, format!("Denied by {}", decision.by)).with(words_of(decision, "nothing behind this gate runs"))
}

pub(super) fn expired(incident: &Incident, gate: &GateId) -> Draft {
    let digest = incident
        .plan
        .as_ref()
        .and_then(|plan| plan.gate(gate))
        .map(|gate| gate.digest.short());
    Draft::new(Tone::Action, "Nobody answered in time").with(facts([
        ("Gate", gate.to_string()),
        ("Digest", digest.unwrap_or_default()),
        ("Next", "nothing behind this gate runs; a person must take over".into()),
    ]))
}

fn words_of(decision: &Decision, next: &str) -> Block {
    facts([
        ("Gate", decision.gate.to_string()),
        ("Digest", decision.digest.short()),
        ("By", format!("{}, {}", decision.by, words::channel(decision.channel))),
        ("As", decision.right.clone()),
        ("Reason", decision.reason.clone()),
        ("Next", next.to_owned()),
    ])
}
