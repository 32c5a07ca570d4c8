//! A simulated cluster whose time runs fast, and the numbers that let other processes share its clock.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use paramedic_simulator::{AuditEntry, Options, Scenario, Simulator, alerting::Webhook};

/// A running range.
pub struct Range {
    simulator: Simulator,
    folder: tempfile::TempDir,
    /// How much faster than the wall clock its time runs.
    pub speed: f64,
}

impl Range {
    /// Starts a built-in scenario, or one from a file. Its own alerting stays off: stories bring a real Alertmanager or post by themselves.
    ///
    /// # Errors
    /// When the scenario or the listener fails.
    pub async fn start(scenario: &str, speed: f64) -> Result<Self> {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listen: SocketAddr = "127.0.0.1:0".parse()?;
        let simulator = Simulator::start(Options {
            cluster: if Path::new(scenario).is_file() {
                Scenario::load(scenario)?
            } else {
                Scenario::builtin(scenario)?
            }
            .into(),
            speed,
            listen,
            alert_webhook: None,
            audit_file: None,
        })
        .await?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("kubeconfig"), simulator.kubeconfig())?;
        Ok(Self { simulator, folder, speed })
    }

    /// Has its own alerting post to this webhook from now on.
    pub fn alert(&self, url: &str, token: &str) {
        self.simulator.set_alert_webhook(Webhook {
            url: url.to_owned(),
            bearer: Some(token.to_owned()),
        });
    }

    /// A kubeconfig file for it.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// A folder that lives as long as the range.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// When its clock and the wall's agree.
    #[must_use]
    pub fn epoch(&self) -> Timestamp {
        self.simulator.epoch()
    }

    /// Its present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.simulator.clock().now()
    }

    /// Base URL of its Prometheus.
    #[must_use]
    pub fn prometheus_url(&self) -> String {
        self.simulator.prometheus_url()
    }

    /// Base URL of its Loki.
    #[must_use]
    pub fn loki_url(&self) -> String {
        self.simulator.loki_url()
    }

    /// A client with the range's own credentials, marked as not the product's.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn client(&self) -> Result<kube::Client> {
        let kubeconfig = Kubeconfig::from_yaml(&self.simulator.kubeconfig()).context("kubeconfig of the range")?;
        Ok(kube::Client::try_from(
            kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?,
        )?)
    }

    /// How many requests its API server has answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.simulator.answered()
    }

    /// The cluster's own record of what the product changed: accepted, not dry-run, with the product's field manager
    /// (patches) or user agent (the rest).
    #[must_use]
    pub fn mutations(&self) -> Vec<AuditEntry> {
        let by_product = |entry: &AuditEntry| entry.field_manager == "paramedic" || entry.user_agent.starts_with("paramedic");
        self.simulator
            .audit()
            .into_iter()
            .filter(|entry| entry.is_mutation() && by_product(entry))
            .collect()
    }
}
