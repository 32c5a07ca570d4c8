//! `correlate_alerts`: the incident's alerts, each with the reason why the log has it there.

use paramedic_catalogue::{actions::Correlation, redact::redact};
use paramedic_domain::{
    alert::{Alert, AlertStatus},
    correlation::Membership,
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
            .map(|(fingerprint, alert)| described(alert, self.incident.members.get(fingerprint), near(alert)))
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

fn described(alert: &Alert, member: Option<&Membership>, near: bool) -> Value {
    json!({
        "name": alert.name(),
        "fingerprint": alert.fingerprint,
        "status": alert.status,
        "labels": alert.labels,
        "starts_at": alert.starts_at.to_string(),
        "within_window": near,
        "joined_at": member.map(|member| member.joined_at.to_string()),
        "reason": member.map(|member| &member.reason),
        "firings": member.map(|member| member.firings),
    })
}
