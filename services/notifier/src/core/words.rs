//! Numbers, times and enum words as people read them.

use std::time::Duration;

use jiff::Timestamp;
use paramedic_domain::{
    alert::{Priority, Severity},
    approval::Channel,
    change::Confirm,
    diagnosis::Category,
    event::{FailureCause, WorkflowOutcome},
    evidence::Source,
    fault::{Effect, FailureKind},
    risk::RiskLevel,
    verification::{Comparison, Verdict},
    workflow::StepState,
};

/// `2026-11-21 14:03:05 UTC`.
#[must_use]
pub fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `45 s`, `12 min 30 s`, `1 h 5 min`, `3 d 2 h`.
#[must_use]
pub fn duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        if small == 0 {
            format!("{large} {large_unit}")
        } else {
            format!("{large} {large_unit} {small} {small_unit}")
        }
    };
    match seconds {
        0 => format!("{} ms", span.as_millis()),
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// From one time to a later one; nothing when the order is wrong.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// `82 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A number with its unit; bytes get binary prefixes.
#[must_use]
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "bytes" | "bytes/h" | "bytes/s" => {
            let suffix = unit.strip_prefix("bytes").unwrap_or_default();
            let (scaled, prefix) = [(1u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
                .into_iter()
                .find(|(size, _)| value.abs() >= *size as f64)
                .map_or((value, "B"), |(size, prefix)| (value / size as f64, prefix));
            format!("{} {prefix}{suffix}", number(scaled))
        }
        "" => number(value),
        "ratio" => percent(value),
        unit => format!("{} {unit}", number(value)),
    }
}

/// At most two decimals, none that say nothing.
#[must_use]
pub fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// At most `max` characters of one or more lines.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `1 step`, `2 steps`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// A severity.
#[must_use]
pub fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    }
}

/// What triage said, in one line.
#[must_use]
pub fn triage(level: Severity, priority: Priority, environment: &str, team: &str) -> String {
    let place = [environment, team].into_iter().filter(|word| !word.is_empty());
    let words: Vec<&str> = [priority.word(), severity(level)].into_iter().chain(place).collect();
    format!("triaged: {}", words.join(", "))
}

/// A level of risk.
#[must_use]
pub fn risk(level: RiskLevel) -> &'static str {
    match level {
        RiskLevel::None => "no risk",
        RiskLevel::Low => "low risk",
        RiskLevel::Medium => "medium risk",
        RiskLevel::High => "high risk",
        RiskLevel::Critical => "critical risk",
    }
}

/// A cause.
#[must_use]
pub fn category(category: Category) -> &'static str {
    match category {
        Category::OomLimitTooLow => "memory limit too low",
        Category::MemoryLeak => "memory leak",
        Category::CpuThrottle => "CPU throttling",
        Category::BadRelease => "bad release",
        Category::BadConfig => "bad configuration",
        Category::MissingObject => "missing object",
        Category::ImagePull => "image cannot be pulled",
        Category::ProbeMisconfig => "misconfigured probe",
        Category::Scheduling => "pods cannot be scheduled",
        Category::QuotaPolicy => "quota or admission policy",
        Category::StorageFull => "storage full",
        Category::StorageProvisioning => "storage not provisioned",
        Category::NetworkPolicy => "network policy",
        Category::Dns => "DNS",
        Category::ServiceMisroute => "service routes to the wrong pods",
        Category::NodeFailure => "node failure",
        Category::ZoneFailure => "zone failure",
        Category::DependencyFailure => "failing dependency",
        Category::DbPoolExhaustion => "database pool exhausted",
        Category::DbDeadlock => "database deadlock",
        Category::TrafficSurge => "traffic surge",
        Category::CertExpiry => "certificate expired",
        Category::AuthRbac => "missing permission",
        Category::External => "outside the cluster",
        Category::ControlPlane => "control plane",
        Category::ChangeRequest => "change request",
        Category::Cost => "cost",
        Category::NoFault => "no fault",
    }
}

/// A source of evidence.
#[must_use]
pub fn source(source: Source) -> &'static str {
    match source {
        Source::Kubernetes => "Kubernetes",
        Source::Prometheus => "Prometheus",
        Source::Loki => "Loki",
        Source::Jaeger => "Jaeger",
        Source::Alertmanager => "Alertmanager",
        Source::Tempo => "Tempo",
        Source::Git => "Git",
        Source::Mcp => "a tool of the team",
        Source::Request => "the request",
        Source::Executor => "a step of the plan",
        Source::Argocd => "Argo CD",
        Source::Flux => "Flux",
        Source::Helm => "Helm",
        Source::Aws => "AWS",
        Source::Gcp => "Google Cloud",
    }
}

