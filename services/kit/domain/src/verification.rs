//! Verification: the same probes again, with before and after.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{evidence::Evidence, object::ObjectRef};

/// What is measured of a workload through the Kubernetes API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadMetric {
    /// Desired minus ready replicas.
    UnreadyReplicas,
    /// Container restarts in the current pods since the last change.
    RestartsSinceChange,
    /// Containers whose last termination was an OOM kill after the last change.
    OomKillsSinceChange,
}

/// What to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Probe {
    /// The scalar (or the greatest sample) of an instant query.
    Promql {
        /// Expression.
        query: String,
    },
    /// A number read from the workload and its pods.
    Workload {
        /// The workload.
        target: ObjectRef,
        /// Which number.
        metric: WorkloadMetric,
    },
    /// A field of any object.
    Field {
        /// Path at the API server.
        path: String,
        /// JSON pointer of a number, a quantity or a truth value (`True` and `true` are 1); `#` before it counts the entries of a list.
        pointer: String,
    },
    /// A figure that a step of the plan kept in its `figures.json`.
    Reported {
        /// Action of the step; the last one of the plan counts.
        action: String,
        /// Name of the figure.
        figure: String,
    },
}

/// Which side of the threshold is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `value <= threshold`.
    AtMost,
    /// `value >= threshold`.
    AtLeast,
}

/// One measurable condition of success, fixed before anything is changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// What a person reads.
    pub description: String,
    /// What to measure.
    pub probe: Probe,
    /// Which side is good.
    pub comparison: Comparison,
    /// The border.
    pub threshold: f64,
    /// Unit of value and threshold.
    pub unit: String,
    /// The value when the diagnosis was made.
    pub before: Option<f64>,
    /// `false`: reported, but does not decide the verdict (a leak that goes on under a larger limit).
    pub decisive: bool,
}

/// A criterion measured again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Which condition.
    pub criterion: Criterion,
    /// The value now; `None` if it could not be measured.
    pub after: Option<f64>,
    /// Whether it holds; `None` if it could not be measured.
    pub holds: Option<bool>,
    /// Where the number comes from.
    pub evidence: Evidence,
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Every decisive criterion was measured and holds.
    Passed,
    /// A decisive criterion was measured and does not hold.
    Failed,
    /// A decisive criterion could not be measured.
    Inconclusive,
}

/// A stored verification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence.
    pub summary: String,
    /// Everything measured.
    pub measurements: Vec<Measurement>,
    /// What stays true in spite of the verdict ("the leak goes on; next OOM kill expected at ...").
    pub caveats: Vec<String>,
    /// How long after the last change it was measured.
    pub window: Duration,
    /// When the fix is expected to run out, if that can be computed.
    pub expected_recurrence: Option<Timestamp>,
}

/// The verdict that follows from measurements: failure outweighs doubt, doubt outweighs success, and no decisive
/// measurement at all proves nothing.
#[must_use]
pub fn verdict(measurements: &[Measurement]) -> Verdict {
    let mut decisive = measurements.iter().filter(|m| m.criterion.decisive).peekable();
    if decisive.peek().is_none() {
        return Verdict::Inconclusive;
    }
    decisive.fold(Verdict::Passed, |so_far, m| match (so_far, m.holds) {
        (Verdict::Failed, _) | (_, Some(false)) => Verdict::Failed,
        (Verdict::Inconclusive, _) | (_, None) => Verdict::Inconclusive,
        (Verdict::Passed, Some(true)) => Verdict::Passed,
    })
}

impl Criterion {
    /// Whether `value` satisfies the condition.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::AtMost => value <= self.threshold,
            Comparison::AtLeast => value >= self.threshold,
        }
    }
}
