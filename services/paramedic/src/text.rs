//! Words for the terminal.

use jiff::Timestamp;
use paramedic_domain::{
    event::{Direction, Event, FailureCause, WorkflowOutcome},
    verification::Verification,
};
use paramedic_proto::v1::{IncidentStatus, IncidentSummary, Priority, Severity};

/// Prints a result.
#[expect(clippy::print_stdout, reason = "results go to standard output")]
pub fn say(line: &str) {
    println!("{line}");
}

/// Prints a remark that is not a result.
#[expect(
    clippy::print_stderr,
    reason = "remarks go to standard error, so that standard output can be piped"
)]
pub fn note(line: &str) {
    eprintln!("{line}");
}

/// Text from outside without the characters that could drive a terminal.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c })
        .collect()
}

/// `2026-01-31 13:05:07Z`.
pub fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A word as serde writes it.
pub fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Columns padded to their widest cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([head[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect::<Vec<_>>()
            .join("  ")
            .trim_end()
            .to_owned()
    };
    std::iter::once(line(head.to_vec()))
        .chain(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A summary's cells.
pub fn summary_row(summary: &IncidentSummary) -> Vec<String> {
    let opened = summary
        .opened_at
        .as_ref()
        .and_then(|time| Timestamp::new(time.seconds, time.nanos).ok())
        .map(utc)
        .unwrap_or_default();
    vec![
        summary.incident.clone(),
        status_word(summary.status()),
        severity_word(summary.severity()),
        priority_word(summary.priority()),
        format!("{}/{}", summary.firing, summary.alerts),
        opened,
        clean(&summary.title),
    ]
}

/// A summary as JSON.
pub fn summary_json(summary: &IncidentSummary) -> serde_json::Value {
    serde_json::json!({
        "incident_id": summary.incident, "cluster": summary.cluster, "title": summary.title, "status": status_word(summary.status()),
        "severity": severity_word(summary.severity()), "priority": priority_word(summary.priority()), "environment": summary.environment,
        "team": summary.team, "alerts": summary.alerts, "firing": summary.firing, "diagnosis": summary.diagnosis,
        "attempt": summary.attempt, "events": summary.version, "end_reason": summary.end_reason, "root": summary.root,
        "storm": summary.storm, "firings": summary.firings,
    })
}

fn status_word(status: IncidentStatus) -> String {
    status
        .as_str_name()
        .trim_start_matches("INCIDENT_STATUS_")
        .to_lowercase()
        .replace('_', " ")
}

fn severity_word(severity: Severity) -> String {
    severity.as_str_name().trim_start_matches("SEVERITY_").to_lowercase()
}

/// `P1` to `P5`, empty while nobody has said.
fn priority_word(priority: Priority) -> String {
    match priority {
        Priority::Unspecified => String::new(),
        set => set.as_str_name().trim_start_matches("PRIORITY_").to_owned(),
    }
}

/// One event in one line.
pub fn event(event: &Event) -> String {
    let text = match event {
        Event::IncidentOpened {
            request: Some(request), ..
        } => format!("{} asks: {}", request.by, request.what),
        Event::IncidentOpened {
            title, severity, alerts, ..
        } => format!("incident opened: {title} ({}, {})", word(severity), plural(alerts.len(), "alert")),
        Event::AlertsCorrelated { alerts, reason, .. } => format!("{} correlated: {reason}", plural(alerts.len(), "alert")),
        Event::AlertsResolved { fingerprints, .. } => format!("{} resolved", plural(fingerprints.len(), "alert")),
        Event::StormDeclared { alerts, reason } => format!("storm of {alerts} alerts: {reason}"),
        Event::IncidentTriaged {
            severity,
            priority,
            environment,
            team,
            rule,
        } => {
            let words = [priority.word().to_owned(), word(severity), environment.clone(), team.clone()];
            let known: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let words = known.join(", ");
            let rule = if rule.is_empty() {
                String::new()
            } else {
                format!(" by the rule {rule}")
            };
            format!("triaged{rule}: {words}")
        }
        Event::AlertsSuppressed {
            fingerprints, by, until, ..
        } => {
            let until = until.map(|until| format!(" until {}", utc(until))).unwrap_or_default();
            format!("{} kept quiet{until} by {by}", plural(fingerprints.len(), "alert"))
        }
        Event::RootsRanked { ranking, .. } => match ranking.candidates.first() {
            Some(first) => format!(
                "the alerts point to {} ({:.0} %), {} affected",
                first.entity,
                first.belief * 100.0,
                plural(ranking.affected.len(), "component")
            ),
            None => "the alerts point to nothing in particular".into(),
        },
        Event::AlertsDetached {
            fingerprints,
            into,
            reason,
            ..
        } => match into {
            Some(into) => format!("{} moved to {into}: {reason}", plural(fingerprints.len(), "alert")),
            None => format!("{} taken out: {reason}", plural(fingerprints.len(), "alert")),
        },
        Event::IncidentMerged { into, reason } => format!("merged into {into}: {reason}"),
        Event::AnalysisStarted { attempt } => format!("analysis started (attempt {attempt})"),
        Event::DiagnosisReached { diagnosis, .. } => {
            format!(
                "diagnosis: {} of {}, confidence {:.0} %: {}",
                word(&diagnosis.category),
                diagnosis.target,
                diagnosis.confidence * 100.0,
                diagnosis.summary
            )
        }
        Event::AnalysisInconclusive { reasons, .. } => format!("analysis inconclusive: {}", reasons.join("; ")),
        Event::PlanProposed { plan } => format!(
            "plan {}: {}, {}: {}",
            plan.attempt,
            plural(plan.steps.len(), "step"),
            plural(plan.gates.len(), "gate"),
            plan.summary
        ),
        Event::PlanRefused { refusals, .. } => {
            let list: Vec<String> = refusals
                .iter()
                .map(|refusal| {
                    refusal
                        .step
                        .as_ref()
                        .map_or_else(|| refusal.reason.clone(), |step| format!("{step}: {}", refusal.reason))
                })
                .collect();
            format!("no plan: {}", list.join("; "))
        }
        Event::ApprovalRequested { gate, expires_at, .. } => format!("approval asked: {gate}, until {}", utc(*expires_at)),
        Event::ApprovalGranted { decision, .. } => format!(
            "approved by {} ({}): {} {}",
            decision.by,
            word(&decision.channel),
            decision.gate,
            decision.digest.short()
        ),
        Event::ApprovalDenied { decision, .. } => format!(
            "denied by {} ({}): {} {}",
            decision.by,
            word(&decision.channel),
            decision.gate,
            decision.reason
        ),
        Event::ApprovalExpired { gate, .. } => format!("approval expired: {gate}"),
        Event::ApprovalEscalated { gate, to, .. } => format!("approval escalated: {gate} to {to}"),
        Event::ApprovalReminded { gate, number, .. } => format!("approval reminder {number}: {gate}"),
        Event::ApprovalAcknowledged { gate, by, channel, .. } => format!("{by} looks at {gate} ({})", word(channel)),
        Event::ApprovalRefused {
            gate, by, channel, reason, ..
        } => format!("answer of {by} ({}) to {gate} did not count: {reason}", word(channel)),
        Event::StepStarted {
            step,
            direction,
            attempt,
            worker,
            ..
        } => format!("step {step} {}started by {worker}{}", undo(*direction), again(*attempt)),
        Event::StepSucceeded { step, summary, .. } => format!("step {step} succeeded: {summary}"),
        Event::StepFailed {
            step,
            direction,
            kind,
            message,
            ..
        } => format!("step {step} {}failed ({}): {message}", undo(*direction), word(kind)),
        Event::StepSkipped { step, by, reason, .. } => format!("step {step} skipped by {by}: {reason}"),
        Event::StepUndone { step, summary, .. } => format!("step {step} undone: {summary}"),
        Event::StepProgressed { step, message, .. } => format!("step {step}: {message}"),
        Event::ExpirySet { step, due, .. } => format!("what step {step} did stays until {due}"),
        Event::StepExpired { step, summary, .. } => format!("what step {step} did was put back in time: {summary}"),
        Event::StepExpiryFailed { step, message, .. } => format!("what step {step} did could NOT be put back: {message}"),
        Event::PlanRevised { option, by, reason, .. } => format!("{by} asked for option {} instead: {reason}", option + 1),
        Event::WorkflowPaused { by, reason, .. } => format!("workflow paused by {by}: {reason}"),
        Event::WorkflowResumed { by, .. } => format!("workflow resumed by {by}"),
        Event::WorkflowCancelled { by, reason, .. } => format!("workflow stopped by {by}: {reason}"),
        Event::RollbackAsked { reason, expires_at, .. } => {
            format!("asked whether the changes are undone, until {}: {reason}", utc(*expires_at))
        }
        Event::RollbackDecided { undo, by, reason, .. } => {
            let what = if *undo { "undone" } else { "kept" };
            format!("{by} decided that the changes are {what}: {reason}")
        }
        Event::WorkflowFinished { outcome, cause, .. } => format!(
            "workflow {}{}",
            outcome_words(*outcome),
            cause.as_ref().map(cause_words).unwrap_or_default()
        ),
        Event::VerificationPassed { verification, .. }
        | Event::VerificationFailed { verification, .. }
        | Event::VerificationInconclusive { verification, .. } => verdict(verification),
        Event::IncidentResolved { reason } => format!("incident resolved: {reason}"),
        Event::IncidentEscalated { reason } => format!("incident escalated to people: {reason}"),
        Event::IncidentCancelled { by, reason } => format!("incident cancelled by {by}: {reason}"),
        Event::NotificationSent { receipt } => format!("{} sent to {}: {}", receipt.channel, receipt.recipient, receipt.title),
        Event::NotificationFailed {
            channel,
            error,
            next_try_in,
            ..
        } => {
            format!(
                "{channel} failed: {error} ({})",
                next_try_in.map_or_else(|| "given up".to_owned(), |wait| format!("next try in {} s", wait.as_secs()))
            )
        }
    };
    clean(&text)
}

/// A verification with its caveats.
pub fn verdict(verification: &Verification) -> String {
    let mut text = format!("verification {}: {}", word(&verification.verdict), verification.summary);
    for caveat in &verification.caveats {
        text.push_str("; but ");
        text.push_str(caveat);
    }
    text
}

fn outcome_words(outcome: WorkflowOutcome) -> &'static str {
    match outcome {
        WorkflowOutcome::Succeeded => "succeeded",
        WorkflowOutcome::RolledBack => "rolled back",
        WorkflowOutcome::Failed => "failed, its changes stay",
        WorkflowOutcome::Stuck => "stuck: an effect could not be undone",
        WorkflowOutcome::Cancelled => "cancelled",
    }
}

fn cause_words(cause: &FailureCause) -> String {
    match cause {
        FailureCause::StepFailed { step, kind } => format!(" (step {step} failed: {})", word(kind)),
        FailureCause::Denied { gate } => format!(" ({gate} was denied)"),
        FailureCause::Expired { gate } => format!(" ({gate} expired)"),
        FailureCause::Cancelled => " (cancelled)".to_owned(),
        FailureCause::Deadline => " (it took longer than its plan allows)".to_owned(),
        FailureCause::Superseded => " (a person asked for another plan)".to_owned(),
    }
}

pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn undo(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "",
        Direction::Undo => "undo ",
    }
}

fn again(attempt: u32) -> String {
    if attempt > 1 {
        format!(" (attempt {attempt})")
    } else {
        String::new()
    }
}
