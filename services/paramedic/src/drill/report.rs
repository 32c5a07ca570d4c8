//! What a drill comes to: one JSON object, or a few lines.

use std::time::Duration;

use paramedic_domain::{incident::Incident, phases::phases};
use paramedic_simulator::AuditEntry;
use serde_json::{Map, Value, json};

use crate::{cli::Drill, range::Story, text};

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

/// The whole drill as one JSON object; phases are in the drill's time, milliseconds, `null` for one that was not reached.
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
        "phases": phases(incident, &story.log).into_iter().map(|phase| (phase.name.replace(' ', "_"), json!(phase.took.map(millis)))).collect::<Map<_, _>>(),
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

/// The end of the story.
pub fn summary(story: &Story, mutations: &[AuditEntry], wall: Duration) -> String {
    let mut lines = vec![
        String::new(),
        format!("{} {}", story.incident.id, text::word(&story.incident.status())),
    ];
    if let Some(verification) = &story.incident.verification {
        lines.push(text::clean(&text::verdict(verification)));
    }
    let words: Vec<String> = phases(&story.incident, &story.log)
        .into_iter()
        .map(|phase| {
            let took = phase
                .took
                .map_or_else(|| "-".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()));
            format!("{} {took}", phase.name)
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
