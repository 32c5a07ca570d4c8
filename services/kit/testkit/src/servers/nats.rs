//! A NATS server with JetStream, kept in a temporary directory.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::process::{Process, find, signal};
use crate::ports::free_port;

/// A real nats-server (>= 2.12) of its own. Restarts keep its port and its data.
#[derive(Debug)]
pub struct NatsServer {
    directory: TempDir,
    port: u16,
    process: Option<Process>,
}

impl NatsServer {
    /// Starts a server with an empty store.
    ///
    /// The program is `$PARAMEDIC_NATS_SERVER`, `.tools/bin/nats-server` of the checkout, or `nats-server` on the PATH.
    pub async fn start() -> Result<Self> {
        Self::start_with("").await
    }

    /// Starts a server with more lines in its configuration file.
    pub async fn start_with(extra: &str) -> Result<Self> {
        Self::start_configured("", extra).await
    }

    /// Starts a server that has every message on the disk before it acknowledges it.
    pub async fn with_sync_always() -> Result<Self> {
        Self::start_configured("sync_interval: always", "").await
    }

    async fn start_configured(jetstream: &str, extra: &str) -> Result<Self> {
        let directory = TempDir::with_prefix("nats-")?;
        let port = free_port()?;
        let config = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\"\n{jetstream} }}\n{extra}\n",
            directory.path().join("store").display()
        );
        fs::write(directory.path().join("nats.conf"), config)?;
        let mut server = Self {
            directory,
            port,
            process: None,
        };
        server.start_again().await?;
        Ok(server)
    }

    /// Where clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its directory: configuration, log, store.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Stops it cleanly; clients lose their connection.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.stop().await,
            None => Ok(()),
        }
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// It stands still until [`Self::resume`]: connections stay, answers wait.
    pub fn suspend(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| signal(process.id(), "STOP"))
    }

    /// It goes on.
    pub fn resume(&self) -> Result<()> {
        self.process.as_ref().map_or(Ok(()), |process| signal(process.id(), "CONT"))
    }

    /// kill -9.
    pub fn kill9(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    /// Starts it on the same port and store after [`Self::stop`] or [`Self::kill9`].
    pub async fn start_again(&mut self) -> Result<()> {
        anyhow::ensure!(self.process.is_none(), "nats-server already runs");
        let program = find("PARAMEDIC_NATS_SERVER", &["nats-server"])?;
        let mut command = Command::new(program);
        command.arg("-c").arg(self.directory.path().join("nats.conf"));
        let mut process = Process::start("nats-server", command, self.directory.path())?;
        process.wait_for_port(self.port).await.context("nats-server")?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it cleanly and starts it again.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.start_again().await
    }
}
