//! The product as its users run it: the real binary, one process for all roles or one per role.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use paramedic_testkit::{Backoff, ports::free_port, servers::signal};

use crate::Range;

/// The binary under test, built with the workspace.
#[must_use]
pub fn paramedic() -> PathBuf {
    if let Some(binary) = std::env::var_os("PARAMEDIC_BIN") {
        return binary.into();
    }
    let test = std::env::current_exe().unwrap_or_default();
    let target = test.ancestors().nth(2).map(Path::to_owned).unwrap_or_default();
    let binary = target.join("paramedic");
    assert!(
        binary.is_file(),
        "{} is missing: run `cargo build --workspace` first",
        binary.display()
    );
    binary
}

/// Where a product process finds the world.
#[derive(Clone, Default)]
pub struct ProductOptions {
    /// Further `PARAMEDIC_` variables; they win.
    pub variables: BTreeMap<String, String>,
}

impl ProductOptions {
    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }
}

/// A product process; killed when dropped.
pub struct Product {
    role: String,
    child: Child,
    variables: BTreeMap<String, String>,
    log: PathBuf,
    http: u16,
    grpc: u16,
}

/// The token that the gateway of a story accepts.
pub const TOKEN: &str = "the-token-of-the-story";
/// How long a process may take until it is ready, on a busy machine.
const READY: Duration = Duration::from_secs(60);

impl Product {
    /// Starts `role` (`up` for all of them) against a range and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time, with the end of its log.
    pub async fn start(role: &str, range: &Range, bus: &str, options: &ProductOptions) -> Result<Self> {
        let (http, grpc) = (free_port()?, free_port()?);
        let mut variables = BTreeMap::from([
            ("PARAMEDIC_BUS__URL".to_owned(), bus.to_owned()),
            ("PARAMEDIC_CLUSTER__NAME".to_owned(), "range".to_owned()),
            ("PARAMEDIC_CLUSTER__KUBECONFIG".to_owned(), range.kubeconfig().display().to_string()),
            ("PARAMEDIC_CLUSTER__PROMETHEUS_URL".to_owned(), range.prometheus_url()),
            ("PARAMEDIC_CLUSTER__LOKI_URL".to_owned(), range.loki_url()),
            ("PARAMEDIC_HTTP__LISTEN".to_owned(), format!("127.0.0.1:{http}")),
            ("PARAMEDIC_GRPC__LISTEN".to_owned(), format!("127.0.0.1:{grpc}")),
            ("PARAMEDIC_CLOCK__SPEED".to_owned(), range.speed.to_string()),
            ("PARAMEDIC_CLOCK__EPOCH".to_owned(), range.epoch().to_string()),
            (
                "PARAMEDIC_GATEWAY__SPOOL__PATH".to_owned(),
                range.folder().join(format!("spool-{http}")).display().to_string(),
            ),
            ("PARAMEDIC_GATEWAY__SOURCES__ALERTMANAGER__TOKENS".to_owned(), TOKEN.to_owned()),
            ("PARAMEDIC_GATEWAY__SOURCES__REQUEST__TOKENS".to_owned(), TOKEN.to_owned()),
            ("PARAMEDIC_APPROVAL__PUBLIC_URL".to_owned(), format!("http://127.0.0.1:{http}")),
            ("PARAMEDIC_TELEMETRY__LOG_FORMAT".to_owned(), "json".to_owned()),
        ]);
        variables.extend(options.variables.clone());
        let log = range.folder().join(format!("{role}-{http}.log"));
        let child = spawn(role, &variables, &log)?;
        let mut product = Self {
            role: role.to_owned(),
            child,
            variables,
            log,
            http,
            grpc,
        };
        product.wait_until_ready().await?;
        Ok(product)
    }

    /// Base URL of its HTTP listener.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// Base URL of its gRPC listener.
    #[must_use]
    pub fn grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }

    /// kill -9.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill9(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// It stands still until [`Product::resume`], as a process does that gets no processor.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn suspend(&self) -> Result<()> {
        signal(self.child.id(), "STOP")
    }

    /// It goes on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn resume(&self) -> Result<()> {
        signal(self.child.id(), "CONT")
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When the system does not know.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Starts it again after its end, as a supervisor would, with some variables changed (empty value: removed).
    ///
    /// # Errors
    /// As [`Product::start`].
    pub async fn start_again(&mut self, changed: &[(&str, &str)]) -> Result<()> {
        for (name, value) in changed {
            if value.is_empty() {
                self.variables.remove(*name)
            } else {
                self.variables.insert((*name).to_owned(), (*value).to_owned())
            };
        }
        self.spawn_again()?;
        self.wait_until_ready().await
    }

    /// Starts it again after its end and does not wait for it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn spawn_again(&mut self) -> Result<()> {
        self.child = spawn(&self.role, &self.variables, &self.log)?;
        Ok(())
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time, with the end of its log.
    pub async fn wait_until_ready(&mut self) -> Result<()> {
        let client = reqwest::Client::new();
        let mut backoff = Backoff::new(READY);
        loop {
            let answer = client.get(format!("{}/readyz", self.http())).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready:\n{}", self.role, self.log_tail());
            }
            if !backoff.pause().await {
                bail!("{} was not ready after {READY:?}:\n{}", self.role, self.log_tail());
            }
        }
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    /// Where Alertmanager posts to, with [`TOKEN`].
    #[must_use]
    pub fn webhook(&self) -> String {
        format!("{}/api/v1/alerts/alertmanager", self.http())
    }

    /// Posts an Alertmanager webhook body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post_alerts(&self, body: &serde_json::Value) -> Result<reqwest::Response> {
        Ok(reqwest::Client::new()
            .post(self.webhook())
            .bearer_auth(TOKEN)
            .json(body)
            .send()
            .await?)
    }

    /// Runs a command line against it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn command(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::new(paramedic());
        command
            .args(arguments)
            .env("PARAMEDIC_SERVER", self.grpc())
            .env("PARAMEDIC_REQUEST_URL", format!("{}/api/v1/requests", self.http()))
            .env("PARAMEDIC_REQUEST_TOKEN", TOKEN)
            .env("USER", "ann")
            .stdin(Stdio::null());
        Ok(command.output().await?)
    }

    /// Runs a command line against it that must succeed, and returns what it printed.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).await?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        );
        ensure!(
            output.status.success(),
            "paramedic {}: {}\n{out}\n{err}",
            arguments.join(" "),
            output.status
        );
        Ok(out)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        self.kill9().ok();
    }
}

fn spawn(role: &str, variables: &BTreeMap<String, String>, log: &Path) -> Result<Child> {
    let out = File::options().create(true).append(true).open(log)?;
    Command::new(paramedic())
        .arg(role)
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .spawn()
        .with_context(|| format!("cannot start paramedic {role}"))
}
