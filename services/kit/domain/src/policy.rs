//! Who decides: the built-in rules, until a policy file says otherwise.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::risk::RiskLevel;

/// How much the operator lets run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// No mutation, ever.
    Observe,
    /// Reads run; mutations by policy.
    Standard,
    /// Policy may approve up to its ceiling.
    Autonomous,
}

/// At or above this confidence a low-risk change runs by itself.
pub const AUTO_CONFIDENCE: f64 = 0.80;
/// Below this confidence nothing is changed: a person takes over.
pub const MIN_CONFIDENCE: f64 = 0.60;

/// What is asked about one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Mode of the step's cluster and namespace.
    pub mode: Mode,
    /// Risk of its change.
    pub risk: RiskLevel,
    /// Whether it leaves the cluster as it was.
    pub read_only: bool,
    /// Whether it sends a mutating request.
    pub mutates: bool,
    /// Confidence of the diagnosis, 0 to 1.
    pub confidence: f64,
    /// What the recommendation asked for, if anything.
    pub requires_approval: Option<bool>,
    /// Whether the target is production (unknown counts as production).
    pub production: bool,
}

/// The decision on one step, with the sentence that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Decision {
    /// Runs without asking.
    Auto {
        /// Why.
        reason: String,
    },
    /// Waits for people.
    Ask {
        /// Why.
        reason: String,
        /// Approvals needed.
        quorum: u32,
        /// How long the question stands.
        expires_after: Duration,
    },
    /// Must not run.
    Deny {
        /// Why.
        reason: String,
    },
}

/// How long a question stands by default: long enough for a page and its escalation, short enough that the world
/// the change was computed for still resembles the present one.
pub const DEFAULT_EXPIRY: Duration = Duration::from_secs(30 * 60);

/// The built-in policy. An explicit wish for approval is honoured; an explicit wish for none never lowers a gate.
#[must_use]
pub fn decide(question: &Question) -> Decision {
    let ask = |reason: String| Decision::Ask {
        reason,
        quorum: 1,
        expires_after: DEFAULT_EXPIRY,
    };
    // What is no number is no confidence.
    let confidence = if question.confidence.is_nan() { 0.0 } else { question.confidence };
    let percent = (confidence * 100.0).round();
    if question.mode == Mode::Observe && !question.read_only {
        return Decision::Deny {
            reason: "observe mode: nothing is changed".into(),
        };
    }
    if question.risk == RiskLevel::None {
        return if question.requires_approval == Some(true) {
            ask("the recommendation asks for approval".into())
        } else {
            Decision::Auto { reason: "no risk".into() }
        };
    }
    if question.mutates && confidence < MIN_CONFIDENCE {
        return Decision::Deny {
            reason: format!(
                "confidence {percent} % is below {} %: a person must take over",
                MIN_CONFIDENCE * 100.0
            ),
        };
    }
    if question.risk >= RiskLevel::High {
        return ask(format!("{} risk always asks", level_word(question.risk)));
    }
    if question.requires_approval == Some(true) {
        return ask("the recommendation asks for approval".into());
    }
    if question.mutates && question.production && question.mode != Mode::Autonomous {
        return ask("it changes production".into());
    }
    if question.mutates && confidence < AUTO_CONFIDENCE {
        return ask(format!("confidence {percent} % is below {} %", AUTO_CONFIDENCE * 100.0));
    }
    if question.risk == RiskLevel::Medium {
        return ask("medium risk asks".into());
    }
    Decision::Auto {
        reason: format!("low risk at confidence {percent} %"),
    }
}

fn level_word(level: RiskLevel) -> &'static str {
    match level {
        RiskLevel::None => "no",
        RiskLevel::Low => "low",
        RiskLevel::Medium => "medium",
        RiskLevel::High => "high",
        RiskLevel::Critical => "critical",
    }
}
