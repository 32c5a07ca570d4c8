//! `correlate_alerts`: the incident's alerts, each with the reason why the log has it there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use paramedic_catalogue::{actions::Correlation, redact::redact};
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    envelope::Envelope,
    event::Event,
    fault::{Effect, FailureKind},
};
use serde_json::{Value, json};

use super::{
    failure::Halt,
    run::{Report, Run},
};

impl Run<'_> {
    pub(crate) async fn correlate(&self) -> Result<Report, Halt> {
        let refused = |refused: paramedic_catalogue::Refused| Halt::failed(FailureKind::Permanent, Effect::None, refused.reason);
        let expected = Correlation::from_params(&self.step.parameters).map_err(refused)?;
        let window = expected.window().map_err(refused)?;
        let log = self.worker.kit.log.read(&self.event.cluster, &self.event.incident).await?;
        let reasons = reasons(log.iter().map(|recorded| &recorded.envelope));
        let alerts = &self.incident.alerts;
        let Some(first) = alerts.values().map(|alert| alert.starts_at).min() else {
            return Err(Halt::failed(FailureKind::Permanent, Effect::None, "the incident has no alerts"));
        };
        let near = |alert: &Alert| {
            window.is_none_or(|window| {
                std::time::Duration::try_from(alert.starts_at.duration_since(first)).is_ok_and(|after| after <= window)
            })
        };
        let listed: Vec<Value> = alerts
            .iter()
            .map(|(fingerprint, alert)| described(alert, reasons.get(fingerprint), near(alert)))
            .collect();
        let missing: Vec<&str> = expected
            .names()
            .filter(|name| !alerts.values().any(|alert| alert.name() == *name))
            .collect();
        let root = self.incident.diagnosis.as_ref().map(|diagnosis| diagnosis.target.to_string());
        let kept = json!({
            "incident": self.incident.id.as_str(),
            "root": root,
            "expected_and_missing": missing,
            "alerts": listed,
        });
        let text = serde_json::to_string_pretty(&kept).unwrap_or_default();
        let artifact = self.keep("alerts.json", redact(&text)).await?;
        let firing = alerts.values().filter(|alert| alert.status == AlertStatus::Firing).count();
        let mut said = vec![format!("{} alerts are one incident, {firing} of them are firing", alerts.len())];
        if let Some(window) = window {
            let close = alerts.values().filter(|alert| near(alert)).count();
            said.push(format!("{close} began within {} s of the first", window.as_secs()));
        }
        said.extend(root.map(|root| format!("the cause is looked for in {root}")));
        if !missing.is_empty() {
            said.push(format!("not in it: {}", missing.join(", ")));
        }
        Ok(Report {
            summary: said.join("; "),
            artifacts: vec![artifact],
        })
    }
}

/// When and why each alert joined, by fingerprint.
fn reasons<'a>(log: impl Iterator<Item = &'a Envelope>) -> BTreeMap<String, (Timestamp, String)> {
    let mut found = BTreeMap::new();
    for envelope in log {
        let (alerts, why) = match &envelope.event {
            Event::IncidentOpened { alerts, .. } => (alerts, "it opened the incident"),
            Event::AlertsCorrelated { alerts, reason } => (alerts, reason.as_str()),
            _ => continue,
        };
        for alert in alerts {
            // The first reason is why it is here; later ones say that it changed.
            found
                .entry(alert.fingerprint.clone())
                .or_insert_with(|| (envelope.time, why.to_owned()));
        }
    }
    found
}

fn described(alert: &Alert, reason: Option<&(Timestamp, String)>, near: bool) -> Value {
    json!({
        "name": alert.name(),
        "fingerprint": alert.fingerprint,
        "status": alert.status,
        "labels": alert.labels,
        "starts_at": alert.starts_at.to_string(),
        "within_window": near,
        "joined_at": reason.map(|(at, _)| at.to_string()),
        "reason": reason.map(|(_, why)| why),
    })
}
