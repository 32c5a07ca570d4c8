//! How the containers of a workload behave: what they use, serve, log and keep on disk when nothing is wrong.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    fault::{Fault, When},
    span::Span,
};

/// The behaviour of one workload (a Deployment, StatefulSet, DaemonSet, Job or CronJob).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Namespace of the workload.
    pub namespace: String,
    /// Name of the workload. The name of a Job also stands for Jobs whose names begin with it and a dash.
    pub name: String,
    /// The container that behaves like this; the first container if absent. Others idle.
    #[serde(default)]
    pub container: Option<String>,
    /// Time the image pull takes (default 1 s: the image is on the node).
    #[serde(default = "one_second")]
    pub pull: Span,
    /// Time from container start until its readiness probe passes (default 3 s).
    #[serde(default = "three_seconds")]
    pub startup: Span,
    /// Time from SIGTERM until the process has exited (default 2 s, at most the grace period).
    #[serde(default = "two_seconds")]
    pub shutdown: Span,
    /// When and how the process ends by itself, for the containers of Jobs. Without it they end successfully after a second, or
    /// as a plain command (`sleep 30`, `sh -c "exit 3"`) says.
    #[serde(default)]
    pub exits: Option<Exits>,
    /// Services (`name` or `namespace/name`) that its readiness probe calls: while one has no ready endpoint, or a NetworkPolicy
    /// is in between, its pods are not ready.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Memory use.
    #[serde(default)]
    pub memory: Memory,
    /// CPU use.
    #[serde(default)]
    pub cpu: Cpu,
    /// Requests served, if it is a service.
    #[serde(default)]
    pub traffic: Option<Traffic>,
    /// Response time of a healthy pod.
    #[serde(default)]
    pub latency: Latency,
    /// Share of requests that fail in a healthy pod (0 to 1).
    #[serde(default)]
    pub error_rate: f64,
    /// The code it answers failed requests with (default 500).
    #[serde(default = "internal_error")]
    pub error_code: u16,
    /// What is wrong with it.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// What it logs.
    #[serde(default)]
    pub logs: Logs,
    /// Files inside the container, for `exec`.
    #[serde(default)]
    pub files: Vec<File>,
    /// Commands of its image, for `exec`.
    #[serde(default)]
    pub commands: Vec<Command>,
    /// Further metrics of every pod.
    #[serde(default)]
    pub metrics: Vec<Metric>,
}

/// The end of a process whose work is done.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exits {
    /// Time from its start.
    pub after: Span,
    /// Exit code.
    #[serde(default)]
    pub exit_code: i32,
    /// The last words in its log, unless it succeeds.
    #[serde(default)]
    pub log: Vec<String>,
}

/// Memory use of one container.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Working set once started, MiB.
    pub base_mib: f64,
    /// Extra MiB for each request per second this pod serves.
    #[serde(default)]
    pub mib_per_rps: f64,
    /// Amplitude of the measurement noise, MiB.
    #[serde(default)]
    pub noise_mib: f64,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            base_mib: 48.0,
            mib_per_rps: 0.0,
            noise_mib: 0.5,
        }
    }
}

/// CPU use of one container.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    /// Use without traffic, thousandths of a core.
    pub idle_millicores: f64,
    /// Extra millicores for each request per second this pod serves.
    #[serde(default)]
    pub millicores_per_rps: f64,
}

impl Default for Cpu {
    fn default() -> Self {
        Self {
            idle_millicores: 5.0,
            millicores_per_rps: 0.0,
        }
    }
}

/// Requests per second offered to the whole workload, shared evenly by its ready pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Value of the `service` label; the workload's name if absent.
    #[serde(default)]
    pub service: Option<String>,
    /// Mean over a day, requests per second.
    pub rps: f64,
    /// Swing around the mean over a day (0 = flat, 0.5 = from half to one and a half).
    #[serde(default)]
    pub diurnal: f64,
    /// Hour of the daily peak, UTC.
    #[serde(default = "afternoon")]
    pub peak_hour_utc: f64,
    /// More requests since some time.
    #[serde(default)]
    pub surge: Option<Surge>,
}

