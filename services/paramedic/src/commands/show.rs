//! One incident on one page.

use std::process::ExitCode;

use paramedic_domain::{
    alert::Alert,
    approval::{Decision, GateState},
    diagnosis::Happening,
    incident::Incident,
    people::any_of,
    plan::{Gate, Plan},
    request::ChangeRequest,
};

use crate::{
    cli::Server,
    client::{self, Client},
    text,
};

/// Widest column of objects, characters: a longer name shifts its own row only.
const MOST_OBJECT: usize = 44;

/// Prints an incident, for people or as JSON.
pub async fn show(server: &Server, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    let mut client = Client::new(server)?;
    if json {
        let state: serde_json::Value = serde_json::from_str(&client.state_json(id).await?)?;
        text::say(&serde_json::to_string_pretty(&state)?);
        return Ok(ExitCode::SUCCESS);
    }
    let incident = client::fold(id, &client.log(id).await?)?;
    text::say(&text::clean(&page(&incident)));
    Ok(ExitCode::SUCCESS)
}

fn page(incident: &Incident) -> String {
    let mut lines = vec![
        format!("{}  {}", incident.id, incident.title),
        format!(
            "status      {}{}",
            text::word(&incident.status()).replace('_', " "),
            incident.end.as_ref().map(|end| format!(": {}", end.reason)).unwrap_or_default()
        ),
        format!("severity    {}", urgency(incident)),
        format!("cluster     {}", incident.cluster),
        format!("opened      {}", incident.opened_at.map(text::utc).unwrap_or_default()),
    ];
    lines.extend(incident.request.iter().map(request_line));
    lines.extend(alert_lines(incident));
    lines.extend(ranking_lines(incident));
    if let Some(diagnosis) = &incident.diagnosis {
        lines.push(format!(
            "diagnosis   {} of {}, confidence {:.0} % ({})",
            text::word(&diagnosis.category),
            diagnosis.target,
            diagnosis.confidence * 100.0,
            diagnosis.engine
        ));
        lines.push(format!("            {}", diagnosis.summary));
        lines.extend(
            diagnosis
                .factors
                .iter()
                .map(|factor| format!("            {:+.2}  {}", factor.weight, factor.text)),
        );
        lines.extend(
            diagnosis
                .missing_sources
                .iter()
                .map(|source| format!("            missing: {source}")),
        );
        lines.extend(timeline_lines(&diagnosis.timeline, diagnosis.timeline_left_out));
    }
    if let Some(plan) = &incident.plan {
        lines.push(format!("plan        {} ({})", plan.summary, plan.id));
        lines.extend(plan.steps.iter().map(|step| {
            let state = incident
                .step_state(&step.id)
                .map(|state| serde_json::to_value(state).ok())
                .and_then(|value| value?.get("state")?.as_str().map(str::to_owned));
            let after = if step.depends_on.is_empty() {
                String::new()
            } else {
                format!(
                    "  after {}",
                    step.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                )
            };
            format!(
                "  {:<10}{:<20} {:<10}{}{after}",
                step.id.to_string(),
                step.action,
                state.unwrap_or_default(),
                step.description
            )
        }));
        for gate in &plan.gates {
            lines.push(format!("gate        {} {}", gate.id, gate_words(incident, gate)));
            lines.extend(change_lines(plan, gate));
        }
    }
    if let Some(verification) = &incident.verification {
        lines.push(text::verdict(verification));
        lines.extend(verification.measurements.iter().map(|m| {
            let number = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.0}"));
            format!(
                "  {:<6} {} : {} -> {} {}",
                m.holds.map_or("?", |holds| if holds { "ok" } else { "NOT" }),
                m.criterion.description,
                number(m.criterion.before),
                number(m.after),
                m.criterion.unit
            )
        }));
    }
    lines.join("\n")
}

/// What happened, by time, a source per row.
fn timeline_lines(timeline: &[Happening], left_out: u32) -> Vec<String> {
    if timeline.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["happened".to_owned()];
    let widest = timeline.iter().map(|row| row.object.chars().count()).max().unwrap_or(0);
    lines.extend(timeline.iter().map(|row| {
        format!(
            "  {}  {:<12}  {:<width$}  {} [{}]",
            text::utc(row.at),
            text::word(&row.source),
            row.object,
            row.what,
            row.evidence,
            width = widest.min(MOST_OBJECT)
        )
    }));
    if left_out > 0 {
        lines.push(format!("  and {left_out} less telling left out"));
    }
    lines
}

/// What was asked for, and by whom: the name in quotes is only what the asker says.
fn request_line(request: &ChangeRequest) -> String {
    let claimed = match request.on_behalf_of.as_str() {
        "" => String::new(),
        name => format!(" for {name:?}"),
    };
    format!("request     {} of {}{claimed}: {}", request.id, request.by, request.what)
}

