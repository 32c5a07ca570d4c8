//! Faults as data: what goes wrong in the pods of a workload, and for which pods.
//!
//! A fault bites in pods that match `when`. Keying it on an image tag, an environment value or an argument makes a
//! bad release that a rollback cures.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Deserialize;

use super::{behaviour::Latency, span::Span};
use crate::world::obj;

/// One thing that is wrong. A fault may have several effects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What people call it; for messages of the simulator only.
    #[serde(default)]
    pub name: String,
    /// The pods and the time it bites.
    #[serde(default)]
    pub when: When,
    /// How long before the scenario's beginning it began to bite; with the container if absent. For latency, errors and logs only.
    #[serde(default)]
    pub began: Option<Span>,
    /// Bites only while a fault bites in one of these workloads (`namespace/name`); faults that are themselves bound to others do
    /// not count. For latency, errors and logs only.
    #[serde(default)]
    pub during: Vec<String>,
    /// Memory grows from container start, independent of traffic.
    #[serde(default)]
    pub memory_leak: Option<MemoryLeak>,
    /// The process exits soon after it starts.
    #[serde(default)]
    pub crash_on_start: Option<CrashOnStart>,
    /// The readiness probe never passes.
    #[serde(default)]
    pub never_ready: Option<NeverReady>,
    /// The liveness probe fails after a while, and the kubelet kills the container.
    #[serde(default)]
    pub liveness_fails: Option<LivenessFails>,
    /// The image cannot be pulled although its tag is known.
    #[serde(default)]
    pub image_missing: Option<ImageMissing>,
    /// Responses are slower.
    #[serde(default)]
    pub latency: Option<Latency>,
    /// Share of requests that fail (0 to 1).
    #[serde(default)]
    pub error_rate: Option<f64>,
    /// Extra CPU, thousandths of a core.
    #[serde(default)]
    pub cpu_millicores: Option<f64>,
    /// Working set is this instead of the healthy base, MiB.
    #[serde(default)]
    pub memory_base_mib: Option<f64>,
    /// Memory that is needed for a while, again and again: a batch job inside of a server.
    #[serde(default)]
    pub memory_peaks: Option<MemoryPeaks>,
    /// Lines logged again and again while the fault bites.
    #[serde(default)]
    pub logs: Vec<super::behaviour::PeriodicLog>,
}

/// Which pods, and since when. Everything given must hold; nothing given = always.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Tag of the container's image.
    #[serde(default)]
    pub image_tag: Option<String>,
    /// Environment values of the container.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Environment names that must not be set.
    #[serde(default)]
    pub without_env: Vec<String>,
    /// An argument (or part of the command) of the container.
    #[serde(default)]
    pub arg: Option<String>,
    /// An argument that must be absent.
    #[serde(default)]
    pub without_arg: Option<String>,
    /// Node the pod runs on.
    #[serde(default)]
    pub node: Option<String>,
    /// Name of the pod starts with this.
    #[serde(default)]
    pub pod_prefix: Option<String>,
    /// Bites only in containers with a memory limit below this, MiB.
    #[serde(default)]
    pub memory_limit_below_mib: Option<f64>,
    /// Bites only in pods that were created before the scenario began: a pod that takes the place of one is well.
    #[serde(default)]
    pub first_pods: bool,
    /// Bites only in containers started this long after the scenario began.
    #[serde(default)]
    pub after: Option<Span>,
    /// Bites only in containers started before this long after the scenario began: a new start cures it.
    #[serde(default)]
    pub before: Option<Span>,
}

/// Memory that is never given back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryLeak {
    /// Growth, MiB per hour.
    pub rate_mib_per_hour: f64,
    /// Working set at container start, MiB; the workload's own base if absent.
    #[serde(default)]
    pub base_mib: Option<f64>,
}

/// Memory that is taken and given back at intervals since container start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryPeaks {
    /// Time from container start to the first peak, and from one to the next.
    pub every: Span,
    /// How long a peak lasts.
    pub lasts: Span,
    /// Working set during a peak, MiB.
    pub mib: f64,
}

