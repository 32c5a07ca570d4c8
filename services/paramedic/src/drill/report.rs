//! What a drill comes to: one JSON object, or a few lines.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    envelope::Recorded,
    event::{Direction, Event},
    incident::Incident,
};
use paramedic_simulator::AuditEntry;
use serde_json::{Value, json};

use super::Story;
use crate::{cli::Drill, text};

/// Whether the last messages that an ended incident owes were delivered or given up, on every channel it used.
pub fn all_told(incident: &Incident) -> bool {
    let ended = |key: &str| key.contains("incident_resolved") || key.contains("incident_escalated") || key.contains("incident_cancelled");
    let told = |channel: &str| {
        let mut receipts = incident
            .notifications
            .values()
            .filter(|receipt| receipt.channel == channel)
            .peekable();
        receipts.peek().is_none() || receipts.any(|receipt| ended(&receipt.key)) || incident.undeliverable.iter().any(|key| ended(key))
    };
    !incident.notifications.is_empty() && ["email", "slack"].into_iter().all(told)
}

/// The whole drill as one JSON object; phases and times are in the drill's time, milliseconds.
pub fn json(story: &Story, mutations: &[AuditEntry], arguments: &Drill, wall: Duration) -> Value {
    let incident = &story.incident;
    let verification = incident.verification.as_ref();
    json!({
        "scenario": arguments.scenario,
        "speed": arguments.speed,
        "incident_id": incident.id,
        "status": text::word(&incident.status()),
        "reason": incident.end.as_ref().map(|end| &end.reason),
        "verdict": verification.map(|v| text::word(&v.verdict)),
        "caveats": verification.map(|v| &v.caveats),
        "expected_recurrence": verification.and_then(|v| v.expected_recurrence),
        "diagnosis": incident.diagnosis.as_ref().map(|d| json!({ "category": d.category, "target": d.target.to_string(), "confidence": d.confidence, "summary": d.summary })),
        "steps": steps(incident),
        "gates": incident.gates.iter().map(|(id, state)| json!({ "id": id, "state": state })).collect::<Vec<_>>(),
        "phases": phases(&story.log),
        "notifications": incident.notifications.values().map(|r| json!({ "channel": r.channel, "recipient": r.recipient, "title": r.title, "message_id": r.message_id, "thread": r.thread })).collect::<Vec<_>>(),
        "mutations": mutations.iter().map(|entry| json!({ "verb": entry.verb, "path": entry.path, "code": entry.code })).collect::<Vec<_>>(),
        "events": story.log.len(),
        "wall_ms": millis(wall),
    })
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn steps(incident: &Incident) -> Vec<Value> {
    let Some((plan, run)) = incident.plan.as_ref().zip(incident.run.as_ref()) else {
        return Vec::new();
    };
    plan.steps
        .iter()
        .filter_map(|step| {
            let run = run.steps.get(&step.id)?;
            let status = serde_json::to_value(&run.state).ok()?.get("state")?.clone();
            Some(json!({ "id": step.id, "action": step.action, "status": status, "started": run.started, "finished": run.finished, "depends_on": step.depends_on, "summary": run.summary }))
        })
        .collect()
}

/// Milliseconds (of the drill's time) per phase; `null` for a phase that was not reached.
fn phases(log: &[Recorded]) -> Value {
    let at = |wanted: fn(&Event) -> bool| {
        log.iter()
            .find(|recorded| wanted(&recorded.envelope.event))
            .map(|recorded| recorded.envelope.time)
    };
    let last = |wanted: fn(&Event) -> bool| {
        log.iter()
            .rev()
            .find(|recorded| wanted(&recorded.envelope.event))
            .map(|recorded| recorded.envelope.time)
    };
    let span = |from: Option<Timestamp>, to: Option<Timestamp>| from.zip(to).map(|(from, to)| to.duration_since(from).as_millis().max(0));
    let fired = log.iter().find_map(|recorded| match &recorded.envelope.event {
        Event::IncidentOpened { alerts, .. } => alerts.iter().map(|alert| alert.starts_at).min(),
        _ => None,
    });
    let opened = at(|event| matches!(event, Event::IncidentOpened { .. }));
    let diagnosed = last(|event| matches!(event, Event::DiagnosisReached { .. } | Event::AnalysisInconclusive { .. }));
    let planned = last(|event| matches!(event, Event::PlanProposed { .. } | Event::PlanRefused { .. }));
    let asked = last(|event| matches!(event, Event::ApprovalRequested { .. }));
    let granted = last(|event| {
        matches!(
            event,
            Event::ApprovalGranted { .. } | Event::ApprovalDenied { .. } | Event::ApprovalExpired { .. }
        )
    });
    let started = at(|event| {
        matches!(
            event,
            Event::StepStarted {
                direction: Direction::Forward,
                ..
            }
        )
    });
    let finished = last(|event| matches!(event, Event::WorkflowFinished { .. }));
    let verified = last(|event| {
        matches!(
            event,
            Event::VerificationPassed { .. } | Event::VerificationFailed { .. } | Event::VerificationInconclusive { .. }
        )
    });
    json!({
        "detect": span(fired, opened),
        "analyse": span(opened, diagnosed),
        "plan": span(diagnosed, planned),
        "approve": span(asked, granted),
        "execute": span(started, finished),
        "verify": span(finished, verified),
    })
}

/// The end of the story.
pub fn summary(story: &Story, mutations: &[AuditEntry], wall: Duration) -> String {
    let phases = phases(&story.log);
    let mut lines = vec![
        String::new(),
        format!("{} {}", story.incident.id, text::word(&story.incident.status())),
    ];
    if let Some(verification) = &story.incident.verification {
        lines.push(text::clean(&text::verdict(verification)));
    }
    let words: Vec<String> = ["detect", "analyse", "plan", "approve", "execute", "verify"]
        .iter()
        .map(|phase| {
            format!(
                "{phase} {}",
                phases[*phase]
                    .as_f64()
                    .map_or_else(|| "-".to_owned(), |ms| format!("{:.1} s", ms / 1000.0))
            )
        })
        .collect();
    lines.push(format!("phases: {}", words.join(", ")));
    lines.push(format!(
        "requests that changed the cluster, from its own audit: {}",
        mutations.len()
    ));
    lines.extend(
        mutations
            .iter()
            .map(|entry| format!("  {} {} -> {}", entry.verb, entry.path, entry.code)),
    );
    lines.push(format!(
        "{} events in the log; {:.1} s of your time",
        story.log.len(),
        wall.as_secs_f64()
    ));
    lines.join("\n")
}
