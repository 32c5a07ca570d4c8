//! A real Alertmanager that sends to one webhook, fed through `amtool`.

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::process::{Process, find};
use crate::ports::free_port;

/// Labels or annotations.
pub type Labels = BTreeMap<String, String>;

/// Where alerts are sent.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Receiver URL.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: String,
    /// Labels that make a group, as in `group_by`.
    pub group_by: Vec<String>,
    /// Most alerts of a group that are sent; 0: all.
    pub max_alerts: u64,
}

/// A real Alertmanager of its own (Debian's `prometheus-alertmanager`), with short waits.
#[derive(Debug)]
pub struct Alertmanager {
    directory: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Alertmanager {
    /// Starts one that groups for 100 ms, sends changes of a group after 1 s and says when an alert is resolved.
    pub async fn start(webhook: &Webhook) -> Result<Self> {
        let directory = TempDir::with_prefix("alertmanager-")?;
        let config = serde_json::json!({
            "route": {
                "receiver": "paramedic",
                "group_by": webhook.group_by,
                "group_wait": "100ms",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            // Only alerts that ask for it inhibit, or are inhibited.
            "inhibit_rules": [{
                "source_matchers": ["inhibits = yes"],
                "target_matchers": ["inhibits = no"],
                "equal": ["namespace"],
            }],
            "receivers": [{
                "name": "paramedic",
                "webhook_configs": [{
                    "url": webhook.url,
                    "send_resolved": true,
                    "max_alerts": webhook.max_alerts,
                    "http_config": { "authorization": { "type": "Bearer", "credentials": webhook.bearer_token } },
                }],
            }],
        });
        // JSON is YAML.
        fs::write(directory.path().join("alertmanager.yml"), config.to_string())?;
        let mut server = Self {
            directory,
            port: free_port()?,
            process: None,
        };
        server.start_again().await?;
        Ok(server)
    }

    /// Its web address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// kill -9. What it had to send and its silences are in its directory.
    pub fn kill9(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Starts it on the same port and directory after [`Self::kill9`].
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "alertmanager already runs");
        let program = find("PARAMEDIC_ALERTMANAGER", &["prometheus-alertmanager", "alertmanager"])?;
        let mut command = Command::new(program);
        let path = self.directory.path();
        command
            .arg(format!("--config.file={}", path.join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", path.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--cluster.listen-address=");
        let mut process = Process::start("alertmanager", command, path)?;
        process.wait_for_port(self.port).await.context("alertmanager")?;
        self.process = Some(process);
        Ok(())
    }

    /// An alert starts to fire, or goes on.
    pub async fn fire(&self, labels: &Labels, annotations: &Labels) -> Result<()> {
        self.add(labels, annotations, &[]).await
    }

    /// The alert with these labels is over.
    pub async fn resolve(&self, labels: &Labels, annotations: &Labels) -> Result<()> {
        // Any time in the past ends it; it must not be before its start.
        self.add(labels, annotations, &["--start=2000-01-01T00:00:00Z", "--end=2000-01-01T00:00:01Z"])
            .await
    }

    /// Silences alerts with this label for an hour; gives the silence's id.
    pub async fn silence(&self, name: &str, value: &str, author: &str, comment: &str) -> Result<String> {
        let id = self
            .amtool(&[
                "silence",
                "add",
                &format!("--author={author}"),
                &format!("--comment={comment}"),
                "--duration=1h",
                &pair(name, value),
            ])
            .await?;
        Ok(id.trim().to_owned())
    }

    /// Ends a silence.
    pub async fn expire(&self, silence: &str) -> Result<()> {
        self.amtool(&["silence", "expire", silence]).await.map(|_| ())
    }

    async fn amtool(&self, arguments: &[&str]) -> Result<String> {
        let mut command = tokio::process::Command::new(find("PARAMEDIC_AMTOOL", &["amtool"])?);
        let output = command.arg(format!("--alertmanager.url={}", self.url())).args(arguments).output();
        let output = output.await.context("cannot run amtool")?;
        ensure!(output.status.success(), "amtool: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }

    async fn add(&self, labels: &Labels, annotations: &Labels, times: &[&str]) -> Result<()> {
        let annotations = annotations
            .iter()
            .map(|(name, value)| format!("--annotation={}", pair(name, value)));
        let labels = labels.iter().map(|(name, value)| pair(name, value));
        let texts: Vec<String> = annotations.chain(labels).collect();
        let mut arguments = vec!["alert", "add"];
        arguments.extend_from_slice(times);
        arguments.extend(texts.iter().map(String::as_str));
        self.amtool(&arguments).await.map(|_| ())
    }
}

fn pair(name: &str, value: &str) -> String {
    format!("{name}={}", serde_json::Value::from(value))
}
