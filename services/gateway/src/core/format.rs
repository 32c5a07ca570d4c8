//! The forms in which alerts come.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    body::{Chunks, Rejection},
    grafana,
    mapped::{self, Mapping},
    pagerduty, prometheus,
    reading::Reading,
    report, webhook,
};

/// One form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Alertmanager's webhook, version 4.
    Alertmanager,
    /// What Prometheus posts to an Alertmanager.
    Prometheus,
    /// Grafana's alerting webhook.
    Grafana,
    /// PagerDuty's webhooks, version 3.
    PagerDuty,
    /// Any JSON, mapped by configuration.
    Json(Arc<Mapping>),
    /// What a person reports.
    Report,
}

impl Format {
    /// Reads a body of this form that came at `now`.
    ///
    /// # Errors
    /// When nothing of it could be used whatever it held.
    pub fn read(&self, body: Chunks, now: Timestamp) -> Result<Reading, Rejection> {
        match self {
            Self::Alertmanager => webhook::parse(body),
            Self::Prometheus => prometheus::parse(body, now),
            Self::Grafana => grafana::parse(body),
            Self::PagerDuty => pagerduty::parse(body),
            Self::Json(mapping) => mapped::parse(body, mapping, now),
            Self::Report => report::parse(body, now),
        }
    }
}
