//! The Alertmanager probe: which other alerts fire, and what is silenced.

use std::time::Duration;

use paramedic_runtime::ClusterAccess;
use serde_json::Value;

use super::{kubernetes::chain, meter::Meter, probes::Probes};
use crate::{
    core::{facts::Facts, unnoticed::moments},
    metrics,
};

/// One Alertmanager.
#[derive(Clone)]
pub struct Alertmanager {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
    meter: Meter,
}

impl Alertmanager {
    /// A probe of the cluster's Alertmanager, if it is configured.
    #[must_use]
    pub fn of(cluster: &ClusterAccess, timeout: Duration) -> Option<Self> {
        Some(Self {
            http: cluster.http.clone(),
            base: cluster.alertmanager.as_ref()?.trim_end_matches('/').to_owned(),
            timeout,
            meter: Meter::default(),
        })
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self {
            meter: meter.clone(),
            ..self.clone()
        }
    }

    async fn get(&self, path: &str, parameters: &[(&str, String)]) -> Result<Value, String> {
        let started = tokio::time::Instant::now();
        let answer = self.request(path, parameters).await;
        metrics::probed("alertmanager", answer.is_ok(), started.elapsed().as_secs_f64());
        answer.map_err(|problem| format!("{}{path}: {problem}", self.base))
    }

    async fn request(&self, path: &str, parameters: &[(&str, String)]) -> Result<Value, String> {
        let request = self
            .http
            .get(format!("{}{path}", self.base))
            .query(parameters)
            .timeout(self.timeout);
        let response = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let status = response.status();
        let bytes = self.meter.body(response, "alertmanager", path).await?;
        if !status.is_success() {
            let text: String = String::from_utf8_lossy(&bytes).chars().take(200).collect();
            return Err(format!("status {status}: {text}"));
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("the answer is no JSON: {error}"))
    }
}

/// Asks for other alerts of the incident's namespaces, and for what hides them.
pub(super) async fn unnoticed(probes: &Probes, facts: &mut Facts) {
    let Some(alertmanager) = &probes.alertmanager else { return };
    // Names of namespaces were checked where the scope was made: they are no patterns.
    let namespaces: Vec<&str> = facts.world.snapshot.scope.iter().map(String::as_str).collect();
    if namespaces.is_empty() {
        return;
    }
    let filter = format!("namespace=~\"{}\"", namespaces.join("|"));
    let all = match alertmanager.get("/api/v2/alerts", &[("filter", filter.clone())]).await {
        Ok(alerts) => alertmanager.get("/api/v2/silences", &[]).await.map(|silences| (alerts, silences)),
        Err(problem) => Err(problem),
    };
    match all {
        Ok((alerts, silences)) => {
            let found = moments(
                &facts.alerts,
                &alerts,
                &silences,
                (&format!("/api/v2/alerts?filter={filter}"), "/api/v2/silences"),
            );
            facts.moments.extend(found);
        }
        Err(problem) => facts.missing.push(format!("alertmanager: {problem}")),
    }
}