/// A process that does not live.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrashOnStart {
    /// Life of the process (default 2 s).
    #[serde(default = "two_seconds")]
    pub after: Span,
    /// Exit code.
    pub exit_code: i32,
    /// The last words in its log.
    #[serde(default)]
    pub log: Vec<String>,
}

/// A probe that fails.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeverReady {
    /// What the kubelet's `Unhealthy` event says after "Readiness probe failed: ".
    pub message: String,
}

/// A probe that fails once the process has hung.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LivenessFails {
    /// Time from container start until the kubelet has seen enough failures.
    pub after: Span,
    /// What the kubelet's `Unhealthy` event says after "Liveness probe failed: ".
    pub message: String,
}

/// A node whose kubelet is silent for a while: nothing on it is reported, started or stopped.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFailure {
    /// Name of the node.
    pub node: String,
    /// When the kubelet falls silent, after the scenario's beginning.
    #[serde(default)]
    pub after: Span,
    /// How long before the scenario's beginning it fell silent; then `after` is not used.
    #[serde(default)]
    pub ago: Option<Span>,
    /// How long it stays silent; for ever if absent.
    #[serde(default)]
    pub lasts: Option<Span>,
}

impl NodeFailure {
    /// When the kubelet falls silent, where the scenario begins at `origin`.
    pub fn begins(&self, origin: Timestamp) -> Timestamp {
        match self.ago {
            Some(ago) => obj::before(origin, ago.0),
            None => obj::after(origin, self.after.0),
        }
    }

    /// True while the kubelet is silent.
    pub fn holds(&self, origin: Timestamp, now: Timestamp) -> bool {
        let begins = self.begins(origin);
        now >= begins && self.lasts.is_none_or(|lasts| now < obj::after(begins, lasts.0))
    }
}

/// An image that cannot be pulled.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageMissing {
    /// The registry's answer (default: not found).
    #[serde(default = "not_found")]
    pub message: String,
}

/// The facts of a container that `When` looks at.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Full image reference.
    pub image: &'a str,
    /// Environment values given literally.
    pub env: &'a BTreeMap<String, String>,
    /// Command and arguments.
    pub args: &'a [String],
    /// Node name.
    pub node: &'a str,
    /// Pod name.
    pub pod: &'a str,
    /// The pod was created before the scenario began.
    pub first: bool,
    /// Memory limit of the container, MiB.
    pub memory_limit_mib: Option<f64>,
    /// Container start relative to the scenario's beginning; zero for anything older.
    pub since_origin: Duration,
}

impl When {
    /// True when everything asked for holds.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.image_tag.as_deref().is_none_or(|tag| image_tag(subject.image) == tag)
            && self.env.iter().all(|(key, value)| subject.env.get(key) == Some(value))
            && self.without_env.iter().all(|key| !subject.env.contains_key(key))
            && self.arg.as_ref().is_none_or(|arg| subject.args.iter().any(|a| a == arg))
            && self.without_arg.as_ref().is_none_or(|arg| subject.args.iter().all(|a| a != arg))
            && self.node.as_deref().is_none_or(|node| node == subject.node)
            && self.pod_prefix.as_deref().is_none_or(|prefix| subject.pod.starts_with(prefix))
            && (!self.first_pods || subject.first)
            && self
                .memory_limit_below_mib
                .is_none_or(|below| subject.memory_limit_mib.is_some_and(|limit| limit < below))
            && self.after.is_none_or(|after| subject.since_origin >= after.0)
            && self.before.is_none_or(|before| subject.since_origin < before.0)
    }
}

/// The tag of an image reference; `latest` when it has none.
pub fn image_tag(image: &str) -> &str {
    split_image(image).1
}

/// Repository and tag of an image reference.
pub fn split_image(image: &str) -> (&str, &str) {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        // A colon before the last slash is the registry's port.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, "latest"),
    }
}

fn two_seconds() -> Span {
    Span::seconds(2)
}

fn not_found() -> String {
    "not found".to_owned()
}
