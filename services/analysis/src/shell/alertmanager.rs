//! The Alertmanager probe: which other alerts fire, and what is silenced.

use std::time::Duration;

use paramedic_runtime::ClusterAccess;
use serde_json::Value;

use super::{endpoint::Endpoint, meter::Meter, probes::Probes};
use crate::core::{facts::Facts, unnoticed::moments};

/// One Alertmanager.
#[derive(Clone)]
pub struct Alertmanager(Endpoint);

impl Alertmanager {
    /// A probe of the cluster's Alertmanager, if it is configured.
    #[must_use]
    pub fn of(cluster: &ClusterAccess, timeout: Duration) -> Option<Self> {
        let url = cluster.alertmanager.as_ref()?;
        Some(Self(Endpoint::new("alertmanager", &cluster.http, url, timeout)))
    }

    /// The same, reading from a budget.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self(self.0.metered(meter))
    }
}

/// Asks for other alerts of the incident's namespaces, and for what hides them.
pub(super) async fn unnoticed(probes: &Probes, facts: &mut Facts) {
    let Some(Alertmanager(alertmanager)) = &probes.alertmanager else {
        return;
    };
    // Names of namespaces were checked where the scope was made: they are no patterns.
    let namespaces: Vec<&str> = facts.world.snapshot.scope.iter().map(String::as_str).collect();
    if namespaces.is_empty() {
        return;
    }
    let filter = format!("namespace=~\"{}\"", namespaces.join("|"));
    let all: Result<(Value, Value), String> = async {
        let alerts = alertmanager.get("/api/v2/alerts", &[("filter", &filter)]).await?;
        Ok((alerts, alertmanager.get("/api/v2/silences", &[]).await?))
    }
    .await;
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
