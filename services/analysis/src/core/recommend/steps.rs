//! Steps that several remedies have.

use paramedic_domain::{id::StepId, risk::RiskLevel};
use serde_json::json;

use super::List;
use crate::core::facts::Revision;

impl List<'_> {
    /// A heap dump while what leaks is still there.
    pub(super) fn dump(&mut self) -> StepId {
        self.add(
            "collect_diagnostics",
            "Capture a heap dump before any changes",
            json!({"type": "heap_dump"}),
            &[],
        )
        .why(0.98, RiskLevel::Low, "a restart destroys the memory that shows what leaks".into())
    }

    /// What would be lost with the pods.
    pub(super) fn keep(&mut self, what: &str, description: &str, why: &str) -> StepId {
        self.add("collect_diagnostics", description, json!({"type": what}), &[])
            .why(0.98, RiskLevel::Low, why.into())
    }

    /// A copy of what is on volumes that end with the pods, if there are any.
    pub(super) fn backup(&mut self) -> Option<StepId> {
        let paths = self.workload.scratch.clone();
        if paths.is_empty() {
            return None;
        }
        let what = format!("Back up {} before the pods are replaced", paths.join(", "));
        let backup = self.add("backup_data", &what, json!({"paths": paths}), &[]);
        Some(backup.why(0.95, RiskLevel::Low, "these volumes are emptied with their pods".into()))
    }

    /// Every pod anew, behind a gate.
    pub(super) fn restart(&mut self, before: &[StepId], why: String) -> StepId {
        let restart = self
            .add(
                "restart_pod",
                "Rolling restart to clear the leaked memory",
                json!({"strategy": "rolling"}),
                before,
            )
            .why(0.95, RiskLevel::Medium, why);
        self.require_approval(&restart);
        restart
    }

    /// Back to an earlier revision, behind a gate, until it serves.
    pub(super) fn back(&mut self, to: &Revision, before: &StepId, confidence: f64, why: String) -> StepId {
        let back = self
            .add(
                "rollback_deployment",
                &format!("Roll back to revision {}", to.number),
                json!({"revision": to.number}),
                std::slice::from_ref(before),
            )
            .why(confidence, RiskLevel::Medium, why);
        self.require_approval(&back);
        self.ready(
            "Wait until every pod is ready on the old revision",
            back,
            "the rollback is done when it serves",
        )
    }

    /// Every pod ready.
    pub(super) fn ready(&mut self, description: &str, after: StepId, why: &str) -> StepId {
        self.add("health_check", description, json!({}), &[after])
            .why(0.95, RiskLevel::None, why.into())
    }
}
