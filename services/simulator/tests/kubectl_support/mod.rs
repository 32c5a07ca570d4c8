//! kubectl with the kubeconfig of a simulator of its own.

#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use paramedic_simulator::{Options, Scenario, Simulator};
use tempfile::TempDir;

/// Simulated seconds per wall second: a rollout takes a few seconds.
const SPEED: f64 = 20.0;

pub(crate) struct Kubectl {
    pub(crate) simulator: Simulator,
    home: TempDir,
}

impl Kubectl {
    pub(crate) async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let options = Options {
            speed: SPEED,
            ..Options::new(Scenario::builtin("payment-oom").unwrap())
        };
        let simulator = Simulator::start(options).await.unwrap();
        let home = TempDir::new().unwrap();
        std::fs::write(home.path().join("config"), simulator.kubeconfig()).unwrap();
        Self { simulator, home }
    }

    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new("kubectl");
        command
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("KUBECTL_EXTERNAL_DIFF", "diff -u");
        command.args(["--namespace", "production"]).args(words(args));
        command
    }

    pub(crate) async fn output(&self, args: &str) -> Output {
        let mut command = self.command(args);
        let name = args.to_owned();
        let run = move || command.stdin(Stdio::null()).output();
        let result = tokio::task::spawn_blocking(run).await.unwrap();
        result.unwrap_or_else(|error| {
            panic!("cannot run `kubectl {name}`: {error}; kubectl must be on the PATH (Debian: apt-get install kubernetes-client)")
        })
    }

    /// A command that goes on printing; it gives up by itself after a minute.
    pub(crate) fn watch(&self, args: &str) -> Watch {
        let mut command = self.command(args);
        command.args(["--request-timeout", "60s"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("kubectl must be on the PATH (Debian: apt-get install kubernetes-client)");
        let lines = BufReader::new(child.stdout.take().unwrap());
        Watch { child, lines: Some(lines) }
    }

    /// Standard output of a command that must succeed.
    pub(crate) async fn ok(&self, args: &str) -> String {
        let output = self.output(args).await;
        let (out, err) = texts(&output);
        assert!(output.status.success(), "kubectl {args} failed:\n{out}{err}");
        out
    }

    /// Standard error of a command that must fail.
    pub(crate) async fn refused(&self, args: &str) -> String {
        let output = self.output(args).await;
        let (out, err) = texts(&output);
        assert!(!output.status.success(), "kubectl {args} should have failed:\n{out}{err}");
        err
    }

    /// Minor version of this kubectl.
    pub(crate) async fn minor(&self) -> u32 {
        let version: serde_json::Value = serde_json::from_str(&self.ok("version --client -o json").await).unwrap();
        version["clientVersion"]["minor"]
            .as_str()
            .unwrap()
            .trim_end_matches('+')
            .parse()
            .unwrap()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) async fn payment_pod(&self) -> String {
        let names = self.ok("get pods -l app=payment-service -o name").await;
        names.lines().next().unwrap().to_owned()
    }
}

/// What a running kubectl prints, line by line.
pub(crate) struct Watch {
    child: Child,
    /// Taken while a thread reads.
    lines: Option<BufReader<ChildStdout>>,
}

impl Watch {
    /// Reads on until each of the parts has come since the last call.
    pub(crate) async fn until(&mut self, parts: &'static [&'static str]) {
        let mut lines = self.lines.take().unwrap();
        let read = move || {
            let mut seen = String::new();
            while !parts.iter().all(|part| seen.contains(part)) {
                if lines.read_line(&mut seen).unwrap() == 0 {
                    has(&seen, parts);
                }
            }
            lines
        };
        self.lines = Some(tokio::task::spawn_blocking(read).await.unwrap());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn texts(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// Splits at blanks, except inside single quotes.
fn words(text: &str) -> Vec<String> {
    let (mut out, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '\'' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => out.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    out.push(word);
    out.retain(|word| !word.is_empty());
    out
}

#[track_caller]
pub(crate) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}