/// A verdict.
#[must_use]
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "PASSED",
        Verdict::Failed => "FAILED",
        Verdict::Inconclusive => "INCONCLUSIVE",
    }
}

/// The good side of a threshold.
#[must_use]
pub fn comparison(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::AtMost => "at most",
        Comparison::AtLeast => "at least",
    }
}

/// Where a decision was made.
#[must_use]
pub fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Cli => "on the command line",
        Channel::Email => "by a link in an email",
        Channel::Slack => "in Slack",
        Channel::Web => "in the web console",
        Channel::Grpc => "through the API",
    }
}

/// How a workflow ended.
#[must_use]
pub fn outcome(outcome: WorkflowOutcome) -> &'static str {
    match outcome {
        WorkflowOutcome::Succeeded => "every step succeeded",
        WorkflowOutcome::RolledBack => "it failed and nothing of it is left",
        WorkflowOutcome::Failed => "it failed and its changes stay",
        WorkflowOutcome::Stuck => "it failed and an effect could not be undone: a person must act",
        WorkflowOutcome::Cancelled => "a person stopped it",
    }
}

/// The same after the word "workflow".
#[must_use]
pub fn outcome_word(outcome: WorkflowOutcome) -> &'static str {
    match outcome {
        WorkflowOutcome::Succeeded => "succeeded",
        WorkflowOutcome::RolledBack => "ended with nothing left of it",
        WorkflowOutcome::Failed => "failed, its changes stay",
        WorkflowOutcome::Stuck => "is STUCK",
        WorkflowOutcome::Cancelled => "cancelled",
    }
}

/// Why a workflow did not succeed.
#[must_use]
pub fn cause(cause: &FailureCause) -> String {
    match cause {
        FailureCause::StepFailed { step, kind } => format!("step {step} failed: {}", failure(*kind)),
        FailureCause::Denied { gate } => format!("{gate} was denied"),
        FailureCause::Expired { gate } => format!("{gate} expired without an answer"),
        FailureCause::Cancelled => "a person stopped it".into(),
        FailureCause::Deadline => "it took longer than its plan allows".into(),
        FailureCause::Superseded => "a person asked for another plan".into(),
    }
}

/// What follows from a failure.
#[must_use]
pub fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Transient => "it may work when tried again",
        FailureKind::Permanent => "it will not work like this",
        FailureKind::Drift => "the object is no longer as it was approved",
        FailureKind::Timeout => "it did not finish in time",
        FailureKind::LeaseLost => "another workflow holds the object",
        FailureKind::Forbidden => "policy or approval forbid it",
    }
}

/// What is known of an effect.
#[must_use]
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "nothing changed",
        Effect::Applied => "changed",
        Effect::Unknown => "unknown",
    }
}

/// Where a step stands.
#[must_use]
pub fn step_state(state: &StepState) -> &'static str {
    match state {
        StepState::Waiting => "did not run",
        StepState::Running { .. } => "running",
        StepState::Succeeded => "succeeded",
        StepState::Failed { .. } => "failed",
        StepState::Skipped => "skipped",
        StepState::Undoing { .. } => "being undone",
        StepState::Undone => "undone",
        StepState::UndoFailed { .. } => "UNDO FAILED",
    }
}

/// What a carried step looks for.
#[must_use]
pub fn confirm(confirm: Confirm) -> &'static str {
    match confirm {
        Confirm::RolledOut => "waits until every pod is new and ready",
        Confirm::InTemplate => "checks that its values arrived",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_write_them() {
        assert_eq!(quantity(2_147_483_648.0, "bytes"), "2 GiB");
        assert_eq!(quantity(52_428_800.0, "bytes/h"), "50 MiB/h");
        assert_eq!(quantity(3.0, "restarts"), "3 restarts");
        assert_eq!(quantity(0.333, "ratio"), "33 %");
        assert_eq!(duration(Duration::from_secs(3900)), "1 h 5 min");
        assert_eq!(duration(Duration::from_secs(120)), "2 min");
        assert_eq!(duration(Duration::from_millis(40)), "40 ms");
        assert_eq!(cut("abcdef", 4), "abc…");
    }
}