/// A rise of the load that does not end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surge {
    /// How long before the scenario's beginning it began.
    pub ago: Span,
    /// How many times the usual load it is.
    pub factor: f64,
    /// When it began, seconds since 1970: known once the world has a beginning.
    #[serde(skip)]
    pub(crate) from: f64,
}

/// Response times, log-normal between the two quantiles.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Median, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile, milliseconds.
    pub p99_ms: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            p50_ms: 12.0,
            p99_ms: 80.0,
        }
    }
}

/// Log lines. Texts may hold placeholders in braces; `world::logs` lists them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// Written one after the other when a container starts.
    #[serde(default)]
    pub on_start: Vec<String>,
    /// Written when a container is told to stop.
    #[serde(default)]
    pub on_stop: Vec<String>,
    /// Written again and again.
    #[serde(default)]
    pub periodic: Vec<PeriodicLog>,
}

/// A line that repeats.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodicLog {
    /// Time between two lines.
    pub every: Span,
    /// The text.
    pub line: String,
    /// Only in pods that match.
    #[serde(default)]
    pub when: When,
}

/// What is stored on the volume of a claim. Without it a volume is all but empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Namespace of the claim.
    pub namespace: String,
    /// Name of the PersistentVolumeClaim.
    pub claim: String,
    /// Used at the scenario's beginning, MiB.
    #[serde(default)]
    pub used_mib: f64,
    /// Growth, bytes per minute, until the volume is full.
    #[serde(default)]
    pub fills_bytes_per_minute: f64,
    /// When the growth begins, after the scenario's beginning.
    #[serde(default)]
    pub after: Span,
}

/// A file inside the container.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Absolute path.
    pub path: String,
    /// The text; the same placeholders as in log lines.
    #[serde(default)]
    pub content: String,
    /// How often `content` is repeated, to make a file of some size (default 1).
    #[serde(default = "once")]
    pub repeat: usize,
}

/// A command that the image has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The command and its arguments, exactly.
    pub argv: Vec<String>,
    /// What it prints; the same placeholders as in log lines.
    #[serde(default)]
    pub output: String,
    /// How it ends.
    #[serde(default)]
    pub exit_code: i32,
}

/// A metric exported by every pod of the workload: `base + per_hour * hours since start + per_leaked_mib * leaked MiB`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Metric name.
    pub name: String,
    /// Help text.
    #[serde(default)]
    pub help: String,
    /// Further labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Value when the container starts.
    #[serde(default)]
    pub base: f64,
    /// Growth per hour since container start.
    #[serde(default)]
    pub per_hour: f64,
    /// Growth per leaked MiB.
    #[serde(default)]
    pub per_leaked_mib: f64,
    /// What is added while something is wrong elsewhere.
    #[serde(default)]
    pub during: Option<During>,
    /// Exported only by pods that match.
    #[serde(default)]
    pub when: When,
}

/// What a metric shows of the faults of other workloads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct During {
    /// The workloads (`namespace/name`); while a fault of its own bites in one of them, something is added.
    pub workloads: Vec<String>,
    /// Added as long as it bites.
    #[serde(default)]
    pub adds: f64,
    /// Added for each second since it began to bite.
    #[serde(default)]
    pub adds_per_second: f64,
    /// Whether what was added each second stays afterwards, as in a counter.
    #[serde(default)]
    pub keeps: bool,
}

fn internal_error() -> u16 {
    500
}

fn one_second() -> Span {
    Span::seconds(1)
}

fn two_seconds() -> Span {
    Span::seconds(2)
}

fn three_seconds() -> Span {
    Span::seconds(3)
}

fn afternoon() -> f64 {
    14.0
}

fn once() -> usize {
    1
}
