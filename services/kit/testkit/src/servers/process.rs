//! A child process that serves one test.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::net::TcpStream;

use crate::Backoff;

/// How long a server may take to answer after its start, on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// How long a server may take to end when asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// Lines of the log shown when a server does not start.
const LOG_LINES: usize = 15;

/// Killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output appended to `<name>.log` in `directory`.
    pub(super) fn start(name: &'static str, mut command: Command, directory: &Path) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("cannot start {name}: {command:?}"))?;
        Ok(Self { name, child, log })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` gives a value; an error with the end of the log if the process ends or takes too long.
    pub(super) async fn wait_for<T>(&mut self, mut ready: impl AsyncFnMut() -> Option<T>) -> Result<T> {
        let mut backoff = Backoff::new(START_PATIENCE);
        loop {
            if let Some(value) = ready().await {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready:\n{}", self.name, self.log_tail());
            }
            if !backoff.pause().await {
                bail!("{} not ready after {START_PATIENCE:?}:\n{}", self.name, self.log_tail());
            }
        }
    }

    /// Waits until something listens on the loopback port.
    pub(super) async fn wait_for_port(&mut self, port: u16) -> Result<()> {
        self.wait_for(async || TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop))
            .await
    }

    fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// Asks it to end, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<()> {
        let id = self.id();
        signal(id, "TERM").context(self.name)?;
        let mut backoff = Backoff::new(STOP_PATIENCE);
        while self.child.try_wait()?.is_none() {
            anyhow::ensure!(backoff.pause().await, "{} ({id}) did not end after {STOP_PATIENCE:?}", self.name);
        }
        Ok(())
    }

    /// kill -9, and waits until it is gone.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// Sends a process a signal, by its name without `SIG`.
///
/// # Errors
/// When there is no such process, or it is somebody else's.
pub fn signal(id: u32, name: &str) -> Result<()> {
    let sent = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).status();
    ensure!(sent.context("cannot run kill")?.success(), "cannot send {name} to process {id}");
    Ok(())
}

/// Finds a program: the variable, then `.tools/` of the checkout (as [`scripts/setup`] fills it), then PATH.
pub(super) fn find(variable: &str, names: &[&str]) -> Result<PathBuf> {
    if let Some(set) = env::var_os(variable) {
        return Ok(set.into());
    }
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()));
    let tools = here.ancestors().flat_map(|up| [up.join(".tools/bin"), up.join(".tools/venv/bin")]);
    let path = env::var_os("PATH").unwrap_or_default();
    let places: Vec<_> = tools.chain(env::split_paths(&path)).collect();
    let candidates = places.iter().flat_map(|place| names.iter().map(move |name| place.join(name)));
    candidates.into_iter().find(|file| file.is_file()).with_context(|| {
        format!(
            "no {} found: run scripts/setup, or set {variable} to the program",
            names.join(" or ")
        )
    })
}
