//! A real Prometheus that scrapes what a test tells it to.

use std::{fs, process::Command};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::process::{Process, find};
use crate::ports::free_port;

/// A real Prometheus of its own, scraping every second.
#[derive(Debug)]
pub struct Prometheus {
    _directory: TempDir,
    port: u16,
    _process: Process,
}

/// Where a Prometheus sends its alerts by itself.
#[derive(Debug, Clone)]
pub struct Push {
    /// `host:port`.
    pub target: String,
    /// What comes before `/api/v2/alerts`.
    pub path_prefix: String,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: String,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of the targets (`host:port`) and evaluates the rule groups (a rules file, or empty).
    pub async fn start(targets: &[String], rules: &str) -> Result<Self> {
        Self::start_with(targets, rules, None).await
    }

    /// The same, and it sends its alerts there.
    pub async fn pushing(targets: &[String], rules: &str, push: &Push) -> Result<Self> {
        Self::start_with(targets, rules, Some(push)).await
    }

    async fn start_with(targets: &[String], rules: &str, push: Option<&Push>) -> Result<Self> {
        let directory = TempDir::with_prefix("prometheus-")?;
        let port = free_port()?;
        let path = directory.path();
        let rule_files = if rules.is_empty() { vec![] } else { vec!["rules.yml"] };
        let config = serde_json::json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": rule_files,
            "scrape_configs": [{ "job_name": "test", "static_configs": [{ "targets": targets }] }],
            "alerting": { "alertmanagers": push.iter().map(|push| serde_json::json!({
                "path_prefix": push.path_prefix,
                "authorization": { "credentials": push.bearer_token },
                "static_configs": [{ "targets": [push.target] }],
            })).collect::<Vec<_>>() },
        });
        fs::write(path.join("rules.yml"), rules)?;
        fs::write(path.join("prometheus.yml"), config.to_string())?;
        let mut command = Command::new(find("PARAMEDIC_PROMETHEUS", &["prometheus"])?);
        command
            .arg(format!("--config.file={}", path.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", path.join("data").display()))
            // What fires before it has found where to send alerts is sent again, and not after a minute.
            .arg("--rules.alert.resend-delay=1s")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut process = Process::start("prometheus", command, path)?;
        let ready = format!("http://127.0.0.1:{port}/-/ready");
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answers = async || client.get(&ready).send().await.ok().filter(|r| r.status().is_success()).map(drop);
        process.wait_for(answers).await.context("prometheus")?;
        Ok(Self {
            _directory: directory,
            port,
            _process: process,
        })
    }

    /// Its web address, the base of the query API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
