//! The sources of evidence of one cluster.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use paramedic_runtime::{Clock, ClusterAccess};

use super::{
    alertmanager::Alertmanager, clouds::Tool, commits::Clones, kubernetes::Kubernetes, loki::Loki, meter::Meter, prometheus::Prometheus,
    tracing::Tracing,
};
use crate::{Config, core::rules::RuleSet};

/// Everything that can be asked, and how much of it.
#[derive(Clone)]
pub struct Probes {
    /// The Kubernetes API; `None` if this process was not given one.
    pub kubernetes: Option<Kubernetes>,
    /// Prometheus; `None` if it is not configured.
    pub prometheus: Option<Prometheus>,
    /// Loki; `None` if it is not configured.
    pub loki: Option<Loki>,
    /// Where traces are kept; empty if that is not configured.
    pub tracing: Vec<Tracing>,
    /// Alertmanager; `None` if it is not configured.
    pub alertmanager: Option<Alertmanager>,
    /// Clones of repositories, for their logs.
    pub(super) clones: Clones,
    /// The tools of cloud providers; empty if none is configured.
    pub clouds: Vec<Tool>,
    /// Diagnoses as data.
    pub rules: Arc<RuleSet>,
    /// Time.
    pub clock: Clock,
    /// Spans, steps and budgets.
    pub config: Config,
}

/// A source that cannot be asked now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

impl Probes {
    /// The probes of a cluster.
    #[must_use]
    pub fn new(cluster: &ClusterAccess, clock: Clock, config: Config, rules: Arc<RuleSet>) -> Self {
        let timeout = config.probe_timeout();
        Self {
            kubernetes: cluster.client.clone().map(|client| Kubernetes::new(client, timeout)),
            prometheus: cluster.prometheus.as_ref().map(|url| Prometheus::new(&cluster.http, url, timeout)),
            loki: cluster.loki.as_ref().map(|url| Loki::new(&cluster.http, url, timeout)),
            tracing: Tracing::of(cluster, timeout),
            alertmanager: Alertmanager::of(cluster, timeout),
            clones: Clones::default(),
            clouds: config.clouds.iter().map(|cloud| Tool::new(cloud.clone(), timeout)).collect(),
            rules,
            clock,
            config,
        }
    }

    /// The same for one investigation, which reads at most so much as the configuration allows.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self {
            kubernetes: self.kubernetes.as_ref().map(|kubernetes| kubernetes.metered(meter)),
            prometheus: self.prometheus.as_ref().map(|prometheus| prometheus.metered(meter)),
            loki: self.loki.as_ref().map(|loki| loki.metered(meter)),
            tracing: self.tracing.iter().map(|tracing| tracing.metered(meter)).collect(),
            alertmanager: self.alertmanager.as_ref().map(|alertmanager| alertmanager.metered(meter)),
            clouds: self.clouds.iter().map(|tool| tool.metered(meter)).collect(),
            clones: self.clones.metered(meter),
            ..self.clone()
        }
    }

    /// The time `hours` before `at`.
    #[must_use]
    pub fn before(at: Timestamp, span: SignedDuration) -> Timestamp {
        at.checked_sub(span).unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use paramedic_domain::policy::Mode;
    use serde::Deserialize;

    use super::*;
    use crate::DEFAULTS;

    #[derive(Deserialize)]
    struct Defaults {
        analysis: Config,
    }

    /// Probes that have nobody to ask.
    pub(in crate::shell) fn without_sources() -> Probes {
        rustls::crypto::ring::default_provider().install_default().ok();
        let defaults: Defaults = paramedic_runtime::config::load(&[DEFAULTS], None, HashMap::new(), &[]).unwrap();
        let cluster = ClusterAccess {
            name: "none".parse().unwrap(),
            client: None,
            prometheus: None,
            loki: None,
            jaeger: None,
            tempo: None,
            alertmanager: None,
            mode: Mode::Observe,
            policies: paramedic_runtime::Policies::default(),
            http: paramedic_runtime::http::client().unwrap(),
        };
        Probes::new(&cluster, Clock::system(), defaults.analysis, Arc::default())
    }
}
