//! How long a workflow may take.

use std::time::Duration;

use paramedic_domain::plan::{Gate, Step};

use super::{graph::Graph, rules::Rules};

/// Timeout times allowed attempts along the chain where that is longest, the longest time that a question stands (questions
/// are asked together, when the plan is proposed), and a margin for scheduling and for the pauses between attempts.
#[must_use]
pub fn deadline(graph: &Graph, steps: &[Step], gates: &[Gate], rules: &Rules) -> Duration {
    let longest_run = |id: &paramedic_domain::id::StepId| {
        let timeout = steps.iter().find(|step| step.id == *id).map_or(Duration::ZERO, |step| step.timeout);
        timeout.saturating_mul(rules.attempts)
    };
    let (_, running) = graph.critical_path(longest_run);
    let asking = gates.iter().map(|gate| gate.terms.expires_after).max().unwrap_or_default();
    running.saturating_add(asking).saturating_add(rules.margin)
}
