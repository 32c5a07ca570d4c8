//! How urgent alerts are that join an incident; and which rules cannot say so.

use std::sync::atomic::{AtomicBool, Ordering};

use paramedic_domain::alert::Alert;

use crate::{
    core::{facts::Facts, record::Joiner, triage::Triage},
    metrics,
};

pub(super) struct Rules {
    triage: Triage,
    /// Rules whose failure was logged.
    told: Vec<AtomicBool>,
}

impl Rules {
    pub(super) fn new(triage: Triage) -> Self {
        let told = triage.rules.iter().map(|_| AtomicBool::new(false)).collect();
        Self { triage, told }
    }

    /// Alerts, each with the reason for which it joins, as rules see them.
    pub(super) fn joiners(&self, alerts: Vec<(Alert, String)>, facts: &Facts) -> Vec<Joiner> {
        alerts
            .into_iter()
            .map(|(alert, reason)| self.joiner(alert, reason, facts))
            .collect()
    }

    fn joiner(&self, alert: Alert, reason: String, facts: &Facts) -> Joiner {
        let urgency = self.triage.assess(&alert, facts);
        for (number, problem) in &urgency.failed {
            metrics::rule_failed(*number);
            let first = self.told.get(*number).is_some_and(|told| !told.swap(true, Ordering::Relaxed));
            if first {
                let rule = self.triage.rules.get(*number).map_or("", |rule| rule.name.as_str());
                tracing::warn!(
                    rule,
                    problem,
                    alert = alert.name(),
                    "a rule of gateway.triage.rules cannot say whether it holds, and is passed over; it is counted from now on"
                );
            }
        }
        Joiner { alert, reason, urgency }
    }
}