/// Every alert, with why it is here: people who see that one is not can say so by its fingerprint.
fn alert_lines(incident: &Incident) -> Vec<String> {
    let mut lines = Vec::new();
    let firings: u32 = incident.members.values().map(|member| member.firings).sum();
    let alerts = incident.alerts.len();
    if incident.storm.is_some() || firings as usize > alerts {
        lines.push(format!(
            "alerts      {alerts}, which began to fire {} in all{}",
            text::plural(firings as usize, "time"),
            if incident.storm.is_some() { ": a storm" } else { "" }
        ));
    }
    for alert in incident.alerts.values() {
        let member = incident.members.get(&alert.fingerprint);
        let quiet = incident.suppressed.get(&alert.fingerprint);
        let count = member.map_or(1, |member| member.firings);
        lines.push(format!(
            "alert       {} {} ({}{}{}) {}",
            alert.name(),
            about(alert),
            text::word(&alert.status),
            if count > 1 { format!(", {count} times") } else { String::new() },
            quiet.map(|quiet| format!(", kept quiet by {}", quiet.by)).unwrap_or_default(),
            alert.fingerprint
        ));
        lines.extend(member.map(|member| format!("            {}", member.reason)));
    }
    lines
}

/// What an alert is about, as far as its labels say.
fn about(alert: &Alert) -> &str {
    let labels = [
        "pod",
        "deployment",
        "statefulset",
        "daemonset",
        "service",
        "node",
        "namespace",
        "instance",
    ];
    labels
        .into_iter()
        .map(|label| alert.label(label))
        .find(|value| !value.is_empty())
        .unwrap_or_default()
}

/// What the alerts point to.
fn ranking_lines(incident: &Incident) -> Vec<String> {
    let Some(ranking) = &incident.ranking else { return Vec::new() };
    let mut lines: Vec<String> = ranking
        .candidates
        .iter()
        .map(|candidate| {
            format!(
                "points to   {:>3.0} %  {}: {}",
                candidate.belief * 100.0,
                candidate.entity,
                candidate.reason
            )
        })
        .collect();
    if !ranking.affected.is_empty() {
        lines.push(format!("affected    {}", ranking.affected.join(", ")));
    }
    lines
}

/// Severity, priority, environment and team, as far as they are known.
fn urgency(incident: &Incident) -> String {
    let known = [
        text::word(&incident.severity),
        incident.priority.map(|priority| priority.word().to_owned()).unwrap_or_default(),
        incident.environment.clone(),
        incident.team.clone(),
    ];
    known.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
}

fn gate_words(incident: &Incident, gate: &Gate) -> String {
    match incident.gates.get(&gate.id) {
        None | Some(GateState::Planned) => "not asked yet".to_owned(),
        Some(GateState::Waiting {
            expires_at,
            approvals,
            pursuit,
            ..
        }) => {
            let of: String = gate.terms.from.iter().map(|group| format!(" of {}", any_of(group))).collect();
            let looks = pursuit.acknowledged.as_ref().map(|seen| format!("; {} looks at it", seen.by));
            format!(
                "waits for {} of {} approvals{of} until {}{}",
                gate.terms.quorum as usize - approvals.len(),
                gate.terms.quorum,
                text::utc(*expires_at),
                looks.unwrap_or_default()
            )
        }
        Some(GateState::Granted { at, approvals }) => {
            let people: Vec<String> = approvals.iter().map(who).collect();
            format!("granted {} by {}", text::utc(*at), people.join(", "))
        }
        Some(GateState::Denied { at, decision }) => format!("denied {} by {}: {}", text::utc(*at), who(decision), decision.reason),
        Some(GateState::Expired { at }) => format!("expired {}", text::utc(*at)),
    }
}

/// Who decided, and by what right where the log knows it.
fn who(decision: &Decision) -> String {
    if decision.right.is_empty() {
        decision.by.clone()
    } else {
        format!("{} ({})", decision.by, decision.right)
    }
}

/// What a gate decides, as old -> new lines with the digest.
pub fn change_lines(plan: &Plan, gate: &Gate) -> Vec<String> {
    let mut lines = vec![
        format!("  {} risk: {}", text::word(&gate.risk), gate.reason),
        format!("  digest {}", gate.digest),
    ];
    for step in gate.steps.iter().filter_map(|id| plan.step(id)) {
        let told = step.change.explain();
        lines.push(format!("  {} {} {}", step.id, step.action, told.effects.join("; ")));
        lines.extend(told.diff.iter().map(|field| {
            format!(
                "    {}: {} -> {}",
                field.path,
                field.from.as_deref().unwrap_or("(none)"),
                field.to.as_deref().unwrap_or("(removed)")
            )
        }));
        lines.extend(told.dry_run.iter().map(|answer| format!("    dry run: {answer}")));
        lines.extend(told.undo.iter().map(|undo| format!("    undo: {undo}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_time_line_is_a_table_with_a_source_per_row_and_says_what_it_leaves_out() {
        let row = |at: &str, source: &str, object: &str, what: &str| -> Happening {
            serde_json::from_value(json!({"at": at, "source": source, "object": object, "what": what, "evidence": "ev-01"})).unwrap()
        };
        let rows = [
            row("2026-03-19T14:31:04Z", "loki", "Deployment shop/checkout", "first of 48 lines"),
            row("2026-03-19T14:38:00Z", "alertmanager", "Service shop/a", "alert began to fire"),
        ];
        assert_eq!(
            timeline_lines(&rows, 3),
            [
                "happened",
                "  2026-03-19 14:31:04Z  loki          Deployment shop/checkout  first of 48 lines [ev-01]",
                "  2026-03-19 14:38:00Z  alertmanager  Service shop/a            alert began to fire [ev-01]",
                "  and 3 less telling left out",
            ]
        );
        assert!(timeline_lines(&[], 0).is_empty());
    }
}
